"""What the stages that count beside the lists have in common: events as they read them, viewers' rows.

A record that is no event is the viewers stage's dead letter; to those who count it is nothing.
"""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from schemas import DecodeError, Event
from schemas.codec import check_key, decode_event
from streams.config.settings import Settings
from streams.engine.stage import Record, StateView
from streams.stages.viewers.decode import happened_ms
from streams.stages.wire.households import Households

__all__ = ["HOT", "EventReader", "ViewerRows"]

HOT = 50_000
"""Viewers of a partition whose rows stay in memory: about 1 kB each."""

T = TypeVar("T")


class EventReader:
    """Reads records as events of this installation's viewers, a profile's as its own."""

    def __init__(self, settings: Settings) -> None:
        self._whose = Households(settings.tenant, profiles=settings.profiles)

    def __call__(self, records: Sequence[Record]) -> list[tuple[Event, int]]:
        """Return events, and when each happened (ms)."""
        return [(event, happened_ms(event, record)) for record in records if (event := self._event(record))]

    def _event(self, record: Record) -> Event | None:
        """Read an event; None for whatever is none."""
        try:
            event = decode_event(record.value, record.headers or ())
            check_key(event, record.key)
            return self._whose(event)
        except DecodeError:
            return None


class ViewerRows(Generic[T]):
    """Viewers' rows: those of late in memory, the others in the store.

    Parameters
    ----------
    store
        Where they are.
    unpack
        Reads a row.
    prefix
        Before each key.

    Attributes
    ----------
    hot
        Rows in memory; whoever is new is put in here.
    """

    def __init__(self, store: StateView, unpack: Callable[[bytes], T], *, prefix: bytes = b"") -> None:
        self._store, self._unpack, self._prefix = store, unpack, prefix
        self.hot: dict[str, T] = {}

    def load(self, names: set[str]) -> None:
        """Read the rows that are not in memory; when there are too many, those asked for alone stay."""
        if len(self.hot) > HOT:
            self.hot = {name: row for name, row in self.hot.items() if name in names}
        missing = sorted(names - self.hot.keys())
        rows = self._store.get_many([self._prefix + name.encode() for name in missing])
        for name, row in zip(missing, rows, strict=True):
            if row is not None:
                self.hot[name] = self._unpack(row)
