r"""Completion curve of a title: the number of viewers who reached each minute.

The state is a histogram of the furthest minute of each viewer, up to four hours, with one more bin for
viewers who finished. The curve is the sum of the bins from a minute on:

.. math:: v(m) = n_{\mathrm{finished}} + \sum_{b \ge m} n_b

It is disclosed in steps: there is a point where at least `k_anonymity.LEAST` viewers have left since the last
point, and as many remain, or none. So no point and no difference of two points describes fewer viewers.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from online_models.learners.k_anonymity import LEAST

__all__ = ["FINISHED", "MINUTES", "Point", "curve", "place_of", "steepest"]

MINUTES: Final = 240
"""Minutes of the histogram; later positions count as the last minute. Hardly any film is longer than four
hours."""
FINISHED: Final = MINUTES
"""Bin of viewers who finished."""


class Point(NamedTuple):
    """A point of the curve: the number of viewers who reached this minute."""

    minute: int
    viewers: int


def place_of(position_s: float) -> int:
    """Return the minute of a position.

    Examples
    --------
    >>> place_of(59.9), place_of(60), place_of(10**6)
    (0, 1, 239)
    """
    return min(int(position_s // 60), MINUTES - 1)


def curve(places: Sequence[int], least: int = LEAST) -> list[Point]:
    """Return the curve in steps that may be disclosed, from minute 0.

    Parameters
    ----------
    places
        Viewers by furthest minute; the last bin has those who finished. Shape ``(MINUTES + 1,)``.
    least
        Smallest number of viewers of a step.

    Examples
    --------
    >>> places = [0] * (MINUTES + 1)
    >>> places[2], places[3], places[50], places[FINISHED] = 15, 10, 12, 40
    >>> curve(places)
    [Point(minute=0, viewers=77), Point(minute=4, viewers=52)]
    """
    points = [Point(0, sum(places))]
    left = 0
    for minute, gone in enumerate(places[:MINUTES]):
        left += gone
        rest = points[-1].viewers - left
        if left >= least and (rest >= least or rest == 0):
            points.append(Point(minute + 1, rest))
            left = 0
    return points


def steepest(points: Sequence[Point]) -> tuple[Point, Point] | None:
    """Return the step with the most departures per minute; None for a curve without steps.

    Examples
    --------
    >>> steepest([Point(0, 100), Point(1, 80), Point(5, 30), Point(6, 20)])
    (Point(minute=0, viewers=100), Point(minute=1, viewers=80))
    """
    steps = list(pairwise(points))
    if not steps:
        return None
    return max(
        steps, key=lambda step: (step[0].viewers - step[1].viewers) / (step[1].minute - step[0].minute)
    )
