"""The read and write interface, version 1: stored bytes as they are, and a place for events."""

from http import HTTPStatus
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends, Header, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from schemas import DecodeError
from schemas.codec import decode_event, decode_trending, encode
from schemas.errors import Reason
from streams.serve.api.description import accepts, answers, lists, stream
from streams.serve.api.lists import cold_home, known, search, similar, trending_for
from streams.serve.api.live import events
from streams.serve.api.posting import EventPoster
from streams.serve.api.problems import Problem, ProblemKind
from streams.serve.mirror.mirror import Mirror, now_ms
from streams.serve.mirror.rules import RuleAudience
from streams.serve.mirror.table import Stored

__all__ = ["Limit", "NoneMatch", "Ready", "TitleId", "made", "router", "stored"]

JSON: Final = "application/json"
TEXT: Final = r"^[^\x00-\x1f\x7f]+$"
"""One line without control characters, as in the contracts."""
SOURCE: Final = "Nearline-Source"
"""Header that says where an answer comes from: `stored`, `cold-start` or `derived`."""

ViewerId = Annotated[str, Path(min_length=1, max_length=64, pattern=TEXT, description="The viewer.")]
TitleId = Annotated[str, Path(min_length=1, max_length=64, pattern=TEXT, description="The title.")]
Limit = Annotated[int, Query(ge=1, le=200, description="Titles at most.")]
Country = Annotated[
    str | None, Query(pattern="^[A-Z]{2}$", description="Where the viewer is, as ISO 3166-1 alpha-2.")
]
Maturity = Annotated[int | None, Query(ge=0, le=18, description="The profile's age: nothing above is shown.")]
Device = Annotated[
    str | None,
    Query(min_length=1, max_length=64, pattern=TEXT, description="Kind of device, as events say it."),
]
NoneMatch = Annotated[str | None, Header(alias="If-None-Match", description="ETags that the client has.")]
CeId = Annotated[
    str | None,
    Header(
        alias="ce-id", pattern="^[!-~]{1,64}$", description="The event's id, where it has none (CloudEvents)."
    ),
]
LastEvent = Annotated[str | None, Header(alias="Last-Event-ID", description="The last event that was read.")]


def ready(request: Request) -> Mirror:
    """Return the mirror, once it has caught up."""
    mirror: Mirror = request.app.state.mirror
    if not mirror.ready:
        raise Problem(ProblemKind.UNAVAILABLE, "; ".join(mirror.waiting()), headers={"Retry-After": "1"})
    return mirror


Ready = Annotated[Mirror, Depends(ready)]
router = APIRouter(prefix="/v1")


@router.get("/viewers/{viewer_id:path}/home", responses=lists("Home", "ColdHome"), tags=["lists"])
async def home(
    *,
    viewer_id: ViewerId,
    mirror: Ready,
    if_none_match: NoneMatch = None,
    country: Country = None,
    maturity: Maturity = None,
    device: Device = None,
) -> Response:
    """Return a viewer's newest home page, byte for byte as it was published.

    A viewer without a page gets what is trending in the `country` or on the kind of `device`, with
    `cold_start`, under the guards of `country` and `maturity`; a published page was made under the viewer's
    own guards already. What was withdrawn or excluded since stays on it until the viewer's next page, or
    until it expires.
    """
    found = mirror.page(viewer_id)
    if found is not None:
        return stored(found, if_none_match)
    audience = RuleAudience(now_ms(), country, maturity)
    page = cold_home(mirror, viewer_id, audience, mirror.settings.list_length, device)
    return made(encode(page), "cold-start")


@router.get("/viewers/{viewer_id:path}/search", responses=lists("Found"), tags=["lists"])
async def find(
    *,
    viewer_id: ViewerId,
    mirror: Ready,
    q: Annotated[str, Query(min_length=1, max_length=256, pattern=TEXT, description="What was typed.")],
    limit: Limit = 20,
    country: Country = None,
    maturity: Maturity = None,
) -> Response:
    """Find titles by words, also begun or mistyped; the viewer's own come a little before the others.

    The limits that the viewer's page was made under hold, too: `maturity` can only be stricter.
    """
    audience = RuleAudience(now_ms(), country, maturity)
    found = await run_in_threadpool(search, mirror, viewer_id, q, audience, limit)
    return made(encode(found), "derived")


