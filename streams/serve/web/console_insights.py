"""The console's page of insights, and the completion curve on a title's page."""

from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import Response

from online_models.insights.folding import folded, title_sets
from online_models.insights.sorting import Order, demand_of, narrow_step, unsuccessful_searches
from schemas.insights import TitleInsight
from streams.ops.decoded_rows import when
from streams.serve.api.insights import Country
from streams.serve.api.routes import Ready
from streams.serve.web.rendering import console_page
from streams.serve.web.views import card_of

__all__ = ["completion_curve", "router"]

ENTRIES: Final = 16
"""Combinations, queries and titles on the page; the CSV files have all."""
NAMED: Final = 3
"""Titles of a combination that are named: with more it is no longer about these titles."""
BEST: Final = 5
"""Titles of a cohort."""
WIDTH, HEIGHT = 600.0, 160.0
"""Size of the completion curve, in units of its SVG."""

router = APIRouter(prefix="/console/insights", include_in_schema=False)


@router.get("")
def insights(mirror: Ready, order: Order = Order.EXCESS, country: Country = None) -> Response:
    """Show demand and supply by tags, failed searches, cohorts, and the most watched titles."""
    records = mirror.insights.demand()
    found = demand_of(records, order=order, country=country, limit=len(records))
    groups = folded(found.facets, title_sets(found.facets, mirror.titles.labelled()))[:ENTRIES]
    most = max((max(one.facet.watch_share, one.facet.catalogue_share) for one in groups), default=1.0) or 1.0
    return console_page(
        "console_insights.html",
        "/insights",
        "Insights",
        order=order,
        orders=list(Order),
        country=country,
        countries=mirror.insights.countries(),
        groups=[
            (one, [card_of(mirror.title(title_id)) for title_id in one.titles[:NAMED]]) for one in groups
        ],
        most=most,
        searches=[
            (one, unsuccessful_searches(one) / one.searches if one.searches else 0.0)
            for one in found.searches[:ENTRIES]
        ],
        cohorts=[
            (one.cohort, [(card_of(mirror.title(best.title_id)), best) for best in one.titles[:BEST]])
            for one in found.cohorts[:ENTRIES]
        ],
        titles=[
            (card_of(mirror.title(one.title_id)), one, narrow_step(one))
            for one in mirror.insights.top(ENTRIES)
        ],
        as_of=when(max(one.at_ms for one in found.facets)) if found.facets else None,
    )


def completion_curve(found: TitleInsight | None) -> dict[str, Any] | None:
    """Return a title's completion curve as a polyline and its steepest step as a band; None without any.

    Examples
    --------
    >>> from schemas.insights import CurvePoint, Steepest
    >>> points = (CurvePoint(minute=0, viewers=100), CurvePoint(minute=10, viewers=50))
    >>> step = Steepest(minute=9, until=10, viewers=50)
    >>> one = TitleInsight(
    ...     title_id="t", at_ms=10**12, viewers=100, starts=100, watch_minutes=1.0, curve=points,
    ...     steepest=step,
    ... )
    >>> completion_curve(one)["line"], completion_curve(one)["band"]
    ('0.0,0.0 600.0,80.0', (540.0, 60.0))
    """
    if found is None:
        return None
    last = max(1, found.curve[-1].minute)
    points = [
        (WIDTH * point.minute / last, HEIGHT * (1 - point.viewers / found.viewers)) for point in found.curve
    ]
    step = narrow_step(found)
    return {
        "one": found,
        "step": step,
        "as_of": when(found.at_ms),
        "line": " ".join(f"{x:.1f},{y:.1f}" for x, y in points),
        "band": (WIDTH * step.minute / last, WIDTH * (step.until - step.minute) / last) if step else None,
        "last": last,
        "width": WIDTH,
        "height": HEIGHT,
    }
