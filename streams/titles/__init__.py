"""The titles stage: signals in; changed rows of the title model and trending lists out.

* `streams.titles.signals` is what it is told, packed column by column, and `streams.titles.signal_versions`
  the way from each version of that record to the next.
* `streams.titles.step` absorbs it, ten times a second at most, and writes what changed:
  `streams.titles.rows` (titles), `streams.titles.popularity` (what is watched most, everywhere, in a country,
  on a device, in a genre), `streams.titles.audience_rows` (countries, devices), `streams.titles.cohort_rows`
  (who likes what), `streams.titles.taught` (pictures, and what is watched after a search).
"""
