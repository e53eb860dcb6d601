"""Selects the artwork and trailers that the items of a page show (:mod:`online_models.artwork.gallery`)."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from online_models.artwork.features import TasteFeatures
from online_models.artwork.gallery import Gallery, Selection
from online_models.artwork.selector import PROPENSITIES, ArtworkSelector, PageItems, new_choices
from online_models.experiments.interleaving import FIRST, InterleavedPick
from online_models.page.headings import last_propensity
from online_models.page.layout import Pages
from online_models.ranking.viewer_side import ViewerSide
from online_models.tables.codes import EXPLORE, NO_SHELF
from online_models.tables.layout import I4, I8
from schemas.experiments import ArtworkPolicy

__all__ = ["NOTHING", "ArtworkSelection", "PageArtwork", "last_drawn", "with_arms"]


class ArtworkSelection(NamedTuple):
    """Items of pages that show something other than the first artwork, and what they show."""

    page: I8
    """[m] page of the item; `row` its shelf, `slot` its place on the shelf."""
    row: I8
    slot: I8
    number: I4
    """[m] index in `shown`."""
    shown: Sequence[Selection]
    propensity: I4
    """[m] index in `propensities`."""
    propensities: Sequence[float | None] = PROPENSITIES
    arm: Sequence[str | None] | None = None
    """[m] arm of an interleaving that picked the item, or None; no sequence without an interleaving."""

    def __bool__(self) -> bool:
        """Whether there is any such item."""
        return self.page.size > 0


_NOWHERE: Final[I8] = np.zeros(0, np.int64)
_FIRST: Final = (Selection(),)
_NO_NUMBERS: Final[I4] = np.zeros(0, np.int32)
NOTHING: Final = ArtworkSelection(_NOWHERE, _NOWHERE, _NOWHERE, _NO_NUMBERS, _FIRST, _NO_NUMBERS)
_UNKNOWN: Final = -2
_BLOCK: Final = 128
"""Viewers of one call of the selector: its choice cache lives until the call ends."""


class PageArtwork:
    """Selects artwork for the viewers of a partition.

    Parameters
    ----------
    gallery
        The titles' artwork and its bandits.
    side
        The viewers and titles.
    """

    def __init__(self, gallery: Gallery, side: ViewerSide) -> None:
        self._gallery, self._side, self._selector = gallery, side, ArtworkSelector(gallery)
        self._taste = TasteFeatures(side.viewers, side.catalog)
        self._listed, self._place = -1, np.zeros(0, np.int32)

    def select(
        self, pages: Pages, slots: I4, now_ms: int, policy: ArtworkPolicy = ArtworkPolicy.BANDIT
    ) -> ArtworkSelection:
        """Return the selection for the items whose titles have several artworks.

        Items of an exploring shelf, and the last item of a list that may be drawn, show the first artwork:
        their propensity is that of the title.
        """
        if not len(self._gallery):
            return NOTHING
        chosen_from = np.where((pages.kind == EXPLORE) | (pages.kind == NO_SHELF), 0, pages.title.shape[2])
        if pages.kind.shape[1] == 1:
            chosen_from[:, 0] -= (chosen_from[:, 0] > 0) & (pages.candidates != 0)
        side, selector, names = self._side, self._selector, self._side.titles.ids
        places, viewers = self._places(pages.title), side.viewers.arrays.key[slots]
        taste = self._taste.of(slots)
        words = selector.liked_words(taste)
        items = PageItems(
            pages.title, places, chosen_from, viewers, words, taste.weights, side.titles.arrays.key
        )
        found, tables, end = new_choices(pages.title), _ShownTables(), 0
        for a in range(0, slots.size, _BLOCK):
            some, first = (a, min(a + _BLOCK, slots.size)), end
            end = selector.select(items, names, some, found, first, now_ms=now_ms, policy=policy)
            tables.renumber(found.number[first:end], selector.selections)
        page, row, slot, number, propensity = found
        return ArtworkSelection(
            page[:end], row[:end], slot[:end], number[:end], tables.all(), propensity[:end]
        )

    def _places(self, listed: I4) -> I4:
        """Return the gallery places of titles by their rows; -1 for titles that show their first artwork."""
        names, gallery = self._side.titles.ids, self._gallery
        if self._listed != gallery.listing_version or len(self._place) <= len(names):
            self._listed = gallery.listing_version
            self._place = np.full(len(names) + 1, _UNKNOWN, np.int32)
            self._place[-1] = -1  # of no title
        places = self._place[listed]
        if (places == _UNKNOWN).any():
            for title in np.unique(listed[places == _UNKNOWN]).tolist():
                self._place[title] = gallery.row_of(names[title])
            places = self._place[listed]
        return places


class _ShownTables:
    """Joins the selector's tables of what is shown: it starts a new one when the old one is too long."""

    def __init__(self) -> None:
        self._tables: list[Sequence[Selection]] = []
        self._first = 0

    def renumber(self, numbers: I4, shown: Sequence[Selection]) -> None:
        """Turn numbers of the selector's present table into numbers among all tables, in place."""
        if not self._tables:
            self._tables.append(shown)
        elif shown is not self._tables[-1]:
            self._first += len(self._tables[-1])
            self._tables.append(shown)
        if self._first:
            numbers += np.int32(self._first)

    def all(self) -> Sequence[Selection]:
        """Return all tables joined; mostly there is one, which only grows."""
        if len(self._tables) == 1:
            return self._tables[0]
        return [one for table in self._tables or [_FIRST] for one in table]


def with_arms(
    selection: ArtworkSelection, picks: Sequence[InterleavedPick], labels: tuple[str, str]
) -> ArtworkSelection:
    """Add the arms of an interleaving to a selection.

    Parameters
    ----------
    selection
        What items show.
    picks
        Items that one of two rankers alone has picked.
    labels
        Arms of the first and the second ranker.
    """
    places = list(zip(selection.page.tolist(), selection.row.tolist(), selection.slot.tolist(), strict=True))
    arms: list[str | None] = [None] * len(places)
    found = {place: n for n, place in enumerate(places)}
    for q, r, k, team in picks:
        n = found.setdefault((q, r, k), len(places))
        if n == len(places):
            places.append((q, r, k))
            arms.append(None)
        arms[n] = labels[0 if team == FIRST else 1]
    at = np.array(places, np.int64).reshape(-1, 3).T
    number, propensity = np.zeros((2, len(places)), np.int32)
    number[: selection.number.size] = selection.number
    propensity[: selection.number.size] = selection.propensity
    return ArtworkSelection(at[0], at[1], at[2], number, selection.shown, propensity, arm=arms)


def last_drawn(pages: Pages, share: float) -> ArtworkSelection:
    """Return the propensity of the last titles of plain lists; nothing for pages with several shelves."""
    if pages.kind.shape[1] > 1 or not pages.title.shape[2]:
        return NOTHING
    page = np.flatnonzero(pages.candidates)
    counts, numbers = np.unique(pages.candidates[page], return_inverse=True)
    propensities = [last_propensity(n, share) for n in counts.tolist()]
    first = np.zeros(page.size, np.int64)
    slot, number = first + pages.title.shape[2] - 1, first.astype(np.int32)
    return ArtworkSelection(page, first, slot, number, _FIRST, numbers.astype(np.int32), propensities)
