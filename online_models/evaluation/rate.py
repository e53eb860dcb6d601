"""A measured figure: its value, how far chance could have moved it, and how far the seed did."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

__all__ = ["Rate"]

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rate:
    r"""A mean over tested events, or a ratio of two.

    Attributes
    ----------
    value
        The figure; ``nan`` when nothing was tested.
    error
        Standard error over events: :math:`\sqrt{h (1 - h) / n}` for a hit rate.
    tested
        Events averaged.
    spread
        Standard deviation over seeds; None for a single run.
    """

    value: float
    error: float
    tested: int
    spread: float | None = None

    @classmethod
    def mean(cls, values: Values) -> Self:
        """Average values, one a tested event, shape ``(tests,)``.

        Examples
        --------
        >>> Rate.mean(np.array([1.0, 0.0, 0.0, 1.0]))
        Rate(value=0.5, error=0.25, tested=4, spread=None)
        """
        tests = len(values)
        if not tests:
            return cls(np.nan, np.nan, 0)
        return cls(float(values.mean()), float(values.std() / np.sqrt(tests)), tests)

    @classmethod
    def paired(cls, values: Values, others: Values) -> Self:
        r"""Divide the mean of values by that of others of the same events, shape ``(tests,)`` each.

        The error is the delta method's, :math:`\mathrm{sd}(v - r w) / (\sqrt n\, \bar w)`: what moves both
        moves the ratio little.

        Examples
        --------
        >>> Rate.paired(np.array([1.0, 0.0, 1.0, 0.0]), np.array([1.0, 1.0, 1.0, 1.0])).value
        0.5
        """
        mean = others.mean() if len(others) else 0.0
        if mean == 0:
            return cls(np.nan, np.nan, len(values))
        ratio = values.mean() / mean
        deviation = (values - ratio * others).std()
        return cls(float(ratio), float(deviation / np.sqrt(len(values)) / mean), len(values))

    def over(self, other: "Rate") -> "Rate":
        """Divide by a rate of other events; relative errors add in squares.

        Examples
        --------
        >>> round(Rate(0.1, 0.01, 100).over(Rate(0.2, 0.02, 100)).error, 4)
        0.0707
        """
        if not (other.value > 0 and self.value >= 0):
            return Rate(np.nan, np.nan, self.tested)
        ratio = self.value / other.value
        error = np.hypot(self.error, ratio * other.error) / other.value
        return Rate(ratio, float(error), self.tested)

    @classmethod
    def pooled(cls, rates: "Sequence[Rate]") -> "Rate":
        """Average one figure over seeds.

        The error stays that of one run, for the seeds share their events; what they differ by is the spread.

        Examples
        --------
        >>> Rate.pooled([Rate(0.2, 0.01, 10), Rate(0.3, 0.01, 10)])
        Rate(value=0.25, error=0.01, tested=10, spread=0.0707...)
        """
        if len(rates) == 1:
            return rates[0]
        values = np.array([rate.value for rate in rates])
        error = float(np.mean([rate.error for rate in rates]))
        tested = round(float(np.mean([rate.tested for rate in rates])))
        return cls(float(values.mean()), error, tested, float(values.std(ddof=1)))

    def to_dict(self, name: str) -> dict[str, Any]:
        """Return the figure as plain values; what is not a number becomes None.

        Examples
        --------
        >>> Rate(0.5, 0.25, 4).to_dict("hr@10")
        {'hr@10': 0.5, 'hr@10_se': 0.25, 'hr@10_spread': None}
        """
        return {name: plain(self.value), f"{name}_se": plain(self.error), f"{name}_spread": self.spread}


def plain(value: float) -> float | None:
    """Return a finite number, or None: JSON knows no NaN."""
    return value if np.isfinite(value) else None
