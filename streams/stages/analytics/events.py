"""Usable events of a batch, for stages that count.

A record that is no event is skipped here: the viewers stage makes the dead letter.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from schemas import DecodeError, Event, Reason
from schemas.dead_letters import DeadLetter
from streams.engine.dead_letters import invalid_record_letter
from streams.engine.stage import Record
from streams.errors import StateError, StateVersionError
from streams.stages.wire.events import EventReader
from streams.stages.wire.row_codec import RowCodec

__all__ = ["HOT_BYTES", "usable_events", "usable_rows"]

T = TypeVar("T")

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


def usable_rows(
    records: Sequence[Record], codec: RowCodec[T], is_sound: Callable[[T], bool], *, stage: str
) -> tuple[list[tuple[Record, T]], list[DeadLetter]]:
    """Read records that another stage wrote as rows; those that cannot be used become dead letters.

    Parameters
    ----------
    records
        The records.
    codec
        Of the rows.
    is_sound
        Whether a value's numbers and texts are within their ranges.
    stage
        Name of the stage that reads them.

    Raises
    ------
    StateVersionError
        A newer version wrote one.
    """
    found, letters = [], list[DeadLetter]()
    for record in records:
        try:
            value = codec.unpack(record.value or b"")
            sound, why = is_sound(value), "a number or a text is out of range"
        except StateVersionError:
            if record.value:
                raise
            sound, why = False, "it has no bytes"
        except StateError as error:
            sound, why = False, error.why
        if sound:
            found.append((record, value))
        else:
            unusable = DecodeError(Reason.MALFORMED, None, f"expected {codec.versions.kind}: {why}")
            letters.append(invalid_record_letter(record, unusable, stage=stage))
    return found, letters
