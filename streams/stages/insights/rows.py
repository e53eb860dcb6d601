"""Rows of the insights stage.

Values are a byte of version and MessagePack. The first byte of a key says what it is: ``t`` a title, ``f``,
``q``, ``s`` and ``a`` counters of demand and what they are shares of, ``c`` the demand's clock, ``p`` a
checksum of what was published.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from msgspec import Struct

from online_models.insights.decayed_sum import DecayedSum
from online_models.insights.demand import Demand, Facet, Query, Totals
from online_models.insights.groups import Group
from online_models.insights.k_anonymity import DistinctViewers
from online_models.insights.space_saving import Counter, SpaceSaving
from online_models.insights.titles import ACTS, TitleTally, groups
from online_models.tables.row_versions import RowVersions
from streams.engine.stage import Row, StateView
from streams.stages.analytics.packing import packed, unpacked

__all__ = [
    "CLOCK",
    "COUNTERS",
    "PUBLISHED",
    "TALLIES",
    "TITLE",
    "demand_rows",
    "load_demand",
    "pack_tally",
    "unpack_tally",
]

TALLIES: Final = RowVersions("a title's insights")
COUNTERS: Final = RowVersions("a counter of demand")
TITLE: Final = b"t"
"""Beginning of the keys of titles, ..."""
PUBLISHED: Final = b"p"
"""... of the checksums of what was published of demand ..."""
CLOCK: Final = b"c"
"""... and the key of the demand's clock."""
KINDS: Final[Mapping[str, bytes]] = {"facets": b"f", "queries": b"q", "served": b"s", "totals": b"a"}
"""Beginnings of the keys of demand's counters, by their name."""

_Crowd = list[int] | None
"""Members; None for enough."""


class _Group(Struct, array_like=True, gc=False):
    viewers: int
    finished: int
    starts: int
    seconds: int
    crowd: _Crowd


class _Counted(Struct, array_like=True, gc=False):
    name: str
    count: float
    error: float
    group: _Group


class _Tally(Struct, array_like=True, gc=False):
    at_ms: int
    starts: int
    seconds: int
    places: list[int]
    crowd: _Crowd
    acts: dict[str, tuple[int, _Crowd]]
    countries: list[_Counted]
    cohorts: list[_Counted]


class _Facet(Struct, array_like=True, gc=False):
    count: float
    error: float
    fast: float
    fast_at_ms: int
    crowd: _Crowd


class _Query(Struct, array_like=True, gc=False):
    count: float
    error: float
    searches: int
    found: int
    watches: int
    crowds: list[_Crowd]


class _Served(Struct, array_like=True, gc=False):
    count: float
    error: float
    group: _Group


class _Totals(Struct, array_like=True, gc=False):
    slow: float
    fast: float
    fast_at_ms: int


_TALLY: Final = msgspec.msgpack.Decoder(_Tally)
_FACET: Final = msgspec.msgpack.Decoder(_Facet)
_QUERY: Final = msgspec.msgpack.Decoder(_Query)
_SERVED: Final = msgspec.msgpack.Decoder(_Served)
_TOTALS: Final = msgspec.msgpack.Decoder(_Totals)
_CLOCK: Final = msgspec.msgpack.Decoder(tuple[int, int])


def pack_tally(tally: TitleTally) -> bytes:
    """Pack a title's tally; minutes at the end where nobody is are left out.

    Examples
    --------
    >>> from online_models.insights.visits import Visit
    >>> tally = TitleTally()
    >>> for viewer in range(30):
    ...     tally.add(Visit("t", viewer, "KR", "Crime", 5, starts=1, place=viewer, ups=viewer % 2))
    >>> pack_tally(unpack_tally(pack_tally(tally))) == pack_tally(tally)
    True
    """
    *minutes, finished = tally.places
    while minutes and not minutes[-1]:
        minutes.pop()
    row = _Tally(
        tally.at_ms,
        tally.starts,
        tally.seconds,
        [finished, *minutes],
        _crowd(tally.crowd),
        {act: (tally.counts[act], _crowd(tally.crowds[act])) for act in ACTS},
        _counted(tally.countries),
        _counted(tally.cohorts),
    )
    return packed(TALLIES, row)


def unpack_tally(value: bytes) -> TitleTally:
    """Read a title's tally of any version; raises as `packing.unpacked`."""
    row, tally = unpacked(_TALLY, TALLIES, value), TitleTally()
    tally.at_ms, tally.starts, tally.seconds = row.at_ms, row.starts, row.seconds
    finished, *minutes = row.places
    tally.places[: len(minutes)], tally.places[-1] = minutes, finished
    tally.crowd = _crowd_of(row.crowd)
    tally.counts |= {act: count for act, (count, _) in row.acts.items()}
    tally.crowds |= {act: _crowd_of(crowd) for act, (_, crowd) in row.acts.items()}
    tally.countries, tally.cohorts = _counters_of(row.countries), _counters_of(row.cohorts)
    return tally


