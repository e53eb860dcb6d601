"""Decodes records into columns of events that change a viewer; a record that cannot be used is a dead letter.

A batch stays a sequence of events: whatever a step does with it, it does in their order, so that the state
does not depend on where the log was cut into batches.

There are two ways into the columns. A kernel reads all records of the usual form at once
(:mod:`online_models.feedback.event_columns`). What it leaves, the codec decodes record by record, and the
reward function turns it into feedback. Both write the same, and only the second finds defects.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, compress
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.feedback.event_columns import (
    NO_SIGNAL,
    EventBounds,
    EventColumnsReader,
    EventTexts,
    ReadEvents,
)
from online_models.feedback.reward_function import Action, FeedbackSignal, RewardFunction
from online_models.learners.intent import shows_intent
from online_models.learners.stated_preferences import places_of
from online_models.ranking.viewer_side import EventColumns, session_keys, signal_ids
from online_models.tables.hashing import hash_ids
from online_models.tables.layout import F4, F8, I8, U1, U2, U4, U8
from online_models.tables.partition_assignment import partitions_for
from schemas import DecodeError, Event, Forget, History, Identify, Impression, Preferences, Reason, Search
from schemas.codec import MAX_EVENT_BYTES
from schemas.dead_letters import DeadLetter
from streams.engine.dead_letters import invalid_record_letter
from streams.engine.stage import Record
from streams.stages.wire.events import EventReader, bounds_ms

__all__ = ["DecodedBatch", "Departure", "EventBatch", "EventDecoder", "SignalRows"]

_WRONG_PARTITION = "the key belongs in another partition: set partitioner=murmur2_random"
_offset, _timestamp = attrgetter("offset"), attrgetter("timestamp")
Places = NDArray[np.intp]
_Decoded = tuple[Event, tuple[FeedbackSignal, ...]]
"""An event, and what it says about titles."""


class Departure(NamedTuple):
    """An event that removes its viewer: signed in to another account, or to be forgotten."""

    event: Identify | Forget
    at: int
    """Event time, ms."""


class SignalRows(NamedTuple):
    """The feedback signals of a batch, one row each, in the order of their events."""

    event: Places
    """Place of the event of each row."""
    titles: Sequence[str]
    action: U1
    weight: F8
    watched_s: F4
    duration_s: F4
    session: U4
    """Key of the session (`EventColumns.sessions`)."""
    key: U8
    """Hash of an id of the row: that of its event, with a number from the second signal on."""

    def with_signals(self, found: Mapping[int, "_Decoded"]) -> "SignalRows":
        """Return rows, one an event, of which those of some events, ascending, are replaced by signals."""
        if not found:
            return self
        counts = np.ones(self.event.size, np.int64)
        counts[[*found]] = [len(signals) for _, signals in found.values()]
        source = np.repeat(self.event, counts)
        at = np.flatnonzero(np.isin(source, [*found]))
        names = [self.titles[n] for n in source.tolist()]
        columns: list[Any] = [column[source] for column in self[2:]]
        action, weight, watched_s, duration_s, session, key = columns
        if at.size:
            titles, actions, weights, watched, durations, sessions = zip(
                *(signal for _, signals in found.values() for signal in signals), strict=True
            )
            for n, title in zip(at.tolist(), titles, strict=True):
                names[n] = title
            action[at], weight[at], watched_s[at], duration_s[at] = actions, weights, watched, durations
            session[at] = session_keys(sessions)
            ids = (signal_ids(event.event_id, len(signals)) for event, signals in found.values())
            key[at] = hash_ids([*chain.from_iterable(ids)])
        return SignalRows(source, names, action, weight, watched_s, duration_s, session, key)

    def select(self, chosen: NDArray[np.bool_]) -> "SignalRows":
        """Return the rows of chosen events [events]."""
        mine = chosen[self.event]
        event = (np.cumsum(chosen) - 1)[self.event[mine]]
        columns: list[Any] = [column[mine] for column in self[2:]]
        return SignalRows(event, list(compress(self.titles, mine.tolist())), *columns)


@dataclass(frozen=True, slots=True)
class EventBatch:
    """Events that change the state of their viewers, in the order of their records."""

    viewers: Sequence[str]
    key: U8
    """Hashes of the event ids."""
    offset: I8
    at: I8
    """Event times, ms."""
    country: U2
    device: U1
    """Codes of country and device, 0 where the event names none."""
    decoded: Mapping[int, Event]
    """Events by place, ascending: all that say more than a feedback signal, perhaps others."""
    rows: SignalRows
    """What the events say about titles."""

    def __len__(self) -> int:
        return self.key.size

    def select(self, chosen: NDArray[np.bool_]) -> "EventBatch":
        """Return chosen events [events]."""
        if chosen.all():
            return self
        place = np.cumsum(chosen) - 1
        return EventBatch(
            list(compress(self.viewers, chosen.tolist())),
            self.key[chosen],
            self.offset[chosen],
            self.at[chosen],
            self.country[chosen],
            self.device[chosen],
            {int(place[n]): event for n, event in self.decoded.items() if chosen[n]},
            self.rows.select(chosen),
        )

    def cut(self, start: int, stop: int) -> "EventBatch":
        """Return the events from one place to before another."""
        chosen = np.zeros(len(self), np.bool_)
        chosen[start:stop] = True
        return self.select(chosen)

    def columns(self) -> EventColumns:
        """Return the rows as the models take them; their ids have been checked."""
        rows, none = self.rows, np.zeros(self.rows.event.size, np.uint64)
        return EventColumns(
            (), rows.titles, rows.action, rows.weight, self.at[rows.event], none,
            rows.watched_s, rows.duration_s, rows.session,
        )  # fmt: skip

    def shown(self) -> NDArray[np.bool_]:
        """Return which events are impressions."""
        out = np.zeros(len(self), np.bool_)
        out[self.rows.event[self.rows.action == Action.IMPRESSION]] = True
        return out

    def attributable(self) -> dict[int, Impression | Search]:
        """Return the events to which a later watch may be attributed, by row.

        They are impressions with artwork or shelf, and searches from which a title was opened.
        """
        out: dict[int, Impression | Search] = {}
        for n, event in self.decoded.items():
            if (isinstance(event, Search) and event.clicked_title_id is not None) or (
                isinstance(event, Impression) and (event.artwork or event.row_kind)
            ):
                out[int(np.searchsorted(self.rows.event, n))] = event
        return out

    def imported(self) -> list[int]:
        """Return the rows of `history` events: titles have learned them under the viewer's former id."""
        histories = [n for n, event in self.decoded.items() if isinstance(event, History)]
        return np.flatnonzero(np.isin(self.rows.event, histories)).tolist() if histories else []


