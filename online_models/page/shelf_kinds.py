r"""Kinds of shelves: wire name, reason of their titles, prior value, and a factor learned from impressions.

The factor of kind k is

.. math::

    f_k = \frac{w_k + m\, r}{(n_k + m)\, r} \qquad r = \frac{\sum_k w_k}{\sum_k n_k}

with n_k impressions of titles on shelves of the kind, w_k those that were liked within a day, and m
impressions of prior evidence: 1 for a kind without data. The value of a shelf is multiplied by it
(:mod:`online_models.page.order`). Only visible titles count, so a low position on the page is no
disadvantage. Position bias among visible shelves is not removed; the factor is bounded for that reason.
"""

from typing import Final, NamedTuple

import numpy as np

from online_models.tables import codes
from online_models.tables.layout import F8
from schemas.fields import ItemReason, RowKind

__all__ = [
    "CATEGORIES",
    "EVIDENCE",
    "KINDS",
    "MEMORY",
    "MOST",
    "REASONS",
    "TAG_KINDS",
    "ShelfKind",
    "ShelfValue",
]


class ShelfKind(NamedTuple):
    """One kind of shelf.

    Kinds are in the order of their numbers (`online_models.tables.codes`).
    """

    wire: RowKind
    reason: ItemReason
    """Reason of a title that has none of its own."""
    prior: float
    """Factor of the shelf's value before anything is learned. The constants are estimates, not
    measurements: services report that continue watching leads where a session probably resumes an
    earlier one (Gomez-Uribe and Hunt, 2016)."""


KINDS: Final = (
    ShelfKind(RowKind.TOP_PICKS, ItemReason.TASTE, 1.2),
    ShelfKind(RowKind.CONTINUE_WATCHING, ItemReason.RESUME, 4.0),
    ShelfKind(RowKind.MY_LIST, ItemReason.RESUME, 2.0),
    ShelfKind(RowKind.BECAUSE_YOU_WATCHED, ItemReason.CO_WATCH, 1.0),
    ShelfKind(RowKind.BECAUSE_YOU_LIKED, ItemReason.CO_WATCH, 1.0),
    ShelfKind(RowKind.TRENDING_NOW, ItemReason.TRENDING, 1.0),
    ShelfKind(RowKind.NEW_RELEASES, ItemReason.NEW, 1.0),
    ShelfKind(RowKind.GENRE, ItemReason.TASTE, 0.9),
    ShelfKind(RowKind.WATCH_AGAIN, ItemReason.AGAIN, 0.3),
    ShelfKind(RowKind.HIDDEN_GEMS, ItemReason.TASTE, 0.8),
    ShelfKind(RowKind.EXPLORE, ItemReason.EXPLORE, 0.1),
    ShelfKind(RowKind.TRENDING_IN_COUNTRY, ItemReason.COUNTRY, 1.0),
    ShelfKind(RowKind.PEOPLE_LIKE_YOU, ItemReason.COHORT, 1.0),
    ShelfKind(RowKind.FEATURED, ItemReason.FEATURED, 1.0),
)
REASONS: Final = (
    ItemReason.TASTE,
    ItemReason.CO_WATCH,
    ItemReason.TRENDING,
    ItemReason.NEW,
    ItemReason.EXPLORE,
    ItemReason.RESUME,
    ItemReason.AGAIN,
    ItemReason.POPULAR,
    ItemReason.COUNTRY,
    ItemReason.COHORT,
    ItemReason.FEATURED,
)
"""Reasons in the order of their numbers (`online_models.tables.codes`)."""
TAG_KINDS: Final = ("pace", "mood", "language", "theme", "genre", "director", "cast", "decade")
"""Kinds of tags that can name a shelf, in the order of their numbers in the kernels."""
CATEGORIES: Final = ("genre", "mood")
"""Kinds of tags that are categories."""

assert len(KINDS) == codes.KINDS  # noqa: S101 - two tables of the same things
assert TAG_KINDS.index("genre") == 4  # noqa: S101 - page.tag_shelves.GENRE


EVIDENCE: Final = 1_000.0
"""Impressions of prior evidence: at a rate of 2 % they stand for 20 watches, a rate known to within a
quarter."""

MOST: Final = 2.0
"""Maximum of the factor, and inverse of its minimum: shelves change places with their neighbours only."""

MEMORY: Final = 200_000.0
"""Impressions at which all counts are halved: some weeks of a partition's viewers."""

_NUMBERS: Final = {kind.wire: number for number, kind in enumerate(KINDS)}


class ShelfValue:
    """Counts of impressions and watches by kind of shelf, of one partition.

    Parameters
    ----------
    counts
        Impressions and watches of each kind, end to end, as `take_moved` returned them. A shorter array is
        from a version with fewer kinds and fills the first ones. Default: no data.

    Examples
    --------
    >>> value = ShelfValue()
    >>> for n in range(2_000):
    ...     value.see(RowKind.TOP_PICKS if n % 2 else RowKind.HIDDEN_GEMS)
    >>> for n in range(40):
    ...     value.watch(RowKind.TOP_PICKS)
    >>> factors = dict(zip((kind.wire for kind in KINDS), value.factors().round(3).tolist()))
    >>> factors["top_picks"], factors["hidden_gems"], factors["my_list"]
    (1.5, 0.5, 1.0)
    """

    def __init__(self, counts: F8 | None = None) -> None:
        self._counts = np.zeros((len(KINDS), 2))
        if counts is not None:
            stored = counts.reshape(-1, 2)[: len(KINDS)]
            self._counts[: len(stored)] = stored
        self._moved = False
        self._factors: F8 | None = None

    def see(self, kind: RowKind) -> None:
        """Count the impression of a title on a shelf."""
        self._counts[_NUMBERS[kind], 0] += 1.0
        self._moved, self._factors = True, None
        if self._counts[:, 0].sum() > MEMORY:
            self._counts *= 0.5

    def watch(self, kind: RowKind) -> None:
        """Count a title that was liked after its impression on a shelf."""
        self._counts[_NUMBERS[kind], 1] += 1.0
        self._moved, self._factors = True, None

    def factors(self) -> F8:
        """Return the factor of each kind's prior."""
        if self._factors is None:
            self._factors = self._compared()
        return self._factors

    def _compared(self) -> F8:
        seen, watched = self._counts.T
        rate = watched.sum() / max(1.0, seen.sum())
        if rate == 0:
            return np.ones(len(KINDS))
        out: F8 = (watched + EVIDENCE * rate) / ((seen + EVIDENCE) * rate)
        return np.clip(out, 1 / MOST, MOST)

    def take_moved(self) -> F8 | None:
        """Return the counts, end to end, if they have changed since the last call."""
        moved, self._moved = self._moved, False
        return self._counts.ravel().copy() if moved else None
