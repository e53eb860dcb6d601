"""A title's completion curve as its page draws it."""

from typing import Any

from schemas.insights import TitleInsight
from streams.ops.decoded_rows import when

__all__ = ["drawn"]

WIDTH, HEIGHT = 600.0, 160.0
"""Of a curve's drawing."""


def drawn(found: TitleInsight | None) -> dict[str, Any] | None:
    """Return a curve as a line of a drawing, and the steepest step as a band; None where nothing is told.

    Examples
    --------
    >>> from schemas.insights import CurvePoint, Steepest
    >>> points = (CurvePoint(minute=0, viewers=100), CurvePoint(minute=10, viewers=50))
    >>> step = Steepest(minute=0, until=10, viewers=50)
    >>> one = TitleInsight(
    ...     title_id="t", at_ms=10**12, viewers=100, starts=100, watch_minutes=1.0, curve=points,
    ...     steepest=step,
    ... )
    >>> drawn(one)["line"], drawn(one)["band"]
    ('0.0,0.0 600.0,80.0', (0.0, 600.0))
    """
    if found is None:
        return None
    last = max(1, found.curve[-1].minute)
    places = [
        (WIDTH * point.minute / last, HEIGHT * (1 - point.viewers / found.viewers)) for point in found.curve
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    step = found.steepest
    band = (WIDTH * step.minute / last, WIDTH * (step.until - step.minute) / last) if step else None
    return {
        "one": found,
        "as_of": when(found.at_ms),
        "line": line,
        "band": band,
        "last": last,
        "width": WIDTH,
        "height": HEIGHT,
    }
