"""Samples of the workers' metrics: what charts and the list of workers show."""

import math

import pytest

from streams.ops.overview import Observer
from streams.serve.web.charts import Line, chart_of
from streams.serve.web.history import KEPT, MetricsHistory, sample_of
from streams.telemetry.exposition import Exposition
from streams.telemetry.metrics import Metrics


def _worker(monkeypatch: pytest.MonkeyPatch) -> Metrics:
    """Let every address but one be answered by one worker."""
    metrics = Metrics()

    def fetch(address: str) -> Exposition | None:
        return None if "gone" in address else Exposition(metrics.exposition().decode())

    monkeypatch.setattr("streams.ops.overview.fetch", fetch)
    return metrics


def test_samples_have_what_happened_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first knows no rate; the hit rate is of the window, not since the worker's start."""
    worker = _worker(monkeypatch)
    history = MetricsHistory(Observer(["http://here/metrics", "http://gone/metrics"]))
    worker.tested.labels("blend").inc(1_000)
    first = history.newest()
    assert (first.compared, first.answering, history.samples()[0].tested) == (0, 1, {})
    worker.tested.labels("blend").inc(10)
    worker.hits.labels("blend").inc(4)
    worker.lag.labels("viewers", "3").set(7)
    found = history.take()
    assert found.compared == 1
    assert history.samples()[1].lag == 7
    assert history.hit_rates("blend")[1] == 0.4
    assert math.isnan(history.hit_rates("blend")[0])
    assert history.newest() is found
    assert [(one.state, one.partitions) for one in found.workers] == [
        ("ready", {"viewers": [3]}),
        ("no answer", {}),
    ]
    worker.stalled_seconds.set(60)
    assert history.take().workers[0].state == "no progress"


def test_an_hour_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest sample goes; without an answer a lag is unknown, not 0."""
    _worker(monkeypatch)
    history = MetricsHistory(Observer(["http://gone/metrics"]))
    found = history.take()
    history._samples.extend(sample_of(found, n) for n in range(KEPT + 5))
    assert len(history.samples()) == KEPT
    assert all(math.isnan(one.lag) for one in history.samples())


def test_a_line_has_gaps_where_nothing_is_known() -> None:
    """Between samples that are missing, or far apart."""
    times = [0, 5_000, 10_000, 15_000, 60_000, 65_000]
    chart = chart_of(times, [Line("p50", [1, 2, math.nan, 3, 4, 5]), Line("p99", [math.nan] * 6)])
    assert chart is not None
    assert [len(part.split()) for part in chart["lines"][0]["parts"]] == [2, 2, 2]
    assert (chart["lines"][1]["parts"], chart["lines"][1]["now"], chart["lines"][1]["most"]) == (
        [],
        None,
        None,
    )
    assert chart["top"] == 5
