"""Usable events of a batch, and viewers' rows, for stages that count.

A record that is no event is skipped here: the viewers stage makes the dead letter.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

from schemas import DecodeError, Event
from streams.engine.stage import Record, StateView
from streams.stages.wire.events import EventReader

__all__ = ["MAX_HOT", "CachedRows", "usable_events"]

MAX_HOT = 50_000
"""Rows of a partition that stay in memory: about 1 kB each."""

T = TypeVar("T")


def usable_events(read: EventReader, records: Sequence[Record]) -> list[tuple[Event, int]]:
    """Return the events of a batch, each with its time (ms)."""
    out, now_ms = [], read.now_ms()
    for record in records:
        with suppress(DecodeError):
            out.append(read(record, now_ms))
    return out


class CachedRows(Generic[T]):
    """Rows by name: recently used ones in memory, the others in the store.

    Parameters
    ----------
    store
        The partition's rows.
    unpack
        Reads a row.
    prefix
        Before each key.

    Attributes
    ----------
    hot
        Rows in memory; new ones are put in here.
    """

    def __init__(self, store: StateView, unpack: Callable[[bytes], T], *, prefix: bytes = b"") -> None:
        self._store, self._unpack, self._prefix = store, unpack, prefix
        self.hot: dict[str, T] = {}

    def load(self, names: set[str]) -> None:
        """Bring rows into memory; when there are too many, only the named ones stay."""
        if len(self.hot) > MAX_HOT:
            self.hot = {name: row for name, row in self.hot.items() if name in names}
        missing = sorted(names - self.hot.keys())
        rows = self._store.get_many([self._prefix + name.encode() for name in missing])
        for name, row in zip(missing, rows, strict=True):
            if row is not None:
                self.hot[name] = self._unpack(row)
