"""Norms of titles' vectors, kept between lists while few vectors change (`ranking.shortlist`).

Computing all norms takes as long as multiplying one viewer's representation with all vectors. In a worker's
replica only the rows that it reads change; in a table that learns, each event changes hundreds, and all norms
are computed anew.
"""

from threading import Lock

import numpy as np

from online_models.jit import jit_inline, jit_no_alloc
from online_models.passed_by_pointer import PassedByPointer
from online_models.tables.block_maxima import SPAN, blocks_in, write_maxima, write_maximum
from online_models.tables.changed_rows import ChangedRows
from online_models.tables.layout import F4, I4

__all__ = ["NORM_MARGIN", "Norms", "VectorNorms"]


class Norms(PassedByPointer):
    """Upper bounds of the norms of vectors."""

    norm: F4
    """[T]"""
    longest: F4
    """[B] their maxima by block."""


class VectorNorms:
    """Upper bounds of the norms of a table's vectors. Any thread may read.

    Parameters
    ----------
    changes
        The changes of the vectors.

    Examples
    --------
    >>> vectors, changes = np.array([[3.0, 4.0], [0.0, 1.0]], np.float32), ChangedRows()
    >>> found = VectorNorms(changes)
    >>> found.of(vectors).norm.round(2).tolist()
    [5.0, 1.0]
    >>> vectors[1] = [0.0, 2.0]
    >>> changes.mark(np.array([1], np.int32))
    >>> found.of(vectors).norm.round(2).tolist()
    [5.0, 2.0]
    """

    def __init__(self, changes: ChangedRows) -> None:
        self._changes, self._seen = changes, -1
        self._found = Norms(np.empty(0, np.float32), np.empty(0, np.float32))
        self._lock = Lock()

    def __reduce__(self) -> tuple[type["VectorNorms"], tuple[ChangedRows]]:
        return VectorNorms, (self._changes,)  # derived values are no state

    def of(self, vectors: F4) -> Norms:
        """Return upper bounds of the norms.

        Parameters
        ----------
        vectors
            [T, D] as they are now; rows may have been added since the last call.
        """
        with self._lock:
            rows, self._seen = self._changes.since(self._seen)
            size, former = len(vectors), self._found.norm.size
            if size > former:
                self._found = Norms(
                    _longer(self._found.norm, size), _longer(self._found.longest, blocks_in(size))
                )
                if rows is not None:
                    rows = np.concatenate((rows, np.arange(former, size, dtype=np.int32)))
            found = self._found
            if rows is None or rows.size > found.longest.size:
                write_all_norms(vectors, found)
            elif rows.size:
                write_norms(vectors, rows, found)
            if size < found.norm.size:
                found = Norms(found.norm[:size], found.longest[: blocks_in(size)])
            return found


def _longer(values: F4, size: int) -> F4:
    return np.concatenate((values, np.zeros(size - values.size, np.float32)))


NORM_MARGIN = np.float32(1.0001)
"""Factor that makes norms upper bounds: the error of a float32 sum of some hundred products is smaller."""


@jit_inline
def write_norm(vectors: F4, j: int, out: F4) -> None:
    """Write an upper bound of the norm of a vector into ``out`` [T]."""
    square = np.float32(0.0)
    for f in range(vectors.shape[1]):
        square += vectors[j, f] * vectors[j, f]
    out[j] = NORM_MARGIN * np.sqrt(square)


@jit_no_alloc
def write_norms(vectors: F4, rows: I4, out: Norms) -> None:
    """Write bounds of some of the vectors [T, D] and the maxima of their blocks; leave out rows from T on."""
    for j in rows:
        if j < vectors.shape[0]:
            write_norm(vectors, j, out.norm)
    last = -1
    for j in rows:
        if j < vectors.shape[0] and j // SPAN != last:
            last = j // SPAN
            write_maximum(out.norm, last, out.longest)


@jit_no_alloc
def write_all_norms(vectors: F4, out: Norms) -> None:
    """Write bounds of all vectors [T, D], and the maxima of all blocks."""
    for j in range(vectors.shape[0]):
        write_norm(vectors, j, out.norm)
    write_maxima(out.norm, out.longest)
