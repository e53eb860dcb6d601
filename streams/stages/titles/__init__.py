"""The titles stage: signals in; changed rows of the title model, and trending lists, out.

* `streams.stages.titles.step`: absorbs signals (`streams.stages.wire.signals`), and writes what changed.
* `streams.stages.titles.trending`: most watched titles, everywhere and by country, device and genre.
* `streams.stages.titles.learners`: artwork, searches and cohorts.
"""
