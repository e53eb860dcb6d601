"""Publishes what one viewers partition has learned about titles: signals and attribution updates."""

import numpy as np

from online_models.feedback.reward_function import Action
from online_models.page.shelf_kinds import ShelfValue
from online_models.ranking.viewer_side import ViewerSide, without
from online_models.tables.layout import U1, U2, Feedback, Signals
from schemas import topics
from streams.config.settings import Settings
from streams.engine.stage import Message, Outcome, Row, StateView
from streams.stages.viewers.decode import EventBatch
from streams.stages.viewers.impressions import ImpressionTracker, Tastes
from streams.stages.viewers.replica import Replica
from streams.stages.viewers.replica_lag import ReplicaLag
from streams.stages.wire import partition_rows
from streams.stages.wire import signals as wire
from streams.stages.wire.cached_rows import RowMemory

__all__ = ["SignalPublisher"]


class SignalPublisher:
    """The partition's side of ``titles.signals.v1``.

    Parameters
    ----------
    store
        The partition's rows.
    settings
        Topics and shards.
    partition
        Number of the partition.
    side
        Its viewers.
    replica
        Titles and their artwork.
    lag
        Is given the number of signals sent.
    memory
        Bounds the impression logs in memory. Default: of this partition.

    Attributes
    ----------
    impressions
        What the viewers saw and searched for.
    """

    def __init__(
        self,
        store: StateView,
        settings: Settings,
        partition: int,
        *,
        side: ViewerSide,
        replica: Replica,
        lag: ReplicaLag,
        memory: RowMemory | None = None,
    ) -> None:
        self._partition, self._shards = partition, settings.title_shards
        self._topic, self._side, self._lag = settings.topic(topics.SIGNALS), side, lag
        self._replica, self._seen = replica, 0
        self.impressions = ImpressionTracker(store, side.viewers, replica.catalog, replica.gallery, memory)
        self._sent = partition_rows.SENT.read(store)
        lag.record_sent(partition, self._sent)

    def take_rows(self) -> list[Row]:
        """Return the rows that changed since the last call, and the number of signals sent."""
        return [*self.impressions.take_rows(), partition_rows.SENT.row(self._sent)]

    @property
    def shelf_value(self) -> ShelfValue:
        """Impressions and watches by kind of shelf."""
        return self.impressions.shelf_value

    def begin_batch(self) -> None:
        """Note which signals the replica has learned, before a batch is observed."""
        self._seen = self._replica.learned_in_all()

    def publish(
        self,
        events: EventBatch,
        feedback: Feedback,
        signals: Signals,
        *,
        places: tuple[U2, U1],
        tastes: Tastes,
        out: Outcome,
    ) -> None:
        """Put signals and updates on the partition of every shard, and changed rows into `out`.

        Parameters
        ----------
        events, feedback, signals
            What the events say, and what it amounts to.
        places
            The viewer's country, and the device that the event names, of each row.
        tastes
            See `ImpressionTracker.tastes`.
        out
            Gets them.
        """
        titles, messages, (countries, devices) = self._side.titles, list[Message](), places
        viewers, imported = (
            self._side.viewers.arrays.key[feedback.viewer].astype(np.uint16),
            events.imported(),
        )
        for value, sent in wire.pack(
            without(signals, imported), titles,
            partition=self._partition, sent=self._sent, seen=self._seen,
            countries=countries, devices=devices, viewers=viewers,
        ):  # fmt: skip
            self._sent = sent
            messages.append({"value": value})
        if imported:
            named = feedback.title[imported][feedback.action[imported] != Action.IGNORED]
            for value in wire.pack_names(
                np.unique(named), titles, partition=self._partition, sent=self._sent
            ):
                messages.append({"value": value})
        updates = self.impressions.learn(events, feedback, signals, tastes)
        if updates:
            value = wire.pack_updates(updates, titles, partition=self._partition, sent=self._sent)
            messages.append({"value": value})
        for shard in range(self._shards if messages else 0):
            out.outputs.setdefault((self._topic, shard), []).extend(messages)
        self._lag.record_sent(self._partition, self._sent)

    def forget(self, viewer: str) -> Row:
        """Forget a viewer's impressions; return the deletion of the row."""
        return self.impressions.forget(viewer)
