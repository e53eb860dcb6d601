"""Maxima of blocks of a column: what no row of a block exceeds (`ranking.title_blocks`)."""

import numpy as np

from online_models.jit import jit_inline, jit_no_alloc
from online_models.tables.layout import F4, Int

__all__ = ["SPAN", "blocks_in", "write_maxima", "write_maximum"]

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


@jit_inline
def in_order(bits: Int) -> np.int32:
    """Map the bits of a float32 to an integer, so that integers are in the order of the floats; and back.

    Floats above 0 are in the order of their bits, those below in the reverse one. The largest of many
    integers is a vector instruction; of floats, which may be NaN, it is one comparison after the other.
    """
    return np.int32(bits ^ ((bits >> 31) & 0x7FFFFFFF))


@jit_inline
def write_maximum(values: F4, b: int, out: F4) -> None:
    """Write the largest of a block of ``values`` [T] into ``out`` [B]."""
    bits = values.view(np.int32)
    top = in_order(bits[b * SPAN])
    for t in range(b * SPAN + 1, min(b * SPAN + SPAN, bits.size)):
        top = max(top, in_order(bits[t]))
    out.view(np.int32)[b] = in_order(top)


@jit_no_alloc
def write_maxima(values: F4, out: F4) -> None:
    """Write the largest of each block of ``values`` [T] into ``out`` [B]."""
    for b in range(out.size):
        write_maximum(values, b, out)
