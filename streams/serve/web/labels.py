"""Lists in words: headings, reasons, and what is said of a title beside its name."""

from datetime import UTC, datetime
from typing import Final

from schemas import Title
from schemas.catalog import TitleKind
from schemas.fields import ItemReason, RowKind
from schemas.pages import Row

__all__ = ["chips", "facts", "heading", "name_of", "people", "reason"]

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


def heading(row: Row, about: str = "") -> str:
    """Return a row's heading.

    Parameters
    ----------
    row
        The row; a title of its own wins over what its kind says.
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
    """Return a reason in words; nothing for none."""
    return "" if which is None else _REASONS.get(which, str(which).replace("_", " "))


def name_of(title: Title) -> str:
    """Return what people call a title; its id where nobody says."""
    return title.name or title.title_id


def facts(title: Title) -> list[str]:
    """Return a title's year, kind, length and age.

    Examples
    --------
    >>> facts(Title(title_id="t", release_ms=946_684_800_000, duration_s=5_400.0, maturity=12))
    ['2000', '1 h 30 min', '12+']
    """
    said = []
    if title.release_ms is not None:
        said.append(str(datetime.fromtimestamp(title.release_ms / 1000, UTC).year))
    if title.kind is not TitleKind.FILM:
        said.append(title.kind.capitalize())
    if title.duration_s:
        hours, minutes = divmod(round(title.duration_s / 60), 60)
        said.append(f"{hours} h {minutes} min" if hours else f"{minutes} min")
    if title.maturity:
        said.append(f"{title.maturity}+")
    return said


def chips(title: Title) -> list[str]:
    """Return the tags that say what a title is like."""
    tags = title.tags
    paces = [f"{pace}-paced" for pace in tags.pace]
    return [*tags.genre, *tags.mood, *paces, *tags.theme][:8]


def people(title: Title) -> list[str]:
    """Return who made a title and who is in it."""
    tags = title.tags
    made = [f"Directed by {', '.join(tags.director)}"] if tags.director else []
    return made + ([f"With {', '.join(tags.cast)}"] if tags.cast else [])
