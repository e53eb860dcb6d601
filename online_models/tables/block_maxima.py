"""Maxima of blocks of a column: what no row of a block exceeds (`ranking.title_blocks`)."""

import numpy as np

from online_models.jit import jit_inline, jit_no_alloc
from online_models.tables.layout import F4, I4, Int

__all__ = ["SPAN", "blocks_in", "blocks_of", "write_maxima"]

SPAN = 64
"""Titles of a block. A block that may have one costs as much as one step of the pass over all titles; with a
quarter of them the bounds alone take a quarter of that pass."""


def blocks_in(rows: int) -> int:
    """Return the number of blocks of a column; the last one may be shorter.

    Examples
    --------
    >>> blocks_in(64), blocks_in(65)
    (1, 2)
    """
    return -(-rows // SPAN)


def blocks_of(rows: I4) -> I4:
    """Return the blocks of rows, each once, in order.

    Examples
    --------
    >>> blocks_of(np.array([65, 3, 70], np.int32))
    array([0, 1], dtype=int32)
    """
    return np.flatnonzero(np.bincount(rows // SPAN)).astype(np.int32)


@jit_inline
def in_order(bits: Int) -> np.int32:
    """Map the bits of a float32 to an integer, so that integers are in the order of the floats; and back.

    Floats above 0 are in the order of their bits, those below in the reverse one. The largest of many
    integers is a vector instruction; of floats, which may be NaN, it is one comparison after the other.
    """
    return np.int32(bits ^ ((bits >> 31) & 0x7FFFFFFF))


@jit_no_alloc
def write_maxima(values: F4, blocks: I4, out: F4) -> None:
    """Write the largest of some blocks of ``values`` [T] into ``out`` [B]."""
    bits, found = values.view(np.int32), out.view(np.int32)
    for b in blocks:
        top = in_order(bits[b * SPAN])
        for t in range(b * SPAN + 1, min(b * SPAN + SPAN, bits.size)):
            top = max(top, in_order(bits[t]))
        found[b] = in_order(top)
