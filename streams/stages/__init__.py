"""The stages: each turns records of one topic into state rows and output records. No stage imports another.

* `streams.stages.viewers`: viewing events to home pages, alerts and signals about titles.
* `streams.stages.titles`: signals to the title model and trending lists.
* `streams.stages.experiments`, `streams.stages.insights`: counts for experiments and for content teams, by
  workers of their own.
* `streams.stages.rules`: the business rules, as workers read them.
* `streams.stages.analytics`: what experiments and insights share. `streams.stages.versions`: versions of the
  model.
* `streams.stages.wire`: stored rows and records between stages, shared by all.

The engine (`streams.engine.stage`) runs a stage's step; the order of effects is written there.
"""
