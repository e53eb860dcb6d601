r"""The heaviest keys of a stream in bounded memory: space-saving (Metwally, Agrawal, El Abbadi, ICDT 2005).

There are m counters. A key that has one adds to it; a new key takes the counter of the lightest key over,
with what that one had as its possible error. For every stream of weights :math:`w \ge 0` with the sum W,
a key's true weight :math:`f` is within

.. math:: c - e \;\le\; f \;\le\; c, \qquad e \;\le\; W / m,

and every key heavier than :math:`W / m` has a counter. The sum of all counters is W.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from heapq import heapify, heappush, heapreplace
from typing import Final, Generic, TypeVar

__all__ = ["DAY_MS", "FAST_MS", "SLOW_MS", "Counter", "DecayedSum", "SpaceSaving"]


P = TypeVar("P")


@dataclass(slots=True)
class Counter(Generic[P]):
    """What is kept of a key."""

    count: float
    """Its weight, at most `error` too much."""
    error: float
    part: P
    """Whatever else is kept of it, since it has its counter."""

    @property
    def least(self) -> float:
        """Return what it weighs at least."""
        return self.count - self.error


class SpaceSaving(Generic[P]):
    """Counters of the heaviest keys.

    Parameters
    ----------
    capacity
        Counters there are.
    make
        Makes what else is kept of a new key.

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
        self._heap: list[tuple[float, str]] = []  # every key once, with what it weighed at some time

    def __len__(self) -> int:
        """Return how many keys have a counter."""
        return len(self.counters)

    def add(self, key: str, weight: float) -> str | None:
        """Add to a key; return the key that lost its counter for it, if any did."""
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
        """Return the keys that weigh most for sure, heaviest first."""
        return sorted(self.counters.items(), key=lambda one: (-one[1].least, one[0]))[:most]

    def scale(self, factor: float) -> None:
        """Multiply all weights: time has passed."""
        for counter in self.counters.values():
            counter.count *= factor
            counter.error *= factor
        self._sort()

    def load(self, counters: Iterable[tuple[str, Counter[P]]]) -> None:
        """Take over what was kept."""
        self.counters = dict(counters)
        self._sort()

    def _sort(self) -> None:
        self._heap = [(counter.count, key) for key, counter in self.counters.items()]
        heapify(self._heap)

    def _lightest(self) -> str:
        """Return the lightest key, of equals the first by name, and leave it on top of the heap.

        Weights only grow, so what the heap says is a lower bound: the first entry that is up to date is the
        lightest of all.
        """
        while True:
            said, key = self._heap[0]
            count = self.counters[key].count
            if count == said:
                return key
            heapreplace(self._heap, (count, key))


# Sums that fade in event time: :math:`s \leftarrow s\,2^{-\Delta/H} + w`.


DAY_MS: Final = 86_400_000
FAST_MS: Final = 2 * DAY_MS
"""Half-life of what is new: a weekend."""
SLOW_MS: Final = 28 * DAY_MS
"""Half-life of what is usual: four weeks have all weekdays in them as often."""


@dataclass(slots=True)
class DecayedSum:
    """A sum that fades; what comes late has faded by as much when it comes.

    Examples
    --------
    >>> fast = DecayedSum()
    >>> fast.add(8.0, 0, FAST_MS); fast.add(1.0, FAST_MS, FAST_MS); fast.at(3 * FAST_MS, FAST_MS)
    1.25
    """

    value: float = 0.0
    at_ms: int = 0

    def add(self, amount: float, at_ms: int, half_life_ms: int) -> None:
        """Add something that happened at a time."""
        if at_ms > self.at_ms:
            self.value, self.at_ms = self.at(at_ms, half_life_ms), at_ms
        self.value += amount * 2.0 ** ((at_ms - self.at_ms) / half_life_ms)

    def at(self, now_ms: int, half_life_ms: int) -> float:
        """Return what is left at a time."""
        return float(self.value * 2.0 ** ((self.at_ms - max(now_ms, self.at_ms)) / half_life_ms))
