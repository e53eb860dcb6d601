"""View models: a viewer's page as shelves of cards, and the wording of headings, reasons and facts."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from online_models.catalog.languages import DEFAULT, language_code, language_of
from online_models.page.messages import Messages, messages
from schemas import Title
from schemas.catalog import TitleKind
from schemas.fields import ItemReason, RowKind
from schemas.pages import Home, Item, Row, Source
from streams.clock import now_ms
from streams.serve.api.lists import cold_home, refreshed
from streams.serve.mirror.mirror import Mirror, expired_s
from streams.serve.mirror.rules import RuleAudience
from streams.serve.web.rendering import path_part

__all__ = [
    "Card", "PageView", "ShelfView", "card_of", "chips", "facts", "heading", "name_of", "page_of", "people",
    "reason", "trailer",
]  # fmt: skip

NUMBERED: Final = frozenset({RowKind.TRENDING_NOW, RowKind.TRENDING_IN_COUNTRY})
"""Shelves that show the rank of their titles."""
COLD_START_NOTE: Final = (
    "New here: this is what everybody watches. Play something and the page becomes your own."
)


@dataclass(frozen=True, slots=True)
class Card:
    """A title as it is shown."""

    title_id: str
    name: str
    tags: str
    variant: str = ""
    """Id of the selected artwork."""
    trailer: str = ""
    """Id of the selected trailer; empty: the title's first."""
    list_id: str = ""
    row: int = 0
    slot: int = 0
    badge: str = ""
    """A few words in the corner of the artwork."""
    why: str = ""
    """Why the title is there, where the heading does not say it."""
    progress: float | None = None
    """Share that was watched."""
    query: str = ""
    """The search that found it."""
    found: int = 0
    """Results of that search."""
    arm: str = ""
    """Experiment arm that placed it."""
    kind: str = ""
    """Kind of the row in the published page."""
    propensity: float | None = None
    """Of the artwork if one was selected, else of the place; None: 1."""

    @property
    def art(self) -> str:
        """Address of the artwork."""
        return f"/art/{path_part(self.title_id)}.svg?v={path_part(self.variant)}"

    @property
    def key(self) -> str:
        """Unique on a page: the row and the title."""
        return f"c{self.row}-{self.title_id}"


@dataclass(frozen=True, slots=True)
class ShelfView:
    """A row of titles as it is shown."""

    heading: str
    numbered: bool
    cards: list[Card]


@dataclass(frozen=True, slots=True)
class PageView:
    """A page as it is shown."""

    viewer: str
    seen: str
    """ETag of the published page; empty for a cold-start viewer."""
    note: str
    shelves: list[ShelfView]
    categories: list[tuple[str, str]] = field(default_factory=list)
    """Names of categories, and their queries."""
    hero: Card | None = None
    hero_why: str = ""
    hero_meta: list[str] = field(default_factory=list)
    hero_chips: list[str] = field(default_factory=list)
    cause: Source | None = None
    """The event that caused the published page; None for a cold-start viewer."""
    made_ms: int = 0
    """Timestamp of the record of the published page."""


def page_of(mirror: Mirror, viewer_id: str) -> PageView:
    """Return a viewer's page: the published one, or a cold-start page."""
    stored, home = mirror.page(viewer_id), mirror.home(viewer_id)
    if stored is not None and home is not None:
        note, seen = "", stored.etag.strip('"')
        cause, made_ms = home.source, stored.time_ms
        if expired_s(stored, now_ms()):
            home = refreshed(mirror, home, RuleAudience(now_ms()))
    else:
        home = cold_home(mirror, viewer_id, RuleAudience(now_ms()), mirror.settings.list_length)
        note, seen = COLD_START_NOTE if home.rows else "", ""
        cause, made_ms = None, 0
    shelves = [_shelf(mirror, home, n, row) for n, row in enumerate(home.rows) if row.items]
    if not shelves:
        return PageView(viewer_id, seen, note, [])
    categories = [(one.title, one.tag.partition(":")[2]) for one in home.categories]
    title = mirror.title(shelves[0].cards[0].title_id)
    why = shelves[0].cards[0].why
    hero_why = f"{shelves[0].heading} · {why}" if why else shelves[0].heading
    return PageView(
        viewer_id,
        seen,
        note,
        shelves,
        categories,
        shelves[0].cards[0],
        hero_why,
        facts(title),
        chips(title),
        cause,
        made_ms,
    )


