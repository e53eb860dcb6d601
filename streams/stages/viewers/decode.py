"""Decodes records into events that change a viewer; a record that cannot be used becomes a dead letter.

A batch stays a sequence of events: whatever a step does with it, it does in their order, so that the state
does not depend on where the log was cut into batches.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from online_models.feedback.reward_function import FeedbackSignal, RewardFunction
from online_models.learners.sought import seeks
from online_models.ranking.viewer_side import EventColumns, columns, signal_ids
from online_models.tables.layout import I4
from online_models.tables.partition_assignment import partitions_for
from schemas import DecodeError, Event, Forget, History, Identify, Impression, Preferences, Reason, Search
from schemas.dead_letters import DeadLetter
from streams.engine.dead_letters import invalid_record_letter
from streams.engine.stage import Record
from streams.stages.wire.events import EventReader

__all__ = ["DecodedBatch", "DecodedEvent", "Departure", "EventDecoder", "SignalRows"]

_WRONG_PARTITION = "the key belongs in another partition: set partitioner=murmur2_random"


class DecodedEvent(NamedTuple):
    """An event that changes the state of its viewer."""

    event: Event
    offset: int
    at: int
    """Event time, ms."""
    signals: tuple[FeedbackSignal, ...]
    """What it says about titles."""


class Departure(NamedTuple):
    """An event that removes its viewer: signed in to another account, or to be forgotten."""

    event: Identify | Forget
    at: int
    """Event time, ms."""


@dataclass(slots=True)
class DecodedBatch:
    """A decoded batch; events without effect on a viewer are left out."""

    entries: list[DecodedEvent | Departure] = field(default_factory=list)
    """In the order of the records."""
    dead_letters: list[DeadLetter] = field(default_factory=list)
    newest_ms: int = 0
    """Newest event time of the usable records."""

    def parts(self) -> Iterator[tuple[Sequence[DecodedEvent], Departure | None]]:
        """Yield the events in parts, each with the departure behind it; the last part may have none."""
        part: list[DecodedEvent] = []
        for entry in self.entries:
            if isinstance(entry, Departure):
                yield part, entry
                part = []
            else:
                part.append(entry)
        if part:
            yield part, None


class SignalRows:
    """The feedback signals of some events, one row each, in order.

    Parameters
    ----------
    events
        The events.
    """

    def __init__(self, events: Sequence[DecodedEvent]) -> None:
        self.events = events
        counts = [len(one.signals) for one in events]
        self.event: I4 = np.repeat(np.arange(len(events), dtype=np.int32), counts)
        """[rows] index of the event of each row."""
        self._first = list(accumulate(counts, initial=0))[:-1]

    def columns(self) -> EventColumns:
        """Return the rows as the models take them; their ids have been checked."""
        rows = [(one.event.viewer_id, signal, one.at) for one in self.events for signal in one.signals]
        return columns(rows, np.zeros(len(rows), np.uint64))

    def ids(self) -> Sequence[str]:
        """Return an id for each row."""
        if self.event.size == len(self.events) and all(one.signals for one in self.events):
            return [one.event.event_id for one in self.events]
        return [name for one in self.events for name in signal_ids(one.event.event_id, len(one.signals))]

    def attributable(self) -> dict[int, Impression | Search]:
        """Return the events to which a later watch may be attributed, by row.

        They are impressions with artwork or shelf, and searches from which a title was opened.
        """
        out: dict[int, Impression | Search] = {}
        for one, row in zip(self.events, self._first, strict=True):
            event = one.event
            if (isinstance(event, Search) and event.clicked_title_id is not None) or (
                isinstance(event, Impression) and (event.artwork or event.row_kind)
            ):
                out[row] = event
        return out

    def imported(self) -> list[int]:
        """Return the rows of `history` events: titles have learned them under the viewer's former id."""
        return [
            row + n
            for one, row in zip(self.events, self._first, strict=True)
            if isinstance(one.event, History)
            for n in range(len(one.signals))
        ]


class EventDecoder:
    """Turns records into a :class:`DecodedBatch`.

    Parameters
    ----------
    reward
        Turns an event into feedback signals.
    read
        Reads a record.
    stage
        Name of the stage, for dead letters.
    partition, partitions
        This partition and their number: a viewer's events in another partition would be learned by two
        workers.
    """

    def __init__(
        self,
        reward: RewardFunction,
        read: EventReader,
        *,
        stage: str,
        partition: int,
        partitions: int,
    ) -> None:
        self._reward, self._read, self._stage = reward, read, stage
        self._partition, self._partitions = partition, partitions

    def decode(self, records: Sequence[Record]) -> DecodedBatch:
        """Decode a batch in order."""
        out = DecodedBatch()
        homes = partitions_for([record.key or b"" for record in records], self._partitions)
        now_ms = self._read.now_ms()
        for record, home in zip(records, homes.tolist(), strict=True):
            try:
                event, at = self._read(record, now_ms)
                if home != self._partition:
                    raise DecodeError(Reason.PARTITION_MISMATCH, None, _WRONG_PARTITION)  # noqa: TRY301
            except DecodeError as error:
                out.dead_letters.append(invalid_record_letter(record, error, stage=self._stage))
                continue
            signals = self._reward(event)
            out.newest_ms = max(out.newest_ms, at)
            if isinstance(event, Forget) or (
                isinstance(event, Identify) and event.known_as != event.viewer_id
            ):
                out.entries.append(Departure(event, at))
            elif signals or isinstance(event, Preferences) or seeks(event):
                out.entries.append(DecodedEvent(event, record.offset, at, signals))
        return out
