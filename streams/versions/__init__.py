"""Versions of the model side by side: one takes over from another with no page lost or doubled.

* `streams.versions.register`: which there are, and which of them publishes from where on.
* `streams.versions.own`: the one that a worker has.
* `streams.versions.cutover` and `streams.versions.handover`: at an offset of the log one ends and another
  begins; the new one waits there for the old one.
* `streams.versions.backfill`: a fresh version out of the event log.
* `streams.versions.admin`: what the operator does (`nearline model`).
"""
