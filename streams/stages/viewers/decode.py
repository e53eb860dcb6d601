"""From records to verdicts: decode, check, judge; what cannot be used becomes a dead letter.

A device's clock may be ahead: nothing happened after its record was sent, so the record's timestamp bounds
the event's time. One clock a year ahead would otherwise let every decayed counter fade to nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from online_models.catalog.catalog import country_code
from online_models.feedback.devices import device_code
from online_models.feedback.reward_function import FeedbackSignal, RewardFunction
from online_models.ranking.viewer_side import EventColumns, columns
from online_models.tables.partition_assignment import partitions_for
from online_models.tables.viewers import hash_ids
from schemas import DecodeError, Event, Forget, History, Identify, Impression, Preferences, Reason, Search
from schemas.codec import check_key, decode_event
from schemas.dead_letters import DeadLetter
from streams.engine.dead_letters import invalid_record_letter
from streams.engine.stage import Record

_NO_HEADERS: tuple[tuple[str, bytes], ...] = ()
_ASTRAY = "the key belongs in another partition: set partitioner=murmur2_random"
_code = lru_cache(1_024)(country_code)  # there are 676 countries


class StatedPreferenceEvents(NamedTuple):
    """Preferences that a viewer stated."""

    event: Preferences
    offset: int
    at: int
    """Event time, ms."""


class Departure(NamedTuple):
    """A viewer of whom nothing is to be known from here on: signed in to another account, or forgotten."""

    event: Identify | Forget
    offset: int
    at: int
    """Event time, ms."""


class AttributableEvents(NamedTuple):
    """An event from which more may be learned than its verdict says."""

    verdict: int
    """Which verdict it comes to."""
    event: Impression | Search


@dataclass(slots=True)
class DecodedBatch:
    """A batch, judged."""

    verdicts: list[tuple[str, FeedbackSignal, int]] = field(default_factory=list)
    """Viewer, verdict, event time."""
    event_ids: list[str] = field(default_factory=list)
    """One for each verdict; an event's second and later verdicts have a number behind it."""
    offsets: list[int] = field(default_factory=list)
    """One for each verdict."""
    countries: list[int] = field(default_factory=list)
    """One for each verdict: the viewer's country as a code, 0 where the event does not say."""
    devices: list[int] = field(default_factory=list)
    """One for each verdict: the kind of device as a code, 0 where the event does not say."""
    told: list[StatedPreferenceEvents] = field(default_factory=list)
    """Stated preferences, in order."""
    leaving: list[Departure] = field(default_factory=list)
    """Viewers who signed in elsewhere or are to be forgotten, in order."""
    noted: list[AttributableEvents] = field(default_factory=list)
    """Pictures and rows that were seen, and searches from which a title was opened."""
    brought: list[int] = field(default_factory=list)
    """Which verdicts viewers brought along from elsewhere: titles do not learn from them."""
    dead_letters: list[DeadLetter] = field(default_factory=list)
    newest_ms: int = 0
    """Newest event time, of the usable records."""

    def columns(self) -> EventColumns:
        """Return the verdicts as the models take them."""
        return columns(self.verdicts, hash_ids(self.event_ids))


class EventDecoder:
    """Turn records into an :class:`DecodedBatch`.

    Parameters
    ----------
    judge
        The declared reward.
    stage
        Name of the stage, for dead letters.
    partition, partitions
        Which partition of how many: a viewer elsewhere would be learned by two workers.
    whose
        Returns the event with the viewer whose it is; raises `DecodeError` if it is nobody's here.
    """

    def __init__(
        self,
        judge: RewardFunction,
        *,
        stage: str,
        partition: int,
        partitions: int,
        whose: Callable[[Event], Event] = lambda event: event,
    ) -> None:
        self._judge, self._stage = judge, stage
        self._partition, self._partitions = partition, partitions
        self._whose = whose

    def read(self, records: Sequence[Record]) -> DecodedBatch:
        """Decode, check and judge a batch, in order."""
        out = DecodedBatch()
        homes = partitions_for([record.key or b"" for record in records], self._partitions)
        for record, home in zip(records, homes.tolist(), strict=True):
            try:
                event = self._usable(record, home)
            except DecodeError as error:
                out.dead_letters.append(invalid_record_letter(record, error, stage=self._stage))
                continue
            self._take(event, record, out)
        return out

    def _usable(self, record: Record, home: int) -> Event:
        """Return a record's event, with the viewer whose it is; raises `DecodeError`."""
        event = decode_event(record.value, record.headers or _NO_HEADERS)
        check_key(event, record.key)
        event = self._whose(event)
        if home != self._partition:
            raise DecodeError(Reason.PARTITION_MISMATCH, None, _ASTRAY)
        return event

    def _take(self, event: Event, record: Record, out: DecodedBatch) -> None:
        at, offset = happened_ms(event, record), record.offset
        out.newest_ms = max(out.newest_ms, at)
        name, viewer = event.event_id, event.viewer_id
        country, device = _code(event.country), device_code(event.device)
        first = len(out.verdicts)
        for n, verdict in enumerate(self._judge(event)):
            out.verdicts.append((viewer, verdict, at))
            out.event_ids.append(f"{name}\0{n}" if n else name)
            out.offsets.append(offset)
            out.countries.append(country)
            out.devices.append(device)
        match event:
            case Preferences():
                out.told.append(StatedPreferenceEvents(event, offset, at))
            case Identify() if event.known_as != viewer:
                out.leaving.append(Departure(event, offset, at))
            case Forget():
                out.leaving.append(Departure(event, offset, at))
            case Impression() if len(out.verdicts) > first and (event.artwork or event.row_kind):
                out.noted.append(AttributableEvents(first, event))
            case Search() if len(out.verdicts) > first:
                out.noted.append(AttributableEvents(first, event))
            case History():
                out.brought.extend(range(first, len(out.verdicts)))
            case _:
                pass


def happened_ms(event: Event, record: Record) -> int:
    """Return an event's time, at most that at which its record was sent, where the record says so.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> event = SimpleNamespace(event_time_ms=2_000)
    >>> [happened_ms(event, SimpleNamespace(timestamp=sent)) for sent in (2_500, 1_500, -1)]
    [2000, 1500, 2000]
    """
    at, sent = event.event_time_ms, record.timestamp
    return sent if 0 < sent < at else at
