"""The page of a viewer, in a browser: rows that follow what is watched, a search, buttons that are events."""

import random
from dataclasses import replace
from typing import Annotated, Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response, StreamingResponse

from schemas.codec import decode_event, encode
from schemas.errors import DecodeError
from streams.serve.api.lists import known, search, similar
from streams.serve.api.live import events
from streams.serve.api.posting import EventPoster
from streams.serve.api.problems import Problem, ProblemKind
from streams.serve.api.routes import Ready, TitleId, ViewerId
from streams.serve.mirror.mirror import Mirror, now_ms
from streams.serve.mirror.rules import RuleAudience
from streams.serve.mirror.table import Stored
from streams.serve.web import html
from streams.serve.web import posters as artwork
from streams.serve.web.actions import ACTS, event_of, search_of
from streams.serve.web.labels import chips, facts, name_of, people
from streams.serve.web.views import card_of, page_of

__all__ = ["router"]

FACES: Final = 23
"""Viewers to choose from: two rows of a wide screen, with somebody new."""
FOUND: Final = 24
A_DAY: Final = {"Cache-Control": "private, max-age=86400"}

router = APIRouter(include_in_schema=False)


class Stood(BaseModel):
    """Where a title stood that somebody opens: as it is said in the address."""

    v: Annotated[str, Field(max_length=64)] = ""
    """Variant of the picture."""
    list_id: Annotated[str, Field(max_length=64)] = ""
    row: Annotated[int, Field(ge=0, le=999)] = 0
    slot: Annotated[int, Field(ge=0, le=999)] = 0
    q: Annotated[str, Field(max_length=256)] = ""
    """The search that found it."""
    n: Annotated[int, Field(ge=0, le=1_000)] = 0
    """How many it found."""


@router.get("/")
def who(mirror: Ready) -> Response:
    """Ask who is watching."""
    stranger = f"new-{random.SystemRandom().randrange(16**6):06x}"
    return html.page("who.html", place="viewers", viewers=sorted(mirror.viewers(FACES)), stranger=stranger)


@router.get("/watch")
def choose(viewer: Annotated[str, Query(alias="id", min_length=1, max_length=64)]) -> Response:
    """Go to a viewer's page."""
    return RedirectResponse(f"/watch/{html.path_part(viewer)}", 303)


@router.get("/docs")
def docs(request: Request) -> Response:
    """Return the interface for people."""
    return html.page("docs.html", **{part: request.app.openapi()[part] for part in ("info", "paths")})


@router.get("/watch/{viewer_id:path}/rows")
def rows(viewer_id: ViewerId, mirror: Ready) -> Response:
    """Return the rows, to be put in the place of the old ones."""
    return html.page("rows.html", page=page_of(mirror, viewer_id))


@router.get("/watch/{viewer_id:path}/live")
async def live(
    viewer_id: ViewerId, mirror: Ready, seen: Annotated[str, Query(max_length=64)] = ""
) -> Response:
    """Tell a page that there is a newer one than it has `seen`; the page then asks for it."""
    hub = mirror.hub
    if hub.open >= mirror.settings.serve.streams:
        raise Problem(ProblemKind.UNAVAILABLE, "too many live streams are open", headers={"Retry-After": "5"})

    def newest() -> Stored | None:
        found = mirror.page(viewer_id)
        return found and found._replace(value=b"{}")

    told = events(hub, viewer_id.encode(), newest, seen=seen)
    return StreamingResponse(told, media_type="text/event-stream", headers={"Cache-Control": "no-store"})


@router.get("/watch/{viewer_id:path}/search")
def find(viewer_id: ViewerId, mirror: Ready, q: Annotated[str, Query(max_length=256)] = "") -> Response:
    """Return what a search finds, as cards."""
    return html.page("found.html", viewer=viewer_id, **_found(mirror, viewer_id, q))


