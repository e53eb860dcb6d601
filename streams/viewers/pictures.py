"""Which pictures and trailers a page's items show (:mod:`online_models.artwork`)."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np

from online_models.artwork import Gallery, Picked
from online_models.experiments.interleaving import FIRST
from online_models.hanging import Hanger
from online_models.kernels.layout import I4, I8
from online_models.kernels.page.layout import EXPLORE, NO_ROW, Pages
from online_models.page.drafted import Pick
from online_models.page.words import last_chance
from online_models.viewer_side import ViewerSide
from schemas.experiments import ArtworkPolicy
from streams.viewers.sightings import words_liked

__all__ = ["NOTHING", "Hung", "Pictures", "drawn_last", "signed", "tail"]


class Hung(NamedTuple):
    """What items of pages show."""

    page: I8
    """[m] which item."""
    row: I8
    slot: I8
    shown: Sequence[Picked]
    arm: Sequence[str | None]
    """Under which arm of an interleaving it stands there; None: under none."""

    def __bool__(self) -> bool:
        """Whether any item shows anything but the first."""
        return len(self.shown) > 0


_NOWHERE: Final[I8] = np.zeros(0, np.int64)
NOTHING: Final = Hung(_NOWHERE, _NOWHERE, _NOWHERE, (), ())
_FIRST: Final = Picked()
_UNKNOWN: Final = -2
_AT_ONCE: Final = 128
"""Viewers whose pictures are picked in one call: what it makes anew is kept until it ends."""


class Pictures:
    """Picks for the viewers of a partition.

    Parameters
    ----------
    gallery
        The titles' pictures, and what is known of them.
    side
        The viewers.
    """

    def __init__(self, gallery: Gallery, side: ViewerSide) -> None:
        self._gallery, self._side, self._hanger = gallery, side, Hanger(gallery)
        self._listed, self._place = -1, np.zeros(0, np.int32)

    def pick(
        self, pages: Pages, slots: I4, now_ms: int, policy: ArtworkPolicy = ArtworkPolicy.BANDIT
    ) -> Hung:
        """Return what the items show that have something to choose from.

        Items of an exploring row, and the last of a list that may be drawn, show the first: their propensity
        is that of the title.
        """
        if not len(self._gallery):
            return NOTHING
        rows = (pages.kind != EXPLORE) & (pages.kind != NO_ROW)
        shown = (pages.title >= 0) & rows[:, :, None]
        if pages.kind.shape[1] == 1:
            shown[pages.candidates != 0, 0, -1] = False
        page, row, slot = np.nonzero(shown)
        ends = np.searchsorted(page, np.arange(slots.size), side="right")
        picked: list[Picked] = []
        for a in range(0, slots.size, _AT_ONCE):
            b = min(a + _AT_ONCE, slots.size)
            some = slice(len(picked), int(ends[b - 1]))
            here = page[some], row[some], slot[some]
            picked += self._hang(pages.title[here], ends[a:b] - len(picked), slots[a:b], now_ms, policy)
        at = [n for n, one in enumerate(picked) if one != _FIRST]
        return Hung(page[at], row[at], slot[at], [picked[n] for n in at], [None] * len(at))

    def _hang(self, listed: I4, ends: I8, slots: I4, now_ms: int, policy: ArtworkPolicy) -> list[Picked]:
        """Return what some viewers' items show: rows of their titles, and behind each viewer's last."""
        side, names = self._side, self._side.titles.ids
        return self._hanger.hang(
            [names[title] for title in listed.tolist()],
            places=self._places(listed),
            keys=side.titles.arrays.key[listed],
            ends=ends,
            viewers=side.viewers.arrays.key[slots],
            liked=[words_liked(side.viewers, side.catalogue, viewer) for viewer in slots.tolist()],
            now_ms=now_ms,
            policy=policy,
        )

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


def signed(hung: Hung, picks: Sequence[Pick], labels: tuple[str, str]) -> Hung:
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
    shown, arms = [*hung.shown], [*hung.arm]
    found = {place: n for n, place in enumerate(places)}
    for q, r, k, team in picks:
        n = found.setdefault((q, r, k), len(places))
        if n == len(places):
            places.append((q, r, k))
            shown.append(_FIRST)
            arms.append(None)
        arms[n] = labels[0 if team == FIRST else 1]
    at = np.array(places, np.int64).reshape(-1, 3).T
    return Hung(at[0], at[1], at[2], shown, arms)


def drawn_last(pages: Pages, share: float) -> Hung:
    """Say with what probability the last titles of lists stand there; nothing of pages with more rows."""
    if pages.kind.shape[1] > 1 or not pages.title.shape[2]:
        return NOTHING
    page = np.flatnonzero(pages.candidates)
    shown = [Picked(propensity=last_chance(n, share)) for n in pages.candidates[page].tolist()]
    first = np.zeros(page.size, np.int64)
    return Hung(page, first, first + pages.title.shape[2] - 1, shown, [None] * page.size)


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
