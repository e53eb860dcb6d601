"""Experiments on live viewers: which there are, what they came to, and winners that are rolled out.

* `streams.stages.experiments.definitions` tells every worker which there are, `streams.ops.experiments.admin` is what the
  experimenter does. Whose list is made how: `streams.stages.viewers.treatments`.
* A worker of their own (`streams.stages.experiments.worker`) has two stages: `streams.stages.experiments.results` (what
  viewers did in which arm) and `streams.stages.experiments.decisions` (all partitions together: results, winners),
  with the rows of `streams.stages.experiments.rows`.
* Before and after: `streams.ops.experiments.power` (on paper), `streams.ops.experiments.simulation` and
  `streams.ops.experiments.pipeline` (on simulated viewers, in process and through workers),
  `streams.ops.experiments.policy_log` (what another policy would have got, out of a log).

The arithmetic is in `online_models.experiments`.
"""
