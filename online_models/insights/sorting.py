"""Orders of the records of insights."""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Final

from schemas.insights import (
    CohortDemand,
    FacetDemand,
    SearchDemand,
    Steepest,
    TitleInsight,
    TopTitles,
    Wanted,
)

__all__ = ["DemandRecord", "Order", "demand_of", "narrow_step", "top_titles", "unsuccessful_searches"]

DemandRecord = FacetDemand | SearchDemand | CohortDemand


class Order(StrEnum):
    """Order of combinations."""

    EXCESS = "excess"
    """Share of minutes minus share of the catalog: scarce and popular combinations first."""
    SURPLUS = "surplus"
    """The reverse: combinations with more titles than demand first."""
    MINUTES = "minutes"
    """Most watched first."""
    RISING = "rising"
    FALLING = "falling"


def _trend(one: FacetDemand) -> float:
    """Return a trend; where it is too early to tell, it neither rises nor falls."""
    return 1.0 if one.trend is None else one.trend


_BY: Final[Mapping[Order, Callable[[FacetDemand], float]]] = {
    Order.EXCESS: lambda one: -one.excess,
    Order.SURPLUS: lambda one: one.excess,
    Order.MINUTES: lambda one: one.error_minutes - one.watch_minutes,
    Order.RISING: lambda one: -_trend(one),
    Order.FALLING: _trend,
}


def top_titles(found: Iterable[TitleInsight], limit: int) -> TopTitles:
    """Return the most watched titles."""
    by_minutes = sorted(found, key=lambda one: (-one.watch_minutes, one.title_id))
    return TopTitles(items=tuple(by_minutes[:limit]))


NARROW: Final = 0.25
"""Largest part of a title's curve that says where viewers leave: in a wider step they leave anywhere."""


def narrow_step(found: TitleInsight) -> Steepest | None:
    """Return the step of the curve where most leave; None if it is as wide as to say nothing.

    Examples
    --------
    >>> from schemas.insights import CurvePoint
    >>> curve = (CurvePoint(minute=0, viewers=100), CurvePoint(minute=133, viewers=50))
    >>> wide = Steepest(minute=0, until=133, viewers=50)
    >>> one = TitleInsight(
    ...     title_id="t", at_ms=10**12, viewers=100, starts=100, watch_minutes=1.0, curve=curve, steepest=wide
    ... )
    >>> narrow_step(one) is None
    True
    """
    step = found.steepest
    if step is None or step.until - step.minute > max(1, NARROW * found.curve[-1].minute):
        return None
    return step


def unsuccessful_searches(search: SearchDemand) -> int:
    """Return the number of searches without a watch; watches of fewer than 20 viewers are not subtracted.

    Examples
    --------
    >>> unsuccessful_searches(SearchDemand(key="search|x", query="x", at_ms=10**12, searches=50, watches=30))
    20
    """
    return max(0, search.searches - (search.watches or 0))


def demand_of(
    found: Iterable[DemandRecord], *, order: Order = Order.EXCESS, country: str | None = None, limit: int = 50
) -> Wanted:
    """Return the demand: combinations, searches and cohorts, sorted.

    Parameters
    ----------
    found
        Records.
    order
        Order of the combinations.
    country
        Country of the combinations; None for all countries together.
    limit
        Largest number of combinations, of queries and of cohorts.
    """
    found = list(found)
    facets = [one for one in found if isinstance(one, FacetDemand) and one.country == country]
    searches = [one for one in found if isinstance(one, SearchDemand)]
    cohorts = [one for one in found if isinstance(one, CohortDemand)]
    by = _BY[order]
    return Wanted(
        facets=tuple(sorted(facets, key=lambda one: (by(one), len(one.labels), one.key))[:limit]),
        searches=tuple(sorted(searches, key=lambda one: (-unsuccessful_searches(one), one.query))[:limit]),
        cohorts=tuple(sorted(cohorts, key=lambda one: one.cohort)[:limit]),
    )
