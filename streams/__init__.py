"""Moves data: viewing events in from Kafka, home pages out to Kafka. The models are in `online_models`.

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

There are two stages because events are keyed by viewer, while the model of a title belongs to all viewers.
The viewers stage owns the state of viewers (history, taste vector, page number). The titles stage owns the
state of titles (vectors, neighbours, counters). Every worker has a replica of all titles and ranks from it.

The way of one event
--------------------
Ada stops a film after fifty minutes; her app sends a `stop` event.

1.  **Fetched.** The event is a record of ``viewing.events.v1``, in the partition given by murmur2 of ``ada``.
    The transport fetches whole slices, and the stage's Faust agent offers each to the task of its partition.
2.  **Batched.** While a batch of the partition is in flight, slices queue. Together they are the next batch:
    one record at low load, thousands at high load.
3.  **Decoded.** Records at or below the applied offset are dropped. The step decodes the others: each becomes
    an event or a dead letter, and the reward function turns the event into feedback (*positive, this title,
    this weight*).
4.  **Learned by the viewers stage.** Ada's row is in memory or read from the store. Her taste vector moves,
    and the film joins her history. An event id that was seen before changes nothing.
5.  **Ranked.** All viewers of the batch whose taste has moved are ranked together, from the replica of
    titles. A page is built from the scores and encoded. If Ada had a page within the last second, the page is
    pending until the second ends (trailing-edge throttle).
6.  **Signalled.** What her watch says about titles is packed into a signals record for the titles stage.
7.  **Committed.** One Kafka transaction writes her row, the page, the signals, the dead letters and the
    applied offset. Then one write updates the local store. `streams.engine.stage` lists the order of effects,
    and what a crash between any two of them leaves.
8.  **Learned by the titles stage.** It is the same engine with another step. It applies signals at most ten
    times a second and writes changed titles, which return to the replica of every worker.

What makes it exact
-------------------
The position is ours: the applied offset is part of the transaction, and reading starts again behind it
after a crash or a rebalance. The group's committed offset is only for people. The local store is a cache of
the changelog: a damaged one is wiped and rebuilt. If a step raises, the process ends, and the next one
isolates the record. If the outcome of a transaction is unknown, the process ends, and the next one reads it
in the log.

Reading order, 25 minutes
-------------------------
1. `streams.engine.stage`: the protocol of a step, and the order of effects.
2. `streams.engine.partition`: the order of effects as code.
3. `streams.stages.viewers.step`: the viewers stage, from records to pages.
4. `online_models.learners.viewer_updates`: what an event changes in the model of a viewer.
5. `online_models.ranking.scorer`: from a taste vector to the scores of all titles.

Rooms
-----
A room imports only from rooms below it (the contract `rooms-of-streams` in pyproject.toml).
``deploy/modules.md`` lists all modules, and ``deploy/event-path.md`` shows the ones that an event passes.

* `streams.cli`: the commands.
* `streams.worker` composes a worker; `streams.supervisor` runs several as one; `streams.serve` answers over
  HTTP.
* `streams.ops`: tools of operators, local Kafka, demos and replays.
* `streams.stages`: what the stages do: viewers, titles, experiments, insights, versions.
* `streams.client`: pages and events for programs in Python.
* `streams.engine`: runs stages and makes their effects happen once.
* `streams.kafka`: access to Kafka.
* `streams.telemetry`: metrics, health, logging, traces.
* `streams.config`, `streams.errors` and `streams.clock`: settings, errors, the time.
"""
