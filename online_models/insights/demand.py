r"""Demand: minutes by combination of tags and country, searches, and the titles of each cohort.

Minutes fade by half in 28 days. So that one order of weights holds for ever, they are counted forward: what
happens at t weighs :math:`2^{(t - t_0)/H}`, which is space-saving's stream of weights :math:`w \ge 0`, and
what is told is divided by the present weight. When weights grow large, t0 moves.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import Final

from online_models.insights.catalog_snapshot import CatalogSnapshot, combined
from online_models.insights.counters import FAST_MS, SLOW_MS, Counter, DecayedSum, SpaceSaving
from online_models.insights.k_anonymity import DistinctViewers, disclosable_part
from online_models.insights.sorting import DemandRecord
from online_models.insights.titles import Group
from online_models.insights.visits import Searched, Visit
from schemas.insights import CohortDemand, FacetDemand, SearchDemand, ServedTitle

__all__ = [
    "COHORT_TITLES",
    "FACETS",
    "QUERIES",
    "SEPARATOR",
    "Demand",
    "Facet",
    "Query",
    "Totals",
    "disclosable_records",
    "wilson",
]


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
    >>> stock, demand = CatalogSnapshot(), Demand()
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


# From demand to records: what content teams are told, a bounded number of each kind.


MAX_FACETS: Final = 300
"""Combinations that are told, those watched most for sure: what a person can sift, a hundred kilobytes."""
MAX_QUERIES: Final = 100
MAX_TITLES: Final = 10
"""Titles told of a cohort."""
Z: Final = 1.96
"""Of Wilson's lower bound: 97.5 % on one side."""


def disclosable_records(demand: Demand, stock: CatalogSnapshot) -> dict[str, DemandRecord]:
    """Return what may be told, by key.

    Examples
    --------
    >>> from online_models.insights.visits import Visit
    >>> from schemas.catalog import Tags, Title
    >>> stock, demand = CatalogSnapshot(), Demand()
    >>> for name, genre in (("a", "Drama"), ("b", "Crime"), ("c", "Crime")):
    ...     stock.put(Title(title_id=name, tags=Tags(genre=(genre,))))
    >>> watches = [Visit("a", n, "", "", at_ms=10**12, starts=1, seconds=600, place=10) for n in range(20)]
    >>> demand.add(watches, [], stock)
    >>> one = tell(demand, stock)["genre:Drama"]
    >>> one.watch_share, one.catalogue_share, one.excess
    (1.0, 0.3333, 0.6667)
    """
    found: list[DemandRecord] = [*_facets(demand, stock), *_searches(demand), *_cohorts(demand)]
    return {one.key: one for one in found}


def wilson(part: int, whole: int) -> float:
    """Return the lower bound of a share (Wilson, 1927).

    Examples
    --------
    >>> round(wilson(9, 10), 3), round(wilson(90, 100), 3)
    (0.596, 0.826)
    """
    share, z2 = part / whole, Z * Z
    return (share + z2 / (2 * whole) - Z * sqrt((share * (1 - share) + z2 / (4 * whole)) / whole)) / (
        1 + z2 / whole
    )


def _facets(demand: Demand, stock: CatalogSnapshot) -> Iterator[FacetDemand]:
    """Yield the combinations that are watched most."""
    wanted = MAX_FACETS
    for key, counter in demand.facets.top(len(demand.facets)):
        if not wanted:
            return
        if counter.part.crowd.enough:
            wanted -= 1
            yield _facet(demand, stock, key, counter)


def _facet(demand: Demand, stock: CatalogSnapshot, key: str, counter: Counter[Facet]) -> FacetDemand:
    text, _, country = key.partition(SEPARATOR * 2)
    labels = tuple(text.split(SEPARATOR))
    total = demand.totals[country]
    titles, all_titles = stock.count(labels, country), stock.count((), country)
    watched, shown = _ratio(counter.count, total.slow), _ratio(titles, all_titles)
    fast = _ratio(counter.part.fast.at(demand.at_ms, FAST_MS), total.fast.at(demand.at_ms, FAST_MS))
    return FacetDemand(
        key=key,
        labels=labels,
        country=country or None,
        at_ms=demand.at_ms,
        watch_minutes=round(demand.seconds(counter.count) / 60, 1),
        error_minutes=round(demand.seconds(counter.error) / 60, 1),
        watch_share=round(watched, 4),
        titles=titles,
        catalogue_share=round(shown, 4),
        excess=round(watched - shown, 4),
        trend=round(_ratio(fast, watched), 2) if watched else 1.0,
    )


def _ratio(part: float, whole: float) -> float:
    return min(part / whole, 1e6) if whole > 0 else 0.0


def _searches(demand: Demand) -> Iterator[SearchDemand]:
    """Yield the queries that are typed most."""
    enough = [one for one in demand.queries.top(len(demand.queries)) if one[1].part.crowd.enough]
    for query, counter in enough[:MAX_QUERIES]:
        part = counter.part
        yield SearchDemand(
            key=f"search{SEPARATOR}{query}",
            query=query,
            at_ms=demand.at_ms,
            searches=part.searches,
            error_searches=round(demand.seconds(counter.error), 1),
            without_result=_in_vain(part),
            watches=part.watches if part.watched.enough else None,
        )


def _in_vain(part: Query) -> int | None:
    """Return how many searches had no result, if neither those nor the others are of a few viewers."""
    return part.searches - part.found if part.in_vain.enough and part.served.showable else None


def _cohorts(demand: Demand) -> Iterator[CohortDemand]:
    """Yield for each cohort the titles that keep most of it to the end."""
    by_cohort: defaultdict[str, list[tuple[float, ServedTitle]]] = defaultdict(list)
    for key, counter in demand.served.counters.items():
        cohort, _, title_id = key.partition("\n")
        found = _served(demand, title_id, counter)
        if found is not None:
            by_cohort[cohort].append((wilson(found.finished, found.viewers), found))
    for cohort, titles in sorted(by_cohort.items()):
        best = sorted(titles, key=lambda one: (-one[0], one[1].title_id))[:MAX_TITLES]
        yield CohortDemand(
            key=f"cohort{SEPARATOR}{cohort}",
            cohort=cohort,
            at_ms=demand.at_ms,
            titles=tuple(title for _, title in best),
        )


def _served(demand: Demand, title_id: str, counter: Counter[Group]) -> ServedTitle | None:
    part = counter.part
    finished = disclosable_part(part.finished, part.viewers)
    if not part.crowd.enough or finished is None:
        return None
    return ServedTitle(
        title_id=title_id,
        viewers=part.viewers,
        finished=finished,
        watch_minutes=round(demand.seconds(counter.count) / 60, 1),
        error_minutes=round(demand.seconds(counter.error) / 60, 1),
    )
