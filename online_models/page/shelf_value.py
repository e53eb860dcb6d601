r"""What kinds of rows are worth: how often titles of each are watched after they were seen in it.

.. math::

    f_k = \frac{w_k + m\, r}{(n_k + m)\, r} \qquad r = \frac{\sum_k w_k}{\sum_k n_k}

with n_k the titles seen in rows of kind k, w_k those of them that were liked within a day, and m titles of
prior evidence: 1 for a kind of which nothing is known. A row's value on a page is multiplied by it
(:mod:`online_models.page.order`). Only what was in sight counts, so that a place far down is no
fault; that people look at the first rows with more care is not taken out, and the factor is bounded for it.
"""

from typing import Final

import numpy as np

from online_models.page.shelf_kinds import KINDS
from online_models.tables.layout import F8
from schemas.fields import RowKind

__all__ = ["EVIDENCE", "ShelfValue"]

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
