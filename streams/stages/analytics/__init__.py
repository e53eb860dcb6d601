"""What the stages of experiments and insights share: they count, and make no pages.

* `streams.stages.analytics.worker`: a worker with a group and a state folder of its own.
* `streams.stages.analytics.events`: usable events of a batch, and viewers' rows.
* `streams.stages.analytics.catalog_counts`: titles' tags, and how many titles have each.
"""
