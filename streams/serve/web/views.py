"""What is shown, put together: a viewer's page as rows of cards, in words."""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Final

from schemas import Title
from schemas.codec import decode_home
from schemas.fields import ItemReason, RowKind
from schemas.pages import Home, Row
from streams.serve.api.lists import cold_home
from streams.serve.mirror.mirror import Mirror, now_ms
from streams.serve.mirror.rules import RuleAudience
from streams.serve.web import html
from streams.serve.web.labels import chips, facts, heading, name_of, reason

__all__ = ["Card", "Page", "Shelf", "card_of", "page_of"]

NUMBERED: Final = frozenset({RowKind.TRENDING_NOW, RowKind.TRENDING_IN_COUNTRY})
"""Rows whose places are shown."""
STRANGER: Final = "New here: this is what everybody watches. Play something and the page becomes your own."
SAID: Final = {
    "co_watch": "watched alike",
    "trending": "trending",
    "country": "trending",
    "cohort": "people like you",
    "popular": "favourite",
    "new": "new",
    "explore": "surprise",
    "resume": "go on",
    "featured": "featured",
}
"""An item's own reason in a word, where it is not the usual one of its row."""


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
    query: str = ""
    """The search that found it, and how many it found."""
    found: int = 0
    arm: str = ""
    """The experiment's arm that put it there."""
    kind: str = ""
    """Kind of the row."""
    propensity: float | None = None
    """Of the picture where one was chosen, else of the place; None: 1."""

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
    categories: list[tuple[str, str]] = field(default_factory=list)
    """Names of categories, and what to search for."""
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
        home = cold_home(mirror, viewer_id, RuleAudience(now_ms()), mirror.settings.list_length)
        note, seen = STRANGER if home.rows else "", ""
    rows = [_shelf(mirror, home, n, row) for n, row in enumerate(home.rows) if row.items]
    if not rows:
        return Page(viewer_id, seen, note, [])
    categories = [(one.title, one.tag.partition(":")[2]) for one in home.categories]
    first = home.rows[0]
    title = mirror.title(rows[0].cards[0].title_id)
    why = reason(first.items[0].reason or first.reason)
    said = f"{rows[0].heading} · {why}" if why else rows[0].heading
    return Page(
        viewer_id, seen, note, rows, categories, rows[0].cards[0], said, facts(title), chips(title)
    )  # fmt: skip


def card_of(title: Title, *, variant: str = "", say: str = "") -> Card:
    """Return a title as a card."""
    tags = " · ".join([*title.tags.genre[:2], *title.tags.mood[:1]])
    return Card(title.title_id, name_of(title), tags, variant, say=say)


def _shelf(mirror: Mirror, home: Home, number: int, row: Row) -> Shelf:
    about = name_of(mirror.title(row.title_id)) if row.title_id else ""
    usual = _usual(row)
    cards = []
    for slot, item in enumerate(row.items):
        own = item.reason or row.reason
        say = "" if own is usual else SAID.get(str(own), "")
        card = card_of(mirror.title(item.title_id), variant=item.artwork or "", say=say)
        card = replace(card, list_id=home.list_id, row=number, slot=slot, kind=str(row.kind))
        cards.append(replace(card, arm=item.arm or "", propensity=item.propensity))
    return Shelf(heading(row, about), reason(usual), row.kind in NUMBERED, cards)


def _usual(row: Row) -> ItemReason | None:
    """Return the reason that most of a row's titles have: it is said once."""
    ((usual, _),) = Counter(item.reason or row.reason for item in row.items).most_common(1)
    return usual
