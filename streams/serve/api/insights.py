"""What content teams read over HTTP: titles and demand as JSON or CSV, and the console's pages of them.

A title's record is answered byte for byte as it was published. CSV is what ``Accept: text/csv`` or
``?format=csv`` ask for.
"""

from enum import StrEnum
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from online_models.insights.sorting import Order, demand_of, in_vain
from schemas.codec import decode_title_insight, encode
from schemas.insights import TopTitles
from streams.ops.decoded_rows import when
from streams.ops.insights.tables import demand_csv, title_csv, titles_csv
from streams.serve.api.description import tables
from streams.serve.api.problems import Problem, ProblemKind
from streams.serve.api.routes import Limit, NoneMatch, Ready, TitleId, made, stored
from streams.serve.web.console import shown
from streams.serve.web.views import card_of

__all__ = ["console", "router"]

CSV: Final = "text/csv"
SOME: Final = 16
"""Combinations, queries and titles on a page: what one looks through; the tables have all."""


class InsightFormat(StrEnum):
    """How the answer is written."""

    JSON = "json"
    CSV = "csv"


Asked = Annotated[InsightFormat | None, Query(alias="format", description="Instead of the header Accept.")]
Accept = Annotated[str, Header(include_in_schema=False)]
Where = Annotated[str | None, Query(pattern="^[A-Z]{2}$", description="Demand of this country.")]

router = APIRouter(prefix="/v1/insights")
console = APIRouter(prefix="/console/insights", include_in_schema=False)


@router.get("/titles", responses=tables("TopTitles"), tags=["insights"])
async def titles(*, mirror: Ready, limit: Limit = 50, form: Asked = None, accept: Accept = "") -> Response:
    """Return the titles that are watched most, and how."""
    found = TopTitles(items=tuple(mirror.insights.top(limit)))
    return _table(titles_csv(found)) if _wants_csv(form, accept) else made(encode(found), "derived")


@router.get("/titles/{title_id:path}", responses=tables("TitleInsight", cached=True), tags=["insights"])
async def title(
    *,
    title_id: TitleId,
    mirror: Ready,
    form: Asked = None,
    accept: Accept = "",
    if_none_match: NoneMatch = None,
) -> Response:
    """Return how a title is watched, byte for byte as it was published."""
    found = mirror.insight(title_id)
    if found is None:
        raise Problem(ProblemKind.NOT_FOUND, "fewer than 20 viewers watched it, or no insights worker runs")
    if _wants_csv(form, accept):
        return _table(title_csv(decode_title_insight(found.value)))
    return stored(found, if_none_match)


@router.get("/demand", responses=tables("Wanted"), tags=["insights"])
async def demand(
    *,
    mirror: Ready,
    order: Annotated[Order, Query(description="Of the combinations.")] = Order.EXCESS,
    country: Where = None,
    limit: Limit = 50,
    form: Asked = None,
    accept: Accept = "",
) -> Response:
    """Return what is wanted: combinations of tags, searches, and what serves each cohort best."""
    found = demand_of(mirror.insights.wanted(), order=order, country=country, limit=limit)
    return _table(demand_csv(found)) if _wants_csv(form, accept) else made(encode(found), "derived")


@console.get("")
def wanted(mirror: Ready, order: Order = Order.EXCESS, country: Where = None) -> Response:
    """Show what is wanted, and the titles that are watched most."""
    found = demand_of(mirror.insights.wanted(), order=order, country=country, limit=SOME)
    most = max((max(one.watch_share, one.catalogue_share) for one in found.facets), default=1.0) or 1.0
    values: dict[str, Any] = {
        "order": order,
        "orders": list(Order),
        "country": country,
        "countries": mirror.insights.countries(),
        "facets": found.facets,
        "most": most,
        "searches": [(one, in_vain(one) / one.searches if one.searches else 0.0) for one in found.searches],
        "cohorts": [
            (one.cohort, [(card_of(mirror.title(best.title_id)), best) for best in one.titles[:5]])
            for one in found.cohorts
        ],
        "titles": [(card_of(mirror.title(one.title_id)), one) for one in mirror.insights.top(SOME)],
        "as_of": when(max((one.at_ms for one in found.facets), default=0)) if found.facets else None,
    }
    return shown("console_insights.html", "/insights", "Insights", **values)


def _wants_csv(form: InsightFormat | None, accept: str) -> bool:
    """Say whether a table is asked for; the address comes before the header."""
    return form is InsightFormat.CSV if form is not None else CSV in accept


def _table(text: str) -> Response:
    return Response(text, media_type=CSV, headers={"Cache-Control": "no-store", "Vary": "Accept"})
