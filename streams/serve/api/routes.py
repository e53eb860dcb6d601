"""The interface, version 1: stored lists byte for byte, lists made on request, live streams, and events in.

The newest page of a viewer is asked for most. :class:`StoredPages` answers that request before routing and
parameter checks, with the same response as the route.
"""

from http import HTTPStatus
from typing import Annotated, Final, NamedTuple

import msgspec
from fastapi import APIRouter, Depends, Header, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from online_models.catalog.vocabulary import nearest, unknown_genres
from schemas import DecodeError, Forget, Preferences
from schemas.audit import AuditAction
from schemas.codec import decode_event, decode_trending, encode
from schemas.errors import Reason
from streams.clock import now_ms
from streams.serve.access.permissions import is_permitted, require_event_scope
from streams.serve.api.description import accepts, answers, lists, stream
from streams.serve.api.lists import cold_home, refreshed, search, similar, trending_for, within_own_limits
from streams.serve.api.live import events, require_stream
from streams.serve.api.posting import EventPoster
from streams.serve.mirror.mirror import Mirror, expired_s
from streams.serve.mirror.rules import RuleAudience
from streams.serve.mirror.table import Stored
from streams.serve.problems import Problem, ProblemKind
from streams.telemetry.metrics import Metrics, media_type_for

__all__ = [
    "EXPIRED", "SOURCE", "TEXT", "Address", "Limit", "NoneMatch", "Ready", "StoredPages", "TitleId",
    "ViewerId", "made", "probes", "router", "stored",
]  # fmt: skip

JSON: Final = "application/json"
TEXT: Final = r"^[^\x00-\x1f\x7f]+$"
"""One line without control characters, as in the contracts."""
_NAMED: Final = 20
"""Genres that an error names, where none is spelled alike."""
ID_LENGTH: Final = 64
"""Most characters of an id, as in the contracts."""
SOURCE: Final = "Nearline-Source"
"""Header with the origin of a response: `stored`, `cold-start` or `derived`."""
EXPIRED: Final = "Nearline-Expired"
"""Header of a page that was made of an expired one: seconds since its end."""

ViewerId = Annotated[str, Path(min_length=1, max_length=ID_LENGTH, pattern=TEXT, description="The viewer.")]
TitleId = Annotated[str, Path(min_length=1, max_length=ID_LENGTH, pattern=TEXT, description="The title.")]
Limit = Annotated[int, Query(ge=1, le=200, description="Most titles.")]
Country = Annotated[
    str | None, Query(pattern="^[A-Z]{2}$", description="Country of the viewer (ISO 3166-1 alpha-2).")
]
Maturity = Annotated[
    int | None, Query(ge=0, le=18, description="Age of the profile: titles rated above it are not shown.")
]
Device = Annotated[
    str | None,
    Query(min_length=1, max_length=64, pattern=TEXT, description="Device type, as in events."),
]
NoneMatch = Annotated[str | None, Header(alias="If-None-Match", description="ETags that the client has.")]
CeId = Annotated[
    str | None,
    Header(
        alias="ce-id",
        pattern="^[!-~]{1,64}$",
        description="Id of the event, if the event has none (CloudEvents).",
    ),
]
LastEvent = Annotated[
    str | None, Header(alias="Last-Event-ID", description="Id of the last event that the client has.")
]


def ready(request: Request) -> Mirror:
    """Return the mirror if it has caught up.

    Raises
    ------
    Problem
        It has not: 503.
    """
    mirror: Mirror = request.app.state.mirror
    if not mirror.ready:
        raise Problem(ProblemKind.UNAVAILABLE, "; ".join(mirror.waiting()), headers={"Retry-After": "1"})
    return mirror


def address_of(request: Request) -> str:
    """Return the address of the client."""
    return request.client.host if request.client else ""


