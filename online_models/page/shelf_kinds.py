"""Kinds of rows: what each is on the wire, why its titles are there, and what it is worth before all else."""

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
    """One kind of row.

    Kinds stand in the order of their numbers in the kernels (``page.layout``).
    """

    wire: RowKind
    reason: ItemReason
    """Of its titles, where a title does not say otherwise."""
    prior: float
    """What its value is multiplied by. No viewer's rows are measured yet: these constants say what services
    tell of theirs (continue watching leads where the sitting is likely a resumed one: Gomez-Uribe and Hunt,
    2016), and no more."""


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
"""Reasons in the order of their numbers in the kernels (``page.layout``)."""
TAG_KINDS: Final = ("pace", "mood", "language", "theme", "genre", "director", "cast", "decade")
"""Kinds of tags that name rows, in the order of their numbers in the kernels."""
CATEGORIES: Final = ("genre", "mood")
"""Kinds of tags that are categories."""

assert len(KINDS) == codes.KINDS  # noqa: S101 - two tables of the same things
assert TAG_KINDS.index("genre") == 4  # noqa: S101 - page.tag_shelves.GENRE


EVIDENCE: Final = 1_000.0
"""Titles seen, of prior evidence: at a rate of 2 % they are 20 watches, known to within a quarter."""

MOST: Final = 2.0
"""Factor at most, and its inverse at least: rows change places with their neighbours and no more."""

MEMORY: Final = 200_000.0
"""Titles seen from which all counts are halved: some weeks of a partition's viewers."""

_NUMBERS: Final = {kind.wire: number for number, kind in enumerate(KINDS)}


class ShelfValue:
    """Counts of one partition.

    Parameters
    ----------
    counts
        Seen and watched of each kind, end to end, as :attr:`counts` gave them; those of another number of
        kinds are of a version with fewer, and stand for the first. Default: nothing is known.

    Examples
    --------
    >>> worth = RowWorth()
    >>> for n in range(2_000):
    ...     worth.see(RowKind.TOP_PICKS if n % 2 else RowKind.HIDDEN_GEMS)
    >>> for n in range(40):
    ...     worth.watch(RowKind.TOP_PICKS)
    >>> factors = dict(zip((kind.wire for kind in KINDS), worth.factors().round(3).tolist()))
    >>> factors["top_picks"], factors["hidden_gems"], factors["my_list"]
    (1.5, 0.5, 1.0)
    """

    def __init__(self, counts: F8 | None = None) -> None:
        self._counts = np.zeros((len(KINDS), 2))
        if counts is not None:
            stored = counts.reshape(-1, 2)[: len(KINDS)]
            self._counts[: len(stored)] = stored
        self._moved = False

    def see(self, kind: RowKind) -> None:
        """Count a title that was seen in a row."""
        self._counts[_NUMBERS[kind], 0] += 1.0
        self._moved = True
        if self._counts[:, 0].sum() > MEMORY:
            self._counts *= 0.5

    def watch(self, kind: RowKind) -> None:
        """Count a title that was liked after it was seen in a row."""
        self._counts[_NUMBERS[kind], 1] += 1.0
        self._moved = True

    def factors(self) -> F8:
        """Return what each kind's prior is multiplied by."""
        seen, watched = self._counts.T
        rate = watched.sum() / max(1.0, seen.sum())
        if rate == 0:
            return np.ones(len(KINDS))
        out: F8 = (watched + EVIDENCE * rate) / ((seen + EVIDENCE) * rate)
        return np.clip(out, 1 / MOST, MOST)

    def take_moved(self) -> F8 | None:
        """Return the counts, end to end, if they have changed since they were last taken."""
        moved, self._moved = self._moved, False
        return self._counts.ravel().copy() if moved else None
