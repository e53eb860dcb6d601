"""Parses the text of /metrics, for commands that observe a worker, and for tests."""

from collections.abc import Iterable, Mapping
from typing import Any, Self

import numpy as np
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

__all__ = ["PROCESS", "SUPERVISOR", "Exposition", "merged"]

PROCESS = "process"
"""Label with the number of a process among those of one worker."""
SUPERVISOR = "supervisor"
"""Its value for what their supervisor shows of itself."""


class _Families(Collector):
    """Families of metrics that were read from elsewhere."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        """Return them."""
        return self._families


def merged(parts: Mapping[str, str]) -> bytes:
    r"""Return the metrics of several processes as one text, each sample with its process as a label.

    Parameters
    ----------
    parts
        Text in Prometheus' format by the name of the process. A sample that has the label keeps it.

    Examples
    --------
    >>> whole = merged({"0": "# TYPE a gauge\na 1", "1": "# TYPE a gauge\na 2"}).decode()
    >>> whole.splitlines()[1:]
    ['# TYPE a gauge', 'a{process="0"} 1.0', 'a{process="1"} 2.0']
    """
    families: dict[str, Metric] = {}
    for name, text in parts.items():
        for family in text_string_to_metric_families(text):
            whole = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            whole.samples += [one._replace(labels={PROCESS: name, **one.labels}) for one in family.samples]
    registry = CollectorRegistry()
    registry.register(_Families(families.values()))
    return bytes(generate_latest(registry))


class Exposition:
    """A snapshot of metrics, read from Prometheus' text format.

    Parameters
    ----------
    text
        Body of an answer of /metrics.

    Attributes
    ----------
    samples
        Samples with name, labels and value.

    Examples
    --------
    >>> from streams.telemetry.metrics import Metrics
    >>> metrics = Metrics()
    >>> metrics.events.labels("viewers", "applied").inc(3)
    >>> metrics.freshness.observe("false", np.array([0.004, 0.004]))
    >>> read = Exposition(metrics.exposition().decode())
    >>> read.value("nearline_events_total", stage="viewers"), read.quantile("nearline_freshness_seconds", 0.5)
    (3.0, 0.0035)
    """

    def __init__(self, text: str) -> None:
        self.samples = [s for family in text_string_to_metric_families(text) for s in family.samples]

    @classmethod
    def together(cls, parts: Iterable[Self]) -> Self:
        """Merge the metrics of several workers: values and histograms add up."""
        whole = cls("")
        whole.samples = [sample for part in parts for sample in part.samples]
        return whole

    def by_process(self) -> dict[str, Self]:
        r"""Return the metrics of each process of a worker by its name; of a worker of one process by "".

        Examples
        --------
        >>> whole = Exposition('a{process="0"} 1\na{process="1"} 2')
        >>> {name: part.value("a") for name, part in whole.by_process().items()}
        {'0': 1, '1': 2}
        """
        found: dict[str, Self] = {}
        for sample in self.samples:
            part = found.setdefault(sample.labels.get(PROCESS, ""), type(self)(""))
            part.samples.append(sample)
        return found

    def since(self, before: Self) -> Self:
        r"""Return the increase since an earlier snapshot; gauges are kept; a restarted process counts from 0.

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
        """Return the sums of the samples of a name by the values of one label, sorted."""
        found: dict[str, float] = {}
        for s in self.samples:
            if s.name == name and label in s.labels and labels.items() <= s.labels.items():
                found[s.labels[label]] = found.get(s.labels[label], 0.0) + s.value
        return dict(sorted(found.items()))

    def value(self, name: str, **labels: str) -> float:
        """Return the sum of the samples of a name with these labels; 0 if there is none."""
        return sum(s.value for s in self.samples if s.name == name and labels.items() <= s.labels.items())

    def quantile(self, name: str, share: float, **labels: str) -> float:
        """Return a quantile of a histogram, by linear interpolation in its bucket; NaN if empty."""
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
"""Suffixes of the names of samples that never decrease."""


def _key(sample: Any) -> tuple[str, frozenset[tuple[str, str]]]:  # noqa: ANN401 - the library does not name it
    return sample.name, frozenset(sample.labels.items())


def _grown(sample: Any, known: dict[tuple[str, frozenset[tuple[str, str]]], float]) -> float:  # noqa: ANN401
    """Return the increase of a sample; its whole value if it is smaller than before."""
    value = float(sample.value)
    if not sample.name.endswith(GROWING):
        return value
    before = known.get(_key(sample), 0.0)
    return value - before if value >= before else value
