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

from online_models.jit import jit_no_alloc
from online_models.passed_by_pointer import PassedByPointer
from online_models.ranking.scorer import score_shared
from online_models.ranking.title_blocks import LARGE
from online_models.tables.block_maxima import SPAN, blocks_in, blocks_of, write_maxima
from online_models.tables.layout import F4, F8, I4, Titles
from online_models.tables.titles import TitleTable

__all__ = ["Code", "KeptScores", "SharedRows", "SharedTerms", "maxima_of"]

Code = tuple[int, ...]
"""What makes viewers a group: their traits."""

MOST_BYTES = 64 << 20
"""Scores that a partition keeps: of 16 groups among a million titles."""
MOST_GROUPS = 64
"""Groups that are kept at most: 12 contexts of the blend in five pairs of country and maturity limit."""


class SharedTerms(PassedByPointer):
    """What decides the shared scores of a group, besides the titles."""

    weights: F8
    """[EXPERTS] of the blend."""
    satisfaction: float
    guard: F4
    """[T] as `Catalog.guard` keeps it: another array where anything has changed."""


class SharedRows(NamedTuple):
    """Shared scores: a group each row."""

    dense: F4
    """[C, T]"""
    backoff: F4
    """[T]"""
    most: F4
    """[C, B] maxima of ``dense`` by block."""


class _Kept(NamedTuple):
    """What the scores in a row were computed from."""

    row: int
    terms: SharedTerms
    prior: int
    """Positives when the derived columns were written."""
    seen: int
    """The newest change of the titles."""

    def is_of(self, terms: SharedTerms, prior: int) -> bool:
        former = self.terms
        return (
            former.guard is terms.guard
            and former.satisfaction == terms.satisfaction
            and self.prior == prior
            and np.array_equal(former.weights, terms.weights)
        )


@jit_no_alloc
def score_blocks(
    titles: Titles, blocks: I4, guard: F4, w: F8, satisfaction: float, dense: F4, backoff: F4
) -> None:
    """Write the shared scores of the titles of some blocks, and their backoff."""
    for b in blocks:
        a, e = b * SPAN, min(b * SPAN + SPAN, dense.size)
        score_shared(
            titles.bias[a:e], titles.prior[a:e], guard[a:e], w, satisfaction, dense[a:e], backoff[a:e]
        )


def maxima_of(dense: F4) -> F4:
    """Return the maxima of rows of scores [C, T] by block: [C, B], without blocks of few titles."""
    size = dense.shape[1]
    blocks = np.arange(blocks_in(size) if size >= LARGE else 0, dtype=np.int32)
    most = np.empty((len(dense), blocks.size), np.float32)
    for row, found in zip(dense, most, strict=True):
        write_maxima(row, blocks, found)
    return most


class KeptScores:
    """The shared scores of the newest groups of a partition. Not for two threads at once.

    Parameters
    ----------
    titles
        The titles.
    """

    def __init__(self, titles: TitleTable) -> None:
        self._titles = titles
        self._kept: OrderedDict[Code, _Kept] = OrderedDict()
        self._rows = SharedRows(*(np.empty((0, 0), np.float32),) * 3)

    def __reduce__(self) -> tuple[type["KeptScores"], tuple[Any, ...]]:
        return KeptScores, (self._titles,)  # derived values are no state

    def of(self, groups: Mapping[Code, SharedTerms], size: int) -> tuple[SharedRows, list[int]] | None:
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
            self._rows = SharedRows(
                np.empty((room, size), np.float32),
                np.empty(size, np.float32),
                np.empty((room, blocks_in(size)), np.float32),
            )
        for code in groups:
            if code in self._kept:
                self._kept.move_to_end(code)
        return self._rows, [self._refreshed(code, terms) for code, terms in groups.items()]

    def _refreshed(self, code: Code, terms: SharedTerms) -> int:
        """Bring the scores of a group up to date; return their row."""
        former = self._kept.get(code)
        changed, seen = self._titles.changes.since(-1 if former is None else former.seen)
        titles = self._titles.arrays  # not before: whoever changes rows marks them afterwards
        prior = int(titles.size[3])
        if former is None:
            full = len(self._kept) == len(self._rows.dense)
            row = self._kept.popitem(last=False)[1].row if full else len(self._kept)
        else:
            row = former.row
        dense, backoff, most = self._rows.dense[row], self._rows.backoff, self._rows.most[row]
        if changed is None or former is None or not former.is_of(terms, prior):
            blocks = np.arange(most.size, dtype=np.int32)
        else:
            blocks = blocks_of(changed[changed < dense.size])
        if blocks.size:
            score_blocks(titles, blocks, terms.guard, terms.weights, terms.satisfaction, dense, backoff)
            write_maxima(dense, blocks, most)
        self._kept[code] = _Kept(row, terms, prior, seen)
        self._kept.move_to_end(code)
        return row
