"""The viewers stage: viewing events in; refreshed home pages, alerts, and what they say about titles, out.

`streams.viewers.step` is the stage's step. What a batch goes through, in order:

* `streams.viewers.households` and `streams.viewers.intake`: whose event it is, and what it says.
* `streams.viewers.rows`, `streams.viewers.sign_in`: viewers' rows; who leaves by signing in, or is forgotten.
* `streams.viewers.replica`, `streams.viewers.lead`: the titles to rank from, and how far they are behind.
* `streams.viewers.quality`: some events are ranked before they are learned.
* `streams.viewers.budget`, `streams.viewers.treating`: whose page is due, and which arm makes it.
* `streams.viewers.publishing`, `streams.viewers.pages`, `streams.viewers.categories`,
  `streams.viewers.pictures`, `streams.viewers.texts`: pages, as bytes. `streams.viewers.alerts`: that a new
  title is one for them.
* `streams.viewers.tidings`, `streams.viewers.sightings`: what the titles stage is told.
"""
