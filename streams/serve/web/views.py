"""View models: a viewer's page as shelves of cards, and the wording of headings, reasons and facts."""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from schemas import Title
from schemas.catalog import TitleKind
from schemas.fields import ItemReason, RowKind
from schemas.pages import Home, Row
from streams.serve.api.lists import cold_home, refreshed
from streams.serve.mirror.mirror import Mirror, expired_s, now_ms
from streams.serve.mirror.rules import RuleAudience
from streams.serve.web.rendering import path_part

__all__ = [
    "Card", "PageView", "ShelfView", "card_of", "chips", "facts", "heading", "name_of", "page_of", "people",
    "reason",
]  # fmt: skip

NUMBERED: Final = frozenset({RowKind.TRENDING_NOW, RowKind.TRENDING_IN_COUNTRY})
"""Shelves that show the rank of their titles."""
COLD_START_NOTE: Final = (
    "New here: this is what everybody watches. Play something and the page becomes your own."
)
BADGES: Final = {
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
"""Reason of an item as a badge, shown if it differs from the main reason of its shelf."""


_HEADINGS: Final = {
    RowKind.TOP_PICKS: "Top picks for you",
    RowKind.BECAUSE_YOU_WATCHED: "Because you watched {name}",
    RowKind.BECAUSE_YOU_LIKED: "Because you liked {name}",
    RowKind.WATCH_AGAIN: "Watch again",
    RowKind.HIDDEN_GEMS: "Hidden gems for you",
    RowKind.CONTINUE_WATCHING: "Continue watching",
    RowKind.MY_LIST: "My list",
    RowKind.TRENDING_NOW: "Trending now",
    RowKind.TRENDING_IN_COUNTRY: "Trending in your country",
    RowKind.NEW_RELEASES: "New releases",
    RowKind.GENRE: "{name}",
    RowKind.PEOPLE_LIKE_YOU: "Popular with people like you",
    RowKind.EXPLORE: "Something else entirely",
    RowKind.FEATURED: "Featured",
}
_REASONS: Final = {
    ItemReason.CO_WATCH: "watched by people who watched what you watched",
    ItemReason.TASTE: "fits your taste",
    ItemReason.TRENDING: "watched a lot right now",
    ItemReason.COUNTRY: "watched a lot in your country right now",
    ItemReason.COHORT: "popular with people like you",
    ItemReason.POPULAR: "a long-time favourite",
    ItemReason.NEW: "new",
    ItemReason.EXPLORE: "to find out what you think of it",
    ItemReason.RESUME: "begun, or on your list",
    ItemReason.AGAIN: "you loved it",
    ItemReason.FEATURED: "featured by the service",
}


@dataclass(frozen=True, slots=True)
class Card:
    """A title as it is shown."""

    title_id: str
    name: str
    tags: str
    variant: str = ""
    """Id of the selected artwork."""
    list_id: str = ""
    row: int = 0
    slot: int = 0
    badge: str = ""
    """A word in the corner of the artwork."""
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
    why: str
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


def page_of(mirror: Mirror, viewer_id: str) -> PageView:
    """Return a viewer's page: the published one, or a cold-start page."""
    stored, home = mirror.page(viewer_id), mirror.home(viewer_id)
    if stored is not None and home is not None:
        note, seen = "", stored.etag.strip('"')
        if expired_s(stored, now_ms()):
            home = refreshed(mirror, home, RuleAudience(now_ms()))
    else:
        home = cold_home(mirror, viewer_id, RuleAudience(now_ms()), mirror.settings.list_length)
        note, seen = COLD_START_NOTE if home.rows else "", ""
    shelves = [_shelf(mirror, home, n, row) for n, row in enumerate(home.rows) if row.items]
    if not shelves:
        return PageView(viewer_id, seen, note, [])
    categories = [(one.title, one.tag.partition(":")[2]) for one in home.categories]
    first = home.rows[0]
    title = mirror.title(shelves[0].cards[0].title_id)
    why = reason(first.items[0].reason or first.reason)
    hero_why = f"{shelves[0].heading} · {why}" if why else shelves[0].heading
    return PageView(
        viewer_id, seen, note, shelves, categories, shelves[0].cards[0], hero_why, facts(title), chips(title)
    )


def card_of(title: Title, *, variant: str = "", badge: str = "") -> Card:
    """Return a title as a card."""
    tags = " · ".join([*title.tags.genre[:2], *title.tags.mood[:1]])
    return Card(title.title_id, name_of(title), tags, variant, badge=badge)


def _shelf(mirror: Mirror, home: Home, number: int, row: Row) -> ShelfView:
    about = name_of(mirror.title(row.title_id)) if row.title_id else ""
    main = _main_reason(row)
    cards = []
    for slot, item in enumerate(row.items):
        own = item.reason or row.reason
        badge = "" if own is main else BADGES.get(str(own), "")
        card = card_of(mirror.title(item.title_id), variant=item.artwork or "", badge=badge)
        card = replace(card, list_id=home.list_id, row=number, slot=slot, kind=str(row.kind))
        cards.append(replace(card, arm=item.arm or "", propensity=item.propensity))
    return ShelfView(heading(row, about), reason(main), row.kind in NUMBERED, cards)


def _main_reason(row: Row) -> ItemReason | None:
    """Return the most frequent reason of a row's titles; it is shown once, beneath the heading."""
    ((main, _),) = Counter(item.reason or row.reason for item in row.items).most_common(1)
    return main


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
    if row.title:
        return row.title
    kind = str(row.kind)
    return _HEADINGS.get(row.kind, kind.replace("_", " ").capitalize()).format(name=about or "this")


def reason(which: ItemReason | None) -> str:
    """Return the wording of a reason; empty for none."""
    return "" if which is None else _REASONS.get(which, str(which).replace("_", " "))


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


def people(title: Title) -> list[str]:
    """Return director and cast of a title."""
    tags = title.tags
    directed = [f"Directed by {', '.join(tags.director)}"] if tags.director else []
    return directed + ([f"With {', '.join(tags.cast)}"] if tags.cast else [])
