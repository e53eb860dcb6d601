"""A viewer's page in a browser: shelves that are updated live, search, and buttons that produce events."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Final
from urllib.parse import parse_qsl

import msgspec
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response, StreamingResponse

from schemas import Event, Title
from schemas.codec import decode_event, encode
from schemas.errors import DecodeError
from streams.clock import now_ms
from streams.serve.api.lists import search, similar, within_own_limits
from streams.serve.api.live import events, require_stream
from streams.serve.api.posting import EventPoster
from streams.serve.api.routes import Address, Ready, TitleId, ViewerId
from streams.serve.mirror.mirror import Mirror
from streams.serve.mirror.rules import RuleAudience
from streams.serve.mirror.table import Stored
from streams.serve.problems import Problem, ProblemKind
from streams.serve.web import posters
from streams.serve.web.page_events import ACTIONS, MAX_IMPRESSIONS, event_of, impressions_of, search_of
from streams.serve.web.rendering import page, path_part
from streams.serve.web.views import card_of, chips, facts, name_of, page_of, people, trailer

__all__ = ["router"]

VIEWERS: Final = 23
"""Viewers to choose from: with the new viewer two rows of a wide screen."""
RESULTS: Final = 24
"""Most results of a search."""
SIMILAR: Final = 8
"""Similar titles beneath a title."""
A_DAY: Final = {"Cache-Control": "private, max-age=86400"}
Text = Annotated[str, Query(max_length=256)]

router = APIRouter(include_in_schema=False)


class PlaceQuery(BaseModel):
    """Place of a title that is opened, as query parameters."""

    v: Annotated[str, Field(max_length=64)] = ""
    """Variant of the artwork."""
    t: Annotated[str, Field(max_length=64)] = ""
    """Trailer that the page names."""
    list_id: Annotated[str, Field(max_length=64)] = ""
    row: Annotated[int, Field(ge=0, le=999)] = 0
    slot: Annotated[int, Field(ge=0, le=999)] = 0
    q: Annotated[str, Field(max_length=256)] = ""
    """The search that found it."""
    n: Annotated[int, Field(ge=0, le=1_000)] = 0
    """Results of that search."""


Place = Annotated[PlaceQuery, Query()]


@router.get("/")
def choose_viewer(mirror: Ready) -> Response:
    """Ask who is watching."""
    new_viewer = f"new-{random.SystemRandom().randrange(16**6):06x}"
    viewers = sorted(mirror.viewers(VIEWERS))
    return page("choose_viewer.html", place="viewers", viewers=viewers, new_viewer=new_viewer)


@router.get("/watch")
def open_viewer(viewer: Annotated[str, Query(alias="id", min_length=1, max_length=64)]) -> Response:
    """Redirect to a viewer's page."""
    return RedirectResponse(f"/watch/{path_part(viewer)}", 303)


@router.get("/docs")
def docs(request: Request) -> Response:
    """Return the description of the interface as a page."""
    described = {part: request.app.openapi()[part] for part in ("info", "paths")}
    mirror: Mirror = request.app.state.mirror
    viewers, titles = mirror.viewers(1), [title_id for title_id, _ in mirror.titles.labelled()[:1]]
    samples = {"viewer_id": next(iter(viewers), "ada"), "title_id": next(iter(titles), "t1"), "q": "drama"}
    now = now_ms()
    event = event_of("play", samples["viewer_id"], Title(title_id=samples["title_id"]), now, {})
    text = msgspec.json.format(encode(event), indent=2).decode()
    return page("docs.html", samples=samples, event=text, **described)


@router.get("/watch/{viewer_id:path}/rows")
def shelves(viewer_id: ViewerId, mirror: Ready) -> Response:
    """Return the shelves, which replace those of the page."""
    return page("shelves.html", page=page_of(mirror, viewer_id))


@router.get("/watch/{viewer_id:path}/live")
async def live(
    viewer_id: ViewerId, mirror: Ready, address: Address, seen: Annotated[str, Query(max_length=64)] = ""
) -> Response:
    """Notify a page of each version newer than the one it has `seen`; the page then requests its shelves."""
    require_stream(mirror.notifier, mirror.settings.serve, address)

    def newest() -> Stored | None:
        found = mirror.page(viewer_id)
        return found and found._replace(value=b"{}")

    changes = events(mirror.notifier, viewer_id.encode(), newest, address=address, seen=seen)
    return StreamingResponse(changes, media_type="text/event-stream", headers={"Cache-Control": "no-store"})


@router.get("/watch/{viewer_id:path}/search")
def find(viewer_id: ViewerId, mirror: Ready, q: Text = "") -> Response:
    """Return the results of a search as cards."""
    return page("search_results.html", viewer=viewer_id, **_search(mirror, viewer_id, q))


