"""Rows of the visits stage, and the record that it tells the insights stage by.

Values are a byte of version and MessagePack; a viewer's row has the viewer's id as its key.
"""

from typing import Final

import msgspec
from msgspec import Struct

from online_models.insights.visits import Guest, Searched, Visit
from online_models.row_versions import RowVersions
from streams.experiments.result_rows import unpacked

__all__ = ["GUESTS", "RECORDS", "pack_guest", "pack_visits", "unpack_guest", "unpack_visits"]

GUESTS: Final = RowVersions("a viewer's part in insights")
RECORDS: Final = RowVersions("a record of visits")


class _Guest(Struct, array_like=True, gc=False):
    country: str
    genres: dict[str, float]
    genres_at_ms: int
    places: list[tuple[int, int]]
    query: str
    asked_ms: int
    clicked: str
    seen: list[int]


class _Visits(Struct, array_like=True, gc=False):
    visits: list[Visit]
    searches: list[Searched]


_GUEST: Final = msgspec.msgpack.Decoder(_Guest)
_VISITS: Final = msgspec.msgpack.Decoder(_Visits)


def pack_guest(guest: Guest) -> bytes:
    """Pack a viewer's part.

    Examples
    --------
    >>> guest = Guest("KR", {"Crime": 60.5}, 7, {2**63: 12}, "noir", 5, "t", [3])
    >>> unpack_guest(pack_guest(guest)) == guest
    True
    """
    row = _Guest(
        guest.country,
        guest.genres,
        guest.genres_at_ms,
        list(guest.places.items()),
        guest.query,
        guest.asked_ms,
        guest.clicked,
        guest.seen,
    )
    return bytes([GUESTS.version]) + msgspec.msgpack.encode(row)


def unpack_guest(value: bytes) -> Guest:
    """Read a viewer's part of any version.

    Raises
    ------
    StateVersionError
        A newer version wrote it.
    StateError
        It cannot be read.
    """
    row = unpacked(_GUEST, GUESTS, value)
    return Guest(
        row.country,
        row.genres,
        row.genres_at_ms,
        dict(row.places),
        row.query,
        row.asked_ms,
        row.clicked,
        row.seen,
    )


def pack_visits(visits: list[Visit], searches: list[Searched]) -> bytes:
    """Pack what happened.

    Examples
    --------
    >>> told = [Visit("t", 2**63, "KR", "", 5, seconds=60)], [Searched("noir", 7, 5, 1)]
    >>> unpack_visits(pack_visits(*told)) == told
    True
    """
    return bytes([RECORDS.version]) + msgspec.msgpack.encode(_Visits(visits, searches))


def unpack_visits(value: bytes) -> tuple[list[Visit], list[Searched]]:
    """Read what happened; raises as :func:`unpack_guest`."""
    record = unpacked(_VISITS, RECORDS, value)
    return record.visits, record.searches
