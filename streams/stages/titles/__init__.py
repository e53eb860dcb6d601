"""The titles stage: signals in; changed rows of the title model and trending lists out.

* `streams.stages.wire.signals` is what it is told, packed column by column, and `streams.stages.wire.signals`
  the way from each version of that record to the next.
* `streams.stages.titles.step` absorbs it, ten times a second at most, and writes what changed:
  `streams.stages.wire.title_rows` (titles), `streams.stages.titles.trending` (what is watched most, everywhere, in a country,
  on a device, in a genre), `streams.stages.wire.segment_rows` (countries, devices), `streams.stages.wire.cohort_rows`
  (who likes what), `streams.stages.wire.attribution` (pictures, and what is watched after a search).
"""
