"""Experiments on live viewers: definitions, results, and winners that are rolled out.

* `streams.stages.experiments.definitions`: the experiments, as every worker reads them.
* `streams.stages.experiments.results`: the results stage, counts of each events partition.
* `streams.stages.experiments.decisions`: the decisions stage, results over all partitions, and roll-outs.
* `streams.stages.experiments.rows`: the rows of both. `streams.stages.experiments.worker`: the worker that
  runs both.

The variant of a viewer's page is chosen in `streams.stages.viewers.publisher`. What the experimenter does:
`streams.ops.experiments`. The arithmetic: `online_models.experiments`.
"""
