"""Usable events of a batch, for stages that count.

A record that is no event is skipped here: the viewers stage makes the dead letter.
"""

from collections.abc import Sequence
from contextlib import suppress

from schemas import DecodeError, Event
from streams.engine.stage import Record
from streams.stages.wire.events import EventReader

__all__ = ["HOT_BYTES", "usable_events"]

HOT_BYTES = 200_000_000
"""Bytes of the rows that a stage keeps in memory, in all partitions of a worker: a fifth of the limit of its
pod, which has two such stages."""


def usable_events(read: EventReader, records: Sequence[Record]) -> list[tuple[Event, int]]:
    """Return the events of a batch, each with its time (ms)."""
    out, now_ms = [], read.now_ms()
    for record in records:
        with suppress(DecodeError):
            out.append(read(record, now_ms))
    return out