@dataclass(slots=True)
class DecodedBatch:
    """A decoded batch; events without effect on a viewer are left out."""

    events: EventBatch
    departures: Sequence[tuple[int, Departure]] = ()
    """Each with the number of events in front of it."""
    dead_letters: list[DeadLetter] = field(default_factory=list)
    newest_ms: int = 0
    """Newest event time of the usable records."""

    def parts(self) -> Iterator[tuple[EventBatch, Departure | None]]:
        """Yield the events in parts, each with the departure behind it; the last part may have none."""
        start = 0
        for stop, departure in self.departures:
            yield self.events.cut(start, stop), departure
            start = stop
        if start < len(self.events):
            yield self.events.cut(start, len(self.events)) if start else self.events, None


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
        self._columns = EventColumnsReader(reward.config)
        self._partition, self._partitions = partition, partitions

    def decode(self, records: Sequence[Record]) -> DecodedBatch:
        """Decode a batch in order."""
        keys = [record.key or b"" for record in records]
        at_home = partitions_for(keys, self._partitions) == self._partition
        now_ms, reader = self._read.now_ms(), self._read
        bounds = EventBounds(
            MAX_EVENT_BYTES, *bounds_ms(now_ms),
            profiles=reader.has_profiles, tenant=reader.has_tenant, avro=reader.has_registry,
        )  # fmt: skip
        texts = EventTexts.of([record.value or b"" for record in records], keys, map(_timestamp, records))
        read = self._columns.read(texts, bounds)
        read.usable[~at_home] = 0
        out = _BatchColumns(read, keys)
        for n in np.flatnonzero(read.usable == 0).tolist():
            try:
                event, at = reader(records[n], now_ms)
                if not at_home[n]:
                    raise DecodeError(Reason.PARTITION_MISMATCH, None, _WRONG_PARTITION)  # noqa: TRY301
            except DecodeError as error:
                out.dead_letters.append(invalid_record_letter(records[n], error, stage=self._stage))
            else:
                out.put(n, event, at, self._reward(event))
        offsets = np.fromiter(map(_offset, records), np.int64, len(records))
        return out.batch(str(texts.value.data, "latin-1"), offsets)