@router.get("/titles/{title_id:path}/similar", responses=lists("Similar"), tags=["lists"])
async def alike(
    *,
    title_id: TitleId,
    mirror: Ready,
    limit: Limit = 20,
    country: Country = None,
    maturity: Maturity = None,
    viewer: Annotated[
        str | None,
        Query(min_length=1, max_length=64, pattern=TEXT, description="Who looks: their limits hold, too."),
    ] = None,
) -> Response:
    """Return the titles that viewers of one title watch, popularity taken out."""
    if title_id not in mirror.book:
        raise Problem(ProblemKind.NOT_FOUND, "neither the catalogue nor the model has this title")
    audience = RuleAudience(now_ms(), country, maturity)
    if viewer is not None:
        audience = known(mirror, viewer, audience)
    found = await run_in_threadpool(similar, mirror, title_id, audience, limit)
    return made(encode(found), "derived")


@router.get("/titles/{title_id:path}", responses=lists("Title"), tags=["lists"])
async def title(title_id: TitleId, mirror: Ready, if_none_match: NoneMatch = None) -> Response:
    """Return a title's record, byte for byte as it is in the catalogue."""
    found = mirror.record(title_id)
    if found is None:
        raise Problem(ProblemKind.NOT_FOUND, "the catalogue has no such title")
    return stored(found, if_none_match)


@router.get("/trending", responses=lists("Trending"), tags=["lists"])
async def trending(
    mirror: Ready,
    if_none_match: NoneMatch = None,
    scope: Annotated[
        str,
        Query(
            min_length=1, max_length=256, pattern=TEXT, description="global, genre:…, country:… or device:…"
        ),
    ] = "global",
    country: Country = None,
    maturity: Maturity = None,
) -> Response:
    """Return what is watched most in a scope, under the guards of `country` and `maturity`.

    A list of which all may be shown is returned byte for byte as it was published.
    """
    found = mirror.trending(scope)
    if found is None:
        raise Problem(ProblemKind.NOT_FOUND, "there is no list of this scope (yet)")
    whole = decode_trending(found.value)
    shown = trending_for(mirror, whole, RuleAudience(now_ms(), country, maturity))
    return stored(found, if_none_match) if shown == whole else made(encode(shown), "derived")


@router.get("/stream/viewers/{viewer_id:path}", responses=stream(), tags=["live"])
async def live(viewer_id: ViewerId, mirror: Ready, last_event_id: LastEvent = None) -> Response:
    """Stream a viewer's pages as server-sent events `home`: the newest at once, then each new one.

    An event's id is its page's ETag; a client that comes back with `Last-Event-ID` is not sent what it has. A
    client that reads slowly misses pages in between, never the newest.
    """
    if mirror.hub.open >= mirror.settings.serve.streams:
        raise Problem(ProblemKind.UNAVAILABLE, "too many live streams are open", headers={"Retry-After": "5"})
    told = events(
        mirror.hub, viewer_id.encode(), lambda: mirror.page(viewer_id), seen=(last_event_id or "").strip('"')
    )
    return StreamingResponse(
        told, media_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )


@router.post(
    "/events", status_code=202, responses=answers("Accepted"), openapi_extra=accepts(), tags=["events"]
)
async def post(request: Request, ce_id: CeId = None) -> Response:
    """Take one viewing event; answered with 202 once the brokers have it.

    Repeating is safe: an event counts once per `event_id`, which may come as the header `ce-id` instead.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in {JSON, "application/cloudevents+json"}:
        raise Problem(ProblemKind.MEDIA_TYPE, f"send one event as {JSON}")
    poster: EventPoster = request.app.state.poster
    value, headers = await request.body(), {} if ce_id is None else {"ce_id": ce_id}
    try:
        event = decode_event(value, [(name, text.encode()) for name, text in headers.items()])
    except DecodeError as error:
        fault = ProblemKind.TOO_LARGE if error.reason is Reason.TOO_LARGE else ProblemKind.INVALID_EVENT
        raise Problem(fault, error.message, reason=error.reason.value, field=error.field) from None
    await poster.put(event.viewer_id, value, headers)
    return Response(msgspec.json.encode({"event_id": event.event_id}), HTTPStatus.ACCEPTED, media_type=JSON)


def stored(found: Stored, if_none_match: str | None) -> Response:
    """Return stored bytes, or that the client has them."""
    headers = {"ETag": found.etag, "Cache-Control": "private, no-cache", SOURCE: "stored"}
    if if_none_match is not None and _matches(if_none_match, found.etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(found.value, media_type=JSON, headers=headers)


def made(body: bytes, source: str) -> Response:
    """Return a document that was made for this answer."""
    return Response(body, media_type=JSON, headers={"Cache-Control": "no-store", SOURCE: source})


def _matches(given: str, etag: str) -> bool:
    """Compare weakly, as RFC 9110 has it for If-None-Match."""
    return given.strip() == "*" or etag in {one.strip().removeprefix("W/") for one in given.split(",")}
