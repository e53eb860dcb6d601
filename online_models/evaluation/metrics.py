"""From ranks to hit rate, NDCG and MRR.

There is one relevant title in a test, so the hit rate at 10 is Recall@10 and
:math:`NDCG@10 = 1 / log_2(rank + 2)` for ranks counted from 0.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from online_models.evaluation.model import Ranks
from online_models.evaluation.ratings import IndexColumn

__all__ = ["HISTORY_BUCKETS", "Metrics", "bucket_of", "hits", "measure"]

TOP = 10
"""Length of the list that is judged."""

HISTORY_BUCKETS = ("1", "2-3", "4-7", "8-15", "16-31", "32-63", "64+")
"""Names of the buckets of a viewer's earlier events: powers of two, open at the end."""


@dataclass(frozen=True, slots=True)
class Metrics:
    r"""Averages over the tested events of one ranking.

    Attributes
    ----------
    tested
        Events averaged.
    hit_rate, hit_rate_se
        HR@10 and its standard error, :math:`\sqrt{h (1 - h) / n}`; ``nan`` when nothing was tested.
    ndcg, mrr
        NDCG@10, and the mean of one over the place in the list (counted from 1).
    by_history
        HR@10 by number of the viewer's earlier events; a bucket without tests is left out.
    """

    tested: int
    hit_rate: float
    hit_rate_se: float
    ndcg: float
    mrr: float
    by_history: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Return the metrics under the names of a report."""
        return {
            "hr@10": _number(self.hit_rate),
            "hr@10_se": _number(self.hit_rate_se),
            "ndcg@10": _number(self.ndcg),
            "mrr": _number(self.mrr),
            "by_history": self.by_history,
            "tested": self.tested,
        }


def hits(ranks: Ranks) -> Ranks:
    """Return 1 where the title stands in the top 10, else 0."""
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


def measure(ranks: Ranks, history: IndexColumn) -> Metrics:
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
    >>> measured.hit_rate, measured.by_history
    (0.5, {'1': 1.0, '2-3': 0.0, '64+': 0.0})
    >>> round(measured.mrr, 3)
    0.297
    """
    tests = len(ranks)
    if not tests:
        return Metrics(0, np.nan, np.nan, np.nan, np.nan, {})
    hit, buckets = hits(ranks), bucket_of(history)
    rate = float(hit.mean())
    gains = np.where(hit > 0, 1 / np.log2(ranks + 2), 0.0)
    by_history = {
        name: float(hit[buckets == index].mean())
        for index, name in enumerate(HISTORY_BUCKETS)
        if np.any(buckets == index)
    }
    error = float(np.sqrt(rate * (1 - rate) / tests))
    return Metrics(tests, rate, error, float(gains.mean()), float((1 / (ranks + 1)).mean()), by_history)


def _number(value: float) -> float | None:
    """Return a finite number, or None: JSON knows no NaN."""
    return value if np.isfinite(value) else None
