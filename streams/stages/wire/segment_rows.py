r"""Rows of audiences, beside the titles' rows in ``titles.model.v1`` and its store.

A row is what is watched in a country, there at a part of the day, or on a kind of device::

    key    \x02 and the scope's name
    value  version u1 | since i8 | newest i8 | titles u4 | keys u8[n] | counts f8[n]

All little-endian. Their number is bounded (:mod:`online_models.learners.segments`), so is each row's length.
"""

import struct
from typing import Final

import numpy as np

from online_models.config import ModelConfig
from online_models.learners.segments import Segment, Segments
from online_models.tables.row_versions import RowVersions
from streams.engine.stage import Row, StateView
from streams.stages.wire.partition_rows import explained

__all__ = ["VERSIONS", "is_one", "load", "pack", "read"]

_PREFIX: Final = b"\x02"
_HEAD = struct.Struct("<Bqqi")
_NO_CONFIG = ModelConfig()
VERSIONS = RowVersions("an audience's row")
"""Versions of the row."""


def is_one(key: bytes) -> bool:
    """Say whether a row is an audience's."""
    return key[:1] == _PREFIX


def pack(scope: str, audience: Segment) -> Row:
    """Pack one scope."""
    head = _HEAD.pack(VERSIONS.version, audience.since_ms, audience.newest_ms, audience.keys.size)
    value = head + audience.keys.astype("<u8").tobytes() + audience.counts.astype("<f8").tobytes()
    return _PREFIX + scope.encode(), value


def load(audiences: Segments, key: bytes, value: bytes) -> None:
    """Take a row over.

    Raises
    ------
    StateVersionError
        A newer version wrote it.
    """
    with explained():
        (value,) = VERSIONS.current([value], _NO_CONFIG)
    _, since_ms, newest_ms, n = _HEAD.unpack_from(value)
    keys = np.frombuffer(value, "<u8", n, _HEAD.size)
    counts = np.frombuffer(value, "<f8", n, _HEAD.size + 8 * n)
    audiences.load(key[1:].decode(), Segment(keys, counts, since_ms, newest_ms))


def read(store: StateView) -> Segments:
    """Read all audiences of a shard."""
    out = Segments()
    for key, value in store.scan(_PREFIX):
        load(out, key, value)
    return out
