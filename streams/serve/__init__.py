"""`nearline serve`: the published lists over HTTP, from a process of its own that learns nothing.

::

    recs.home.v1, trending.v1,            ┌ streams.serve.mirror.table ┐     streams.serve.api.routes: stored bytes
    catalog.titles.v1, titles.model.v1 ──►│ a database a part   │────► GET /v1/viewers/…/home, …
                                          └─────────┬───────────┘
                                                    └─wakes─► streams.serve.api.live ─► GET /v1/stream/…
    viewing.events.v1 ◄── streams.serve.api.posting ◄──────────────────── POST /v1/events

A request passes `streams.serve.access.gate` (names, the token or the cookie of `streams.serve.access.login`, sizes,
`streams.serve.access.rates`), then a route; a stored page is answered before it comes so far
(`streams.serve.api.stored_pages`). What is stored goes out as it came in: no list is decoded or encoded on the way.
`streams.serve.mirror.mirror` holds the tables and `streams.serve.mirror.titles` (names, guards, search by
`streams.serve.mirror.title_index`, business rules by `streams.serve.mirror.rules`); `streams.serve.api.lists` makes what is
derived: a stranger's page, similar titles, search. Errors are documents (`streams.serve.api.problems`), the
interface is described by itself (`streams.serve.api.description`), orchestrators ask `streams.serve.api.probes`.
`streams.serve.server` puts it together; `streams.config.settings` is its group of settings.

For people there is a page (`streams.serve.web.pages`): a viewer's rows (`streams.serve.web.views`) in words
(`streams.serve.web.labels`) with drawn pictures (`streams.serve.web.posters`, `streams.serve.web.poster_scenes`), rendered by
templates (`streams.serve.web.html`) and refreshed by htmx, of which a copy lies in ``static/vendor``. Its buttons
are events (`streams.serve.web.actions`), and so is what its viewer saw of it (`streams.serve.api.impressions`).

The console (`streams.serve.web.console`) looks up one viewer, one title, dead letters (`streams.serve.web.dead_letters`),
experiments (`streams.serve.api.experiments`), insights (`streams.serve.api.insights`, out of what
`streams.serve.mirror.insights` keeps, drawn by `streams.serve.web.completion_curve`), topics and the model card
(`streams.serve.web.gauges`).

Any number of servers can run: each reads the topics for itself and keeps nothing that it cannot read again.
"""
