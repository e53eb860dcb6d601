"""What the product costs on this machine, measured on a real Kafka; see README.md beside this file.

``python -m tests.benchmarks`` runs everything, or the benchmarks that it is given by name. Nothing here is a
test: figures on shared machines are compared inside one run, never with a limit.
"""
