"""Shared scores of a large catalog, kept from batch to batch.

The scores that groups of viewers share (`ranking.shared_scores`) are a pass over all titles, which takes 300
us for 100,000 of them, and a single list has nobody to share it with. In a worker's replica few rows change
between two batches, so the scores of a group are kept, with their maxima by block, and computed anew where
titles have changed: block by block by the same kernel that computes all of them, so that what is kept is the
same to the bit. All are computed anew when the weights of the blend, the guard or the derived columns have
changed.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from online_models.config import EXPERTS
from online_models.jit import jit_no_alloc
from online_models.learners.blender import FACTORIZATION, POPULARITY, TRENDING
from online_models.ranking.title_blocks import LARGE
from online_models.tables.block_maxima import SPAN, blocks_in, write_maximum
from online_models.tables.derived_columns import SATISFACTION
from online_models.tables.layout import F4, F8, I4, Shared, Titles
from online_models.tables.titles import TitleTable

__all__ = ["Code", "KeptScores", "SharedTerms", "blank_shared"]

Code = tuple[int, ...]
"""What makes viewers a group: their traits."""

MOST_BYTES = 64 << 20
"""Scores that a partition keeps: of 16 groups among a million titles."""
MOST_GROUPS = 64
"""Groups that are kept at most: 12 contexts of the blend in five pairs of country and maturity limit."""


class SharedTerms(NamedTuple):
    """What decides the shared scores of a group, besides the titles."""

    weights: F8
    """[EXPERTS] of the blend."""
    satisfaction: float
    guard: F4
    """[T] as `Catalog.guard` keeps it: another array where anything has changed."""
    candidates: int
    """Titles that the guard allows."""


class _KeptRow(NamedTuple):
    """What the scores in a row were computed from."""

    row: int
    terms: SharedTerms
    weights: bytes
    """Those of the terms, to be compared."""
    prior: int
    """Positives when the derived columns were written."""
    seen: int
    """The newest change of the titles."""


@jit_no_alloc
def score_shared(bias: F4, prior: F4, guard: F4, w: F8, satisfaction: float, dense: F4, backoff: F4) -> None:
    """Write the scores that do not depend on the viewer, guards and rules included, and the backoff.

    dense_j = w_f b_j + w_t prior_j0 + w_p prior_j1 + satisfaction prior_j3 + guard_j
    """
    own, trend, watched = np.float32(w[FACTORIZATION]), np.float32(w[TRENDING]), np.float32(w[POPULARITY])
    stands = np.float32(satisfaction)
    for j in range(dense.size):
        dense[j] = own * bias[j] + trend * prior[j, 0] + watched * prior[j, 1]
        dense[j] += stands * prior[j, SATISFACTION] + guard[j]
        backoff[j] = prior[j, 2]


@jit_no_alloc
def score_block(
    titles: Titles, b: int, guard: F4, w: F8, satisfaction: float, dense: F4, backoff: F4, most: F4
) -> None:
    """Write the shared scores of the titles of a block, their backoff, and the largest score."""
    a, e = b * SPAN, min(b * SPAN + SPAN, dense.size)
    score_shared(titles.bias[a:e], titles.prior[a:e], guard[a:e], w, satisfaction, dense[a:e], backoff[a:e])
    write_maximum(dense, b, most)


@jit_no_alloc
def score_blocks(
    titles: Titles, rows: I4, guard: F4, w: F8, satisfaction: float, dense: F4, backoff: F4, most: F4
) -> None:
    """Do this for the blocks of some titles, or for all if these are more titles than there are blocks.

    Rows from the size of ``dense`` on are left out. Those of a block that follow each other count once.
    """
    last = -1
    for t in rows[: rows.size if rows.size <= most.size else 0]:
        if t < dense.size and t // SPAN != last:
            last = t // SPAN
            score_block(titles, last, guard, w, satisfaction, dense, backoff, most)
    for b in range(0 if rows.size <= most.size else most.size):
        score_block(titles, b, guard, w, satisfaction, dense, backoff, most)


_NO_GROUP = np.empty(0, np.int32)


def blank_shared(groups: int, size: int) -> Shared:
    """Allocate the scores of so many groups; there are no maxima of blocks of few titles."""
    return Shared(
        dense=np.empty((groups, size), np.float32),
        candidates=np.zeros(groups, np.int32),
        weights=np.zeros((groups, len(EXPERTS))),
        backoff=np.empty(size, np.float32),
        group=_NO_GROUP,
        pins=np.full((groups, 0, 3), -1, np.int32),
        most=np.empty((groups, blocks_in(size) if size >= LARGE else 0), np.float32),
        previous=_NO_GROUP,
        episodes=_NO_GROUP,
    )


class KeptScores:
    """The shared scores of the newest groups of a partition. Not for two threads at once.

    Parameters
    ----------
    titles
        The titles.
    """

    def __init__(self, titles: TitleTable) -> None:
        self._titles = titles
        self._kept: OrderedDict[Code, _KeptRow] = OrderedDict()
        self._rows = blank_shared(0, 0)
        self._all: I4 = _NO_GROUP

    def __reduce__(self) -> tuple[type["KeptScores"], tuple[Any, ...]]:
        return KeptScores, (self._titles,)  # derived values are no state

    def of(self, groups: Mapping[Code, SharedTerms], size: int) -> tuple[Shared, list[int]] | None:
        """Return rows of scores and the row of each group; None where nothing is kept.

        Parameters
        ----------
        groups
            What decides the scores of each group of a batch, by its traits.
        size
            Number of titles.
        """
        room = min(MOST_BYTES // (4 * max(size, 1)), MOST_GROUPS)
        if size < LARGE or len(groups) > room:
            return None
        if self._rows.backoff.size != size:
            self._kept.clear()
            self._rows, self._all = blank_shared(room, size), np.arange(size, dtype=np.int32)
        for code in groups:
            if code in self._kept:
                self._kept.move_to_end(code)
        return self._rows, [self._refreshed(code, terms) for code, terms in groups.items()]

    def _refreshed(self, code: Code, terms: SharedTerms) -> int:
        """Bring the scores of a group up to date; return their row."""
        former = self._kept.get(code)
        changed, seen = self._titles.changes.since(-1 if former is None else former.seen)
        titles = self._titles.arrays  # not before: whoever changes rows marks them afterwards
        prior, weights, rows = int(titles.size[3]), terms.weights.tobytes(), self._rows
        if former is None:
            full = len(self._kept) == len(rows.dense)
            row = self._kept.popitem(last=False)[1].row if full else len(self._kept)
        else:
            row = former.row
        if (
            former is None
            or former.terms.guard is not terms.guard
            or former.terms.satisfaction != terms.satisfaction
            or former.prior != prior
            or former.weights != weights
        ):
            changed, rows.weights[row], rows.candidates[row] = None, terms.weights, terms.candidates
        if changed is None or changed.size:
            some = self._all if changed is None else changed
            score_blocks(
                titles,
                some,
                terms.guard,
                terms.weights,
                terms.satisfaction,
                rows.dense[row],
                rows.backoff,
                rows.most[row],
            )
        self._kept[code] = _KeptRow(row, terms, weights, prior, seen)
        self._kept.move_to_end(code)
        return row
