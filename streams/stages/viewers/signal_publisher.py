"""Publishes what one viewers partition has learned about titles: signals and attribution updates."""

import numpy as np
from numpy.typing import NDArray

from online_models.page.shelf_kinds import ShelfValue
from online_models.ranking.viewer_side import ViewerSide, without
from online_models.tables.layout import Feedback, Signals
from schemas import topics
from streams.config.settings import Settings
from streams.engine.stage import Message, Outcome, Row, StateView
from streams.stages.viewers.decode import DecodedBatch
from streams.stages.viewers.impressions import ImpressionTracker
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
        self._impressions = ImpressionTracker(store, side.viewers, replica.catalog, replica.gallery, memory)
        self._sent = partition_rows.SENT.read(store)
        lag.record_sent(partition, self._sent)

    @property
    def row(self) -> Row:
        """The row of the number of signals sent."""
        return partition_rows.SENT.row(self._sent)

    @property
    def shelf_value(self) -> ShelfValue:
        """Impressions and watches by kind of shelf."""
        return self._impressions.shelf_value

    def publish(self, batch: DecodedBatch, feedback: Feedback, signals: Signals, out: Outcome) -> None:
        """Put a batch's signals and updates on the partition of every shard, and changed rows into `out`."""
        countries: NDArray[np.uint16] = self._side.viewers.arrays.country[feedback.viewer]
        devices = np.array(batch.devices, np.uint8)
        titles, messages = self._side.titles, list[Message]()
        for value, sent in wire.pack(
            without(signals, batch.imported), titles,
            partition=self._partition, sent=self._sent, countries=countries, devices=devices,
        ):  # fmt: skip
            self._sent = sent
            messages.append({"value": value})
        updates = self._impressions.learn(batch.attributable, feedback, signals)
        if updates:
            value = wire.pack_updates(updates, titles, partition=self._partition, sent=self._sent)
            messages.append({"value": value})
        for shard in range(self._shards if messages else 0):
            out.outputs[self._topic, shard] = list(messages)
        out.rows.extend(self._impressions.take_rows())
        self._lag.record_sent(self._partition, self._sent)

    def forget(self, viewer: str) -> Row:
        """Forget a viewer's impressions; return the deletion of the row."""
        return self._impressions.forget(viewer)
