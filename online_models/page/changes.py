"""Differences between two pages of a viewer: shelves and titles that came, went and moved."""

from collections.abc import Sequence
from typing import NamedTuple

from schemas.fields import ItemReason
from schemas.pages import Home, Row

__all__ = ["Moved", "ShelfChange", "changes", "new_reasons"]


class Moved(NamedTuple):
    """A title that is further left on its shelf."""

    title_id: str
    was: int
    """Slot before, from 1."""
    now: int
    """Slot after, from 1."""


class ShelfChange(NamedTuple):
    """How a shelf changed."""

    row: Row
    """The shelf as it is now; as it was if it has gone."""
    was: int | None
    """Place on the page before, from 1; None for a new shelf."""
    now: int | None
    """Place after, from 1; None for a shelf that has gone."""
    came: tuple[str, ...] = ()
    """Titles that were not on the shelf, in order."""
    left: tuple[str, ...] = ()
    """Titles that are no longer on it."""
    moved: tuple[Moved, ...] = ()
    """Titles that stayed and passed others."""

    @property
    def still(self) -> bool:
        """Whether nothing changed."""
        return self.was == self.now and not (self.came or self.left or self.moved)


def changes(before: Sequence[Row], after: Home) -> list[ShelfChange]:
    """Compare a page with the shelves of an earlier one: shelves as they are now, then those that have gone.

    Two shelves are the same if kind, seed and tags are; of several, the first is compared with the first.

    Parameters
    ----------
    before
        Shelves of the earlier page; empty if there was none.
    after
        The page.

    Examples
    --------
    >>> from schemas import Item, RowKind, Source
    >>> def row(kind, *titles):
    ...     return Row(kind=kind, items=tuple(Item(title_id=t, score=0.0) for t in titles))
    >>> top, mine = RowKind.TOP_PICKS, RowKind.MY_LIST
    >>> about = {"viewer_id": "v", "list_id": "l", "seq": 2, "model_version": "m"}
    >>> at = {"generated_at_ms": 0, "expires_at_ms": 0, "source": Source(topic="t", partition=0, offset=0)}
    >>> page = Home(**about, **at, rows=(row(mine, "x"), row(top, "c", "b")))
    >>> new, picks = changes([row(top, "a", "b", "c")], page)
    >>> (new.was, new.now, new.came), (picks.was, picks.now, picks.left)
    ((None, 1, ('x',)), (1, 2, ('a',)))
    >>> [tuple(one) for one in picks.moved]
    [('c', 3, 1)]
    """
    left: dict[object, list[int]] = {}
    for number, row in enumerate(before):
        left.setdefault(_name(row), []).append(number)
    out = []
    for number, row in enumerate(after.rows, 1):
        places = left.get(_name(row))
        was = places.pop(0) if places else None
        former = () if was is None else tuple(item.title_id for item in before[was].items)
        out.append(_compared(row, former, None if was is None else was + 1, number))
    gone = sorted(number for places in left.values() for number in places)
    out += [ShelfChange(before[n], n + 1, None, left=_titles(before[n])) for n in gone]
    return out


def new_reasons(before: Sequence[Row], after: Home) -> dict[str, tuple[ItemReason | None, ItemReason | None]]:
    """Return the titles whose reason has changed, with the reasons before and after.

    A title on several shelves has the reason of the first one.
    """
    was, now = _reasons(before), _reasons(after.rows)
    both = [title for title in now if title in was]
    return {title: (was[title], now[title]) for title in both if was[title] is not now[title]}


def _reasons(rows: Sequence[Row]) -> dict[str, ItemReason | None]:
    out: dict[str, ItemReason | None] = {}
    for row in rows:
        for item in row.items:
            out.setdefault(item.title_id, item.reason or row.reason)
    return out


def _compared(row: Row, former: tuple[str, ...], was: int | None, now: int) -> ShelfChange:
    titles = _titles(row)
    came = tuple(title for title in titles if title not in former)
    left = tuple(title for title in former if title not in titles)
    stayed = [title for title in titles if title in former]
    order = [title for title in former if title in titles]
    moved = tuple(
        Moved(title, former.index(title) + 1, titles.index(title) + 1)
        for title in stayed
        if stayed.index(title) < order.index(title)
    )
    return ShelfChange(row, was, now, came, left, moved)


def _titles(row: Row) -> tuple[str, ...]:
    return tuple(item.title_id for item in row.items)


def _name(row: Row) -> object:
    return (row.kind, row.title_id, row.tags)
