"""`nearline serve`: the published lists over HTTP, from a process of its own that learns nothing.

::

    recs.home.v1, trending.v1,            ┌ streams.serve.table ┐     streams.serve.api: stored bytes
    catalog.titles.v1, titles.model.v1 ──►│ a database a part   │────► GET /v1/viewers/…/home, …
                                          └─────────┬───────────┘
                                                    └─wakes─► streams.serve.live ─► GET /v1/stream/…
    viewing.events.v1 ◄── streams.serve.posting ◄──────────────────── POST /v1/events

A request passes `streams.serve.gate` (names, the token or the cookie of `streams.serve.login`, sizes,
`streams.serve.rates`), then a route; a stored page is answered before it comes so far
(`streams.serve.shortcut`). What is stored goes out as it came in: no list is decoded or encoded on the way.
`streams.serve.mirror` holds the tables and `streams.serve.titles` (names, guards, search by
`streams.serve.title_index`, business rules by `streams.serve.ruling`); `streams.serve.lists` makes what is
derived: a stranger's page, similar titles, search. Errors are documents (`streams.serve.problems`), the
interface is described by itself (`streams.serve.description`), orchestrators ask `streams.serve.probes`.
`streams.serve.server` puts it together; `streams.serve.settings` is its group of settings.

For people there is a page (`streams.serve.pages`): a viewer's rows (`streams.serve.views`) in words
(`streams.serve.words`) with drawn pictures (`streams.serve.artwork`, `streams.serve.scenes`), rendered by
templates (`streams.serve.html`) and refreshed by htmx, of which a copy lies in ``static/vendor``. Its buttons
are events (`streams.serve.acts`), and so is what its viewer saw of it (`streams.serve.impressions`).

The console (`streams.serve.console`) looks up one viewer, one title, dead letters (`streams.serve.letters`),
experiments (`streams.serve.experiments`), insights (`streams.serve.insights`, out of what
`streams.serve.insight_book` keeps, drawn by `streams.serve.curves`), topics and the model card
(`streams.serve.gauges`).

Any number of servers can run: each reads the topics for itself and keeps nothing that it cannot read again.
"""
