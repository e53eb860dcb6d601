"""What a run came to: counters read from a worker's metrics, and the documented JSON."""

import math

import numpy as np
import pytest

from streams.ops.runs.report import RunCounts, RunReport
from streams.telemetry.metrics import Exposition, Metrics

KEYS = {
    "events", "lists", "dead_letters", "seconds", "events_per_s", "lists_per_s",
    "freshness_ms", "held_back_ms", "hr@10", "tested", "replica_age_events",
}  # fmt: skip


def _metrics(events: int, tested: int, blend: int, popularity: int) -> Metrics:
    """Make the metrics of a worker that has done so much."""
    metrics = Metrics()
    metrics.events.labels("viewers", "applied").inc(events)
    metrics.events.labels("titles", "applied").inc(7)
    metrics.lists.inc(40)
    metrics.dead_letters.labels("viewers", "empty").inc(2)
    metrics.dead_letters.labels("viewers", "malformed").inc()
    metrics.replica_age.set(12)
    metrics.freshness.observe("false", np.full(100, 0.015))
    metrics.freshness.observe("true", np.full(100, 4.0))
    for name, hits in (("blend", blend), ("popularity", popularity)):
        metrics.tested.labels(name).inc(tested)
        metrics.hits.labels(name).inc(hits)
    return metrics


def _tally(events: int = 100, tested: int = 50, blend: int = 20, popularity: int = 10) -> RunCounts:
    """Read the tally of such a worker."""
    return RunCounts.of(Exposition(_metrics(events, tested, blend, popularity).exposition().decode()))


def test_a_tally_counts_the_viewers_stage_only() -> None:
    """Events and freshness of the other stage are left out, dead letters of all reasons are summed."""
    tally = _tally()
    assert (tally.events, tally.lists, tally.dead_letters, tally.lag, tally.tested) == (100, 40, 3, 12, 50)
    assert tally.hits == {"blend": 20, "popularity": 10}
    assert 10 <= tally.freshness_ms["p50"] <= tally.freshness_ms["p99"] <= 20
    assert 2_000 <= tally.held_back_ms["p50"] <= 5_000


def test_hit_rates_since_the_warm_up() -> None:
    """Only what was tested after the earlier tally counts; nothing tested is not known, not zero."""
    warm, last = _tally(100, 50, 20, 10), _tally(300, 150, 80, 30)
    assert last.hit_rate() == {"blend": pytest.approx(80 / 150), "popularity": 0.2}
    assert last.hit_rate(warm) == {"blend": 0.6, "popularity": 0.2}
    assert last.hit_rate(last) == {"blend": None, "popularity": None}


def test_the_document_has_the_documented_keys() -> None:
    """Rates are counts over seconds; hits and tests are those after the warm-up."""
    document = RunReport(300, 2.0, _tally(300, 150, 80, 30), _tally(), 5.5).document()
    assert set(document) == KEYS
    assert document["events_per_s"] == 150.0
    assert document["lists_per_s"] == 20.0
    assert document["hr@10"] == {"blend": 0.6, "popularity": 0.2}
    assert document["tested"] == 100
    assert document["replica_age_events"] == 5.5


def test_without_a_worker_the_same_keys_are_null() -> None:
    """What was produced is known; lists, freshness and quality are not."""
    document = RunReport(300, 2.0, None).document()
    assert set(document) == KEYS
    assert (document["events"], document["events_per_s"]) == (300, 150.0)
    assert document["freshness_ms"] == {"p50": None, "p99": None}
    assert document["hr@10"] == {"blend": None, "popularity": None}
    assert document["lists"] is document["dead_letters"] is document["tested"] is None


def test_a_worker_that_did_nothing_yet() -> None:
    """An empty exposition is a tally of zeros without a freshness."""
    tally = RunCounts.of(Exposition(""))
    assert (tally.events, tally.lists, tally.tested) == (0, 0, 0)
    assert all(math.isnan(value) for value in tally.freshness_ms.values())
