"""The console: pages about one viewer, one title, trending lists, dead letters, topics and the model.

Time series and alerts are in Grafana. State that the mirror does not hold is read from the topics on request,
which takes seconds on a large installation; a few requests may do so at a time, others get 503.
"""

import json
from collections import Counter
from typing import Annotated, Any, Final, NamedTuple
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request
from msgspec import to_builtins
from starlette.responses import RedirectResponse, Response

from online_models.catalog.languages import DEFAULT
from online_models.page.messages import messages
from schemas import DecodeError
from schemas import topics as topic_names
from schemas.audit import AuditAction
from schemas.codec import decode_dead_letter, decode_event, decode_trending
from schemas.pages import Home
from streams.clock import now_ms
from streams.config.settings import Settings
from streams.errors import StreamError, UnknownIdError
from streams.kafka import scan as topic_scan
from streams.ops.decoded_rows import when
from streams.ops.inspect import inspect_title, inspect_viewer
from streams.serve.access.permissions import require_event_scope
from streams.serve.api.lists import similar
from streams.serve.api.posting import EventPoster
from streams.serve.api.routes import Ready
from streams.serve.mirror.mirror import Mirror
from streams.serve.mirror.rules import RuleAudience
from streams.serve.problems import Problem, ProblemKind
from streams.serve.web.console_insights import completion_curve
from streams.serve.web.console_metrics import lag_of, model_card, overview_of, topics_of
from streams.serve.web.rendering import console_page, page
from streams.serve.web.views import card_of, chips, facts, heading, name_of, reason

__all__ = ["DeadLetterView", "newest_dead_letters", "router"]

SOME: Final = 60
"""Viewers that are listed when none is chosen."""
NEIGHBOURS: Final = 24
"""Similar titles, and titles that match words."""
TASTES: Final = 12
"""Tags of a viewer's taste."""
DEAD_LETTERS: Final = 100
"""Dead letters that are shown."""
UNREADABLE: Final = "unreadable"
S_AN_HOUR: Final = 3_600.0
Id = Annotated[str, Query(max_length=64)]

router = APIRouter(prefix="/console", include_in_schema=False)


@router.get("")
def overview(mirror: Ready, request: Request) -> Response:
    """Show rates and gauges of the installation."""
    return console_page(
        "console_overview.html", "", "Overview", **overview_of(mirror, request.app.state.history)
    )


@router.get("/pulse")
def pulse(mirror: Ready, request: Request) -> Response:
    """Return the part of the overview that changes."""
    return page("overview.html", **overview_of(mirror, request.app.state.history))


@router.get("/viewers")
def viewer(mirror: Ready, id: Id = "") -> Response:  # noqa: A002 - the parameter's name in the address
    """Show the state of a viewer, and the reasons of the page's titles."""
    values: dict[str, Any] = {"id": id, "found": None, "home": None, "some": []}
    if not id:
        values["some"] = sorted(mirror.viewers(SOME))
    else:
        try:
            values |= _viewer(mirror, id)
        except StreamError as error:
            values["error"] = error
    return console_page("console_viewer.html", "/viewers", id or "Viewers", **values)


@router.get("/titles")
def title(mirror: Ready, id: Id = "") -> Response:  # noqa: A002
    """Show a title's counters and neighbours, or the titles that match words."""
    values: dict[str, Any] = {"id": id, "found": None, "hits": [], "insight": None}
    if id in mirror.titles:
        try:
            values |= _title(mirror, id)
        except UnknownIdError as error:
            values["error"] = error
    elif id.strip():
        values["hits"] = [card_of(mirror.title(hit.title_id)) for hit in mirror.titles.find(id, NEIGHBOURS)]
    return console_page("console_title.html", "/titles", values.get("name") or "Titles", **values)


@router.get("/trending")
def trending(mirror: Ready, scope: Annotated[str, Query(max_length=256)] = "global") -> Response:
    """Show a trending list."""
    values: dict[str, Any] = {"scopes": mirror.scopes(), "scope": scope, "items": []}
    if (stored := mirror.trending(scope)) is not None:
        found = decode_trending(stored.value)
        values["items"] = [(card_of(mirror.title(one.title_id)), one.score) for one in found.items]
        values |= {
            "as_of": when(found.generated_at_ms),
            "half_life": round(found.half_life_s / S_AN_HOUR, 1),
        }
    return console_page("console_trending.html", "/trending", "Trending", **values)


@router.get("/dead-letters")
def dead_letters(mirror: Ready) -> Response:
    """Show the newest records that could not be used."""
    try:
        with mirror.scan():
            found, error = newest_dead_letters(mirror.settings), None
    except StreamError as failed:
        found, error = [], failed
    return console_page(
        "console_dead_letters.html",
        "/dead-letters",
        "Dead letters",
        error=error,
        dead_letters=found,
        reasons=Counter(one.reason for one in found).most_common(),
    )


