"""Rows of the visits and insights stages, and the record between them.

A viewer's row (visits stage) has the viewer's id as its key. The first byte of a key of the insights stage
names its kind: ``t`` a title; ``f``, ``q``, ``s`` and ``a`` counters of demand and their totals (a query
under its hash); ``c`` the demand's clock; ``p`` a checksum of a published record.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from online_models.insights.counters import Counter, DecayedSum, SpaceSaving
from online_models.insights.curves import FINISHED
from online_models.insights.demand import Demand, Facet, Query, Totals
from online_models.insights.titles import ACTIONS, Group, TitleTally, groups
from online_models.insights.visits import Searched, ViewerVisits, Visit
from online_models.learners.k_anonymity import DistinctViewers
from schemas.fields import MAX_TIME_MS
from streams.engine.stage import Row, StateView
from streams.stages.wire.row_codec import RowCodec

__all__ = [
    "CLOCK",
    "CLOCKS",
    "FACETS",
    "PUBLISHED",
    "QUERIES",
    "SERVED",
    "TALLIES",
    "TITLE",
    "TOTALS",
    "VIEWERS",
    "VISITS",
    "are_sound",
    "demand_rows",
    "load_demand",
    "pack_tally",
    "unpack_tally",
]

TITLE: Final = b"t"
"""First byte of the keys of titles."""
PUBLISHED: Final = b"p"
"""First byte of the keys of the published records' checksums."""
CLOCK: Final = b"c"
"""Key of the demand's clock."""
KINDS: Final[Mapping[str, bytes]] = {"facets": b"f", "queries": b"q", "served": b"s", "totals": b"a"}
"""First bytes of the keys of the counters of demand, by name."""

_CONTROL: Final = re.compile("[\x00-\x1f\x7f]")
_LONGEST: Final = 256  # characters: those of a query (`schemas.fields.Text`) or of a label with its kind
_MOST: Final = 1 << 31
"""Largest count of one visit."""
_Viewers = list[int] | None
"""Distinct viewers; None for enough to be disclosed."""


class _Group(Struct, array_like=True, gc=False):
    viewers: int
    finished: int
    starts: int
    seconds: int
    members: _Viewers


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
    members: _Viewers
    acts: dict[str, tuple[int, _Viewers]]
    countries: list[_Counted]
    cohorts: list[_Counted]


class _Facet(Struct, array_like=True, gc=False):
    count: float
    error: float
    fast: float
    fast_at_ms: int
    members: _Viewers


class _Query(Struct, array_like=True, gc=False):
    count: float
    error: float
    searches: int
    found: int
    watches: int
    members: list[_Viewers]
    text: str = ""


class _Served(Struct, array_like=True, gc=False):
    count: float
    error: float
    group: _Group


class _Totals(Struct, array_like=True, gc=False):
    slow: float
    fast: float
    fast_at_ms: int


VIEWERS: Final = RowCodec("a viewer's visits", ViewerVisits)
VISITS: Final = RowCodec("a record of visits", tuple[list[Visit], list[Searched]])
TALLIES: Final = RowCodec("a title's insights", _Tally)
FACETS: Final = RowCodec("a counter of demand for tags", _Facet)
QUERIES: Final = RowCodec("a counter of demand for searches", _Query)
SERVED: Final = RowCodec("a counter of served demand", _Served)
TOTALS: Final = RowCodec("a total of demand", _Totals)
CLOCKS: Final = RowCodec("the demand's clock", tuple[int, int])


def pack_tally(tally: TitleTally) -> bytes:
    """Pack a title's tally, without the empty minutes at the end.

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
        _viewers(tally.distinct),
        {act: (tally.counts[act], _viewers(tally.distinct_by_action[act])) for act in ACTIONS},
        _counted(tally.countries),
        _counted(tally.cohorts),
    )
    return TALLIES.pack(row)


def unpack_tally(value: bytes) -> TitleTally:
    """Read a title's tally; raises as `RowCodec.unpack`."""
    row, tally = TALLIES.unpack(value), TitleTally()
    tally.at_ms, tally.starts, tally.seconds = row.at_ms, row.starts, row.seconds
    finished, *minutes = row.places
    tally.places[: len(minutes)], tally.places[-1] = minutes, finished
    tally.distinct = _viewers_of(row.members)
    tally.counts |= {act: count for act, (count, _) in row.acts.items()}
    tally.distinct_by_action |= {act: _viewers_of(members) for act, (_, members) in row.acts.items()}
    tally.countries, tally.cohorts = _counters_of(row.countries), _counters_of(row.cohorts)
    return tally


