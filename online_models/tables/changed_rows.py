"""Which rows of a table have changed, for readers that keep something derived from each row."""

from collections import deque
from itertools import islice
from threading import Lock

import numpy as np

from online_models.tables.layout import I4

__all__ = ["MOVED_SHARE", "ChangedRows"]

BEHIND = 1_000
"""Changes after which a reader that has not asked takes all rows as changed ..."""
MOST_ROWS = 1 << 18
"""... and rows: 1 MB bounds the memory of a table of which nobody asks."""
MOVED_SHARE = 16
"""Rows that a batch of feedback moves are listed up to one of so many titles. Beyond, whoever keeps something
of each row computes all of it: one by one, with their blocks of 64, it would take longer."""
_NONE: I4 = np.empty(0, np.int32)


class ChangedRows:
    """Changes of a table, by number. Any thread may write or read.

    Whoever changes rows marks them afterwards; a reader asks for the changes first and reads the rows then.

    Examples
    --------
    >>> changes = ChangedRows()
    >>> rows, seen = changes.since(-1)
    >>> rows is None, seen
    (True, 0)
    >>> changes.mark(np.array([3, 4], np.int32))
    >>> changes.since(seen)
    (array([3, 4], dtype=int32), 1)
    >>> changes.mark_all()
    >>> changes.since(1), changes.since(2)
    ((None, 2), (array([], dtype=int32), 2))
    """

    def __init__(self) -> None:
        self._rows: deque[I4] = deque()
        self._newest = self._held = 0
        self._lock = Lock()

    def __reduce__(self) -> tuple[type["ChangedRows"], tuple[()]]:
        return ChangedRows, ()  # readers are no state, either

    def mark(self, rows: I4) -> None:
        """Add a change of some rows."""
        with self._lock:
            self._newest += 1
            self._rows.append(rows)
            self._held += rows.size
            while len(self._rows) > BEHIND or self._held > MOST_ROWS:
                self._held -= self._rows.popleft().size

    def mark_all(self) -> None:
        """Add a change of all rows."""
        with self._lock:
            self._newest += 1
            self._rows.clear()
            self._held = 0

    def since(self, seen: int) -> tuple[I4 | None, int]:
        """Return the rows changed behind a number, None for all, and the number of the newest change.

        Rows that were added to the table are not among them.
        """
        with self._lock:
            behind = self._newest - seen
            if seen < 0 or behind > len(self._rows):
                return None, self._newest
            if behind == 1:
                return self._rows[-1], self._newest
            some = list(islice(reversed(self._rows), behind))
            return np.concatenate(some) if some else _NONE, self._newest
