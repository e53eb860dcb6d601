r"""Demand: minutes by combination of tags and country, searches, and the titles of each cohort.

Minutes fade by half in 28 days. So that one order of weights holds for ever, they are counted forward: what
happens at t weighs :math:`2^{(t - t_0)/H}`, which is space-saving's stream of weights :math:`w \ge 0`, and
what is told is divided by the present weight. When weights grow large, t0 moves.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from online_models.insights.catalog_snapshot import CatalogSnapshot, combined
from online_models.insights.decayed_sum import FAST_MS, SLOW_MS, DecayedSum
from online_models.insights.groups import Group
from online_models.insights.k_anonymity import DistinctViewers
from online_models.insights.space_saving import SpaceSaving
from online_models.insights.visits import Searched, Visit

__all__ = ["COHORT_TITLES", "FACETS", "QUERIES", "SEPARATOR", "Demand", "Facet", "Query", "Totals"]

FACETS: Final = 5_000
"""Combinations that are counted, some 3 MB. Measured on 80,000 simulated events of 1,000 titles, each with up
to 150 combinations: what is told is at most .9 % of itself too heavy (with 3,000: 3.1 %; with 10,000: .3 %,
and twice the rows to write)."""
QUERIES: Final = 1_000
"""Queries that are counted."""
COHORT_TITLES: Final = 2_000
"""Titles of cohorts that are counted, over all cohorts."""
SEPARATOR: Final = "|"
"""Between the tags of a key; where it stands in a tag, the tag is not counted."""
MOST: Final = 3
"""Tags of the largest combinations; these are not counted by country."""
REBASE: Final = 256.0
"""Half-lives after which t0 moves: far from the 1,023 at which weights would overflow."""


@dataclass(slots=True)
class Facet:
    """What is kept of a combination beside its minutes."""

    fast: DecayedSum = field(default_factory=DecayedSum)
    crowd: DistinctViewers = field(default_factory=DistinctViewers)


@dataclass(slots=True)
class Query:
    """What is kept of a query."""

    searches: int = 0
    found: int = 0
    watches: int = 0
    crowd: DistinctViewers = field(default_factory=DistinctViewers)
    in_vain: DistinctViewers = field(default_factory=DistinctViewers)
    """Who got no result ..."""
    served: DistinctViewers = field(default_factory=DistinctViewers)
    """... who got one ..."""
    watched: DistinctViewers = field(default_factory=DistinctViewers)
    """... and who watched."""


@dataclass(slots=True)
class Totals:
    """All seconds, of one country or of everywhere: the slow sum, in the counters' weights, and the quick."""

    slow: float = 0.0
    fast: DecayedSum = field(default_factory=DecayedSum)


