"""Which pictures and trailers a page's items show (:mod:`online_models.artwork`)."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from online_models.artwork import Gallery, Picked
from online_models.experiments.interleaving import FIRST
from online_models.kernels.layout import I4
from online_models.kernels.page.layout import EXPLORE, NO_ROW, Pages
from online_models.page.drafted import Pick
from online_models.page.words import last_chance
from online_models.viewer_side import ViewerSide
from schemas.experiments import ArtworkPolicy
from streams.viewers.sightings import words_liked

__all__ = ["Hung", "Pictures", "drawn_last", "signed", "tail"]


class Hung(NamedTuple):
    """What one item of a page shows."""

    page: int
    row: int
    slot: int
    shown: Picked
    arm: str | None = None
    """Under which arm of an interleaving it stands there; None: under none."""


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
        self._gallery, self._side = gallery, side

    def pick(
        self, pages: Pages, slots: I4, now_ms: int, policy: ArtworkPolicy = ArtworkPolicy.BANDIT
    ) -> list[Hung]:
        """Return what the items show that have something to choose from.

        Items of an exploring row, and the last of a list that may be drawn, show the first: their propensity
        is that of the title.
        """
        if not len(self._gallery):
            return []
        rows = np.where((pages.kind == EXPLORE) | (pages.kind == NO_ROW), 0, 1)[:, :, None]
        shown = (pages.title >= 0) & (rows > 0)
        if pages.kind.shape[1] == 1:
            shown[pages.candidates != 0, 0, -1] = False
        return [
            Hung(q, r, k, one)
            for q, slot in enumerate(slots.tolist())
            for r, k, one in self._of(pages.title[q], shown[q], slot, now_ms, policy)
        ]

    def _of(
        self, page: I4, shown: NDArray[np.bool_], slot: int, now_ms: int, policy: ArtworkPolicy
    ) -> Iterator[tuple[int, int, Picked]]:
        """Yield row, place and what the item there shows, of one page [R, L]."""
        side, titles = self._side, self._side.titles
        listed = page[shown]
        ids, keys = [titles.ids[t] for t in listed.tolist()], titles.arrays.key[listed]
        liked = words_liked(side.viewers, side.catalogue, slot)
        viewer = int(side.viewers.arrays.key[slot])
        picked = self._gallery.pick(ids, keys, viewer=viewer, liked=liked, now_ms=now_ms, policy=policy)
        for (r, k), one in zip(np.argwhere(shown).tolist(), picked, strict=True):
            if one.propensity is not None or one.trailer is not None:
                yield r, k, one


def signed(hung: Sequence[Hung], picks: Sequence[Pick], labels: tuple[str, str]) -> list[Hung]:
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
    found = {(one.page, one.row, one.slot): one for one in hung}
    for q, r, k, team in picks:
        there = found.get((q, r, k)) or Hung(q, r, k, Picked())
        found[q, r, k] = there._replace(arm=labels[0 if team == FIRST else 1])
    return list(found.values())


def drawn_last(pages: Pages, share: float) -> list[Hung]:
    """Say with what probability the last titles of lists stand there; nothing of pages with more rows."""
    if pages.kind.shape[1] > 1 or not pages.title.shape[2]:
        return []
    last = pages.title.shape[2] - 1
    return [
        Hung(q, 0, last, Picked(propensity=last_chance(int(pages.candidates[q]), share)))
        for q in np.flatnonzero(pages.candidates).tolist()
    ]


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
