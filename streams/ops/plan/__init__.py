"""What an installation needs, before there is one (`nearline plan`).

* `streams.ops.plan.constants`: what things cost: shipped, or measured on the user's machine.
* `streams.ops.plan.calibrate`: measures them; `streams.ops.plan.core_costs` the models alone.
* `streams.ops.plan.model`: from viewers, titles and events to partitions, workers, memory, broker load.
* `streams.ops.plan.simulation`: the same system batch by batch, for what formulas cannot say: failures, hot
  viewers, nights with twenty times the events. `streams.ops.plan.scenarios`: these.
"""