def demand_rows(demand: Demand, stored: set[bytes]) -> list[Row]:
    """Return the rows that changed, and empty the list of changes.

    Parameters
    ----------
    demand
        What is counted.
    stored
        Keys of counters that have a row; kept up to date.
    """
    rows: list[Row] = []
    for name, keys in demand.changed.items():
        for key in keys:
            row_key, row = KINDS[name] + key.encode(), _counter_row(demand, name, key)
            if row is not None:
                rows.append((row_key, packed(COUNTERS, row)))
                stored.add(row_key)
            elif row_key in stored:
                rows.append((row_key, None))
                stored.discard(row_key)
        keys.clear()
    rows.append((CLOCK, packed(COUNTERS, (demand.origin_ms, demand.at_ms))))
    return rows


def load_demand(store: StateView) -> tuple[Demand, set[bytes]]:
    """Read what was counted, and which counters have a row; raises as `packing.unpacked`."""
    demand = Demand()
    if (clock := store.get(CLOCK)) is not None:
        demand.origin_ms, demand.at_ms = unpacked(_CLOCK, COUNTERS, clock)
    found = {name: list(store.scan(prefix)) for name, prefix in KINDS.items()}
    demand.facets.load((_name(key), _facet_of(value)) for key, value in found["facets"])
    demand.queries.load((_name(key), _query_of(value)) for key, value in found["queries"])
    demand.served.load((_name(key), _served_of(value)) for key, value in found["served"])
    demand.totals = {_name(key): _totals_of(value) for key, value in found["totals"]}
    return demand, {key for rows in found.values() for key, _ in rows}


def _name(key: bytes) -> str:
    return key[1:].decode()


def _counter_row(demand: Demand, name: str, key: str) -> Struct | None:
    """Return the row of a counter; None where it is gone."""
    if name == "totals":
        total = demand.totals[key]
        return _Totals(total.slow, total.fast.value, total.fast.at_ms)
    if name == "facets" and (facet := demand.facets.counters.get(key)):
        part = facet.part
        return _Facet(facet.count, facet.error, part.fast.value, part.fast.at_ms, _crowd(part.crowd))
    if name == "queries" and (query := demand.queries.counters.get(key)):
        asked = query.part
        crowds = [_crowd(one) for one in (asked.crowd, asked.in_vain, asked.served, asked.watched)]
        return _Query(query.count, query.error, asked.searches, asked.found, asked.watches, crowds)
    if name == "served" and (served := demand.served.counters.get(key)):
        return _Served(served.count, served.error, _group(served.part))
    return None


def _facet_of(value: bytes) -> Counter[Facet]:
    row = unpacked(_FACET, COUNTERS, value)
    return Counter(row.count, row.error, Facet(DecayedSum(row.fast, row.fast_at_ms), _crowd_of(row.crowd)))


def _query_of(value: bytes) -> Counter[Query]:
    row = unpacked(_QUERY, COUNTERS, value)
    crowds = map(_crowd_of, row.crowds)
    return Counter(row.count, row.error, Query(row.searches, row.found, row.watches, *crowds))


def _served_of(value: bytes) -> Counter[Group]:
    row = unpacked(_SERVED, COUNTERS, value)
    return Counter(row.count, row.error, _group_of(row.group))


def _totals_of(value: bytes) -> Totals:
    row = unpacked(_TOTALS, COUNTERS, value)
    return Totals(row.slow, DecayedSum(row.fast, row.fast_at_ms))


def _crowd(crowd: DistinctViewers) -> _Crowd:
    return None if crowd.enough else sorted(crowd.members)


def _crowd_of(members: _Crowd) -> DistinctViewers:
    return DistinctViewers(enough=True) if members is None else DistinctViewers(set(members))


def _group(group: Group) -> _Group:
    return _Group(group.viewers, group.finished, group.starts, group.seconds, _crowd(group.crowd))


def _group_of(row: _Group) -> Group:
    return Group(row.viewers, row.finished, row.starts, row.seconds, _crowd_of(row.crowd))


def _counted(by: SpaceSaving[Group]) -> list[_Counted]:
    return [_Counted(name, one.count, one.error, _group(one.part)) for name, one in by.counters.items()]


def _counters_of(rows: Iterable[_Counted]) -> SpaceSaving[Group]:
    by = groups()
    by.load((row.name, Counter(row.count, row.error, _group_of(row.group))) for row in rows)
    return by
