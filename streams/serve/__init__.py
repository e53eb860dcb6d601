"""`nearline serve`: the published lists over HTTP, from a process of its own that learns nothing.

::

    recs.home.v1, trending.v1,            ┌ serve.mirror ──────────────┐
    catalog.titles.v1, titles.model.v1 ──►│ a local database a topic   │──► serve.api: GET /v1/…
                                          └─────────┬──────────────────┘──► serve.web: pages for people
                                                    └─ new pages ─────────► GET /v1/stream/…
    viewing.events.v1 ◄── serve.api.posting ◄────────────────────────────── POST /v1/events

* `streams.serve.server`: the composition root.
* `streams.serve.web`: pages for people: a viewer's page, the console.
* `streams.serve.api`: the interface for programs.
* `streams.serve.access`: the checks before every route: host, rate, authentication, origin, size.
* `streams.serve.mirror`: the topics on disk and in memory.
* `streams.serve.problems`: errors as problem documents.

Stored lists are returned byte for byte: no list is decoded or encoded on the way. Any number of servers can
run: each reads the topics for itself and keeps nothing that it cannot read again. `streams.config.settings`
has the settings.
"""
