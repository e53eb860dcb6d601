"""What a batch moves: thirty viewers at once move titles about as far as one after the other."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from schemas import Event
from streams.config.settings import Settings
from tests.forks import run_in_fork
from tests.situations.person import Person
from tests.situations.situations import OLD
from tests.situations.world import catalog, crowd
from tests.streams.steps import Line

NOW = 1_790_000_000_000
BATCH = 500
ROWS = [f"co{number:02d}" for number in OLD[:-1]]
"""The films that are in somebody's history when the next one is liked."""


def grown() -> Line:
    """Return a line whose model a crowd has trained."""
    line = Line(Settings(prequential_share=0.0, page_interval_s=0.0), wall_ms=NOW)
    line.put(*catalog(NOW))
    trained = list(crowd(NOW))
    for start in range(0, len(trained), BATCH):
        line.feed(*trained[start : start + BATCH])
    return line


def moved(line: Line, batches: Iterator[list[Event]]) -> float:
    """Return how far batches move the inputs of `ROWS`, in the mean."""
    titles = line.replica.titles
    rows = [titles.ids.index(title) for title in ROWS]
    before = titles.arrays.inp[rows].copy()
    for batch in batches:
        line.feed(*batch)
    return float(np.linalg.norm(titles.arrays.inp[rows] - before, axis=1).mean())


def test_a_batch_moves_titles_as_far_as_its_events_one_after_the_other(tmp_path: Path) -> None:
    """Gradients of a batch do not know of each other; at full length they moved the inputs twice as far."""
    alike = [Person(f"person{n}", NOW).films("co", OLD) for n in range(30)]
    line = grown()
    code, one_by_one = run_in_fork(lambda: print(moved(line, iter(alike))), tmp_path / "moved.txt")
    assert code == 0, one_by_one
    at_once = moved(line, iter([[event for films in alike for event in films]]))
    assert at_once == pytest.approx(float(one_by_one), rel=0.25)
