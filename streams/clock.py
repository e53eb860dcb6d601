"""The wall clock, in the unit of all events and records."""

import time

__all__ = ["now_ms"]


def now_ms() -> int:
    """Return the time, milliseconds since 1970-01-01T00:00:00 UTC."""
    return time.time_ns() // 1_000_000
