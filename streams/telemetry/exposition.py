"""What somebody's /metrics answered, read back: for commands that watch a worker, and for tests."""

from collections.abc import Iterable
from typing import Any, Self

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

__all__ = ["Exposition"]


class Exposition:
    """Somebody's metrics of one moment, read from Prometheus' text format.

    Parameters
    ----------
    text
        What /metrics answered.

    Attributes
    ----------
    samples
        Each with a name, labels and a value.

    Examples
    --------
    >>> from streams.telemetry.metrics import Metrics
    >>> metrics = Metrics()
    >>> metrics.events.labels("viewers", "applied").inc(3)
    >>> metrics.freshness.observe("viewers", np.array([0.004, 0.004]))
    >>> read = Exposition(metrics.exposition().decode())
    >>> read.value("nearline_events_total", stage="viewers"), read.quantile("nearline_freshness_seconds", 0.5)
    (3.0, 0.0035)
    """

    def __init__(self, text: str) -> None:
        self.samples = [s for family in text_string_to_metric_families(text) for s in family.samples]

    @classmethod
    def together(cls, parts: Iterable[Self]) -> Self:
        """Return several workers' metrics as those of one: values and histograms add up."""
        whole = cls("")
        whole.samples = [sample for part in parts for sample in part.samples]
        return whole

    def since(self, before: Self) -> Self:
        r"""Return what was counted since an earlier moment; gauges stay; a process begun anew counts whole.

        Examples
        --------
        >>> then, now = Exposition("# TYPE a counter\na_total 3"), Exposition("# TYPE a counter\na_total 5")
        >>> now.since(then).value("a_total"), then.since(now).value("a_total")
        (2.0, 3.0)
        """
        known = {_key(sample): sample.value for sample in before.samples}
        later = type(self)("")
        later.samples = [sample._replace(value=_grown(sample, known)) for sample in self.samples]
        return later

    def by(self, name: str, label: str, **labels: str) -> dict[str, float]:
        """Return the sums of a name's samples by one of their labels, in order."""
        found: dict[str, float] = {}
        for s in self.samples:
            if s.name == name and label in s.labels and labels.items() <= s.labels.items():
                found[s.labels[label]] = found.get(s.labels[label], 0.0) + s.value
        return dict(sorted(found.items()))

    def value(self, name: str, **labels: str) -> float:
        """Return the sum of the samples of a name that have the labels; 0 where there is none."""
        return sum(s.value for s in self.samples if s.name == name and labels.items() <= s.labels.items())

    def quantile(self, name: str, share: float, **labels: str) -> float:
        """Return a histogram's quantile, evenly spread inside its bucket; NaN when empty."""
        counts: dict[float, float] = {}
        for s in self.samples:
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


GROWING = ("_total", "_bucket", "_count", "_sum")
"""Ends of the names of what only grows."""


def _key(sample: Any) -> tuple[str, frozenset[tuple[str, str]]]:  # noqa: ANN401 - the library does not name it
    return sample.name, frozenset(sample.labels.items())


def _grown(sample: Any, known: dict[tuple[str, frozenset[tuple[str, str]]], float]) -> float:  # noqa: ANN401
    """Return by how much a sample has grown; the whole of one that is smaller than it was."""
    value = float(sample.value)
    if not sample.name.endswith(GROWING):
        return value
    before = known.get(_key(sample), 0.0)
    return value - before if value >= before else value
