"""Quality of the lists while they are made: prequential hit rates, and an alarm when they drift.

A share of the events is ranked before it is learned (``ViewerSide.observe_tested``): *hit@10* is a watch of a
title that was among the viewer's ten best just before. The blend is compared with plain popularity, the
honest baseline.
"""

from threading import Lock
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray
from river.drift import ADWIN

from online_models.recommender import COLUMNS
from online_models.tables.layout import F8
from streams.telemetry.metrics import Metrics

_LOG = structlog.get_logger(__name__)

TOP = 10
SHOWN = ("blend", "popularity")
"""Rankings that are exported."""
FADE = 0.999
"""Decay per tested event of the moving rate: it covers about the last thousand."""


class Quality:
    """Collect ranks from all partitions of a worker.

    Parameters
    ----------
    metrics
        Show rates, counts and alarms.

    Examples
    --------
    >>> quality = Quality(Metrics())
    >>> ranks = np.full((3, len(COLUMNS)), 12.0)
    >>> ranks[:, COLUMNS.index("blend")] = 3.0, np.inf, -1.0
    >>> quality.add(ranks)
    >>> quality.tested, quality.hits
    (2, {'blend': 1, 'popularity': 0})
    """

    def __init__(self, metrics: Metrics) -> None:
        self.tested = 0
        self.hits = dict.fromkeys(SHOWN, 0)
        self._metrics = metrics
        self._rates = dict.fromkeys(SHOWN, 0.0)
        self._drift: Any = ADWIN()  # type: ignore[no-untyped-call]
        self._lock = Lock()

    def add(self, ranks: F8) -> None:
        """Add the ranks [n, experts] of a batch; -1 where untested, inf for a new title."""
        found = ranks[ranks[:, 0] >= 0]
        if not found.shape[0]:
            return
        with self._lock:
            for name in SHOWN:
                self._count(name, found[:, COLUMNS.index(name)] < TOP)
            self.tested += found.shape[0]
            self._watch(found[:, 0] < TOP)

    def _count(self, name: str, hit: NDArray[np.bool_]) -> None:
        weights = (1.0 - FADE) * FADE ** np.arange(hit.size - 1, -1, -1)
        self._rates[name] = self._rates[name] * FADE**hit.size + float(weights @ hit)
        self.hits[name] += int(hit.sum())
        seen = 1.0 - FADE ** (self.tested + hit.size)
        self._metrics.hit_rate.labels(name).set(self._rates[name] / seen)
        self._metrics.tested.labels(name).inc(hit.size)
        self._metrics.hits.labels(name).inc(int(hit.sum()))

    def _watch(self, hit: NDArray[np.bool_]) -> None:
        for one in hit.tolist():
            self._drift.update(one)
            if self._drift.drift_detected:
                self._metrics.drift.labels("blend").inc()
                now, window = round(self._drift.estimation, 4), int(self._drift.width)
                _LOG.warning("hit_rate_changed", now=now, window=window)