@router.get("/watch/{viewer_id:path}/titles/{title_id:path}")
def title(viewer_id: ViewerId, title_id: TitleId, mirror: Ready, place: Place) -> Response:
    """Return the details of a title, for the dialog."""
    title = mirror.title(title_id)
    audience = within_own_limits(mirror, viewer_id, RuleAudience(now_ms()))
    card = card_of(title, variant=place.v)
    card = replace(card, list_id=place.list_id, row=place.row, slot=place.slot, query=place.q, found=place.n)
    return page(
        "title.html",
        viewer=viewer_id,
        card=card,
        facts=facts(title),
        chips=chips(title),
        trailer=trailer(title, place.t),
        people=people(title),
        similar=[
            card_of(mirror.title(match.title_id))
            for match in similar(mirror, title_id, audience, SIMILAR).items
        ],
    )


@router.post("/watch/{viewer_id:path}/titles/{title_id:path}")
async def select(
    *, viewer_id: ViewerId, title_id: TitleId, mirror: Ready, place: Place, request: Request
) -> Response:
    """Produce the event that a title was opened, and return its details."""
    stood = {"list_id": place.list_id, "row": str(place.row), "slot": str(place.slot), "artwork": place.v}
    value = encode(event_of("select", viewer_id, mirror.title(title_id), now_ms(), stood))
    poster: EventPoster = request.app.state.poster
    await poster.put(viewer_id, value)
    return await run_in_threadpool(title, viewer_id, title_id, mirror, place)


@router.post("/watch/{viewer_id:path}/act")
async def act(viewer_id: ViewerId, mirror: Ready, request: Request) -> Response:
    """Produce the event of a button; the response comes once the brokers have it."""
    form = dict(parse_qsl((await request.body()).decode(errors="replace")))
    try:
        title = mirror.title(form["title_id"])
        happened = [event_of(form["action"], viewer_id, title, now_ms(), form)]
        if form.get("query"):
            found = int(form["found"])
            happened.insert(0, search_of(viewer_id, form["query"], found, title.title_id, now_ms()))
        values = _encoded(happened)
    except (KeyError, ValueError, DecodeError):
        detail = "this button is unknown, or its title or place is not valid"
        raise Problem(ProblemKind.INVALID, detail) from None
    poster: EventPoster = request.app.state.poster
    posted = [await poster.put(viewer_id, value) for value in values]
    if "hx-request" not in request.headers:
        return RedirectResponse(f"/watch/{path_part(viewer_id)}", 303)
    return page("toast.html", text=ACTIONS[form["action"]][0].format(name=name_of(title)), posted=posted[-1])


@router.post("/watch/{viewer_id:path}/seen")
async def seen(viewer_id: ViewerId, request: Request, _: Ready) -> Response:
    """Produce the impressions that a page reports; the response comes once the brokers have them."""
    try:
        values = _encoded(impressions_of(viewer_id, await request.body(), now_ms()))
    except (msgspec.DecodeError, UnicodeDecodeError, DecodeError):
        detail = f"send a JSON list of at most {MAX_IMPRESSIONS} seen titles, with list_id, row and slot"
        raise Problem(ProblemKind.INVALID, detail) from None
    poster: EventPoster = request.app.state.poster
    await asyncio.gather(*(poster.put(viewer_id, value) for value in values))
    return Response(status_code=204)


@router.get("/watch/{viewer_id:path}")
def watch(viewer_id: ViewerId, mirror: Ready, q: Text = "") -> Response:
    """Return a viewer's page."""
    results = _search(mirror, viewer_id, q) if q.strip() else {"query": ""}
    return page(
        "watch.html",
        place="viewers",
        viewer=viewer_id,
        page=page_of(mirror, viewer_id),
        impressions=mirror.settings.serve.impressions,
        **results,
    )


@router.get("/art/{title_id:path}.svg")
def art(title_id: TitleId, mirror: Ready, v: Annotated[str, Query(max_length=64)] = "") -> Response:
    """Return a title's poster."""
    poster = posters.draw(title_id, mirror.title(title_id).tags, v)
    return Response(poster, media_type="image/svg+xml", headers=A_DAY)


@router.get("/face/{viewer_id:path}.svg")
def face(viewer_id: ViewerId) -> Response:
    """Return a viewer's avatar."""
    return Response(posters.face(viewer_id), media_type="image/svg+xml", headers=A_DAY)


def _encoded(happened: Sequence[Event]) -> list[bytes]:
    """Encode events.

    Raises
    ------
    DecodeError
        The contract refuses one of them.
    """
    values = [encode(event) for event in happened]
    for value in values:
        decode_event(value)
    return values


def _search(mirror: Mirror, viewer_id: str, query: str) -> dict[str, object]:
    """Search, and return the values of the template."""
    query = " ".join(query.split())
    if not query:
        return {"query": "", "cards": [], "suggestions": [], "corrected": None}
    found = search(mirror, viewer_id, query, RuleAudience(now_ms()), RESULTS)
    return {
        "query": query,
        "cards": [
            replace(card_of(mirror.title(match.title_id)), query=query, found=len(found.items))
            for match in found.items
        ],
        "suggestions": [card_of(mirror.title(title_id)) for title_id in found.suggestions],
        "corrected": found.did_you_mean,
    }
