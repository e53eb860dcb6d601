"""Insights for programs: titles and demand as JSON or CSV.

A title's record is returned byte for byte as it was published. ``Accept: text/csv`` or ``?format=csv`` ask
for CSV.
"""

from enum import StrEnum
from typing import Annotated, Final

from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from online_models.insights.sorting import Order, demand_of
from schemas.codec import decode_title_insight, encode
from schemas.insights import TopTitles
from streams.ops.insights import demand_csv, title_csv, titles_csv
from streams.serve.api.description import tables
from streams.serve.api.routes import Limit, NoneMatch, Ready, TitleId, made, stored
from streams.serve.problems import Problem, ProblemKind

__all__ = ["Country", "router"]

CSV: Final = "text/csv"


class InsightFormat(StrEnum):
    """Media type of the response."""

    JSON = "json"
    CSV = "csv"


Format = Annotated[
    InsightFormat | None, Query(alias="format", description="Takes precedence over the header Accept.")
]
Accept = Annotated[str, Header(include_in_schema=False)]
Country = Annotated[str | None, Query(pattern="^[A-Z]{2}$", description="Demand of this country.")]

router = APIRouter(prefix="/v1/insights")


@router.get("/titles", responses=tables("TopTitles"), tags=["insights"])
async def titles(*, mirror: Ready, limit: Limit = 50, form: Format = None, accept: Accept = "") -> Response:
    """Return the insights of the titles with the most minutes watched."""
    found = TopTitles(items=tuple(mirror.insights.top(limit)))
    return _table(titles_csv(found)) if _wants_csv(form, accept) else made(encode(found), "derived")


@router.get("/titles/{title_id:path}", responses=tables("TitleInsight", cached=True), tags=["insights"])
async def title(
    *,
    title_id: TitleId,
    mirror: Ready,
    form: Format = None,
    accept: Accept = "",
    if_none_match: NoneMatch = None,
) -> Response:
    """Return a title's insights, byte for byte as they were published."""
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
    order: Annotated[Order, Query(description="Order of the combinations.")] = Order.EXCESS,
    country: Country = None,
    limit: Limit = 50,
    form: Format = None,
    accept: Accept = "",
) -> Response:
    """Return the demand: combinations of tags, searches, and the best titles of each cohort."""
    found = demand_of(mirror.insights.demand(), order=order, country=country, limit=limit)
    return _table(demand_csv(found)) if _wants_csv(form, accept) else made(encode(found), "derived")


def _wants_csv(form: InsightFormat | None, accept: str) -> bool:
    """Return whether CSV is asked for; the query parameter takes precedence over the header."""
    return form is InsightFormat.CSV if form is not None else CSV in accept


def _table(text: str) -> Response:
    return Response(text, media_type=CSV, headers={"Cache-Control": "no-store", "Vary": "Accept"})
