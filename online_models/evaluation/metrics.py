"""From ranks to hit rate, NDCG and MRR; a figure is a `Rate` with its standard error and spread.

There is one relevant title in a test, so the hit rate at 10 is Recall@10 and
:math:`NDCG@10 = 1 / log_2(rank + 2)` for ranks counted from 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from online_models.evaluation.model import Ranks
from online_models.evaluation.ratings import IndexColumn

__all__ = ["HISTORY_BUCKETS", "RankingMetrics", "Rate", "bucket_of", "hits", "measure"]


Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rate:
    r"""A mean over tested events, or a ratio of two.

    Attributes
    ----------
    value
        The figure; ``nan`` without tests.
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

        The error is that of the delta method, :math:`\mathrm{sd}(v - r w) / (\sqrt n\, \bar w)`: variation
        that both have in common cancels.

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

        The error is that of one run, because all seeds have the same events; the spread is over seeds.

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
        """Return the figure as plain values; NaN becomes None.

        Examples
        --------
        >>> Rate(0.5, 0.25, 4).to_dict("hr@10")
        {'hr@10': 0.5, 'hr@10_se': 0.25, 'hr@10_spread': None}
        """
        return {name: plain(self.value), f"{name}_se": plain(self.error), f"{name}_spread": self.spread}


def plain(value: float) -> float | None:
    """Return a finite number, or None: JSON knows no NaN."""
    return value if np.isfinite(value) else None


TOP = 10
"""Length of the evaluated list."""

HISTORY_BUCKETS = ("1", "2-3", "4-7", "8-15", "16-31", "32-63", "64+")
"""Names of the buckets of a viewer's earlier events: powers of two, open at the end."""


@dataclass(frozen=True, slots=True)
class RankingMetrics:
    """Averages over the tested events of one ranking.

    Attributes
    ----------
    hit_rate
        HR@10.
    ndcg, mrr
        NDCG@10, and the mean of 1 / rank (ranks from 1).
    by_history
        HR@10 by number of the viewer's earlier events; buckets without tests are left out.
    """

    hit_rate: Rate
    ndcg: Rate
    mrr: Rate
    by_history: dict[str, Rate]

    @property
    def tested(self) -> int:
        """Events averaged."""
        return self.hit_rate.tested

    @classmethod
    def pooled(cls, metrics: "Sequence[RankingMetrics]") -> "RankingMetrics":
        """Average over seeds, figure by figure (`Rate.pooled`)."""
        buckets = {
            name: [m.by_history[name] for m in metrics if name in m.by_history] for name in HISTORY_BUCKETS
        }
        return cls(
            Rate.pooled([m.hit_rate for m in metrics]),
            Rate.pooled([m.ndcg for m in metrics]),
            Rate.pooled([m.mrr for m in metrics]),
            {name: Rate.pooled(rates) for name, rates in buckets.items() if rates},
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the metrics under the names of a report."""
        return {
            **self.hit_rate.to_dict("hr@10"),
            **self.ndcg.to_dict("ndcg@10"),
            **self.mrr.to_dict("mrr"),
            "by_history": {
                name: rate.to_dict("hr@10") | {"tested": rate.tested}
                for name, rate in self.by_history.items()
            },
            "tested": self.tested,
        }


def hits(ranks: Ranks) -> Ranks:
    """Return 1 for ranks in the top 10, else 0."""
    return (ranks < TOP).astype(np.float64)


def bucket_of(history: IndexColumn) -> IndexColumn:
    """Return the index into `HISTORY_BUCKETS` of a number of earlier events (at least 1).

    Examples
    --------
    >>> bucket_of(np.array([1, 2, 3, 4, 63, 64, 900], np.int32)).tolist()
    [0, 1, 1, 2, 5, 6, 6]
    """
    powers = np.floor(np.log2(history)).astype(np.int32)
    return np.minimum(powers, len(HISTORY_BUCKETS) - 1).astype(np.int32)


def measure(ranks: Ranks, history: IndexColumn) -> RankingMetrics:
    """Average the ranks of tested events.

    Parameters
    ----------
    ranks
        Ranks from 0, ``inf`` for a miss, shape ``(tests,)``.
    history
        Earlier events of the viewer, at least 1, shape ``(tests,)``.

    Examples
    --------
    >>> measured = measure(np.array([0.0, 9.5, 10.0, np.inf]), np.array([1, 1, 2, 70], np.int32))
    >>> measured.hit_rate.value, {name: rate.value for name, rate in measured.by_history.items()}
    (0.5, {'1': 1.0, '2-3': 0.0, '64+': 0.0})
    >>> round(measured.mrr.value, 3)
    0.297
    """
    hit, buckets = hits(ranks), bucket_of(history)
    gains = np.where(hit > 0, 1 / np.log2(ranks + 2), 0.0)
    by_history = {
        name: Rate.mean(hit[buckets == index])
        for index, name in enumerate(HISTORY_BUCKETS)
        if np.any(buckets == index)
    }
    return RankingMetrics(Rate.mean(hit), Rate.mean(gains), Rate.mean(1 / (ranks + 1)), by_history)
