r"""Rows of segments in ``titles.model.v1`` and its store, next to the titles' rows.

One row counts the watches in a country, in a country and a part of the day, or on a kind of device. Its key
is ``\x02`` and the name of the scope. Number and size of the rows are bounded
(:mod:`online_models.learners.segments`).
"""

from typing import Final

from online_models.learners.segments import Segment, Segments
from streams.engine.stage import Row, StateView
from streams.errors import StateError
from streams.stages.wire.row_checks import require_sound_segment
from streams.stages.wire.row_codec import RowCodec, explained

__all__ = ["CODEC", "PREFIX", "is_segment", "load", "pack", "read", "scope_of"]

PREFIX: Final = b"\x02"
"""First byte of the keys."""
CODEC: Final = RowCodec("a segment's row", Segment)


def is_segment(key: bytes) -> bool:
    """Return whether a key names a segment's row."""
    return key[:1] == PREFIX


def scope_of(key: bytes) -> str:
    """Return the scope of a row's key.

    Raises
    ------
    StateError
        No worker wrote this key.
    """
    try:
        return key[1:].decode()
    except UnicodeDecodeError as error:
        what, advice = "the key of a segment's row is no text", "run `nearline state rebuild`"
        raise StateError(what, why=str(error), next_step=advice) from error


def pack(scope: str, segment: Segment) -> Row:
    """Pack one scope."""
    return PREFIX + scope.encode(), CODEC.pack(segment)


def load(segments: Segments, key: bytes, value: bytes) -> None:
    """Load a row into the segments; raises as `RowCodec.unpack`, also if a number is out of its range."""
    found = CODEC.unpack(value)
    with explained():
        require_sound_segment(found.keys, found.counts, found.since_ms, found.newest_ms)
    segments.load(scope_of(key), found)


def read(store: StateView) -> Segments:
    """Read all segments of a shard."""
    out = Segments()
    for key, value in store.scan(PREFIX):
        load(out, key, value)
    return out
