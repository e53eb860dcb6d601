"""The page of a viewer, in a browser: rows that follow what is watched, a search, buttons that are events."""

import random
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Annotated, Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from schemas import Title
from schemas.codec import decode_event, decode_home, encode
from schemas.errors import DecodeError
from schemas.lists import Home, Row
from schemas.vocabulary import ItemReason, RowKind
from streams.serve import artwork, html
from streams.serve.acts import ACTS, event_of
from streams.serve.api import Ready, TitleId, ViewerId
from streams.serve.lists import cold_home, search, similar
from streams.serve.live import events
from streams.serve.mirror import Mirror, now_ms
from streams.serve.posting import Poster
from streams.serve.problems import Kind, Problem
from streams.serve.table import Stored
from streams.serve.titles import Audience
from streams.serve.words import chips, facts, heading, name_of, people, reason

__all__ = ["Card", "Page", "Shelf", "page_of", "router"]

FACES: Final = 23
"""Viewers to choose from: two rows of a wide screen, with somebody new."""
FOUND: Final = 24
NUMBERED: Final = frozenset({RowKind.TRENDING_NOW})
"""Rows whose places are shown."""
A_DAY: Final = {"Cache-Control": "private, max-age=86400"}
STRANGER: Final = "New here: this is what everybody watches. Play something and the page becomes your own."

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Card:
    """A title as it stands somewhere."""

    title_id: str
    name: str
    tags: str
    variant: str = ""
    """Id of the artwork that was chosen."""
    list_id: str = ""
    row: int = 0
    slot: int = 0
    say: str = ""
    """A word in the picture's corner."""

    @property
    def art(self) -> str:
        """Address of the picture."""
        return f"/art/{html.path_part(self.title_id)}.svg?v={html.path_part(self.variant)}"

    @property
    def key(self) -> str:
        """Unique on a page: the row and the title."""
        return f"c{self.row}-{self.title_id}"


@dataclass(frozen=True, slots=True)
class Shelf:
    """A row as it is shown."""

    heading: str
    why: str
    numbered: bool
    cards: list[Card]


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it is shown."""

    viewer: str
    seen: str
    """Id of what is shown; empty for a stranger."""
    note: str
    rows: list[Shelf]
    hero: Card | None = None
    hero_why: str = ""
    hero_meta: list[str] = field(default_factory=list)
    hero_chips: list[str] = field(default_factory=list)


def page_of(mirror: Mirror, viewer_id: str) -> Page:
    """Return what is shown to a viewer: the published page, or a stranger's."""
    stored = mirror.page(viewer_id)
    if stored is not None:
        home, note, seen = decode_home(stored.value), "", stored.etag.strip('"')
    else:
        home = cold_home(mirror, viewer_id, Audience(now_ms()), mirror.settings.list_length)
        note, seen = STRANGER if home.rows else "", ""
    rows = [_shelf(mirror, home, n, row) for n, row in enumerate(home.rows) if row.items]
    if not rows:
        return Page(viewer_id, seen, note, [])
    first = home.rows[0]
    title = mirror.title(rows[0].cards[0].title_id)
    why = reason(first.items[0].reason or first.reason)
    said = f"{rows[0].heading} · {why}" if why else rows[0].heading
    return Page(viewer_id, seen, note, rows, rows[0].cards[0], said, facts(title), chips(title))


def card_of(title: Title, *, variant: str = "", say: str = "") -> Card:
    """Return a title as a card."""
    tags = " · ".join([*title.tags.genre[:2], *title.tags.mood[:1]])
    return Card(title.title_id, name_of(title), tags, variant, say=say)


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
        raise Problem(Kind.UNAVAILABLE, "too many live streams are open", headers={"Retry-After": "5"})

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
    *, viewer_id: ViewerId, title_id: TitleId, mirror: Ready,
    v: Annotated[str, Query(max_length=64)] = "", list_id: Annotated[str, Query(max_length=64)] = "",
    row: int = 0, slot: int = 0,
) -> Response:  # fmt: skip
    """Return what there is to say of a title, for the dialog."""
    title = mirror.title(title_id)
    alike = similar(mirror, title_id, Audience(now_ms()), 8)
    return html.page(
        "detail.html",
        viewer=viewer_id,
        card=replace(card_of(title, variant=v), list_id=list_id, row=row, slot=slot),
        facts=facts(title),
        chips=chips(title),
        people=people(title),
        similar=[card_of(mirror.title(match.title_id)) for match in alike.items],
    )


@router.post("/watch/{viewer_id:path}/act")
async def act(viewer_id: ViewerId, mirror: Ready, request: Request) -> Response:
    """Produce the event of a button; answered once the brokers have it."""
    form = dict(parse_qsl((await request.body()).decode(errors="replace")))
    try:
        title = mirror.title(form["title_id"])
        event = event_of(form["action"], viewer_id, title, now_ms(), form)
        value = encode(event)
        decode_event(value)
    except (KeyError, ValueError, DecodeError):
        raise Problem(Kind.INVALID, "this button is unknown, or its title or place is not valid") from None
    poster: Poster = request.app.state.poster
    await poster.put(viewer_id, value)
    if "hx-request" not in request.headers:
        return RedirectResponse(f"/watch/{html.path_part(viewer_id)}", 303)
    return html.page("toast.html", text=ACTS[form["action"]][0].format(name=name_of(title)))


@router.get("/watch/{viewer_id:path}")
def watch(viewer_id: ViewerId, mirror: Ready, q: Annotated[str, Query(max_length=256)] = "") -> Response:
    """Return a viewer's page."""
    found = _found(mirror, viewer_id, q) if q.strip() else {"query": ""}
    return html.page(
        "watch.html", place="viewers", viewer=viewer_id, page=page_of(mirror, viewer_id), **found
    )


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
        return {"query": "", "cards": [], "instead": []}
    found = search(mirror, viewer_id, query, Audience(now_ms()), FOUND)
    return {
        "query": query,
        "cards": [card_of(mirror.title(match.title_id)) for match in found.items],
        "instead": [card_of(mirror.title(title_id)) for title_id in found.suggestions],
    }


def _shelf(mirror: Mirror, home: Home, number: int, row: Row) -> Shelf:
    about = name_of(mirror.title(row.title_id)) if row.title_id else ""
    usual = _usual(row)
    cards = []
    for slot, item in enumerate(row.items):
        own = item.reason or row.reason
        say = "" if own is usual else SAID.get(str(own), "")
        card = card_of(mirror.title(item.title_id), variant=item.artwork or "", say=say)
        cards.append(replace(card, list_id=home.list_id, row=number, slot=slot))
    return Shelf(heading(row, about), reason(usual), row.kind in NUMBERED, cards)


def _usual(row: Row) -> ItemReason | None:
    """Return the reason that most of a row's titles have: it is said once."""
    ((usual, _),) = Counter(item.reason or row.reason for item in row.items).most_common(1)
    return usual


SAID: Final = {
    "co_watch": "watched alike",
    "trending": "trending",
    "popular": "favourite",
    "new": "new",
    "explore": "surprise",
    "resume": "go on",
}
"""An item's own reason in a word, where it is not the usual one of its row."""
