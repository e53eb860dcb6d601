"""From demand to records: what content teams are told, a bounded number of each kind."""

from collections import defaultdict
from collections.abc import Iterator
from math import sqrt
from typing import Final

from online_models.insights.catalog_snapshot import CatalogSnapshot
from online_models.insights.decayed_sum import FAST_MS
from online_models.insights.demand import SEPARATOR, Demand, Facet, Query
from online_models.insights.groups import Group
from online_models.insights.k_anonymity import told
from online_models.insights.sorting import DemandRecord
from online_models.insights.space_saving import Counter
from schemas.insights import CohortDemand, FacetDemand, SearchDemand, ServedTitle

__all__ = ["tell", "wilson"]

TOLD_FACETS: Final = 300
"""Combinations that are told, those watched most for sure: what a person can sift, a hundred kilobytes."""
TOLD_QUERIES: Final = 100
TOLD_TITLES: Final = 10
"""Titles told of a cohort."""
Z: Final = 1.96
"""Of Wilson's lower bound: 97.5 % on one side."""


def tell(demand: Demand, stock: CatalogSnapshot) -> dict[str, DemandRecord]:
    """Return what may be told, by key.

    Examples
    --------
    >>> from online_models.insights.visits import Visit
    >>> from schemas.catalog import Tags, Title
    >>> stock, demand = Stock(), Demand()
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
    wanted = TOLD_FACETS
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
    for query, counter in enough[:TOLD_QUERIES]:
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
        best = sorted(titles, key=lambda one: (-one[0], one[1].title_id))[:TOLD_TITLES]
        yield CohortDemand(
            key=f"cohort{SEPARATOR}{cohort}",
            cohort=cohort,
            at_ms=demand.at_ms,
            titles=tuple(title for _, title in best),
        )


def _served(demand: Demand, title_id: str, counter: Counter[Group]) -> ServedTitle | None:
    part = counter.part
    finished = told(part.finished, part.viewers)
    if not part.crowd.enough or finished is None:
        return None
    return ServedTitle(
        title_id=title_id,
        viewers=part.viewers,
        finished=finished,
        watch_minutes=round(demand.seconds(counter.count) / 60, 1),
        error_minutes=round(demand.seconds(counter.error) / 60, 1),
    )
