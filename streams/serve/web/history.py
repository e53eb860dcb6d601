"""The last hour of the installation, for the console's charts: one sample of the workers' metrics every 5 s.

A thread takes the samples, so pages neither wait for workers nor change each other's rates. They are in
memory: what is older, or from before the server's start, is in Prometheus.
"""

import math
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

import structlog

from streams.clock import now_ms
from streams.ops.overview import MetricsSnapshot, Observer

__all__ = ["EVERY_S", "KEPT", "MetricsHistory", "Sample", "sample_of"]

_LOG = structlog.get_logger(__name__)

EVERY_S: Final = 5.0
"""Seconds between samples: an answer of /metrics costs a worker some milliseconds."""
KEPT: Final = 720
"""Samples: an hour, less than half a megabyte."""
WINDOW: Final = 60
"""Samples over which the hit rate is a mean: five minutes, some thousands of tests at 100 events/s."""


class Sample(NamedTuple):
    """What charts show of a moment; NaN where it is not known."""

    at_ms: int
    p50_ms: float
    p99_ms: float
    lag: float
    tested: Mapping[str, float]
    """Events that were ranked before they were learned since the sample before, by model."""
    hits: Mapping[str, float]


class MetricsHistory:
    """The newest snapshot of the workers, and samples of the last hour.

    Parameters
    ----------
    observer
        Reads the workers' metrics; nobody else uses it.
    """

    def __init__(self, observer: Observer) -> None:
        self.observer = observer
        self._samples: deque[Sample] = deque(maxlen=KEPT)
        self._newest: MetricsSnapshot | None = None
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="history", daemon=True)

    def start(self) -> None:
        """Start taking samples."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more samples; one that is being taken is not waited for."""
        self._stop.set()

    def newest(self) -> MetricsSnapshot:
        """Return the newest snapshot; the first caller may wait for it."""
        return self._newest or self.take()

    def samples(self) -> list[Sample]:
        """Return the samples, oldest first."""
        return list(self._samples)

    def hit_rates(self, model: str) -> list[float]:
        """Return the share of hits in the last five minutes at each sample; NaN where nothing was tested."""
        return rolling(self.samples(), model, WINDOW)

    def take(self) -> MetricsSnapshot:
        """Take a sample."""
        with self._lock:
            self._newest = found = self.observer.snapshot()
            self._samples.append(sample_of(found, now_ms()))
        return found

    def _run(self) -> None:
        while True:
            try:
                self.take()
            except Exception:  # noqa: BLE001 - a worker that answers nonsense must not end the charts
                _LOG.exception("sample_failed")
            if self._stop.wait(EVERY_S):
                return


def sample_of(found: MetricsSnapshot, at_ms: int) -> Sample:
    """Return what charts show of a snapshot."""
    lag = sum(found.lag["viewers"].values()) if found.answering else math.nan
    return Sample(at_ms, found.freshness_ms["p50"], found.freshness_ms["p99"], lag, found.tested, found.hits)


def rolling(samples: Sequence[Sample], model: str, window: int) -> list[float]:
    """Return the hit rate of a model over a window at each sample.

    Examples
    --------
    >>> samples = [Sample(n, 0, 0, 0, {"blend": 10.0 * n}, {"blend": 4.0 * n}) for n in range(3)]
    >>> rolling(samples, "blend", 2)
    [nan, 0.4, 0.4]
    """
    tested = [0.0, *accumulate(one.tested.get(model, 0.0) for one in samples)]
    hits = [0.0, *accumulate(one.hits.get(model, 0.0) for one in samples)]
    spans = [(n, max(0, n - window)) for n in range(1, len(tested))]
    return [
        (hits[end] - hits[begin]) / (tested[end] - tested[begin]) if tested[end] > tested[begin] else math.nan
        for end, begin in spans
    ]