@router.post("/dead-letters")
async def redrive(request: Request) -> Response:
    """Produce a corrected record; it has to be a valid event."""
    form = parse_qs((await request.body()).decode(errors="replace"))
    value = form.get("value", [""])[0].strip().encode()
    try:
        event = decode_event(value)
    except DecodeError as error:
        raise Problem(ProblemKind.INVALID_EVENT, f"still not an event: {error}") from None
    require_event_scope(request, event)
    poster: EventPoster = request.app.state.poster
    await poster.put(event.viewer_id, value)
    await poster.audit(request.user.display_name, AuditAction.RESEND, event.event_id)
    if "hx-request" not in request.headers:
        return RedirectResponse("/console/dead-letters", 303)
    return page("toast.html", text="Sent again")


@router.get("/topics")
def topics(mirror: Ready) -> Response:
    """Show every topic, and the lag of the viewers stage."""
    values: dict[str, Any] = {"topics": [], "lag": []}
    try:
        with mirror.scan():
            values |= {"topics": topics_of(mirror.settings), "lag": lag_of(mirror.settings)}
    except StreamError as error:
        values["error"] = error
    return console_page("console_topics.html", "/topics", "Topics", **values)


@router.get("/model")
def model(mirror: Ready, request: Request) -> Response:
    """Show the model: its hit rate on live events, its weights and constants."""
    with mirror.scan():
        found = model_card(mirror.settings, request.app.state.history.observer)
    return console_page("console_model.html", "/model", "Model", **found)


def _viewer(mirror: Mirror, viewer_id: str) -> dict[str, Any]:
    with mirror.scan():
        found = inspect_viewer(mirror.settings, viewer_id, page=False)  # the mirror has it
    recent = [(mirror.title(one["title_id"]), one["liked"]) for one in found["recent"]]
    taste = Counter(tag for title, liked in recent if liked for tag in chips(title))
    home = mirror.home(viewer_id)
    return {
        "found": found,
        "recent": [(card_of(title), liked) for title, liked in recent],
        "taste": taste.most_common(TASTES),
        "rejected": [
            (card_of(mirror.title(one["title_id"])), one["weight"], one["at"]) for one in found["rejected"]
        ],
        "home": home,
        "shelves": _explained(mirror, home) if home else [],
    }


def _explained(mirror: Mirror, home: Home) -> list[dict[str, Any]]:
    """Return the heading of each row, and the score and reason of each item."""
    said = messages(DEFAULT)
    return [
        {
            "heading": heading(row, name_of(mirror.title(row.title_id)) if row.title_id else ""),
            "items": [
                (card_of(mirror.title(item.title_id)), item.score, reason(mirror, said, row, item))
                for item in row.items
            ],
        }
        for row in home.rows
    ]


def _title(mirror: Mirror, title_id: str) -> dict[str, Any]:
    with mirror.scan():
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
        "insight": completion_curve(mirror.insights.title(title_id)),
        "neighbours": [(card_of(mirror.title(one.title_id)), one.score) for one in alike.items],
        "record": json.dumps(to_builtins(title), indent=2, ensure_ascii=False),
    }


class DeadLetterView(NamedTuple):
    """A dead letter as it is shown."""

    reason: str
    field: str
    message: str
    stage: str
    source: str
    at: str
    key: str
    value: str
    """The record's value as text; bytes that are no UTF-8 are replaced."""
    cut: bool
    """Whether the value is only the beginning of the record's."""


def newest_dead_letters(settings: Settings, most: int = DEAD_LETTERS) -> list[DeadLetterView]:
    """Return the newest dead letters, newest first.

    Raises
    ------
    StreamError
        The broker does not answer, or there is no such topic.
    """
    found = topic_scan.tail(settings, topic_names.DEAD_LETTERS, most)
    found.sort(key=lambda message: message.timestamp()[1], reverse=True)
    return [_dead_letter(message.value()) for message in found][:most]


def _dead_letter(value: bytes | None) -> DeadLetterView:
    try:
        found = decode_dead_letter(value)
    except DecodeError as error:
        return DeadLetterView(UNREADABLE, "", error.message, "", "", "", "", "", cut=False)
    source, raw = found.source, found.value or b""
    return DeadLetterView(
        reason=found.reason.value,
        field=found.field or "",
        message=found.message,
        stage=found.stage,
        source=f"{source.topic}/{source.partition} at {source.offset}",
        at=when(found.time_ms or 0) or "",
        key=(found.key or b"").decode(errors="replace"),
        value=raw.decode(errors="replace"),
        cut=found.value_bytes > len(raw),
    )
