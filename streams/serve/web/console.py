"""The console, in a browser: one viewer, one title, what trends, dead letters, topics, the model.

Time series and alerts are Grafana's; here people ask about one thing. What no table here holds is read from
the topics when it is asked for, by one request at a time: it may take seconds on a large installation.
"""

import json
from collections import Counter
from typing import Annotated, Any, Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request
from msgspec import to_builtins
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from schemas import DecodeError
from schemas.codec import decode_event, decode_home, decode_trending
from schemas.pages import Home
from streams.errors import StreamError
from streams.ops.decoded_rows import when
from streams.ops.inspect import UnknownIdError, inspect_title, inspect_viewer
from streams.serve.api.lists import similar
from streams.serve.api.posting import EventPoster
from streams.serve.api.problems import Problem, ProblemKind
from streams.serve.api.routes import Ready
from streams.serve.mirror.mirror import Mirror, now_ms
from streams.serve.mirror.rules import RuleAudience
from streams.serve.web import dead_letters as letters
from streams.serve.web import html
from streams.serve.web.completion_curve import drawn
from streams.serve.web.gauges import lag_of, model_card, pulse_of, topics_of
from streams.serve.web.labels import chips, facts, heading, name_of, reason
from streams.serve.web.views import card_of

__all__ = ["router"]

SOME: Final = 60
"""Viewers to start from."""
NEIGHBOURS: Final = 24
TASTES: Final = 12
MS_AN_HOUR: Final = 3_600.0
Id = Annotated[str, Query(max_length=64)]

router = APIRouter(prefix="/console", include_in_schema=False)


def shown(template: str, here: str, title: str, **values: Any) -> Response:  # noqa: ANN401
    """Render a page of the console."""
    return html.page(template, place="console", here=here, heading=title, **{"trouble": None} | values)


@router.get("")
def overview(mirror: Ready, request: Request) -> Response:
    """Show how everything does, now."""
    return shown("console_home.html", "", "Overview", **pulse_of(mirror, request.app.state.observer))


@router.get("/pulse")
def pulse(mirror: Ready, request: Request) -> Response:
    """Return the part of the overview that moves."""
    return html.page("pulse.html", **pulse_of(mirror, request.app.state.observer))


@router.get("/viewers")
def viewer(mirror: Ready, id: Id = "") -> Response:  # noqa: A002 - what people read in the address
    """Show what is known of a viewer, and why the page is as it is."""
    values: dict[str, Any] = {"id": id, "found": None, "page": None, "some": []}
    if not id:
        values["some"] = sorted(mirror.viewers(SOME))
    else:
        try:
            values |= _viewer(mirror, id)
        except StreamError as error:
            values["trouble"] = error
    return shown("console_viewer.html", "/viewers", id or "Viewers", **values)


@router.get("/titles")
def title(mirror: Ready, id: Id = "") -> Response:  # noqa: A002
    """Show a title's counters and neighbours, or the titles that words may mean."""
    values: dict[str, Any] = {"id": id, "found": None, "hits": [], "insight": None}
    if id in mirror.book:
        try:
            values |= _title(mirror, id)
        except UnknownIdError as error:
            values["trouble"] = error
    elif id.strip():
        values["hits"] = [card_of(mirror.title(hit.title_id)) for hit in mirror.book.find(id, NEIGHBOURS)]
    return shown("console_title.html", "/titles", values.get("name") or "Titles", **values)


@router.get("/trending")
def trending(mirror: Ready, scope: Annotated[str, Query(max_length=256)] = "global") -> Response:
    """Show a trending list."""
    values: dict[str, Any] = {"scopes": mirror.scopes(), "scope": scope, "items": []}
    if (stored := mirror.trending(scope)) is not None:
        found = decode_trending(stored.value)
        values["items"] = [(card_of(mirror.title(one.title_id)), one.score) for one in found.items]
        values |= {
            "as_of": when(found.generated_at_ms),
            "half_life": round(found.half_life_s / MS_AN_HOUR, 1),
        }
    return shown("console_trending.html", "/trending", "Trending", **values)


