"""How often one address may ask."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

__all__ = ["ADDRESSES", "RateLimits"]

ADDRESSES: Final = 10_000
"""Addresses whose rate is remembered; the one that was quiet longest is forgotten."""


class RateLimits:
    """Token buckets by address: a second's worth is saved up at most.

    Parameters
    ----------
    per_s
        Requests per second; 0 allows any.
    clock
        Seconds that never go backwards.

    Examples
    --------
    >>> rates = Rates(2.0, clock=iter([0.0, 0.0, 0.0, 0.5]).__next__)
    >>> [rates.allows("a") for _ in range(4)]
    [True, True, False, True]
    """

    def __init__(self, per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s, self._clock = per_s, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, address: str) -> bool:
        """Take one request of an address; False when it has none left."""
        if not self._per_s:
            return True
        now, full = self._clock(), max(1.0, self._per_s)
        left, then = self._buckets.pop(address, (full, now))
        left = min(full, left + (now - then) * self._per_s)
        allowed = left >= 1.0
        self._buckets[address] = (left - allowed, now)
        if len(self._buckets) > ADDRESSES:
            self._buckets.popitem(last=False)
        return allowed
