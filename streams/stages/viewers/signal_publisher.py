"""What one viewers partition tells the titles stage: signals, and lessons about pictures and queries."""

import numpy as np
from numpy.typing import NDArray

from online_models.ranking.viewer_side import ViewerSide, without
from online_models.tables.layout import F8, Feedback, Signals
from schemas import topics
from streams.config.settings import Settings
from streams.engine.stage import Message, Outcome, Row, StateView
from streams.stages.viewers.decode import DecodedBatch
from streams.stages.viewers.replica import Replica
from streams.stages.viewers.replica_lag import ReplicaLag
from streams.stages.wire import partition_rows
from streams.stages.wire import signals as wire
from streams.stages.wire.impressions import ImpressionTracker

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
        Which.
    side
        Its viewers.
    replica
        Titles and their pictures.
    lead
        Told how much was sent.
    """

    def __init__(
        self,
        store: StateView,
        settings: Settings,
        partition: int,
        *,
        side: ViewerSide,
        replica: Replica,
        lead: ReplicaLag,
    ) -> None:
        self._partition, self._shards = partition, settings.title_shards
        self._topic, self._side, self._lead = settings.topic(topics.SIGNALS), side, lead
        self._sightings = ImpressionTracker(store, side.viewers, replica.catalog, replica.gallery)
        self._sent = partition_rows.SENT.read(store)
        lead.sent(partition, self._sent)

    @property
    def row(self) -> Row:
        """The row of how much was sent."""
        return partition_rows.SENT.row(self._sent)

    def tell(self, intake: DecodedBatch, feedback: Feedback, signals: Signals, out: Outcome) -> None:
        """Put what a batch says about titles on every shard's partition, and what viewers saw into rows."""
        places: NDArray[np.uint16] = self._side.viewers.arrays.country[feedback.viewer]
        devices = np.array(intake.devices, np.uint8)
        titles, messages = self._side.titles, list[Message]()
        said = without(signals, intake.brought)
        for value, sent in wire.pack(
            said, titles, partition=self._partition, sent=self._sent, places=places, devices=devices
        ):
            self._sent = sent
            messages.append({"value": value})
        lessons = self._sightings.learn(intake.noted, feedback, signals)
        if lessons:
            value = wire.pack_lessons(lessons, titles, partition=self._partition, sent=self._sent)
            messages.append({"value": value})
        for shard in range(self._shards if messages else 0):
            out.outputs[self._topic, shard] = list(messages)
        out.rows.extend(self._sightings.take_rows())
        self._lead.sent(self._partition, self._sent)

    @property
    def row_worth(self) -> F8:
        """What each kind of row is worth beside its prior."""
        return self._sightings.worth.factors()

    def forget(self, viewer_id: str) -> Row:
        """Forget what a viewer saw; return the row's deletion."""
        return self._sightings.forget(viewer_id)
