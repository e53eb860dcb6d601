"""Who computes next: bounds how many steps run, and lets steps of some stages go before others.

Steps need cores, and what else a batch does waits for the broker. So batches of all partitions are in flight
together, and few of them compute. Whoever waits for a permit is served in the order of deadlines: the moment
since which it waits, plus the seconds for which its stage yields to others. So a stage that yields is never
shut out.
"""

import heapq
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from threading import Lock

__all__ = ["StepPermits"]


class StepPermits:
    """Permits to compute; used by all batches of a worker, from their threads.

    Parameters
    ----------
    permits
        Number of steps that run at the same time.

    Examples
    --------
    >>> permits = StepPermits(1)
    >>> with permits.one():
    ...     permits.waiting
    0
    """

    def __init__(self, permits: int) -> None:
        self._free = permits
        self._lock, self._numbers = Lock(), count()
        self._waiting: list[tuple[float, int, Lock]] = []  # a heap by deadline

    @property
    def waiting(self) -> int:
        """Return how many wait for a permit."""
        return len(self._waiting)

    @contextmanager
    def one(self, yields_s: float = 0.0) -> Iterator[None]:
        """Hold a permit; wait until it is free.

        Parameters
        ----------
        yields_s
            Seconds of waiting after which others who begin to wait come later.
        """
        self._take(yields_s)
        try:
            yield
        finally:
            self._give()

    def _take(self, yields_s: float) -> None:
        """Take a free permit, or wait until somebody hands theirs on."""
        handed_on = Lock()
        with self._lock:
            if self._free:
                self._free -= 1
                return
            handed_on.acquire()
            heapq.heappush(self._waiting, (time.monotonic() + yields_s, next(self._numbers), handed_on))
        handed_on.acquire()

    def _give(self) -> None:
        """Hand the permit on to the earliest deadline; without one it is free."""
        with self._lock:
            if self._waiting:
                heapq.heappop(self._waiting)[2].release()
            else:
                self._free += 1
