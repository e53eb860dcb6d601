r"""Sufficient statistics of an arm: number of viewers, sums of counts, and sums of products of counts.

With the counts :math:`c_v \in \mathbb{Z}^{12}` of viewer v,

.. math:: n, \quad S = \sum_v c_v, \quad P = \sum_v c_v c_v^T

are sufficient for every mean, ratio, variance and covariance of them. They are Python integers: additions and
subtractions are exact, in any order.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["COUNTS", "FIRST_COUNTS", "PAIRS", "Moments"]

COUNTS: Final = (
    "impressions",
    "clicks",
    "starts",
    "seconds",
    "completions",
    "quality_watches",
    "abandoned",
    "before",
    "pairs",
    "distance",
    "credited",
    "preferred",
)
"""Counts of a viewer since the first exposure, and the covariate ``before``: decayed seconds watched before
it. ``pairs``: pairs of titles seen on one list; ``distance``: the sum of their distances, in thousandths.
``credited``: 1 if the viewer watched a title that only one of two interleaved rankers had picked;
``preferred``: the preference, in millionths. New counts are appended, so that the positions of stored counts
stay valid."""
FIRST_COUNTS: Final = 8
"""Length of the first version of `COUNTS`."""
PAIRS: Final = tuple(
    sorted(
        ((i, j) for i in range(len(COUNTS)) for j in range(i, len(COUNTS))),
        key=lambda pair: (pair[1] >= FIRST_COUNTS, pair),
    )
)
"""Upper triangle of the products, row by row: first the pairs of the first counts, then all others."""
_PLACE: Final = {pair: place for place, pair in enumerate(PAIRS)}


@dataclass(slots=True)
class Moments:
    """Sums over the viewers of an arm.

    Examples
    --------
    >>> arm = Moments()
    >>> arm.add([10, 1, 1, 3600, 1, 1, 0, 500]); arm.add([20, 0, 0, 0, 0, 0, 0, 100])
    >>> arm.viewers, arm.first[0], arm.second[0]
    (2, 30, 500)
    >>> arm.add([20, 0, 0, 0, 0, 0, 0, 100], -1); arm.viewers, arm.second[0]
    (1, 100)

    Missing counts are 0.
    """

    viewers: int = 0
    first: list[int] = field(default_factory=lambda: [0] * len(COUNTS))
    second: list[int] = field(default_factory=lambda: [0] * len(PAIRS))

    def add(self, counts: Sequence[int], times: int = 1) -> None:
        """Add a viewer; ``times=-1`` removes one."""
        self.viewers += times
        there = [(i, count) for i, count in enumerate(counts) if count]
        for at, (i, count) in enumerate(there):
            self.first[i] += times * count
            for j, other in there[at:]:
                self.second[_PLACE[i, j]] += times * count * other

    def move(self, old: Sequence[int], new: Sequence[int]) -> None:
        """Replace a viewer's counts."""
        self.add(old, -1)
        self.add(new)

    @classmethod
    def of(cls, counts: "NDArray[np.int64]") -> "Moments":
        """Return the moments of viewers with counts of shape ``(viewers, <= len(COUNTS))``; others are 0."""
        given = np.asarray(counts, np.int64)
        found = np.zeros((given.shape[0], len(COUNTS)), np.int64)
        found[:, : given.shape[1]] = given
        second = [int(np.dot(found[:, i], found[:, j])) for i, j in PAIRS]
        return cls(found.shape[0], found.sum(axis=0).tolist(), second)

    @classmethod
    def merged(cls, parts: Iterable["Moments"]) -> "Moments":
        """Return the sum of several moments."""
        out = cls()
        for part in parts:
            out.viewers += part.viewers
            out.first = [a + b for a, b in zip(out.first, part.first, strict=True)]
            out.second = [a + b for a, b in zip(out.second, part.second, strict=True)]
        return out

    def means(self) -> "NDArray[np.float64]":
        """Return the mean counts, shape ``(len(COUNTS),)``; zeros without viewers."""
        return np.array(self.first, np.float64) / max(1, self.viewers)

    def covariances(self) -> "NDArray[np.float64]":
        """Return the covariance matrix of the counts, divided by n - 1; zeros for fewer than two viewers.

        The numerators n P - S S' are computed in integers, so there is no cancellation.
        """
        k, n = len(COUNTS), self.viewers
        out = np.zeros((k, k))
        if n < 2:
            return out
        for (i, j), product in zip(PAIRS, self.second, strict=True):
            out[i, j] = out[j, i] = (n * product - self.first[i] * self.first[j]) / (n * (n - 1))
        return out