@router.get("/watch/{viewer_id:path}/titles/{title_id:path}")
def title(
    viewer_id: ViewerId, title_id: TitleId, mirror: Ready, stood: Annotated[Stood, Query()]
) -> Response:
    """Return what there is to say of a title, for the dialog."""
    title = mirror.title(title_id)
    alike = similar(mirror, title_id, known(mirror, viewer_id, RuleAudience(now_ms())), 8)
    card = card_of(title, variant=stood.v)
    card = replace(card, list_id=stood.list_id, row=stood.row, slot=stood.slot, query=stood.q, found=stood.n)
    return html.page(
        "detail.html",
        viewer=viewer_id,
        card=card,
        facts=facts(title),
        chips=chips(title),
        people=people(title),
        similar=[card_of(mirror.title(match.title_id)) for match in alike.items],
    )


@router.post("/watch/{viewer_id:path}/titles/{title_id:path}")
async def select(
    *,
    viewer_id: ViewerId,
    title_id: TitleId,
    mirror: Ready,
    stood: Annotated[Stood, Query()],
    request: Request,
) -> Response:
    """Tell that a title was opened, and return what there is to say of it."""
    place = {"list_id": stood.list_id, "row": str(stood.row), "slot": str(stood.slot), "artwork": stood.v}
    value = encode(event_of("select", viewer_id, mirror.title(title_id), now_ms(), place))
    poster: EventPoster = request.app.state.poster
    await poster.put(viewer_id, value)
    return await run_in_threadpool(title, viewer_id, title_id, mirror, stood)


@router.post("/watch/{viewer_id:path}/act")
async def act(viewer_id: ViewerId, mirror: Ready, request: Request) -> Response:
    """Produce the event of a button; answered once the brokers have it."""
    form = dict(parse_qsl((await request.body()).decode(errors="replace")))
    try:
        title = mirror.title(form["title_id"])
        told = [event_of(form["action"], viewer_id, title, now_ms(), form)]
        if form.get("query"):
            told.insert(0, search_of(viewer_id, form["query"], int(form["found"]), title.title_id, now_ms()))
        values = [encode(event) for event in told]
        for value in values:
            decode_event(value)
    except (KeyError, ValueError, DecodeError):
        raise Problem(
            ProblemKind.INVALID, "this button is unknown, or its title or place is not valid"
        ) from None
    poster: EventPoster = request.app.state.poster
    for value in values:
        await poster.put(viewer_id, value)
    if "hx-request" not in request.headers:
        return RedirectResponse(f"/watch/{html.path_part(viewer_id)}", 303)
    return html.page("toast.html", text=ACTS[form["action"]][0].format(name=name_of(title)))


@router.get("/watch/{viewer_id:path}")
def watch(viewer_id: ViewerId, mirror: Ready, q: Annotated[str, Query(max_length=256)] = "") -> Response:
    """Return a viewer's page."""
    found = _found(mirror, viewer_id, q) if q.strip() else {"query": ""}
    tells = mirror.settings.serve.impressions
    shown = page_of(mirror, viewer_id)
    return html.page("watch.html", place="viewers", viewer=viewer_id, page=shown, tells=tells, **found)


@router.get("/art/{title_id:path}.svg")
def art(title_id: TitleId, mirror: Ready, v: Annotated[str, Query(max_length=64)] = "") -> Response:
    """Return a title's picture."""
    drawn = artwork.draw(title_id, mirror.title(title_id).tags, v)
    return Response(drawn, media_type="image/svg+xml", headers=A_DAY)


@router.get("/face/{viewer_id:path}.svg")
def face(viewer_id: ViewerId) -> Response:
    """Return a viewer's picture."""
    return Response(artwork.face(viewer_id), media_type="image/svg+xml", headers=A_DAY)


def _found(mirror: Mirror, viewer_id: str, query: str) -> dict[str, object]:
    """Search, and return the cards."""
    query = " ".join(query.split())
    if not query:
        return {"query": "", "cards": [], "instead": [], "meant": None}
    found = search(mirror, viewer_id, query, RuleAudience(now_ms()), FOUND)
    return {
        "query": query,
        "cards": [
            replace(card_of(mirror.title(match.title_id)), query=query, found=len(found.items))
            for match in found.items
        ],
        "instead": [card_of(mirror.title(title_id)) for title_id in found.suggestions],
        "meant": found.did_you_mean,
    }
