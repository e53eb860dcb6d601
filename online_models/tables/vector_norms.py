"""How long titles' vectors are, kept from list to list while few of them change (`ranking.shortlist`).

To measure all of them takes as long as one viewer's products with all of them. A worker's replica changes by
the rows that it reads; in a table that learns, hundreds change by every event, and all are measured anew.
"""

from collections import deque
from threading import Lock

import numpy as np

from online_models.jit import jit_no_alloc
from online_models.tables.layout import F4, I4

__all__ = ["ROUNDED", "VectorNorms", "lengths"]

_BEHIND = 1_000
"""Writes after which all are measured anew, so that a table of which no lists are made remembers no more."""


class VectorNorms:
    """Bounds of the lengths of a table's vectors. Whoever changes vectors says so.

    Other threads may write rows and make lists meanwhile; who writes calls `moved` after.

    Examples
    --------
    >>> vectors, found = np.array([[3.0, 4.0], [0.0, 1.0]], np.float32), Lengths()
    >>> found.of(vectors).round(2).tolist()
    [5.0, 1.0]
    >>> vectors[1] = [0.0, 2.0]
    >>> found.moved(np.array([1], np.int32))
    >>> found.of(vectors).round(2).tolist()
    [5.0, 2.0]
    """

    def __init__(self) -> None:
        self._bound: F4 = np.empty(0, np.float32)
        self._known = False
        self._moved: deque[I4] = deque()
        self._lock = Lock()

    def __reduce__(self) -> tuple[type["VectorNorms"], tuple[()]]:
        return VectorNorms, ()  # what is derived is no state

    def forget(self) -> None:
        """Take note that any vector may have changed."""
        self._known = False

    def moved(self, rows: I4) -> None:
        """Take note that the vectors of some rows have changed."""
        if self._known:
            self._moved.append(rows)
        if len(self._moved) > _BEHIND:
            self.forget()

    def of(self, vectors: F4) -> F4:
        """Return a bound of the length of each vector.

        Parameters
        ----------
        vectors
            [T, D] as they are now; rows may have been added since the last call.

        Returns
        -------
        lengths
            [T].
        """
        with self._lock:
            if not self._known:
                self._bound, self._known = np.empty(0, np.float32), True
                self._moved.clear()
            size, former = len(vectors), len(self._bound)
            while self._moved:
                rows = self._moved.popleft()
                rows = rows[rows < former]
                self._bound[rows] = _measured(vectors[rows])
            if size > former:
                self._bound = np.concatenate([self._bound, _measured(vectors[former:])])
            return self._bound[:size]


def _measured(vectors: F4) -> F4:
    out = np.empty(len(vectors), np.float32)
    lengths(vectors, out)
    return out


ROUNDED = np.float32(1.0001)
"""What lengths are multiplied by: float32 leaves sums of some hundred products wrong by less."""


@jit_no_alloc
def lengths(vectors: F4, out: F4) -> None:
    """Write a bound of the length of each vector [T, D] into ``out`` [T]."""
    for j in range(out.size):
        square = np.float32(0.0)
        for f in range(vectors.shape[1]):
            square += vectors[j, f] * vectors[j, f]
        out[j] = ROUNDED * np.sqrt(square)
