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
    transport (`streams.engine.transport`) hands whole slices of a partition to Faust instead of single
    records; Faust (`streams.engine.faust_app`) supplies group membership, rebalancing and supervision. An
    agent offers the slice to the partition's lane (`streams.engine.partition_task`, one per partition, kept by
    `streams.engine.task_manager`).
2.  **Batched.** While a batch of the partition is in flight, slices queue (`streams.engine.batching`);
    together they are the next batch. A quiet topic has batches of one, a busy one of thousands, and nobody
    tunes it.
3.  **Judged.** A worker thread carries the batch through `streams.engine.partition`. Records at or below the
    applied offset were here before and are dropped. The step (`streams.stages.viewers.step`) asks the clerk
    (`streams.stages.viewers.decode`): bytes become an event or a dead letter with its reason
    (`streams.engine.dead_letters`), the event a verdict: *positive, this title, this strongly*. The device's
    clock is believed up to the record's own timestamp.
4.  **Learned, her part.** Ada's row is hot, or read from the store (`streams.stages.wire.viewer_rows`; what belongs to
    the partition and to no viewer: `streams.stages.wire.partition_rows`). Her taste vector moves, the film joins
    her history. A share of the events is ranked before it is learned: the live hit rate
    (`streams.stages.viewers.quality`). An event id that she had before changes nothing.
5.  **Listed.** All viewers of the batch whose page moved are ranked together from the replica
    (`streams.stages.viewers.replica`), under the catalog's guards; rows are taken out of each one's scores and put
    in order (`online_models.page`), and the pages written as bytes (`streams.stages.viewers.publisher`,
    `streams.stages.viewers.page_bytes`, `streams.stages.viewers.artwork`). Had Ada got a page
    within the last second, she would be owed this one until the second is over (`streams.stages.viewers.page_throttle`). A
    new title that is one for her is an alert, once (`streams.stages.viewers.alerts`).
6.  **Told on.** What her watch says about titles (her representation, the gradient, her history) is packed
    into a signals record (`streams.stages.wire.signals`, `streams.stages.wire.signals`), what came of pictures
    and searches behind it (`streams.stages.viewers.signal_publisher`, `streams.stages.viewers.impressions`).
7.  **Committed.** One Kafka transaction (`streams.engine.transactions`): her row to the changelog, the page,
    the signals, the dead letters, and the applied offset. All of it becomes visible, or none. Then one write
    of the local store (`streams.engine.state`). The order, and what a crash between any two of these leaves,
    is written at the head of `streams.engine.stage`.
8.  **Learned, the film's part.** The titles stage (`streams.stages.titles.step`) is the same machine with another
    step. Ten times a second at most it absorbs signals and writes changed titles (`streams.stages.wire.title_rows`), and
    what countries, devices and cohorts watch (`streams.stages.titles.trending`, `streams.stages.wire.segment_rows`,
    `streams.stages.wire.cohort_rows`), and what lessons taught (`streams.stages.wire.attribution`); they come back to every
    worker's replica (`streams.engine.table_reader`). Meanwhile `streams.stages.viewers.replica_lag` counts what has not come
    back, and in a replay at full speed makes the viewers stage wait for it.

What makes it exact
-------------------
The position is ours: the applied offset travels in the transaction, and is where reading starts again after a
crash or a rebalance (`streams.engine.applied`, `streams.engine.restore`, `streams.engine.changelog`,
`streams.engine.read_progress`). The group's committed offset is a hint to people. The local store is a cache of
the changelog: whatever is wrong with it, it is wiped and read again. A step that raises is our bug: the
process ends, and its successor isolates the one record at fault (`streams.engine.poison_marker`). Any doubt ends
the process (`streams.engine.exits`); the log knows what became of it.

A reading order, 25 minutes
---------------------------
1. `streams.engine.stage`: the contract, and the order of effects.
2. `streams.stages.viewers.step` and `streams.stages.titles.step`: the two steps. With `streams.stages.viewers.decode`, all that
   the product does.
3. `streams.engine.partition`, `streams.engine.transactions`, `streams.engine.state`,
   `streams.engine.restore`: how effects happen once.
4. `streams.engine.partition_task`, `streams.engine.task_manager`, `streams.engine.transport`, `streams.engine.consumer_group`:
   how batches get there, and what a rebalance does.
5. `streams.stages.viewers.replica`, `streams.engine.table_reader`, `streams.stages.wire.signals`, `streams.stages.viewers.page_bytes`: the
   wire between the halves.
6. `streams.worker`, then `streams.engine.app`: how it is put together and run.

Rooms
-----
`streams.engine` carries batches and makes their effects happen once, whatever the stage does.
`streams.stages.viewers` and `streams.stages.titles` are the two stages. `streams.stages.versions` lets one version of the model
take over from another. `streams.stages.analytics` is what workers have in common that count beside the lists:
`streams.stages.experiments` and `streams.stages.insights`. `streams.serve` answers over HTTP. `streams.ops` is what
operators look and repair with, `streams.ops.runs` what sets a worker to work and watches it, `streams.ops.local_kafka`
the clusters for both, `streams.cli` the commands. Each opens with the list of what is in it. None imports
from a room above it: commands, worker and server, what counts beside the lists, the stages with what
operates and runs them, the engine, the brokers (the contract `rooms` in pyproject.toml).

At the top is what all rooms use: `streams.config.settings` (the only reader of the environment),
`streams.config.variables`, `streams.kafka.security`, `streams.config.settings`, `streams.kafka.clients` (the only door to
confluent-kafka), `streams.errors`, `streams.telemetry.logging`, `streams.telemetry.metrics`, `streams.telemetry.exposition`,
`streams.telemetry.health`, `streams.telemetry.tracing`; and what every worker hears of: `streams.engine.definitions` out of a compacted
topic, of which `streams.stages.rules` are one kind. `streams.stages.wire.partition_rows` names the rows that belong to a
partition and to no viewer or title of it. `streams.ops.ratings` reads files of ratings.
"""
