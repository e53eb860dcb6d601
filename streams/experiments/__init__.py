"""Experiments on live viewers: which there are, what they came to, and winners that are rolled out.

* `streams.experiments.known` tells every worker which there are, `streams.experiments.admin` is what the
  experimenter does. Whose list is made how: `streams.viewers.treating`.
* A worker of their own (`streams.experiments.worker`) has two stages: `streams.experiments.results` (what
  viewers did in which arm) and `streams.experiments.decisions` (all partitions together: results, winners),
  with the rows of `streams.experiments.result_rows`.
* Before and after: `streams.experiments.power` (on paper), `streams.experiments.simulation` and
  `streams.experiments.pipeline` (on simulated viewers, in process and through workers),
  `streams.experiments.what_if` (what another policy would have got, out of a log).

The arithmetic is in `online_models.experiments`.
"""
