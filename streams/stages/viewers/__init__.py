"""The viewers stage: viewing events in; home pages, alerts, and signals about titles out.

`streams.stages.viewers.step` is the stage. A batch goes through these modules, in this order:

* `streams.stages.viewers.decode`: records to feedback signals (`streams.stages.wire.events` reads a record).
* `streams.stages.viewers.departures`: removes viewers who signed in or are to be forgotten.
* `streams.stages.viewers.replica`, `streams.stages.viewers.replica_lag`: the titles, and how far they are
  behind.
* `streams.stages.viewers.quality`: hit rates of events that are ranked before they are learned.
* `streams.stages.viewers.impressions`: watches attributed to artwork, searches and shelves.
* `streams.stages.viewers.signal_publisher`: signals and attribution updates to the titles stage.
* `streams.stages.viewers.page_throttle`: which pages are made now, and which are pending.
* `streams.stages.viewers.publisher`: makes pages by experiment arm, with `streams.stages.viewers.artwork`
  (what items show), `streams.stages.viewers.alerts` (new titles) and `streams.stages.viewers.page_bytes`
  (encoding; its store of texts is `streams.stages.viewers.fragments`).
"""
