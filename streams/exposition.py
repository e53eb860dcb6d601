"""What somebody's /metrics answered, read back: for commands that watch a worker, and for tests."""

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

__all__ = ["Exposition"]


class Exposition:
    """Somebody's metrics of one moment, read from Prometheus' text format.

    Parameters
    ----------
    text
        What /metrics answered.

    Examples
    --------
    >>> from streams.metrics import Metrics
    >>> metrics = Metrics()
    >>> metrics.events.labels("viewers", "applied").inc(3)
    >>> metrics.freshness.observe("viewers", np.array([0.004, 0.004]))
    >>> read = Exposition(metrics.exposition().decode())
    >>> read.value("nearline_events_total", stage="viewers"), read.quantile("nearline_freshness_seconds", 0.5)
    (3.0, 0.0035)
    """

    def __init__(self, text: str) -> None:
        self._samples = [s for family in text_string_to_metric_families(text) for s in family.samples]

    def value(self, name: str, **labels: str) -> float:
        """Return the sum of the samples of a name that have the labels; 0 where there is none."""
        return sum(s.value for s in self._samples if s.name == name and labels.items() <= s.labels.items())

    def quantile(self, name: str, share: float, **labels: str) -> float:
        """Return a histogram's quantile, evenly spread inside its bucket; NaN when empty."""
        counts: dict[float, float] = {}
        for s in self._samples:
            if s.name == f"{name}_bucket" and labels.items() <= s.labels.items():
                bound = float(s.labels["le"])
                counts[bound] = counts.get(bound, 0.0) + s.value
        wanted = share * max(counts.values(), default=0.0)
        low, below = 0.0, 0.0
        for bound, count in sorted(counts.items()):
            if count >= wanted > 0:
                return (
                    low + (bound - low) * (wanted - below) / (count - below) if np.isfinite(bound) else bound
                )
            low, below = bound, count
        return float("nan")
