"""Which rows of a table have changed, for readers that keep something derived from each row."""

from collections import deque
from threading import Lock

import numpy as np

from online_models.tables.layout import I4

__all__ = ["ChangedRows"]

BEHIND = 1_000
"""Changes after which a reader that has not asked takes all rows as changed: bounds the memory of a table of
which nobody asks."""


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
        self._rows: deque[I4] = deque(maxlen=BEHIND)
        self._newest = 0
        self._lock = Lock()

    def __reduce__(self) -> tuple[type["ChangedRows"], tuple[()]]:
        return ChangedRows, ()  # readers are no state, either

    def mark(self, rows: I4) -> None:
        """Add a change of some rows."""
        with self._lock:
            self._newest += 1
            self._rows.append(rows)

    def mark_all(self) -> None:
        """Add a change of all rows."""
        with self._lock:
            self._newest += 1
            self._rows.clear()

    def since(self, seen: int) -> tuple[I4 | None, int]:
        """Return the rows changed behind a number, None for all, and the number of the newest change.

        Rows that were added to the table are not among them.
        """
        with self._lock:
            behind = self._newest - seen
            if seen < 0 or behind > len(self._rows):
                return None, self._newest
            some = [self._rows[-n] for n in range(behind, 0, -1)]
            return np.concatenate([np.empty(0, np.int32), *some]), self._newest
