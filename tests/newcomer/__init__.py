"""A newcomer's first hour: `python -m tests.newcomer` does it from a fresh clone and writes README.md.

Each step is what the READMEs tell a newcomer to do: the demo; a Kafka, a worker, viewers and a server; the
page in Chromium before and after watching three titles; `curl` of every endpoint; a producer in Go; the
dashboard as Grafana imports it; and `nearline doctor` on broken set-ups (`tests.newcomer.broken`).
"""
