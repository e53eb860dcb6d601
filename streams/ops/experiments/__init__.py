"""Experiments for operators.

* `streams.ops.experiments.admin` changes the records of experiments.
* `streams.ops.experiments.analysis` computes power and off-policy estimates.
"""