def card_of(title: Title, *, variant: str = "", badge: str = "") -> Card:
    """Return a title as a card."""
    tags = " · ".join([*title.tags.genre[:2], *title.tags.mood[:1]])
    return Card(title.title_id, name_of(title), tags, variant, badge=badge)


def _shelf(mirror: Mirror, home: Home, number: int, row: Row) -> ShelfView:
    about = name_of(mirror.title(row.title_id)) if row.title_id else ""
    said, cards = messages(language_of(language_code([home.language or DEFAULT]))), []
    for slot, item in enumerate(row.items):
        card = card_of(mirror.title(item.title_id), variant=item.artwork or "")
        card = replace(card, list_id=home.list_id, row=number, slot=slot, kind=str(row.kind))
        card = replace(card, trailer=item.trailer or "")
        own = item.because is not None or item.reason not in {None, row.reason}
        why = reason(mirror, said, row, item) if own else ""
        left = "" if item.left_s is None else said.left(item.left_s)
        card = replace(card, why=why, badge=left, progress=item.progress)
        cards.append(replace(card, arm=item.arm or "", propensity=item.propensity))
    return ShelfView(heading(row, about), row.kind in NUMBERED, cards)


def heading(row: Row, about: str = "") -> str:
    """Return a row's heading.

    Parameters
    ----------
    row
        The row; its own title takes precedence over the heading of its kind.
    about
        Name of the title that the row refers to.

    Examples
    --------
    >>> heading(Row(kind=RowKind.BECAUSE_YOU_WATCHED, title_id="t1", items=()), "Paper Tide")
    'Because you watched Paper Tide'
    """
    return row.title or messages(DEFAULT).heading(row.kind, about or "this", row.tags)


def reason(mirror: Mirror, said: Messages, row: Row, item: Item) -> str:
    """Return why a title is on a page; empty where nothing is said."""
    why, because = item.reason or row.reason, item.because
    if why is None:
        return ""
    if because is not None and why is ItemReason.TASTE:
        return said.reason(why, tag=because)
    seed = because or (row.title_id if why is ItemReason.CO_WATCH else None)
    return said.reason(why, title=name_of(mirror.title(seed)) if seed else None)


def name_of(title: Title) -> str:
    """Return a title's name, its id if it has none."""
    return title.name or title.title_id


def facts(title: Title) -> list[str]:
    """Return a title's year, kind, length and age limit.

    Examples
    --------
    >>> facts(Title(title_id="t", release_ms=946_684_800_000, duration_s=5_400.0, maturity=12))
    ['2000', '1 h 30 min', '12+']
    """
    out = []
    if title.release_ms is not None:
        out.append(str(datetime.fromtimestamp(title.release_ms / 1000, UTC).year))
    if title.kind is not TitleKind.FILM:
        out.append(title.kind.capitalize())
    if title.duration_s:
        hours, minutes = divmod(round(title.duration_s / 60), 60)
        out.append(f"{hours} h {minutes} min" if hours else f"{minutes} min")
    if title.maturity:
        out.append(f"{title.maturity}+")
    return out


def chips(title: Title) -> list[str]:
    """Return the tags that describe a title."""
    tags = title.tags
    paces = [f"{pace}-paced" for pace in tags.pace]
    return [*tags.genre, *tags.mood, *paces, *tags.theme][:8]


def trailer(title: Title, selected: str) -> list[str]:
    """Return what the selected trailer of a title shows, and its length; nothing for a title without one.

    Parameters
    ----------
    title
        The title.
    selected
        Id of the trailer that the page names; the first one is shown if the title has no such trailer.

    Examples
    --------
    >>> from schemas.catalog import Trailer
    >>> two = tuple(Trailer(id=tag, uri="https://x", duration_s=90.0, tags=(tag,)) for tag in ("war", "love"))
    >>> trailer(Title(title_id="t", trailers=two), "love")
    ['Trailer: love', '90 s', 'fits this viewer best of 2']
    """
    if not title.trailers:
        return []
    fitting = [one for one in title.trailers if one.id == selected]
    (shown,) = fitting[:1] or title.trailers[:1]
    out = [f"Trailer: {', '.join(shown.tags) or shown.id}"]
    if shown.duration_s:
        out.append(f"{round(shown.duration_s)} s")
    return [*out, f"fits this viewer best of {len(title.trailers)}"] if fitting else out


def people(title: Title) -> list[str]:
    """Return director and cast of a title."""
    tags = title.tags
    directed = [f"Directed by {', '.join(tags.director)}"] if tags.director else []
    return directed + ([f"With {', '.join(tags.cast)}"] if tags.cast else [])