def are_sound(value: tuple[list[Visit], list[Searched]]) -> bool:
    """Return whether the numbers and texts of a record of visits are within their ranges."""
    visits, searches = value
    texts = [text for one in visits for text in (one.title_id, one.country, one.cohort)]
    texts += [one.query for one in searches]
    places = [place for one in visits for place in (one.was, one.place)]
    counts = [n for one in visits for n in one[5:7] + one[9:]] + [n for one in searches for n in one[3:]]
    return (
        all(len(text) <= _LONGEST and not _CONTROL.search(text) for text in texts)
        and all(one.title_id for one in visits)
        and all(-1 <= place <= FINISHED for place in places)
        and all(
            0 <= viewer < 1 << 64 for viewer in [*(v.viewer for v in visits), *(s.viewer for s in searches)]
        )
        and all(0 <= at < MAX_TIME_MS for at in [*(v.at_ms for v in visits), *(s.at_ms for s in searches)])
        and all(abs(n) <= _MOST for n in counts)
    )


def demand_rows(demand: Demand, stored: set[bytes]) -> list[Row]:
    """Return the rows that changed, and clear the list of changes.

    Parameters
    ----------
    demand
        The counters.
    stored
        Keys of the counters that have a row; updated.
    """
    rows: list[Row] = []
    for name, keys in demand.changed.items():
        for key in keys:
            row_key, row = KINDS[name] + key.encode(), _counter_row(demand, name, key)
            if row is not None:
                rows.append((row_key, row))
                stored.add(row_key)
            elif row_key in stored:
                rows.append((row_key, None))
                stored.discard(row_key)
        keys.clear()
    rows.append((CLOCK, CLOCKS.pack((demand.origin_ms, demand.at_ms))))
    return rows


def load_demand(store: StateView) -> tuple[Demand, set[bytes]]:
    """Read the counters, and the keys of those that have a row; raises as `RowCodec.unpack`."""
    demand = Demand()
    if (clock := store.get(CLOCK)) is not None:
        demand.origin_ms, demand.at_ms = CLOCKS.unpack(clock)
    found = {name: list(store.scan(prefix)) for name, prefix in KINDS.items()}
    demand.facets.load((_name(key), _facet_of(value)) for key, value in found["facets"])
    demand.queries.load((_name(key), _query_of(value)) for key, value in found["queries"])
    demand.served.load((_name(key), _served_of(value)) for key, value in found["served"])
    demand.totals = {_name(key): _totals_of(value) for key, value in found["totals"]}
    return demand, {key for rows in found.values() for key, _ in rows}


def _name(key: bytes) -> str:
    return key[1:].decode()


def _counter_row(demand: Demand, name: str, key: str) -> bytes | None:
    """Pack a counter; None where it is gone."""
    if name == "totals":
        total = demand.totals[key]
        return TOTALS.pack(_Totals(total.slow, total.fast.value, total.fast.at_ms))
    if name == "facets" and (facet := demand.facets.counters.get(key)):
        part = facet.part
        row = _Facet(facet.count, facet.error, part.fast.value, part.fast.at_ms, _viewers(part.distinct))
        return FACETS.pack(row)
    if name == "queries" and (query := demand.queries.counters.get(key)):
        counts = query.part
        viewers = [
            _viewers(one)
            for one in (counts.distinct, counts.without_result, counts.with_result, counts.watched)
        ]
        return QUERIES.pack(
            _Query(
                query.count, query.error, counts.searches, counts.found, counts.watches, viewers, counts.text
            )
        )
    if name == "served" and (served := demand.served.counters.get(key)):
        return SERVED.pack(_Served(served.count, served.error, _group(served.part)))
    return None


def _facet_of(value: bytes) -> Counter[Facet]:
    row = FACETS.unpack(value)
    return Counter(
        row.count, row.error, Facet(DecayedSum(row.fast, row.fast_at_ms), _viewers_of(row.members))
    )


def _query_of(value: bytes) -> Counter[Query]:
    row = QUERIES.unpack(value)
    viewers = map(_viewers_of, row.members)
    return Counter(row.count, row.error, Query(row.text, row.searches, row.found, row.watches, *viewers))


def _served_of(value: bytes) -> Counter[Group]:
    row = SERVED.unpack(value)
    return Counter(row.count, row.error, _group_of(row.group))


def _totals_of(value: bytes) -> Totals:
    row = TOTALS.unpack(value)
    return Totals(row.slow, DecayedSum(row.fast, row.fast_at_ms))


def _viewers(distinct: DistinctViewers) -> _Viewers:
    return None if distinct.enough else sorted(distinct.members)


def _viewers_of(members: _Viewers) -> DistinctViewers:
    return DistinctViewers(enough=True) if members is None else DistinctViewers(set(members))


def _group(group: Group) -> _Group:
    return _Group(group.viewers, group.finished, group.starts, group.seconds, _viewers(group.distinct))


def _group_of(row: _Group) -> Group:
    return Group(row.viewers, row.finished, row.starts, row.seconds, _viewers_of(row.members))


def _counted(by: SpaceSaving[Group]) -> list[_Counted]:
    return [_Counted(name, one.count, one.error, _group(one.part)) for name, one in by.counters.items()]


def _counters_of(rows: Iterable[_Counted]) -> SpaceSaving[Group]:
    by = groups()
    by.load((row.name, Counter(row.count, row.error, _group_of(row.group))) for row in rows)
    return by
