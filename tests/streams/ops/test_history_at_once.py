"""A history that is sent at once against the same history sent slowly."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from online_models.evaluation import EvaluationProtocol
from online_models.evaluation.ratings import Ratings
from online_models.simulation import World
from schemas import Stop
from streams.ops import history_at_once as module
from streams.ops.history_at_once import PartHits, history_at_once
from streams.ops.ratings import Dataset

PROTOCOL = EvaluationProtocol()
LEAST = 0.91
"""The share that is asked for, .97, less two standard errors of some 2,000 tested events."""


def watched(count: int) -> Dataset:
    """Return what the viewers of a simulated world watched to the end, as ratings."""
    stops = (event for event in World(seed=3, viewers=400, titles=200).events() if isinstance(event, Stop))
    some = [next(stops) for _ in range(count)]
    columns = zip(*((one.viewer_id, one.title_id, 5.0, one.event_time_ms) for one in some), strict=True)
    return Dataset(Ratings.from_columns(*map(list, columns)))


def test_both_ways_are_compared_for_each_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of sizes that leave events to test; each with a run of its own."""
    asked: list[tuple[int, bool]] = []
    told: list[tuple[str, int, int]] = []

    def run(*given: Any, at_once: bool) -> PartHits:
        asked.append((given[3], at_once))
        return PartHits(np.array([50.0, 50.0]), {"blend": np.array([0.9, 1.1]) * (9 if at_once else 10)})

    monkeypatch.setattr(module, "_run", run)
    report = history_at_once(
        watched(60), PROTOCOL, lambda *one: told.append(one), sizes=(10, 20, 1_000), embedded=True
    )
    assert asked == [(10, False), (10, True), (20, False), (20, True)]
    assert told[0] == ("10 slowly", 0, 4)
    row = report.models["blend"]["20 events"]
    assert row["share"].value == pytest.approx(0.9)
    assert row["share"].error == pytest.approx(0.0)  # both guess the same parts better
    assert row["slowly"].error == pytest.approx(0.04)
    assert report.to_dict()["models"]["blend"]["10 events"]["at once"] == pytest.approx(0.18)


@pytest.mark.slow
@pytest.mark.nightly
@pytest.mark.embedded
def test_a_history_sent_at_once_teaches_as_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backlog of 3,000 events on an empty model; measured on MovieLens-100K in `replica_lag`."""
    monkeypatch.chdir(tmp_path)
    report = history_at_once(
        watched(6_000), PROTOCOL, lambda *_: None, sizes=(3_000,), tested=3_000, embedded=True
    )
    row = report.models["blend"]["3,000 events"]
    assert row["slowly"].tested > 1_000
    assert row["share"].value >= LEAST
