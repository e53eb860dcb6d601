"""Rows of the visits stage, and the record that it tells the insights stage by.

Values are a byte of version and MessagePack; a viewer's row has the viewer's id as its key.
"""

from typing import Final

import msgspec

from online_models.insights.visits import Searched, ViewerVisits, Visit
from online_models.tables.row_versions import RowVersions
from streams.stages.analytics.packing import RowFormat, RowLayout, packed, unpacked

__all__ = ["GUESTS", "RECORDS", "pack_guest", "pack_visits", "unpack_guest", "unpack_visits"]

GUESTS: Final = RowVersions("a viewer's part in insights")
RECORDS: Final = RowVersions("a record of visits")

_PLACES: Final = RowFormat(list[tuple[int, int]], lambda places: list(places.items()), dict)
_GUEST: Final = RowLayout(ViewerVisits, GUESTS, places=_PLACES)
_VISITS: Final = msgspec.msgpack.Decoder(tuple[list[Visit], list[Searched]])


def pack_guest(guest: ViewerVisits) -> bytes:
    """Pack a viewer's part.

    Examples
    --------
    >>> guest = Guest("KR", {"Crime": 60.5}, 7, {2**63: 12}, "noir", 5, "t", [3])
    >>> unpack_guest(pack_guest(guest)) == guest
    True
    """
    return _GUEST.pack(guest)


def unpack_guest(value: bytes) -> ViewerVisits:
    """Read a viewer's part of any version; raises as `packing.unpacked`."""
    return _GUEST.unpack(value)


def pack_visits(visits: list[Visit], searches: list[Searched]) -> bytes:
    """Pack what happened.

    Examples
    --------
    >>> told = [Visit("t", 2**63, "KR", "", 5, seconds=60)], [Searched("noir", 7, 5, 1)]
    >>> unpack_visits(pack_visits(*told)) == told
    True
    """
    return packed(RECORDS, (visits, searches))


def unpack_visits(value: bytes) -> tuple[list[Visit], list[Searched]]:
    """Read what happened; raises as `packing.unpacked`."""
    return unpacked(_VISITS, RECORDS, value)
