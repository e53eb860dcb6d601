"""Norms of titles' vectors, cached between lists while few vectors change (`ranking.shortlist`).

Computing all norms takes as long as multiplying one viewer's representation with all vectors. In a worker's
replica only the rows that it reads change; in a table that learns, each event changes hundreds, and all norms
are computed anew.
"""

from collections import deque
from threading import Lock

import numpy as np

from online_models.jit import jit_no_alloc
from online_models.tables.layout import F4, I4

__all__ = ["NORM_MARGIN", "VectorNorms", "write_norms"]

_BEHIND = 1_000
"""Writes after which all norms are computed anew: bounds the memory of a table from which nobody ranks."""


class VectorNorms:
    """Upper bounds of the norms of a table's vectors.

    A thread that changes vectors calls `mark_changed` or `invalidate` afterwards; others may read meanwhile.

    Examples
    --------
    >>> vectors, found = np.array([[3.0, 4.0], [0.0, 1.0]], np.float32), VectorNorms()
    >>> found.of(vectors).round(2).tolist()
    [5.0, 1.0]
    >>> vectors[1] = [0.0, 2.0]
    >>> found.mark_changed(np.array([1], np.int32))
    >>> found.of(vectors).round(2).tolist()
    [5.0, 2.0]
    """

    def __init__(self) -> None:
        self._bound: F4 = np.empty(0, np.float32)
        self._known = False
        self._moved: deque[I4] = deque()
        self._lock = Lock()

    def __reduce__(self) -> tuple[type["VectorNorms"], tuple[()]]:
        return VectorNorms, ()  # derived values are no state

    def invalidate(self) -> None:
        """Mark all vectors as changed."""
        self._known = False

    def mark_changed(self, rows: I4) -> None:
        """Mark the vectors of some rows as changed."""
        if self._known:
            self._moved.append(rows)
        if len(self._moved) > _BEHIND:
            self.invalidate()

    def of(self, vectors: F4) -> F4:
        """Return an upper bound of the norm of each vector.

        Parameters
        ----------
        vectors
            [T, D] as they are now; rows may have been added since the last call.

        Returns
        -------
        norms
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
    write_norms(vectors, out)
    return out


NORM_MARGIN = np.float32(1.0001)
"""Factor that makes norms upper bounds: the error of a float32 sum of some hundred products is smaller."""


@jit_no_alloc
def write_norms(vectors: F4, out: F4) -> None:
    """Write an upper bound of the norm of each vector [T, D] into ``out`` [T]."""
    for j in range(out.size):
        square = np.float32(0.0)
        for f in range(vectors.shape[1]):
            square += vectors[j, f] * vectors[j, f]
        out[j] = NORM_MARGIN * np.sqrt(square)