class _BatchColumns:
    """The columns of a batch of records: what the kernel has read, and what the codec has decoded.

    Parameters
    ----------
    read
        What the kernel has read: of its events the key is the viewer's id.
    keys
        Keys of the records.
    """

    def __init__(self, read: ReadEvents, keys: Sequence[bytes]) -> None:
        self.dead_letters: list[DeadLetter] = []
        self._read, self._viewers = read, [key.decode("latin-1") for key in keys]
        self._kept: NDArray[np.bool_] = (read.usable == 1) & (read.action != NO_SIGNAL)
        self._decoded: dict[int, _Decoded] = {}
        self._departures: list[tuple[int, Departure]] = []

    def put(self, n: int, event: Event, at: int, signals: tuple[FeedbackSignal, ...]) -> None:
        """Add an event that the codec has decoded; records come in order."""
        self._read.usable[n], self._read.at[n] = 1, at
        if isinstance(event, Forget) or (isinstance(event, Identify) and event.known_as != event.viewer_id):
            self._departures.append((n, Departure(event, at)))
        elif signals or isinstance(event, Preferences) or shows_intent(event):
            self._kept[n], self._decoded[n] = True, (event, signals)
            self._viewers[n] = event.viewer_id

    def batch(self, text: str, offsets: I8) -> DecodedBatch:
        """Return the batch; ``text`` are the values of the records, a character a byte."""
        read, kept, decoded = self._read, self._kept, [*self._decoded]
        events = [event for event, _ in self._decoded.values()]
        if events:
            read.event[decoded] = hash_ids([event.event_id for event in events])
            read.country[decoded], read.device[decoded] = places_of(events)
        before: Places = np.cumsum(kept) - kept
        chosen = slice(None) if kept.all() else np.flatnonzero(kept)
        begins, ends = read.title[chosen].T.tolist()
        columns: list[Any] = [column[chosen] for column in read]
        _, key, _, at, country, device, action, weight, watched_s, duration_s, session = columns
        titles, one_each = [text[a:b] for a, b in zip(begins, ends, strict=True)], np.arange(len(begins))
        rows = SignalRows(one_each, titles, action, weight, watched_s, duration_s, session, key)
        places: list[int] = before[decoded].tolist()
        rows = rows.with_signals(dict(zip(places, self._decoded.values(), strict=True)))
        viewers = list(compress(self._viewers, kept.tolist()))
        seen = dict(zip(places, events, strict=True))
        batch = EventBatch(viewers, key, offsets[chosen], at, country, device, seen, rows)
        departures = [(int(before[n]), departure) for n, departure in self._departures]
        newest_ms = int(read.at[read.usable == 1].max(initial=0))
        return DecodedBatch(batch, departures, self.dead_letters, newest_ms)
