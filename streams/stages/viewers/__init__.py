"""The viewers stage: viewing events in; refreshed home pages, alerts, and what they say about titles, out.

`streams.stages.viewers.step` is the stage's step. What a batch goes through, in order:

* `streams.stages.wire.households` and `streams.stages.viewers.decode`: whose event it is, and what it says.
* `streams.stages.wire.viewer_rows`, `streams.stages.viewers.departures`: viewers' rows; who leaves by signing in, or is forgotten.
* `streams.stages.viewers.replica`, `streams.stages.viewers.replica_lag`: the titles to rank from, and how far they are behind.
* `streams.stages.viewers.quality`: some events are ranked before they are learned.
* `streams.stages.viewers.page_throttle`, `streams.stages.viewers.treatments`: whose page is due, and which arm makes it.
* `streams.stages.viewers.publisher`, `streams.stages.viewers.page_bytes`, `streams.stages.viewers.categories`,
  `streams.stages.viewers.artwork`, `streams.stages.viewers.fragments`: pages, as bytes. `streams.stages.viewers.alerts`: that a new
  title is one for them.
* `streams.stages.viewers.signal_publisher`, `streams.stages.wire.impressions`: what the titles stage is told.
"""
