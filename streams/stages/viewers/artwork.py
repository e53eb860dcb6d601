"""Which pictures and trailers a page's items show (:mod:`online_models.artwork.gallery`)."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np

from online_models.artwork.features import TasteFeatures
from online_models.artwork.gallery import Gallery, Picked
from online_models.artwork.selector import ArtworkSelector, room_for
from online_models.artwork.selector_kernels import Items
from online_models.experiments.interleaved_pages import Pick
from online_models.experiments.interleaving import FIRST
from online_models.page.decoding import last_chance
from online_models.page.layout import Pages
from online_models.ranking.viewer_side import ViewerSide
from online_models.tables.codes import EXPLORE, NO_ROW
from online_models.tables.layout import I4, I8
from schemas.experiments import ArtworkPolicy

__all__ = ["NOTHING", "ArtworkSelection", "PageArtwork", "drawn_last", "signed", "tail"]


class ArtworkSelection(NamedTuple):
    """What items of pages show."""

    page: I8
    """[m] which item."""
    row: I8
    slot: I8
    number: I4
    """[m] what it shows: a place in `shown`."""
    shown: Sequence[Picked]
    arm: Sequence[str | None] | None = None
    """Under which arm of an interleaving each stands there, or None; no sequence where none does."""

    def __bool__(self) -> bool:
        """Whether any item shows anything but the first."""
        return self.page.size > 0


_NOWHERE: Final[I8] = np.zeros(0, np.int64)
_FIRST: Final = (Picked(),)
NOTHING: Final = ArtworkSelection(_NOWHERE, _NOWHERE, _NOWHERE, np.zeros(0, np.int32), _FIRST)
_UNKNOWN: Final = -2
_AT_ONCE: Final = 128
"""Viewers whose pictures are picked in one call: what it makes anew is kept until it ends."""


class PageArtwork:
    """Picks for the viewers of a partition.

    Parameters
    ----------
    gallery
        The titles' pictures, and what is known of them.
    side
        The viewers.
    """

    def __init__(self, gallery: Gallery, side: ViewerSide) -> None:
        self._gallery, self._side, self._hanger = gallery, side, ArtworkSelector(gallery)
        self._liked = TasteFeatures(side.viewers, side.catalog)
        self._listed, self._place = -1, np.zeros(0, np.int32)

    def pick(
        self, pages: Pages, slots: I4, now_ms: int, policy: ArtworkPolicy = ArtworkPolicy.BANDIT
    ) -> ArtworkSelection:
        """Return what the items show that have something to choose from.

        Items of an exploring row, and the last of a list that may be drawn, show the first: their propensity
        is that of the title.
        """
        if not len(self._gallery):
            return NOTHING
        looked = np.where((pages.kind == EXPLORE) | (pages.kind == NO_ROW), 0, pages.title.shape[2])
        if pages.kind.shape[1] == 1:
            looked[:, 0] -= (looked[:, 0] > 0) & (pages.candidates != 0)
        side, hanger, names = self._side, self._hanger, self._side.titles.ids
        places, viewers = self._places(pages.title), side.viewers.arrays.key[slots]
        liked = hanger.known(self._liked.of(slots))
        items = Items(pages.title, places, looked, viewers, liked, side.titles.arrays.key)
        found, known, end = room_for(pages.title), _Shown(), 0
        for a in range(0, slots.size, _AT_ONCE):
            some, first = (a, min(a + _AT_ONCE, slots.size)), end
            end = hanger.hang(items, names, some, found, first, now_ms=now_ms, policy=policy)
            known.place(found.number[first:end], hanger.shown)
        page, row, slot, number = found
        return ArtworkSelection(page[:end], row[:end], slot[:end], number[:end], known.all())

    def _places(self, listed: I4) -> I4:
        """Return where in the gallery some titles are, by their rows; -1 for those that show their first."""
        names, gallery = self._side.titles.ids, self._gallery
        if self._listed != gallery.listed or len(self._place) < len(names):
            self._listed = gallery.listed
            self._place = np.full(len(names), _UNKNOWN, np.int32)
        places = self._place[listed]
        if (places == _UNKNOWN).any():
            for title in np.unique(listed[places == _UNKNOWN]).tolist():
                self._place[title] = gallery.place(names[title])
            places = self._place[listed]
        return places


class _Shown:
    """What a hanger's numbers stand for, also where it began anew in between."""

    def __init__(self) -> None:
        self._tables: list[Sequence[Picked]] = []
        self._first = 0

    def place(self, numbers: I4, shown: Sequence[Picked]) -> None:
        """Make numbers of the hanger's table as it is now places among all."""
        if not self._tables:
            self._tables.append(shown)
        elif shown is not self._tables[-1]:
            self._first += len(self._tables[-1])
            self._tables.append(shown)
        if self._first:
            numbers += np.int32(self._first)

    def all(self) -> Sequence[Picked]:
        """Return everything by its place; as a rule it is the hanger's own table, which only grows."""
        if len(self._tables) == 1:
            return self._tables[0]
        return [one for table in self._tables or [_FIRST] for one in table]


def signed(hung: ArtworkSelection, picks: Sequence[Pick], labels: tuple[str, str]) -> ArtworkSelection:
    """Say of what items show whose picks they are.

    Parameters
    ----------
    hung
        What they show.
    picks
        Of one ranker alone.
    labels
        Arms of the first and of the second team.
    """
    places = list(zip(hung.page.tolist(), hung.row.tolist(), hung.slot.tolist(), strict=True))
    arms: list[str | None] = [None] * len(places)
    found = {place: n for n, place in enumerate(places)}
    for q, r, k, team in picks:
        n = found.setdefault((q, r, k), len(places))
        if n == len(places):
            places.append((q, r, k))
            arms.append(None)
        arms[n] = labels[0 if team == FIRST else 1]
    at = np.array(places, np.int64).reshape(-1, 3).T
    numbers = np.zeros(len(places), np.int32)
    numbers[: hung.number.size] = hung.number
    return ArtworkSelection(at[0], at[1], at[2], numbers, hung.shown, arms)


def drawn_last(pages: Pages, share: float) -> ArtworkSelection:
    """Say with what probability the last titles of lists stand there; nothing of pages with more rows."""
    if pages.kind.shape[1] > 1 or not pages.title.shape[2]:
        return NOTHING
    page = np.flatnonzero(pages.candidates)
    shown = [Picked(propensity=last_chance(n, share)) for n in pages.candidates[page].tolist()]
    first = np.zeros(page.size, np.int64)
    numbers = np.arange(page.size, dtype=np.int32)
    return ArtworkSelection(page, first, first + pages.title.shape[2] - 1, numbers, shown)


def tail(reason: str | None, shown: Picked, arm: str | None) -> bytes:
    """Return what follows the score of an item that says what it shows."""
    said = {
        "reason": reason,
        "artwork": shown.artwork,
        "trailer": shown.trailer,
        "arm": arm,
        "propensity": shown.propensity,
    }
    text = msgspec.json.encode({name: value for name, value in said.items() if value is not None})
    return b"," + text[1:]
