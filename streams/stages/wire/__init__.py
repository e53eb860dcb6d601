"""Stored rows and internal records, shared by the stages, the server and the operator's tools.

* `streams.stages.wire.row_codec`: how a row is stored; every row below is declared with it or with its
  versions.
* `streams.stages.wire.viewer_rows`, `streams.stages.wire.title_rows`: rows of viewers and titles (numpy
  structures).
* `streams.stages.wire.partition_rows`: rows that belong to a partition.
* `streams.stages.wire.impression_rows`: what viewers saw and searched for.
* `streams.stages.wire.segment_rows`, `streams.stages.wire.cohort_rows`: watches of segments and cohorts.
* `streams.stages.wire.attribution`: artwork and query rows, and the updates that they are learned from.
* `streams.stages.wire.signals`: records from the viewers stage to the titles stage.
* `streams.stages.wire.events`: reading viewing events.
"""
