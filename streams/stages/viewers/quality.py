"""Quality of the lists while they are made: prequential hit rates, and alarms when viewing changes.

A share of the events is ranked before it is learned (``ViewerSide.observe_tested``): *hit@10* is a watch of a
title that was among the viewer's ten best just before. The blend is compared with plain popularity, the
honest baseline.

Two series have a drift detector of River each: the hit rate of the blend, and the share of judgements that
are positive. The second falls when playback fails or a producer reports wrong watch times, and then the hit
rate, which looks at positive judgements alone, may well stay.
"""

import math
import time
from collections.abc import Callable
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from online_models.feedback.reward_function import Action
from online_models.recommender import COLUMNS
from online_models.tables.layout import F8, U1
from streams.telemetry.metrics import Metrics

_LOG = structlog.get_logger(__name__)

TOP = 10
SHOWN = ("blend", "popularity")
"""Rankings that are exported."""
SERIES = ("hit_rate", "liked_share")
"""What is watched for drift: tested watches that are hits, and judgements that are likes, not rejections."""
SAID_S = 60.0
"""Seconds between two log lines about a series: an imported history of months drifts all the time, and the
metric counts each alarm."""
FADE = 0.999
"""Decay per tested event of the moving rate: it covers about the last thousand."""


class Quality:
    """Collect ranks and judgements from all partitions of a worker.

    Parameters
    ----------
    metrics
        Show rates, counts and alarms.
    clock
        Paces log lines. Default: `time.monotonic`.

    Examples
    --------
    >>> quality = Quality(Metrics())
    >>> ranks = np.full((3, len(COLUMNS)), 12.0)
    >>> ranks[:, COLUMNS.index("blend")] = 3.0, np.inf, -1.0
    >>> quality.add(ranks)
    >>> quality.tested, quality.hits
    (2, {'blend': 1, 'popularity': 0})
    """

    def __init__(self, metrics: Metrics, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._said_at = clock, dict.fromkeys(SERIES, -math.inf)
        self.tested = 0
        self.hits = dict.fromkeys(SHOWN, 0)
        self._metrics = metrics
        self._rates = dict.fromkeys(SHOWN, 0.0)
        self._detectors = {name: _new_adwin() for name in SERIES}
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
            self._watch("hit_rate", found[:, 0] < TOP)

    def add_judgements(self, actions: U1) -> None:
        """Add what the events of a batch amount to (`Action`) [n]."""
        judged = actions[(actions == Action.POSITIVE) | (actions == Action.REJECT)]
        if judged.size:
            with self._lock:
                self._watch("liked_share", judged == Action.POSITIVE)

    def _count(self, name: str, hit: NDArray[np.bool_]) -> None:
        weights = (1.0 - FADE) * FADE ** np.arange(hit.size - 1, -1, -1)
        self._rates[name] = self._rates[name] * FADE**hit.size + float(weights @ hit)
        self.hits[name] += int(hit.sum())
        seen = 1.0 - FADE ** (self.tested + hit.size)
        self._metrics.hit_rate.labels(name).set(self._rates[name] / seen)
        self._metrics.tested.labels(name).inc(hit.size)
        self._metrics.hits.labels(name).inc(int(hit.sum()))

    def _watch(self, series: str, values: NDArray[np.bool_]) -> None:
        detector = self._detectors[series]
        for one in values.tolist():
            detector.update(one)
            if detector.drift_detected:
                self._metrics.drift.labels(series).inc()
                self._say(series, round(detector.estimation, 4), int(detector.width))

    def _say(self, series: str, now: float, window: int) -> None:
        """Log an alarm, at most once a minute."""
        at = self._clock()
        if at - self._said_at[series] >= SAID_S:
            self._said_at[series] = at
            _LOG.warning("drift_detected", series=series, now=now, window=window)


def _new_adwin() -> Any:  # noqa: ANN401 - River's classes have no types
    """Return a drift detector of River: ADWIN, loaded from its own file.

    Its package `river.drift` imports scipy.stats for another detector: 1.9 of the 4.4 seconds of CPU in which
    a worker started (``python -X importtime -c "import streams.worker"``).
    """
    river = find_spec("river")
    assert river is not None and river.submodule_search_locations  # noqa: S101, PT018 - a dependency
    path = Path(river.submodule_search_locations[0]) / "drift" / "adwin.py"
    spec = spec_from_file_location("river_adwin", path)
    assert spec is not None and spec.loader is not None  # noqa: S101, PT018 - a path that ends in .py
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.ADWIN()
