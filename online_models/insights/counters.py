r"""Counters: the heaviest keys of a stream in bounded memory, and sums that decay in event time.

Space-saving (Metwally, Agrawal, El Abbadi, ICDT 2005) has m counters. A key with a counter adds to it. A new
key replaces the lightest key, and the count of that key becomes its possible error. For every stream of
weights :math:`w \ge 0` with the sum W, a key's true weight :math:`f` is within

.. math:: c - e \;\le\; f \;\le\; c, \qquad e \;\le\; W / m,

and every key heavier than :math:`W / m` has a counter. The sum of all counters is W.

A decayed sum is :math:`s \leftarrow s\,2^{-\Delta/H} + w` with the half-life H.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from heapq import heapify, heappush, heapreplace
from typing import Final, Generic, TypeVar

__all__ = ["DAY_MS", "FAST_MS", "SLOW_MS", "Counter", "DecayedSum", "SpaceSaving"]


P = TypeVar("P")


@dataclass(slots=True)
class Counter(Generic[P]):
    """The counter of a key."""

    count: float
    """Weight, at most `error` too high."""
    error: float
    part: P
    """Further state of the key since it has its counter."""

    @property
    def least(self) -> float:
        """Lower bound of the weight."""
        return self.count - self.error


class SpaceSaving(Generic[P]):
    """Counters of the heaviest keys.

    Parameters
    ----------
    capacity
        Number of counters.
    make
        Makes the further state of a new key.

    Attributes
    ----------
    counters
        By key.

    Examples
    --------
    >>> top = SpaceSaving(2, list)
    >>> for key, weight in [("a", 5.0), ("b", 2.0), ("c", 1.0), ("a", 1.0)]:
    ...     gone = top.add(key, weight)
    >>> [(key, one.count, one.error) for key, one in top.top(2)]
    [('a', 6.0, 0.0), ('c', 3.0, 2.0)]
    """

    def __init__(self, capacity: int, make: Callable[[], P]) -> None:
        self.capacity, self._make = capacity, make
        self.counters: dict[str, Counter[P]] = {}
        self._heap: list[tuple[float, str]] = []  # every key once, with a weight that may be out of date

    def __len__(self) -> int:
        """Return the number of keys with a counter."""
        return len(self.counters)

    def add(self, key: str, weight: float) -> str | None:
        """Add to a key; return the key that it replaced, if any."""
        counter = self.counters.get(key)
        if counter is not None:
            counter.count += weight
            return None
        if len(self.counters) < self.capacity:
            self.counters[key] = Counter(weight, 0.0, self._make())
            heappush(self._heap, (weight, key))
            return None
        lightest = self._lightest()
        error = self.counters.pop(lightest).count
        self.counters[key] = Counter(error + weight, error, self._make())
        heapreplace(self._heap, (error + weight, key))
        return lightest

    def top(self, most: int) -> list[tuple[str, Counter[P]]]:
        """Return the keys with the largest lower bounds, heaviest first."""
        return sorted(self.counters.items(), key=lambda one: (-one[1].least, one[0]))[:most]

    def scale(self, factor: float) -> None:
        """Multiply all weights, for decay."""
        for counter in self.counters.values():
            counter.count *= factor
            counter.error *= factor
        self._sort()

    def load(self, counters: Iterable[tuple[str, Counter[P]]]) -> None:
        """Load stored counters."""
        self.counters = dict(counters)
        self._sort()

    def _sort(self) -> None:
        self._heap = [(counter.count, key) for key, counter in self.counters.items()]
        heapify(self._heap)

    def _lightest(self) -> str:
        """Return the lightest key, of equals the first by name, and leave it on top of the heap.

        Weights only grow, so an entry of the heap is a lower bound: the first entry that is up to date is the
        lightest key.
        """
        while True:
            entry, key = self._heap[0]
            count = self.counters[key].count
            if count == entry:
                return key
            heapreplace(self._heap, (count, key))


DAY_MS: Final = 86_400_000
FAST_MS: Final = 2 * DAY_MS
"""Half-life of recent demand: a weekend."""
SLOW_MS: Final = 28 * DAY_MS
"""Half-life of usual demand: four weeks, so that all weekdays count equally."""


@dataclass(slots=True)
class DecayedSum:
    """A sum that decays in event time; a late amount is added as if it had been on time.

    Examples
    --------
    >>> fast = DecayedSum()
    >>> fast.add(8.0, 0, FAST_MS); fast.add(1.0, FAST_MS, FAST_MS); fast.at(3 * FAST_MS, FAST_MS)
    1.25
    """

    value: float = 0.0
    at_ms: int = 0

    def add(self, amount: float, at_ms: int, half_life_ms: int) -> None:
        """Add an amount of a time."""
        if at_ms > self.at_ms:
            self.value, self.at_ms = self.at(at_ms, half_life_ms), at_ms
        self.value += amount * 2.0 ** ((at_ms - self.at_ms) / half_life_ms)

    def at(self, now_ms: int, half_life_ms: int) -> float:
        """Return the value decayed to a time."""
        return float(self.value * 2.0 ** ((self.at_ms - max(now_ms, self.at_ms)) / half_life_ms))
