"""Runs through a worker: demo, simulation, replay, closed loop.

* `streams.ops.runs.worker_process`: workers and servers as child processes, free ports, a cluster for one
  command.
* `streams.ops.runs.report`: counters and report of a run.
* `streams.ops.runs.pacing`: events at a rate. `streams.ops.runs.simulate`: a simulated world as the source of
  events.
* `streams.ops.runs.replay`: a file of ratings as the source.
* `streams.ops.runs.demo`: the processes of `nearline demo`. `streams.ops.runs.subscriber`: its reader of
  pages.
* `streams.ops.runs.closed_loop`: simulated viewers act on published pages; policies are compared.
"""
