"""Versions of the model: one takes over from another, and no page is lost or doubled.

* `streams.stages.versions.register`: the versions and switches that there are.
* `streams.stages.versions.status`: the version of a worker, and whether it publishes.
* `streams.stages.versions.cutover`: roles, and the markers at which they change.
* `streams.stages.versions.handover`: the new version waits for the old one at the marker.

A new version out of the event log: `streams.ops.backfill`. The operator's side (`nearline model`):
`streams.ops.versions`.
"""
