r"""Demand: minutes by combination of tags and country, searches, and the titles of each cohort.

Minutes decay with a half-life of 28 days. Forward decay keeps the order of weights constant: an event at t
has the weight :math:`2^{(t - t_0)/H}`, as space-saving requires weights :math:`w \ge 0`, and results are
divided by the current weight. When weights become large, t0 moves.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import Final

from online_models.insights.catalog_snapshot import CatalogSnapshot, combined
from online_models.insights.counters import FAST_MS, SLOW_MS, Counter, DecayedSum, SpaceSaving
from online_models.insights.sorting import DemandRecord
from online_models.insights.titles import Group
from online_models.insights.visits import Searched, Visit
from online_models.learners.k_anonymity import DistinctViewers, disclosable_part
from online_models.learners.search import hashed
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
"""Counted combinations, about 3 MB. On 80,000 simulated events of 1,000 titles with up to 150 combinations
each, disclosed weights are at most .9 % too high (3,000: 3.1 %; 10,000: .3 % with twice the rows to
write)."""
QUERIES: Final = 1_000
"""Counted queries."""
COHORT_TITLES: Final = 2_000
"""Counted pairs of cohort and title."""
SEPARATOR: Final = "|"
"""Separator of the tags of a key; a tag that contains it is not counted."""
LARGEST: Final = 3
"""Tags of the largest combinations; these are not counted by country."""
TREND_MS: Final = 7 * FAST_MS
"""Time from which there are trends: what recent demand forgets to 1 % in it, usual demand keeps to 70 %."""
REBASE: Final = 256.0
"""Half-lives after which t0 moves; weights overflow after 1,023."""


@dataclass(slots=True)
class Facet:
    """State of a combination in addition to its minutes."""

    fast: DecayedSum = field(default_factory=DecayedSum)
    distinct: DistinctViewers = field(default_factory=DistinctViewers)


@dataclass(slots=True)
class Query:
    """State of a query.

    Attributes
    ----------
    text
        The query; empty until enough viewers have typed it, because what a few typed is not stored.
    """

    text: str = ""
    searches: int = 0
    found: int = 0
    watches: int = 0
    distinct: DistinctViewers = field(default_factory=DistinctViewers)
    without_result: DistinctViewers = field(default_factory=DistinctViewers)
    """Viewers who got no result."""
    with_result: DistinctViewers = field(default_factory=DistinctViewers)
    """Viewers who got results."""
    watched: DistinctViewers = field(default_factory=DistinctViewers)
    """Viewers who watched a result."""


@dataclass(slots=True)
class Totals:
    """Total seconds of one country or of all: the slow sum, in weights of the counters, and the fast sum."""

    slow: float = 0.0
    fast: DecayedSum = field(default_factory=DecayedSum)


class Demand:
    """Demand, counted in bounded memory.

    Attributes
    ----------
    facets
        Seconds by combination; a key has the tags and, after ``||``, the country.
    queries
        Searches by the hash of the query.
    served
        Seconds by cohort and title, separated by a newline.
    totals
        Totals by country; "" for all countries.
    origin_ms, at_ms
        Time at which the weight is 1, and time of the newest event.
    changed
        Keys of changed counters since the caller last cleared it, by the counters' name.

    Examples
    --------
    >>> from schemas.catalog import Tags, Title
    >>> catalog, demand = CatalogSnapshot(), Demand()
    >>> catalog.put(Title(title_id="t", tags=Tags(genre=("Drama",))))
    >>> demand.add([Visit("t", 7, "DE", "", at_ms=10**12, starts=1, seconds=600, place=10)], [], catalog)
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

    def add(self, visits: Iterable[Visit], searches: Iterable[Searched], catalog: CatalogSnapshot) -> None:
        """Count visits and searches; a title counts with its current tags."""
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
            self._watch(catalog.labels(title_id), country, some)
        for search in searches:
            self._search(search)

    def seconds(self, weight: float) -> float:
        """Return the decayed seconds of a weight at the newest event."""
        return weight / self.weight(self.at_ms)

    def weight(self, at_ms: int) -> float:
        """Return the weight of an event at a time."""
        return float(2.0 ** ((at_ms - self.origin_ms) / SLOW_MS))

    def _move(self, at_ms: int) -> None:
        """Advance the clock; move t0 when weights become large."""
        self.origin_ms = self.origin_ms or at_ms
        self.at_ms = max(self.at_ms, at_ms)
        if (self.at_ms - self.origin_ms) / SLOW_MS <= REBASE:
            return
        before = self.weight(self.at_ms)
        self.origin_ms = self.at_ms - TREND_MS  # so that there are trends, as before
        factor = self.weight(self.at_ms) / before
        for name, counters in self._counters().items():
            counters.scale(factor)
            self.changed[name].update(dict.fromkeys(counters.counters))
        for name, total in self.totals.items():
            total.slow *= factor
            self.changed["totals"][name] = None

    def _counters(self) -> Mapping[str, SpaceSaving[Facet] | SpaceSaving[Query] | SpaceSaving[Group]]:
        return {"facets": self.facets, "queries": self.queries, "served": self.served}

    def _count(self, name: str, key: str, weight: float) -> None:
        """Add to a counter, and record the changed rows."""
        gone = self._counters()[name].add(key, weight)
        self.changed[name][key] = None
        if gone is not None:
            self.changed[name][gone] = None

    def _watch(self, labels: Sequence[str], country: str, visits: Sequence[Visit]) -> None:
        """Count the minutes of one title in one country for each combination of its tags."""
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
            for key in dict.fromkeys(
                (key_of(some, ""), key_of(some, country if len(some) < LARGEST else ""))
            ):
                self._count("facets", key, slow)
                part = self.facets.counters[key].part
                part.fast.add(fast.value, fast.at_ms, FAST_MS)
                part.distinct.add(viewers)

    def _serve(self, visit: Visit) -> None:
        key = f"{visit.cohort}\n{visit.title_id}"
        self._count("served", key, visit.seconds * self.weight(visit.at_ms))
        self.served.counters[key].part.add(visit)

    def _search(self, search: Searched) -> None:
        """Count a search, or the watch that it led to, under the hash of the query."""
        key = hashed(search.query)
        if search.searches:
            self._count("queries", key, search.searches * self.weight(search.at_ms))
        counter = self.queries.counters.get(key)
        if counter is None:
            return
        self.changed["queries"][key] = None
        part, viewer = counter.part, (search.viewer,)
        part.searches += search.searches
        part.found += search.found
        part.watches += search.watches
        if search.searches:
            part.distinct.add(viewer)
            (part.with_result if search.found else part.without_result).add(viewer)
        if search.watches:
            part.watched.add(viewer)
        if part.distinct.enough:
            part.text = search.query


