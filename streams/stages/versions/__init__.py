"""Versions of the model side by side: one takes over from another with no page lost or doubled.

* `streams.stages.versions.register`: which there are, and which of them publishes from where on.
* `streams.stages.versions.own`: the one that a worker has.
* `streams.stages.versions.cutover` and `streams.stages.versions.handover`: at an offset of the log one ends and another
  begins; the new one waits there for the old one.
* `streams.ops.backfill`: a fresh version out of the event log.
* `streams.ops.versions`: what the operator does (`nearline model`).
"""