Ready = Annotated[Mirror, Depends(ready)]
Address = Annotated[str, Depends(address_of)]
router = APIRouter(prefix="/v1")
probes = APIRouter(include_in_schema=False)


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

    A viewer without a page gets a page with `cold_start`: what is trending in the `country` or on the type of
    `device`, under the guards of `country` and `maturity`. A published page was made under the viewer's own
    guards. A title that was withdrawn or excluded since stays on it until the viewer's next page, or until it
    expires. Of an expired page the titles are returned that may be shown now, and `Nearline-Expired` says for
    how many seconds it was past its end.
    """
    found = mirror.page(viewer_id)
    audience = RuleAudience(now_ms(), country, maturity)
    if found is not None:
        late_s = expired_s(found, audience.now_ms)
        if not late_s:
            return stored(found, if_none_match)
        page = mirror.home(viewer_id)
        if page is not None:
            answer = made(encode(refreshed(mirror, page, audience)), "derived")
            answer.headers[EXPIRED] = str(late_s)
            return answer
    cold = cold_home(mirror, viewer_id, audience, mirror.settings.list_length, device)
    return made(encode(cold), "cold-start")


@router.get("/viewers/{viewer_id:path}/search", responses=lists("SearchResults"), tags=["lists"])
async def find(
    *,
    viewer_id: ViewerId,
    mirror: Ready,
    q: Annotated[str, Query(min_length=1, max_length=256, pattern=TEXT, description="The query.")],
    limit: Limit = 20,
    country: Country = None,
    maturity: Maturity = None,
) -> Response:
    """Find titles by words, also incomplete or mistyped; titles on the viewer's page get a small boost.

    The limits of the viewer's own page apply, too: `maturity` can only make them stricter.
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
        Query(min_length=1, max_length=64, pattern=TEXT, description="A viewer whose own limits apply, too."),
    ] = None,
) -> Response:
    """Return the titles that viewers of one title watch, popularity taken out."""
    if title_id not in mirror.titles:
        raise Problem(ProblemKind.NOT_FOUND, "neither the catalog nor the model has this title")
    audience = RuleAudience(now_ms(), country, maturity)
    if viewer is not None:
        audience = within_own_limits(mirror, viewer, audience)
    found = await run_in_threadpool(similar, mirror, title_id, audience, limit)
    return made(encode(found), "derived")


@router.get("/titles/{title_id:path}", responses=lists("Title"), tags=["lists"])
async def title(title_id: TitleId, mirror: Ready, if_none_match: NoneMatch = None) -> Response:
    """Return a title's record, byte for byte as it is in the catalog."""
    found = mirror.record(title_id)
    if found is None:
        raise Problem(ProblemKind.NOT_FOUND, "the catalog has no such title")
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
    """Return the trending titles of a scope, under the guards of `country` and `maturity`.

    If all of its titles may be shown, the list is returned byte for byte as it was published.
    """
    found = mirror.trending(scope)
    if found is None:
        raise Problem(ProblemKind.NOT_FOUND, "there is no list of this scope (yet)")
    whole = decode_trending(found.value)
    shown = trending_for(mirror, whole, RuleAudience(now_ms(), country, maturity))
    return stored(found, if_none_match) if shown == whole else made(encode(shown), "derived")


