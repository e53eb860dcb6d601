"""Insights for content teams: how titles are watched, and which demand the catalog does not serve.

* `streams.stages.insights.visits`: the visits stage, new visits and searches of each viewer.
* `streams.stages.insights.step`: the insights stage, how titles are watched and what is in demand.
* `streams.stages.insights.rows`: the rows of both. `streams.stages.insights.worker`: the worker that runs
  both.

The arithmetic: `online_models.insights`. Reports and a simulation: `streams.ops.insights`.
"""
