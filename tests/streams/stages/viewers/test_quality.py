"""Live quality: hit rates that fade, and an alarm when they change."""

import numpy as np
import pytest
from structlog.testing import capture_logs

from online_models.feedback.reward_function import Action
from online_models.recommender import COLUMNS
from streams.stages.viewers.quality import FADE, Quality
from streams.telemetry.metrics import Metrics


def _ranks(hits: "np.ndarray") -> "np.ndarray":
    """Make ranks whose blend hits where told, and whose popularity never does."""
    ranks = np.full((hits.size, len(COLUMNS)), 50.0)
    ranks[:, 0] = np.where(hits, 3.0, 40.0)
    return ranks


def _value(metrics: Metrics, name: str, model: str) -> float | None:
    """Return a metric."""
    return metrics.registry.get_sample_value(f"nearline_{name}", {"model": model})


def _alarms(metrics: Metrics, series: str) -> float:
    """Return how often a drift detector rang."""
    return metrics.registry.get_sample_value("nearline_drift_detected_total", {"series": series}) or 0


def test_rates_are_shares_of_the_tested() -> None:
    """Untested events do not count, titles never seen are misses, and rank 9.5 is the last hit."""
    metrics = Metrics()
    quality = Quality(metrics)
    blend, popularity = [0.0, 9.5, 10.0, np.inf, -1.0], [20.0, 0.0, 20.0, np.inf, -1.0]
    ranks = np.zeros((5, len(COLUMNS)))
    ranks[:, COLUMNS.index("blend")], ranks[:, COLUMNS.index("popularity")] = blend, popularity
    quality.add(ranks)
    assert (quality.tested, quality.hits) == (4, {"blend": 2, "popularity": 1})
    assert _value(metrics, "prequential_tested_total", "blend") == 4
    assert _value(metrics, "prequential_hits_total", "blend") == 2
    assert _value(metrics, "prequential_hit_rate", "blend") == pytest.approx(0.5, abs=0.001)
    assert _value(metrics, "prequential_hit_rate", "popularity") == pytest.approx(0.25, abs=0.001)


def test_nothing_tested_changes_nothing() -> None:
    """A batch without a tested event leaves no rate behind."""
    metrics = Metrics()
    quality = Quality(metrics)
    quality.add(np.full((7, len(COLUMNS)), -1.0))
    assert (quality.tested, _value(metrics, "prequential_hit_rate", "blend")) == (0, None)


def test_the_rate_is_the_same_however_events_are_cut() -> None:
    """One batch of 500 and 500 batches of one give the same moving rate, by its definition."""
    hits = np.random.default_rng(3).random(500) < 0.3
    whole, single = Metrics(), Metrics()
    Quality(whole).add(_ranks(hits))
    one_by_one = Quality(single)
    for hit in hits:
        one_by_one.add(_ranks(np.array([hit])))
    weights = FADE ** np.arange(hits.size - 1, -1, -1)
    expected = float(weights @ hits / weights.sum())
    assert _value(whole, "prequential_hit_rate", "blend") == pytest.approx(expected)
    assert _value(single, "prequential_hit_rate", "blend") == pytest.approx(expected)


def test_a_change_of_the_hit_rate_rings_once_and_steadiness_does_not() -> None:
    """From .4 to .05 after 2,000 events: an alarm within the next 500; before it, none."""
    rng = np.random.default_rng(5)
    metrics = Metrics()
    quality = Quality(metrics)
    quality.add(_ranks(rng.random(2_000) < 0.4))
    assert not _alarms(metrics, "hit_rate")
    quality.add(_ranks(rng.random(500) < 0.05))
    assert 1 <= _alarms(metrics, "hit_rate") <= 5


def test_playback_that_fails_rings_though_the_hit_rate_stays() -> None:
    """Of ten judgements eight are likes, then two; plays and searches judge nothing."""
    rng = np.random.default_rng(5)
    metrics = Metrics()
    quality = Quality(metrics)

    def judge(liked: float) -> None:
        likes = rng.random(1_000) < liked
        quality.add_judgements(np.where(likes, Action.POSITIVE, Action.REJECT).astype(np.uint8))
        quality.add_judgements(np.full(1_000, Action.TOUCH, np.uint8))
        quality.add(_ranks(rng.random(1_000) < 0.4))

    for _ in range(3):
        judge(0.8)
    assert not _alarms(metrics, "liked_share")
    judge(0.2)
    assert 1 <= _alarms(metrics, "liked_share") <= 5
    assert not _alarms(metrics, "hit_rate")


def test_alarms_of_a_history_are_counted_and_said_once_a_minute() -> None:
    """Months of drift in seconds: the metric has each alarm, the log a line a minute."""
    rng, metrics, now = np.random.default_rng(5), Metrics(), [0.0]
    quality = Quality(metrics, lambda: now[0])
    with capture_logs() as logs:
        for n in range(12):
            quality.add(_ranks(rng.random(1_000) < (0.5, 0.05)[n % 2]))
        assert _alarms(metrics, "hit_rate") >= 6
        assert [line["event"] for line in logs] == ["drift_detected"]
        now[0] = 60.0
        for n in range(2):
            quality.add(_ranks(rng.random(1_000) < (0.5, 0.05)[n % 2]))
    assert len(logs) == 2