@router.get("/stream/viewers/{viewer_id:path}", responses=stream(), tags=["live"])
async def live(
    viewer_id: ViewerId, mirror: Ready, address: Address, last_event_id: LastEvent = None
) -> Response:
    """Stream a viewer's pages as server-sent events `home`: the newest at once, then each new one.

    An event's id is its page's ETag; a client that reconnects with `Last-Event-ID` does not get that page
    again. A client that reads slowly skips pages, never the newest.
    """
    require_stream(mirror.notifier, mirror.settings.serve, address)
    pages = events(
        mirror.notifier,
        viewer_id.encode(),
        lambda: mirror.valid_page(viewer_id),
        address=address,
        seen=(last_event_id or "").strip('"'),
    )
    return StreamingResponse(
        pages,
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@router.post(
    "/events", status_code=202, responses=answers("Accepted"), openapi_extra=accepts(), tags=["events"]
)
async def post(request: Request, ce_id: CeId = None) -> Response:
    """Take one viewing event; the response is 202 once the brokers have it.

    Repeating is safe: an event counts once per `event_id`, which may come as the header `ce-id` instead. To a
    `forget` the response says whether the viewer was `known`, that is, had a page.
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
    require_event_scope(request, event)
    if isinstance(event, Preferences):
        _require_genres(event, request.app.state.mirror)
    accepted: dict[str, object] = {"event_id": event.event_id}
    if isinstance(event, Forget):
        mirror: Mirror = request.app.state.mirror
        accepted["known"] = mirror.page(event.viewer_id) is not None
    await poster.put(event.viewer_id, value, headers)
    if isinstance(event, Forget):
        await poster.audit(request.user.display_name, AuditAction.FORGET, event.event_id)
    return Response(msgspec.json.encode(accepted), HTTPStatus.ACCEPTED, media_type=JSON)


def _require_genres(event: Preferences, mirror: Mirror) -> None:
    """Refuse preferences with a genre that the catalog does not have, unless there is no catalog."""
    genres = mirror.titles.genres()
    if genres and (unknown := unknown_genres(event.genres, genres)):
        near = nearest(unknown[0], genres)
        there = f"the nearest is {near!r}" if near else f"there are {', '.join(genres[:_NAMED])}"
        message = f"no title of the catalog has genre {event.genres.index(unknown[0]) + 1}: {there}"
        raise Problem(ProblemKind.INVALID_EVENT, message, reason=Reason.OUT_OF_RANGE.value, field="genres")


def stored(found: Stored, if_none_match: str | None) -> Response:
    """Return stored bytes, or 304 if the client has them."""
    headers = {"ETag": found.etag, "Cache-Control": "private, no-cache", SOURCE: "stored"}
    if if_none_match is not None and _matches(if_none_match, found.etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(found.value, media_type=JSON, headers=headers)


def made(body: bytes, source: str) -> Response:
    """Return a document that was made for this response."""
    return Response(body, media_type=JSON, headers={"Cache-Control": "no-store", SOURCE: source})


def _matches(given: str, etag: str) -> bool:
    """Compare weakly, as RFC 9110 says for If-None-Match."""
    return given.strip() == "*" or etag in {one.strip().removeprefix("W/") for one in given.split(",")}


@probes.get("/livez")
async def livez() -> Response:
    """Answer: the process runs."""
    return PlainTextResponse("alive\n")


@probes.get("/readyz")
async def readyz(request: Request, *, reads: bool = False) -> Response:
    """Return 200 once every topic was read to its end, while a broker answers; else 503 with the reasons.

    With `reads` the broker does not matter: what is stored is served without one. A load balancer that asks
    without it would leave nobody to serve pages in an outage.
    """
    mirror: Mirror = request.app.state.mirror
    lines = mirror.waiting() + ([] if reads else mirror.outage())
    return PlainTextResponse("".join(f"{line}\n" for line in lines or ["ready"]), 503 if lines else 200)


@probes.get("/metrics")
async def metrics(request: Request) -> Response:
    """Return the metrics in the text format of Prometheus, or as OpenMetrics to clients that accept it."""
    own: Metrics = request.app.state.metrics
    mirror: Mirror = request.app.state.mirror
    own.http_streams.set(mirror.notifier.streams)
    media_type = media_type_for(request.headers.get("accept", ""))
    return Response(own.exposition(media_type), media_type=media_type)


class _Route(NamedTuple):
    """Name of a route in the metrics."""

    path: str


class StoredPages:
    """ASGI middleware that answers `GET /v1/viewers/…/home` without parameters if the page is stored.

    All other requests go on to the routes.

    Parameters
    ----------
    app
        The application behind it.
    mirror
        The stored pages.
    """

    BEGIN: Final = "/v1/viewers/"
    END: Final = "/home"
    ROUTE: Final = _Route(f"{BEGIN}{{viewer_id:path}}{END}")

    def __init__(self, app: ASGIApp, mirror: Mirror) -> None:
        self._app, self._mirror = app, mirror

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond with a stored page, or pass the request on."""
        path: str = scope.get("path", "")
        if (
            path.startswith(self.BEGIN)
            and path.endswith(self.END)
            and scope.get("method") == "GET"
            and not scope["query_string"]
            and self._mirror.ready
            and is_permitted(scope, self.ROUTE.path)
        ):
            viewer_id = path[len(self.BEGIN) : -len(self.END)]
            found = self._mirror.valid_page(viewer_id) if 0 < len(viewer_id) <= ID_LENGTH else None
            if found is not None:
                scope["route"] = self.ROUTE
                given = next((v for k, v in scope["headers"] if k == b"if-none-match"), None)
                response = stored(found, None if given is None else given.decode("latin-1"))
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)