@router.get("/dead-letters")
def dead_letters(mirror: Ready) -> Response:
    """Show the newest records that could not be used."""
    found, trouble = [], None
    try:
        found = letters.newest(mirror.settings)
    except StreamError as error:
        trouble = error
    return shown(
        "console_letters.html", "/dead-letters", "Dead letters",
        letters=found, reasons=letters.reasons(found), trouble=trouble,
    )  # fmt: skip


@router.post("/dead-letters")
async def redrive(request: Request) -> Response:
    """Send a record again, as it was corrected; it has to be an event now."""
    form = parse_qs((await request.body()).decode(errors="replace"))
    value = form.get("value", [""])[0].strip().encode()
    try:
        event = decode_event(value)
    except DecodeError as error:
        raise Problem(ProblemKind.INVALID_EVENT, f"still not an event: {error}") from None
    poster: EventPoster = request.app.state.poster
    await poster.put(event.viewer_id, value)
    if "hx-request" not in request.headers:
        return RedirectResponse("/console/dead-letters", 303)
    return html.page("toast.html", text="Sent again")


@router.get("/topics")
def topics(mirror: Ready) -> Response:
    """Show every topic, and how far behind the viewers stage is."""
    values: dict[str, Any] = {"topics": [], "lag": []}
    try:
        values |= {"topics": topics_of(mirror.settings), "lag": lag_of(mirror.settings)}
    except StreamError as error:
        values["trouble"] = error
    return shown("console_topics.html", "/topics", "Topics", **values)


@router.get("/model")
async def model(mirror: Ready, request: Request) -> Response:
    """Show the model: how good it is on live events, its weights and constants."""
    found = await run_in_threadpool(model_card, mirror.settings, request.app.state.observer)
    return shown("console_model.html", "/model", "Model card", **found)


def _viewer(mirror: Mirror, viewer_id: str) -> dict[str, Any]:
    with mirror.looking:
        found = inspect_viewer(mirror.settings, viewer_id)
    recent = [(mirror.title(one["title_id"]), one["liked"]) for one in found["recent"]]
    taste = Counter(tag for title, liked in recent if liked for tag in chips(title))
    stored = mirror.page(viewer_id)
    home = decode_home(stored.value) if stored else None
    return {
        "found": found,
        "recent": [(card_of(title), liked) for title, liked in recent],
        "taste": taste.most_common(TASTES),
        "rejected": [
            (card_of(mirror.title(one["title_id"])), one["weight"], one["at"]) for one in found["rejected"]
        ],
        "page": home,
        "rows": _explained(mirror, home) if home else [],
    }


def _explained(mirror: Mirror, home: Home) -> list[dict[str, Any]]:
    """Return each row's heading, and each item's score and reason."""
    return [
        {
            "heading": heading(row, name_of(mirror.title(row.title_id)) if row.title_id else ""),
            "items": [
                (card_of(mirror.title(item.title_id)), item.score, reason(item.reason or row.reason))
                for item in row.items
            ],
        }
        for row in home.rows
    ]


def _title(mirror: Mirror, title_id: str) -> dict[str, Any]:
    with mirror.looking:
        found = inspect_title(mirror.settings, title_id)
    title = mirror.title(title_id)
    alike = similar(mirror, title_id, RuleAudience(now_ms()), NEIGHBOURS)
    return {
        "found": {"watches": 0, "positives": 0, "rejections": 0, "last_watch": "", "bias": 0, "trending": {}}
        | found,
        "name": name_of(title),
        "card": card_of(title),
        "facts": facts(title),
        "chips": chips(title),
        "insight": drawn(mirror.insights.title(title_id)),
        "neighbours": [(card_of(mirror.title(one.title_id)), one.score) for one in alike.items],
        "record": json.dumps(to_builtins(title), indent=2, ensure_ascii=False),
    }
