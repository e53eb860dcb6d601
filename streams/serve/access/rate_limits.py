"""Requests per second of one address, or of one key."""

import math
from typing import Final

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

__all__ = ["ADDRESSES", "RateLimits"]

ADDRESSES: Final = 10_000
"""Addresses that are counted at once, about 300 B each; beyond it the oldest window is dropped."""


class RateLimits:
    """Fixed windows by address: a window begins with an address's first request.

    A window lasts one second, or as many as one request needs where less than one a second is allowed.
    Fractions of a request are not allowed: 2.5 requests per second are 2.

    Parameters
    ----------
    per_s
        Requests per second; 0 allows any number.

    Examples
    --------
    >>> rates = RateLimits(0.001)
    >>> rates.allows("a"), rates.allows("a"), rates.allows("b")
    (True, False, True)
    """

    def __init__(self, per_s: float) -> None:
        self._item = None
        if per_s:
            self._item = RateLimitItemPerSecond(max(1, int(per_s)), max(1, math.ceil(1 / per_s)))
        self._windows = _BoundedStorage()
        self._limiter = FixedWindowRateLimiter(self._windows)

    def __len__(self) -> int:
        """Return the number of addresses that are counted."""
        return len(self._windows.storage)

    def allows(self, address: str) -> bool:
        """Count a request of an address; return whether it is within the limit."""
        return self._item is None or self._limiter.hit(self._item, address)

    def is_reached(self, address: str) -> bool:
        """Return whether an address has reached the limit, without counting."""
        return self._item is not None and not self._limiter.test(self._item, address)


class _BoundedStorage(MemoryStorage):
    """Counters in memory, at most :data:`ADDRESSES`."""

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        if key not in self.storage and len(self.storage) >= ADDRESSES:
            self.clear(next(iter(list(self.storage)), key))  # in the order in which windows began
        return super().incr(key, expiry, amount)
