"""Decodes records into feedback signals; a record that cannot be used becomes a dead letter."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from online_models.catalog.catalog import country_code
from online_models.feedback.devices import device_code
from online_models.feedback.reward_function import FeedbackSignal, RewardFunction
from online_models.ranking.viewer_side import EventColumns, columns
from online_models.tables.hashing import hash_ids
from online_models.tables.partition_assignment import partitions_for
from schemas import DecodeError, Event, Forget, History, Identify, Impression, Preferences, Reason, Search
from schemas.dead_letters import DeadLetter
from streams.engine.dead_letters import invalid_record_letter
from streams.engine.stage import Record
from streams.stages.wire.events import EventReader

__all__ = ["AttributableEvent", "DecodedBatch", "Departure", "EventDecoder", "StatedPreference"]

_WRONG_PARTITION = "the key belongs in another partition: set partitioner=murmur2_random"
_code = lru_cache(1_024)(country_code)  # there are 676 countries


class StatedPreference(NamedTuple):
    """Preferences that a viewer stated."""

    event: Preferences
    offset: int
    at: int
    """Event time, ms."""


class Departure(NamedTuple):
    """A viewer whose state is removed: signed in to another account, or to be forgotten."""

    event: Identify | Forget
    offset: int
    at: int
    """Event time, ms."""


class AttributableEvent(NamedTuple):
    """An impression or a search to which a later watch may be attributed."""

    signal: int
    """Index of the event's feedback signal."""
    event: Impression | Search


@dataclass(slots=True)
class DecodedBatch:
    """A decoded batch: columns over its feedback signals, and lists of its other events."""

    signals: list[tuple[str, FeedbackSignal, int]] = field(default_factory=list)
    """Viewer, feedback signal, event time."""
    event_ids: list[str] = field(default_factory=list)
    """One per signal; the second and later signals of an event have a number behind its id."""
    offsets: list[int] = field(default_factory=list)
    """One per signal."""
    countries: list[int] = field(default_factory=list)
    """One per signal: code of the viewer's country, 0 where the event names none."""
    devices: list[int] = field(default_factory=list)
    """One per signal: code of the kind of device, 0 where the event names none."""
    stated_preferences: list[StatedPreference] = field(default_factory=list)
    """In the order of the events."""
    departures: list[Departure] = field(default_factory=list)
    """In the order of the events."""
    attributable: list[AttributableEvent] = field(default_factory=list)
    """Impressions with artwork or shelf, and searches from which a title was opened."""
    imported: list[int] = field(default_factory=list)
    """Indexes of signals from a `history` event: titles have learned them under the viewer's former id."""
    dead_letters: list[DeadLetter] = field(default_factory=list)
    newest_ms: int = 0
    """Newest event time of the usable records."""

    def columns(self) -> EventColumns:
        """Return the signals as the models take them."""
        return columns(self.signals, hash_ids(self.event_ids))


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
    is_forgotten
        Returns whether a viewer was forgotten after a time: a `history` event of before is not used.
    """

    def __init__(
        self,
        reward: RewardFunction,
        read: EventReader,
        *,
        stage: str,
        partition: int,
        partitions: int,
        is_forgotten: Callable[[str, int], bool] = lambda _viewer, _at: False,
    ) -> None:
        self._reward, self._read, self._stage = reward, read, stage
        self._partition, self._partitions = partition, partitions
        self._is_forgotten = is_forgotten

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
            else:
                self._add(event, at, record.offset, out)
        return out

    def _add(self, event: Event, at: int, offset: int, out: DecodedBatch) -> None:
        if isinstance(event, History) and self._is_forgotten(event.viewer_id, at):
            return
        out.newest_ms = max(out.newest_ms, at)
        name, viewer = event.event_id, event.viewer_id
        country, device = _code(event.country), device_code(event.device)
        first = len(out.signals)
        for n, signal in enumerate(self._reward(event)):
            out.signals.append((viewer, signal, at))
            out.event_ids.append(f"{name}\0{n}" if n else name)
            out.offsets.append(offset)
            out.countries.append(country)
            out.devices.append(device)
        match event:
            case Preferences():
                out.stated_preferences.append(StatedPreference(event, offset, at))
            case Identify() if event.known_as != viewer:
                out.departures.append(Departure(event, offset, at))
            case Forget():
                out.departures.append(Departure(event, offset, at))
            case Impression() if len(out.signals) > first and (event.artwork or event.row_kind):
                out.attributable.append(AttributableEvent(first, event))
            case Search() if len(out.signals) > first:
                out.attributable.append(AttributableEvent(first, event))
            case History():
                out.imported.extend(range(first, len(out.signals)))
            case _:
                pass
