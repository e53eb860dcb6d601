"""Which of many titles may reach a list, without a look at each of them: bounds of blocks of titles.

A title's bound is ``dense_j + |x| |q_j|`` (`ranking.shortlist`). No title of a block is above

    max_j dense_j + |x| max_j |q_j|

so a block whose bound is below the last title on the list is skipped as a whole, and what is found is the
same, title by title. The two maxima of each block are kept from batch to batch, and taken anew where titles
have changed (`ranking.kept_scores`, `tables.vector_norms`). Few blocks stay: the titles at the top of
``dense`` fill the list first, and of 100,000 titles some forty have bounds above its end.

Below :data:`LARGE` titles one pass over all of them is as fast.
"""

import numpy as np

from online_models.jit import jit_no_alloc
from online_models.tables.block_maxima import SPAN
from online_models.tables.layout import F4, I4, Real
from online_models.tables.top_k import BLOCK, sift

__all__ = ["LARGE", "in_reach", "in_reach_of_blocks", "keep_best_of_blocks"]

LARGE = 20_000
"""Titles from which bounds of blocks are taken."""


@jit_no_alloc
def keep_best_of_blocks(row: F4, most: F4, title: I4, score: F4) -> None:
    """Do what `tables.top_k.keep_best` does, looking only at blocks whose maximum may enter the heap."""
    for b in range(most.size):
        if most[b] > score[0]:
            for t in range(b * SPAN, min(b * SPAN + SPAN, row.size)):
                if row[t] > score[0]:
                    sift(score, title, title.size, row[t], t)


@jit_no_alloc
def in_reach(dense: F4, length: float, norm: F4, least: Real, out: I4) -> int:
    """Write the titles that may reach the least score into ``out`` [T + 1], by row; return their number.

    ``BLOCK`` titles are compared at a time, as one vector instruction. If any may, all are written without a
    branch: each overwrites the last one unless that was counted.
    """
    m, whole = 0, dense.size // BLOCK * BLOCK
    for a in range(0, whole, BLOCK):
        better = np.int32(0)
        for k in range(BLOCK):
            better |= np.int32(dense[a + k] + length * norm[a + k] >= least)
        for t in range(a, a + BLOCK if better else a):
            out[m] = t
            m += dense[t] + length * norm[t] >= least
    for t in range(whole, dense.size):
        out[m] = t
        m += dense[t] + length * norm[t] >= least
    return m


@jit_no_alloc
def in_reach_of_blocks(
    dense: F4, length: float, norm: F4, least: Real, most: F4, longest: F4, blocks: I4, out: I4
) -> int:
    """Do what `in_reach` does, looking only at titles of blocks that may have one.

    ``most`` and ``longest`` [B] are the maxima of blocks (`tables.block_maxima`), ``blocks`` [B + 1] working
    memory.
    """
    m = 0
    for i in range(in_reach(most, length, longest, least, blocks)):
        start = blocks[i] * SPAN
        for t in range(start, min(start + SPAN, dense.size)):
            out[m] = t
            m += dense[t] + length * norm[t] >= least
    return m
