r"""What is kept of an arm: how many viewers, the sums of their counts, and the sums of the products.

With the counts :math:`c_v \in \mathbb{Z}^{12}` of viewer v,

.. math:: n, \quad S = \sum_v c_v, \quad P = \sum_v c_v c_v^T

are sufficient for every mean, ratio, variance and covariance of them. They are Python's whole numbers: adding
and taking away is exact, in any order, for ever.
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
"""What is counted of a viewer since the first exposure, and one thing of before: `before`, seconds watched,
decayed (the covariate). `pairs`: of titles seen on one list; `distance`: theirs, in thousandths. `credited`:
1 once something was watched that one of two interleaved rankers had picked alone; `preferred`: the
preference, in millionths. What came later stands behind, so that stored counts stay what they are."""
FIRST_COUNTS: Final = 8
"""Those that there were at first."""
PAIRS: Final = tuple(
    sorted(
        ((i, j) for i in range(len(COUNTS)) for j in range(i, len(COUNTS))),
        key=lambda pair: (pair[1] >= FIRST_COUNTS, pair),
    )
)
"""The upper triangle of the products, row by row, of the first counts and then of all others."""
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

    Counts that are not given are 0.
    """

    viewers: int = 0
    first: list[int] = field(default_factory=lambda: [0] * len(COUNTS))
    second: list[int] = field(default_factory=lambda: [0] * len(PAIRS))

    def add(self, counts: Sequence[int], times: int = 1) -> None:
        """Put a viewer in; with -1 take one out."""
        self.viewers += times
        there = [(i, count) for i, count in enumerate(counts) if count]
        for at, (i, count) in enumerate(there):
            self.first[i] += times * count
            for j, other in there[at:]:
                self.second[_PLACE[i, j]] += times * count * other

    def move(self, former: Sequence[int], now: Sequence[int]) -> None:
        """Replace a viewer's counts."""
        self.add(former, -1)
        self.add(now)

    @classmethod
    def of(cls, counts: "NDArray[np.int64]") -> "Moments":
        """Return the moments of many viewers, shape ``(viewers, len(COUNTS))`` or less: others are 0."""
        given = np.asarray(counts, np.int64)
        found = np.zeros((given.shape[0], len(COUNTS)), np.int64)
        found[:, : given.shape[1]] = given
        second = [int(np.dot(found[:, i], found[:, j])) for i, j in PAIRS]
        return cls(found.shape[0], found.sum(axis=0).tolist(), second)

    @classmethod
    def merged(cls, parts: Iterable["Moments"]) -> "Moments":
        """Return the moments of all viewers of some parts."""
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
        """Return the covariance matrix of the counts, divided by n - 1; zeros below two viewers.

        Numerators n P - S S' are exact before they become floating point: no cancellation.
        """
        k, n = len(COUNTS), self.viewers
        out = np.zeros((k, k))
        if n < 2:
            return out
        for (i, j), product in zip(PAIRS, self.second, strict=True):
            out[i, j] = out[j, i] = (n * product - self.first[i] * self.first[j]) / (n * (n - 1))
        return out