def key_of(labels: Sequence[str], country: str) -> str:
    """Return the key of a combination.

    Examples
    --------
    >>> key_of(("genre:Drama", "mood:dark"), "DE"), key_of(("genre:Drama",), "")
    ('genre:Drama|mood:dark||DE', 'genre:Drama')
    """
    return SEPARATOR.join(labels) + (f"{SEPARATOR}{SEPARATOR}{country}" if country else "")


MAX_FACETS: Final = 300
"""Published combinations, those with the largest lower bounds: a hundred kilobytes, as many as a person can
review."""
MAX_QUERIES: Final = 100
"""Published queries."""
MAX_TITLES: Final = 10
"""Published titles of a cohort."""
Z: Final = 1.96
"""Quantile of Wilson's lower bound: 97.5 %, one-sided."""


def disclosable_records(demand: Demand, catalog: CatalogSnapshot) -> dict[str, DemandRecord]:
    """Return the records that may be disclosed, by key.

    Examples
    --------
    >>> from online_models.insights.visits import Visit
    >>> from schemas.catalog import Tags, Title
    >>> catalog, demand = CatalogSnapshot(), Demand()
    >>> for name, genre in (("a", "Drama"), ("b", "Crime"), ("c", "Crime")):
    ...     catalog.put(Title(title_id=name, tags=Tags(genre=(genre,))))
    >>> watches = [Visit("a", n, "", "", at_ms=10**12, starts=1, seconds=600, place=10) for n in range(20)]
    >>> demand.add(watches, [], catalog)
    >>> one = disclosable_records(demand, catalog)["genre:Drama"]
    >>> one.watch_share, one.catalogue_share, one.excess
    (1.0, 0.3333, 0.6667)
    """
    found: list[DemandRecord] = [*_facets(demand, catalog), *_searches(demand), *_cohorts(demand)]
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


def _facets(demand: Demand, catalog: CatalogSnapshot) -> Iterator[FacetDemand]:
    """Yield the most watched combinations."""
    wanted = MAX_FACETS
    for key, counter in demand.facets.top(len(demand.facets)):
        if not wanted:
            return
        if counter.part.distinct.enough:
            wanted -= 1
            yield _facet(demand, catalog, key, counter)


def _facet(demand: Demand, catalog: CatalogSnapshot, key: str, counter: Counter[Facet]) -> FacetDemand:
    text, _, country = key.partition(SEPARATOR * 2)
    labels = tuple(text.split(SEPARATOR))
    total = demand.totals[country]
    titles, all_titles = catalog.count(labels, country), catalog.count((), country)
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
        trend=_trend(demand, fast, watched),
    )


def _trend(demand: Demand, fast: float, watched: float) -> float | None:
    """Return the recent share of minutes over the usual one; None while both are of the same days."""
    if demand.at_ms - demand.origin_ms < TREND_MS:
        return None
    return round(_ratio(fast, watched), 2) if watched else 1.0


def _ratio(part: float, whole: float) -> float:
    return min(part / whole, 1e6) if whole > 0 else 0.0


def _searches(demand: Demand) -> Iterator[SearchDemand]:
    """Yield the most frequent queries."""
    enough = [one for _, one in demand.queries.top(len(demand.queries)) if one.part.text]
    for counter in enough[:MAX_QUERIES]:
        part = counter.part
        yield SearchDemand(
            key=f"search{SEPARATOR}{part.text}",
            query=part.text,
            at_ms=demand.at_ms,
            searches=part.searches,
            error_searches=round(demand.seconds(counter.error), 1),
            without_result=_without_result(part),
            watches=part.watches if part.watched.enough else None,
        )


def _without_result(part: Query) -> int | None:
    """Return the searches without result, unless those or the others are from a few viewers."""
    return part.searches - part.found if part.without_result.enough and part.with_result.disclosable else None


def _cohorts(demand: Demand) -> Iterator[CohortDemand]:
    """Yield for each cohort the titles that it finishes most often."""
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
    if not part.distinct.enough or finished is None:
        return None
    return ServedTitle(
        title_id=title_id,
        viewers=part.viewers,
        finished=finished,
        watch_minutes=round(demand.seconds(counter.count) / 60, 1),
        error_minutes=round(demand.seconds(counter.error) / 60, 1),
    )
