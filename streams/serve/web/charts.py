"""Lines over time as SVG: the server computes the points, so that the pages need no script for them."""

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

__all__ = ["HEIGHT", "WIDTH", "Line", "chart_of"]

WIDTH: Final = 600.0
HEIGHT: Final = 180.0
"""Size of a chart, in units of its SVG."""
STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)
"""Tops of the scale are one of these times a power of ten."""
GAP_MS: Final = 20_000
"""A line is interrupted where samples are further apart."""


class Line(NamedTuple):
    """One line of a chart; NaN where a value is not known."""

    name: str
    values: Sequence[float]


def chart_of(times: Sequence[int], lines: Sequence[Line]) -> dict[str, Any] | None:
    """Return the template's values of a chart; None if no value is known.

    Parameters
    ----------
    times
        Times of the values, ms, ascending.
    lines
        With as many values as there are times.

    Examples
    --------
    >>> chart = chart_of([0, 5_000, 10_000], [Line("p99", [1.0, math.nan, 4.0])])
    >>> chart["top"], chart["minutes"], chart["lines"][0]["parts"], chart["lines"][0]["now"]
    (5.0, 1, ['0.0,144.0 0.1,144.0', '600.0,36.0 600.1,36.0'], 4.0)
    >>> chart_of([0], [Line("p99", [math.nan])]) is None
    True
    """
    known = [value for line in lines for value in line.values if math.isfinite(value)]
    if not known:
        return None
    top, span = _top(max(known)), max(1, times[-1] - times[0])
    return {
        "top": top,
        "minutes": max(1, round(span / 60_000)),
        "width": WIDTH,
        "height": HEIGHT,
        "lines": [
            {
                "name": line.name,
                "parts": list(_parts(times, line.values, top, span)),
                "now": line.values[-1] if math.isfinite(line.values[-1]) else None,
                "most": max((value for value in line.values if math.isfinite(value)), default=None),
            }
            for line in lines
        ],
    }


def _parts(times: Sequence[int], values: Sequence[float], top: float, span: int) -> list[str]:
    """Return the points of a line, apart where a value is missing; a single point is a dot."""
    parts: list[list[tuple[float, float]]] = [[]]
    before = times[0]
    for at, value in zip(times, values, strict=True):
        if not math.isfinite(value) or at - before > GAP_MS:
            parts.append([])
        if math.isfinite(value):
            parts[-1].append((WIDTH * (at - times[0]) / span, HEIGHT * (1 - value / top)))
        before = at
    dots = [part if len(part) > 1 else [*part, (part[0][0] + 0.1, part[0][1])] for part in parts if part]
    return [" ".join(f"{x:.1f},{y:.1f}" for x, y in part) for part in dots]


def _top(most: float) -> float:
    """Return a round number that is not below the largest value."""
    if most <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(most))
    return next(step * power for step in STEPS if step * power >= most * (1 - 1e-9))
