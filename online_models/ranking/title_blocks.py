"""Which of many titles may reach a list, without a look at each of them: bounds of blocks of titles.

A title's bound is ``dense_j + |x| |q_j|`` (`ranking.shortlist`). No title of a block is above

    max_j dense_j + |x| max_j |q_j|

so a block whose bound is below the last title on the list is skipped as a whole, and what is found is the
same, title by title. The two maxima of each block are taken once for all viewers of a batch. Few blocks stay:
the titles at the top of ``dense`` fill the list first, and of 100,000 titles some forty have bounds above its
end.

Below :data:`LARGE` titles one pass over all of them is as fast.
"""

import numpy as np

from online_models.jit import jit, jit_inline, jit_no_alloc
from online_models.tables.layout import F4, I4, Int, Real
from online_models.tables.top_k import BLOCK, sift

__all__ = ["LARGE", "SPAN", "bound_blocks", "in_reach", "in_reach_of_blocks", "keep_best_of_blocks"]

SPAN = 64
"""Titles of a block. A block that may have one costs as much as one step of the pass over all titles; with a
quarter of them the bounds alone take a quarter of that pass."""
LARGE = 20_000
"""Titles from which bounds of blocks are taken."""


@jit_inline
def in_order(bits: Int) -> np.int32:
    """Map the bits of a float32 to an integer, so that integers are in the order of the floats; and back.

    Floats above 0 are in the order of their bits, those below in the reverse one. The largest of many
    integers is a vector instruction; of floats, which may be NaN, it is one comparison after the other.
    """
    return np.int32(bits ^ ((bits >> 31) & 0x7FFFFFFF))


@jit_no_alloc
def largest(values: I4, out: I4) -> None:
    """Write the largest of each block of ``values``, the bits of float32, into ``out``."""
    for b in range(out.size):
        top = in_order(values[b * SPAN])
        for t in range(b * SPAN + 1, min(b * SPAN + SPAN, values.size)):
            top = max(top, in_order(values[t]))
        out[b] = in_order(top)


@jit
def bound_blocks(dense: F4, norm: F4, most: F4, longest: F4) -> None:
    """Write the maxima of ``dense`` [C, T] into ``most`` [C, B], those of ``norm`` [T] into ``longest`` [B].

    There are as many blocks as ``longest`` has places; the last one may be shorter.
    """
    largest(norm.view(np.int32), longest.view(np.int32))
    for g in range(dense.shape[0]):
        largest(dense[g].view(np.int32), most[g].view(np.int32))


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

    ``most`` and ``longest`` [B] are the maxima of blocks (`bound_blocks`), ``blocks`` [B + 1] working memory.
    """
    m = 0
    for i in range(in_reach(most, length, longest, least, blocks)):
        start = blocks[i] * SPAN
        for t in range(start, min(start + SPAN, dense.size)):
            out[m] = t
            m += dense[t] + length * norm[t] >= least
    return m
