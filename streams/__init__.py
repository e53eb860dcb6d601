"""How it moves: viewing events in from Kafka, refreshed home pages out to Kafka. No arithmetic lives here.

The map
-------
::

    producers                                                     consumers
        │ JSON, key = viewer id                                       ▲ JSON, key = viewer id
        ▼                                                             │
    viewing.events.v1 ───►[ viewers stage ]────────────────────► recs.home.v1
                           │  ▲    │   ├──► recs.alerts.v1, viewing.dead-letters.v1
                           │  │    └──────► viewers.state.v1     (its changelog)
         titles.signals.v1 │  │ replica of titles.model.v1, guards of catalog.titles.v1
                           ▼  │
                          [ titles stage ]─────────────────────► trending.v1
                              └──────────► titles.model.v1       (its changelog, everyone's replica)

Two stages, because events are keyed by viewer while what a title is belongs to all viewers. The viewers stage
owns what is the viewer's (history, taste, page number), the titles stage what is the title's (vectors,
neighbours, counters). Every worker holds a replica of all titles and ranks from it.

One event, from bytes to bytes
------------------------------
Ada stops a film after fifty minutes; her app sends a `stop` event.

1.  **Fetched.** It is a record of ``viewing.events.v1``, in the partition that murmur2 gives ``ada``. Our
    transport (`streams.transport`) hands whole slices of a partition to Faust instead of single records;
    Faust (`streams.faust_app`) supplies group membership, rebalancing and supervision. An agent offers the
    slice to the partition's lane (`streams.lane`, one per partition, kept by `streams.stages`).
2.  **Batched.** While a batch of the partition is in flight, slices queue (`streams.batching`); together they
    are the next batch. A quiet topic has batches of one, a busy one of thousands, and nobody tunes it.
3.  **Judged.** A worker thread carries the batch through `streams.partition`. Records at or below the applied
    offset were here before and are dropped. The step (`streams.viewers`) asks the clerk (`streams.intake`):
    bytes become an event or a dead letter with its reason (`streams.dead_letters`), the event a verdict:
    *positive, this title, this strongly*. The device's clock is believed up to the record's own timestamp.
4.  **Learned, her part.** Ada's row is hot, or read from the store (`streams.viewer_rows`; what belongs to
    the partition and to no viewer: `streams.partition_rows`). Her taste vector moves, the film joins her
    history. A share of the events is ranked before it is learned: the live hit rate (`streams.quality`). An
    event id that she had before changes nothing.
5.  **Listed.** All viewers of the batch whose page moved are ranked together from the replica
    (`streams.replica`), under the catalogue's guards; rows are taken out of each one's scores and put in
    order (`online_models.page`), and the pages written as bytes (`streams.publishing`, `streams.pages`,
    `streams.categories`, `streams.pictures`). Had Ada got a page within the last second, she would be owed
    this one until the second is over (`streams.budget`). A new title that is one for her is an alert, once
    (`streams.alerts`).
6.  **Told on.** What her watch says about titles (her representation, the gradient, her history) is packed
    into a signals record (`streams.signals`, `streams.signal_versions`), what came of pictures and searches
    behind it (`streams.tidings`, `streams.sightings`).
7.  **Committed.** One Kafka transaction (`streams.transactions`): her row to the changelog, the page, the
    signals, the dead letters, and the applied offset. All of it becomes visible, or none. Then one write of
    the local store (`streams.state`). The order, and what a crash between any two of these leaves, is written
    at the head of `streams.stage`.
8.  **Learned, the film's part.** The titles stage (`streams.titles`) is the same machine with another step.
    Ten times a second at most it absorbs signals and writes changed titles (`streams.title_rows`), and what
    countries and cohorts watch (`streams.popularity`, `streams.audience_rows`, `streams.cohort_rows`), and
    what lessons taught (`streams.taught`); they come back to every worker's replica (`streams.reader`).
    Meanwhile `streams.lead` counts what has not come back, and in a replay at full speed makes the viewers
    stage wait for it.

What makes it exact
-------------------
The position is ours: the applied offset travels in the transaction, and is where reading starts again after a
crash or a rebalance (`streams.applied`, `streams.restore`, `streams.changelog`, `streams.catch_up`). The
group's committed offset is a hint to people. The local store is a cache of the changelog: whatever is wrong
with it, it is wiped and read again. A step that raises is our bug: the process ends, and its successor
isolates the one record at fault (`streams.suspect`). Any doubt ends the process (`streams.exits`); the log
knows what became of it.

A reading order, 25 minutes
---------------------------
1. `streams.stage`: the contract, and the order of effects.
2. `streams.viewers` and `streams.titles`: the two steps. With `streams.intake`, all that the product does.
3. `streams.partition`, `streams.transactions`, `streams.state`, `streams.restore`: how effects happen once.
4. `streams.lane`, `streams.stages`, `streams.transport`, `streams.membership`: how batches get there, and
   what a rebalance does.
5. `streams.replica`, `streams.reader`, `streams.signals`, `streams.pages`: the wire between the halves.
6. `streams.worker`, then `streams.app`: how it is put together and run.

Around it
---------
Edges: `streams.settings` (the only reader of the environment), `streams.variables`, `streams.security`,
`streams.kafka_clients` (the only door to confluent-kafka), `streams.surroundings`, `streams.errors`,
`streams.logging`, `streams.metrics`, `streams.exposition`, `streams.tracing`. Sharing partitions out:
`streams.assignor`. Watching itself: `streams.health`, `streams.watchdog`, `streams.topic_check`,
`streams.topic_facts`, `streams.claim`.

Versions of the model side by side: `streams.register` (which there are), `streams.versions` (a worker's own),
`streams.cutover` and `streams.handover` (one takes over from another), `streams.version_admin` (what the
operator does).

Over HTTP: `streams.serve`, a process of its own that reads what the stages published.
What an event changed on a page: `streams.page_changes`. Search: `streams.title_index`. Who is who:
`streams.sign_in`, `streams.households`, `streams.tenants`.

Definitions out of a compacted topic, for every worker: `streams.definitions`. Business rules:
`streams.rules`.

Experiments: `streams.experiments` (which there are), `streams.experiment_admin` (what the
experimenter does), `streams.treating` (whose list is made how), `streams.experiment_power`,
`streams.experiment_simulation`, `streams.experiment_pipeline`, `streams.what_if` (on paper, in the simulator,
on a log); and in a worker of their own (`streams.results_worker`) two more stages, `streams.results` (what
viewers did in which arm) and `streams.decisions` (all partitions together: results, winners), with their rows
(`streams.result_rows`). Insights for content teams: a worker of their own, too (`streams.insights_worker`;
what both have in common: `streams.beside`, `streams.counting`), with `streams.visits` (what is new about a
title), `streams.insights` (how titles are watched, what is wanted), the catalogue for both (`streams.shelf`),
their rows (`streams.visit_rows`, `streams.insight_rows`), tables of it (`streams.insight_tables`), a world
to try it on (`streams.insight_simulation`).

Commands: `streams.cli`, and what stands behind them: `streams.brokers` (an embedded cluster, a local Kafka,
the topics), `streams.ratings`, `streams.producing`, `streams.pacing`, `streams.simulating`,
`streams.replaying`, `streams.backfill`, `streams.session`, `streams.demo`, `streams.watching`,
`streams.closed_loop`, `streams.run_report`; `streams.inspecting`, `streams.row_words` and
`streams.topic_scan` (`nearline inspect`); `streams.forgetting` (`nearline forget`); `streams.local_state`,
`streams.verifying`, `streams.exporting`, `streams.rebuilding` (`nearline state`); `streams.findings`,
`streams.cluster_checks`, `streams.machine_checks`, `streams.state_checks` (`nearline doctor`);
`streams.overview` (`nearline top`);
`streams.asking`, `streams.event_effects` (`nearline inspect events`), `streams.artwork_log`,
`streams.artwork_simulation` (`nearline artwork`).
"""
