r"""Rows of viewers' impression logs, under ``\x03`` and the viewer's id.

They are apart from the viewers' rows, so that a viewer without impressions and searches has none.
"""

from typing import Final

from msgspec import Struct

from online_models.learners.attribution import ImpressionLog
from streams.stages.wire.row_codec import RowCodec

__all__ = ["CODEC", "PREFIX", "ImpressionRow", "key_of", "pack", "read"]

PREFIX: Final = b"\x03"
"""First byte of the keys."""


class ImpressionRow(Struct, array_like=True, gc=False):
    """The fields of an `ImpressionLog`."""

    artwork: dict[str, tuple[str, int, int]]
    searches: dict[str, tuple[str, int]]
    shelves: dict[str, tuple[str, int]]


CODEC: Final = RowCodec("a viewer's impressions", ImpressionRow)


def key_of(viewer_id: str) -> bytes:
    """Return the key of a viewer's row."""
    return PREFIX + viewer_id.encode()


def pack(log: ImpressionLog) -> bytes:
    """Pack a log."""
    return CODEC.pack(ImpressionRow(log.artwork, log.searches, log.shelves))


def read(value: bytes) -> ImpressionLog:
    """Read a row; raises as `RowCodec.unpack`."""
    row = CODEC.unpack(value)
    return ImpressionLog(row.artwork, row.searches, row.shelves)
