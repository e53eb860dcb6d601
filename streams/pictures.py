"""Which pictures and trailers a page's items show (:mod:`online_models.artwork`)."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.artwork import Gallery, Picked
from online_models.kernels.layout import I4
from online_models.kernels.page_layout import EXPLORE, NO_ROW, Pages
from online_models.viewer_side import ViewerSide
from streams.sightings import words_liked

__all__ = ["Hung", "Pictures"]


class Hung(NamedTuple):
    """What one item of a page shows."""

    page: int
    row: int
    slot: int
    shown: Picked


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

    def pick(self, pages: Pages, slots: I4, now_ms: int) -> list[Hung]:
        """Return what the items show that have something to choose from.

        Items of an exploring row show the first: their propensity is that of the title.
        """
        if not len(self._gallery):
            return []
        rows = np.where((pages.kind == EXPLORE) | (pages.kind == NO_ROW), 0, 1)[:, :, None]
        shown = (pages.title >= 0) & (rows > 0)
        return [
            hung for q, slot in enumerate(slots.tolist()) for hung in self._of(pages, shown, q, slot, now_ms)
        ]

    def _of(self, pages: Pages, shown: NDArray[np.bool_], q: int, slot: int, now_ms: int) -> Iterator[Hung]:
        side, titles = self._side, self._side.titles
        places = np.argwhere(shown[q])
        listed = pages.title[q][shown[q]]
        ids = [titles.ids[t] for t in listed.tolist()]
        liked = words_liked(side.viewers, side.catalogue, slot)
        viewer = int(side.viewers.arrays.key[slot])
        picked = self._gallery.pick(ids, titles.arrays.key[listed], viewer=viewer, liked=liked, now_ms=now_ms)
        for (r, k), one in zip(places.tolist(), picked, strict=True):
            if one.propensity is not None or one.trailer is not None:
                yield Hung(q, r, k, one)
