"""A crowd that has watched twelve titles, and preferences that are stated."""

from typing import Any

from schemas import Event, Preferences
from tests.streams.steps import T0, watch


def crowd(viewers: int = 30, titles: int = 12) -> list[Event]:
    """Make a crowd that watches: viewer v has watched titles v, v + 1 and v + 2."""
    return [watch(f"crowd{v}", f"t{(v + k) % titles}", 3 * v + k) for v in range(viewers) for k in range(3)]


def preferences(viewer: str, number: int, **more: Any) -> Preferences:
    """Make stated preferences."""
    about = {"event_id": f"p{number}", "event_time_ms": T0 + number}
    return Preferences(viewer_id=viewer, **about | more)