class Demand:
    """What is wanted, counted in bounded memory.

    Attributes
    ----------
    facets
        Seconds by combination; keys are tags and, behind ``||``, the country.
    queries
        Searches by query.
    served
        Seconds by cohort and title, separated by a newline.
    totals
        By country; "" for everywhere.
    origin_ms, at_ms
        Where weights are 1, and the newest event.
    changed
        Keys whose counters changed since it was last emptied, by the counters' name.

    Examples
    --------
    >>> from schemas.catalog import Tags, Title
    >>> stock, demand = Stock(), Demand()
    >>> stock.put(Title(title_id="t", tags=Tags(genre=("Drama",))))
    >>> demand.add([Visit("t", 7, "DE", "", at_ms=10**12, starts=1, seconds=600, place=10)], [], stock)
    >>> sorted(demand.facets.counters), demand.seconds(demand.facets.counters["genre:Drama"].count)
    (['genre:Drama', 'genre:Drama||DE'], 600.0)
    """

    def __init__(self) -> None:
        self.facets = SpaceSaving(FACETS, Facet)
        self.queries = SpaceSaving(QUERIES, Query)
        self.served = SpaceSaving(COHORT_TITLES, Group)
        self.totals: dict[str, Totals] = {}
        self.origin_ms, self.at_ms = 0, 0
        self.changed: dict[str, dict[str, None]] = {"facets": {}, "queries": {}, "served": {}, "totals": {}}

    def add(self, visits: Iterable[Visit], searches: Iterable[Searched], stock: CatalogSnapshot) -> None:
        """Count what happened; a title's tags are those that it has now."""
        visits, searches = list(visits), list(searches)
        times = [visit.at_ms for visit in visits] + [search.at_ms for search in searches]
        self._move(max(times, default=0))
        watched: dict[tuple[str, str], list[Visit]] = {}
        for visit in visits:
            if visit.seconds > 0:
                watched.setdefault((visit.title_id, visit.country), []).append(visit)
            if visit.cohort and visit.starts:
                self._serve(visit)
        for (title_id, country), some in watched.items():
            self._watch(stock.labels(title_id), country, some)
        for search in searches:
            self._search(search)

    def seconds(self, weight: float) -> float:
        """Return what a weight is worth at the newest event."""
        return weight / self.weight(self.at_ms)

    def weight(self, at_ms: int) -> float:
        """Return the weight of what happens at a time."""
        return float(2.0 ** ((at_ms - self.origin_ms) / SLOW_MS))

    def _move(self, at_ms: int) -> None:
        """Let time pass."""
        self.origin_ms = self.origin_ms or at_ms
        self.at_ms = max(self.at_ms, at_ms)
        if (self.at_ms - self.origin_ms) / SLOW_MS <= REBASE:
            return
        factor = 1 / self.weight(self.at_ms)
        self.origin_ms = self.at_ms
        for name, counters in self._counters().items():
            counters.scale(factor)
            self.changed[name].update(dict.fromkeys(counters.counters))
        for name, total in self.totals.items():
            total.slow *= factor
            self.changed["totals"][name] = None

    def _counters(self) -> Mapping[str, SpaceSaving[Facet] | SpaceSaving[Query] | SpaceSaving[Group]]:
        return {"facets": self.facets, "queries": self.queries, "served": self.served}

    def _count(self, name: str, key: str, weight: float) -> None:
        """Add to a counter, and note which rows change."""
        gone = self._counters()[name].add(key, weight)
        self.changed[name][key] = None
        if gone is not None:
            self.changed[name][gone] = None

    def _watch(self, labels: Sequence[str], country: str, visits: Sequence[Visit]) -> None:
        """Count the minutes of one title in one country for its combinations."""
        slow = sum(visit.seconds * self.weight(visit.at_ms) for visit in visits)
        for place in dict.fromkeys(("", country)):
            total = self.totals.setdefault(place, Totals())
            total.slow += slow
            for visit in visits:
                total.fast.add(visit.seconds, visit.at_ms, FAST_MS)
            self.changed["totals"][place] = None
        viewers = {visit.viewer for visit in visits if visit.place >= 0}
        fast = DecayedSum()
        for visit in visits:
            fast.add(visit.seconds, visit.at_ms, FAST_MS)
        for some in combined([label for label in labels if SEPARATOR not in label]):
            for key in dict.fromkeys((key_of(some, ""), key_of(some, country if len(some) < MOST else ""))):
                self._count("facets", key, slow)
                part = self.facets.counters[key].part
                part.fast.add(fast.value, fast.at_ms, FAST_MS)
                part.crowd.add(viewers)

    def _serve(self, visit: Visit) -> None:
        key = f"{visit.cohort}\n{visit.title_id}"
        self._count("served", key, visit.seconds * self.weight(visit.at_ms))
        self.served.counters[key].part.add(visit)

    def _search(self, search: Searched) -> None:
        """Count a search, or that one came to a watch."""
        if search.searches:
            self._count("queries", search.query, search.searches * self.weight(search.at_ms))
        counter = self.queries.counters.get(search.query)
        if counter is None:
            return
        self.changed["queries"][search.query] = None
        part, viewer = counter.part, (search.viewer,)
        part.searches += search.searches
        part.found += search.found
        part.watches += search.watches
        if search.searches:
            part.crowd.add(viewer)
            (part.served if search.found else part.in_vain).add(viewer)
        if search.watches:
            part.watched.add(viewer)


def key_of(labels: Sequence[str], country: str) -> str:
    """Return the key of a combination.

    Examples
    --------
    >>> key_of(("genre:Drama", "mood:dark"), "DE"), key_of(("genre:Drama",), "")
    ('genre:Drama|mood:dark||DE', 'genre:Drama')
    """
    return SEPARATOR.join(labels) + (f"{SEPARATOR}{SEPARATOR}{country}" if country else "")
