r"""What is kept of an arm: how many viewers, the sums of their counts, and the sums of the products.

With the counts :math:`c_v \in \mathbb{Z}^8` of viewer v,

.. math:: n, \quad S = \sum_v c_v, \quad P = \sum_v c_v c_v^T

are sufficient for every mean, ratio, variance and covariance of them. They are Python's whole numbers: adding
and taking away is exact, in any order, for ever.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["COUNTS", "PAIRS", "Moments"]

COUNTS: Final = (
    "impressions",
    "clicks",
    "starts",
    "seconds",
    "completions",
    "quality_watches",
    "abandoned",
    "before",
)
"""What is counted of a viewer: all but the last since the first exposure; `before`: seconds watched before
it, decayed (the covariate)."""
PAIRS: Final = tuple((i, j) for i in range(len(COUNTS)) for j in range(i, len(COUNTS)))
"""The upper triangle of the products, row by row."""


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
    """

    viewers: int = 0
    first: list[int] = field(default_factory=lambda: [0] * len(COUNTS))
    second: list[int] = field(default_factory=lambda: [0] * len(PAIRS))

    def add(self, counts: Sequence[int], times: int = 1) -> None:
        """Put a viewer in; with -1 take one out."""
        self.viewers += times
        for i, count in enumerate(counts):
            self.first[i] += times * count
        self.second = [
            total + times * counts[i] * counts[j] for total, (i, j) in zip(self.second, PAIRS, strict=True)
        ]

    def move(self, former: Sequence[int], now: Sequence[int]) -> None:
        """Replace a viewer's counts."""
        self.add(former, -1)
        self.add(now)

    @classmethod
    def of(cls, counts: "NDArray[np.int64]") -> "Moments":
        """Return the moments of many viewers, shape ``(viewers, len(COUNTS))``."""
        found = np.asarray(counts, np.int64)
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
        if n < 2:  # noqa: PLR2004 - one viewer does not vary
            return out
        for (i, j), product in zip(PAIRS, self.second, strict=True):
            out[i, j] = out[j, i] = (n * product - self.first[i] * self.first[j]) / (n * (n - 1))
        return out
