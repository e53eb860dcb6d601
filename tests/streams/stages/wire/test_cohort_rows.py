"""Cohorts in the worker: learned by one shard, kept exactly, on pages; rows of theirs that are refused."""

from typing import Any

import numpy as np
import pytest
from msgspec import structs

from online_models.config import ModelConfig
from online_models.learners.cohorts import SHELVED
from online_models.learners.segments import Segment, Segments
from online_models.page.config import PageConfig
from online_models.ranking.segment_boost import MIN_WATCHES
from online_models.tables.titles import TitleTable, title_key
from schemas.fields import ItemReason, RowKind
from streams.config.settings import Settings
from streams.errors import StateError, StateVersionError
from streams.stages.titles.step import TitlesStep
from streams.stages.wire import cohort_rows, segment_rows
from tests.streams.steps import Line, pages_of, watch

PAGE = PageConfig(least=1, segment_watches=5.0)


def taught(shards: int = 1, viewers: int = 200) -> Line:
    """Give both stages; two crowds watch twenty titles each."""
    line = Line(Settings(prequential_share=0.0, title_shards=shards, page=PAGE))
    for n in range(viewers):
        own = [f"{'xy'[n % 2]}{(n // 2 + k) % 20}" for k in range(3)]
        line.feed(*(watch(f"v{n}", title, 10 * n + k) for k, title in enumerate(own)))
    return line


@pytest.mark.parametrize("shards", [1, 2])
def test_people_like_you_watch_what_your_crowd_does(shards: int) -> None:
    """A page has the row, of what the viewer's cohort watches more; one shard alone has learned it."""
    line = taught(shards)
    (page,) = pages_of(line.feed(watch("x-like", "x0", 1_000), watch("x-like", "x1", 1_001)))
    row = next(row for row in page.rows if row.kind is RowKind.PEOPLE_LIKE_YOU)
    assert row.reason is ItemReason.COHORT
    cohorts, viewers = line.replica.segments.cohorts, line.side.viewers
    assert cohorts is not None
    mine = cohorts.cohort_of(viewers.arrays.taste[viewers.slot("x-like")])
    liked = {line.replica.titles.ids[title] for title in cohorts.liked_more(MIN_WATCHES)[mine][0].tolist()}
    assert {item.title_id for item in row.items} <= liked - {"x0", "x1"}
    assert [cohort_rows.KEY in store.rows for store in line.title_stores] == [True, False][:shards]


def test_a_restart_goes_on_exactly() -> None:
    """A shard made from its store writes the row that the one before would have."""
    lines = [taught(viewers=6), taught(viewers=6)]
    lines[1].titles = [TitlesStep(lines[1].settings, 0, lines[1].title_stores[0])]
    for line in lines:
        line.feed(*(watch(f"w{n}", f"x{n % 6}", 2_000 + n) for n in range(12)))
    first, second = (line.title_stores[0].rows[cohort_rows.KEY] for line in lines)
    assert first == second


def test_cohorts_come_back_as_they_were() -> None:
    """Every column, titles by key; a newer version is refused."""
    titles, c, k, n = TitleTable(ModelConfig()), SHELVED.cohorts, 12, SHELVED.titles
    centre, keys, watched = np.zeros((c, k), np.float32), np.zeros((c, n), np.uint64), np.zeros((c, n))
    centre[3, 5], keys[3, 7], watched[3, 7] = 0.5, title_key("t"), 4.0
    times, seen, mass = np.array([10, 20]), np.array([30]), np.arange(c).astype(np.float64)
    value = cohort_rows.CODEC.pack(cohort_rows.CohortRow(times, seen, mass, centre, keys, watched))
    table = cohort_rows.load(value, titles)
    assert table.arrays.times.tolist() == [10, 20]
    assert table.arrays.seen.tolist() == [30]
    assert table.arrays.mass.tolist() == mass.tolist()
    assert table.arrays.centre[3, 5] == 0.5
    assert table.arrays.title[3, 7] == titles.intern(["t"])[0]
    assert table.arrays.watched[3, 7] == 4.0
    assert cohort_rows.pack(table, titles) == (b"\x06cohorts", value)
    with pytest.raises(StateVersionError):
        cohort_rows.load(b"\x02" + value[1:], titles)


@pytest.mark.parametrize(
    "wrong",
    [
        {"times": np.array([20, 10])},
        {"times": np.array([0, 4_000_000_000_000])},
        {"times": np.array([-1, 20])},
        {"times": np.array([10])},
        {"seen": np.array([1, 2])},
        {"mass": np.full(SHELVED.cohorts, -1.0)},
        {"mass": np.ones(3)},
        {"watched": np.full((SHELVED.cohorts, SHELVED.titles), -1.0)},
        {"centre": np.full((SHELVED.cohorts, 12), 1e30, np.float32)},
    ],
)
def test_cohorts_that_no_worker_wrote_are_refused(wrong: dict[str, Any]) -> None:
    """Times in the wrong order or too far apart have no unit; counts are not negative, vectors not huge."""
    c, n = SHELVED.cohorts, SHELVED.titles
    row = cohort_rows.CohortRow(
        np.array([10, 20]), np.array([30]), np.ones(c), np.zeros((c, 12), np.float32),
        np.ones((c, n), np.uint64), np.ones((c, n)),
    )  # fmt: skip
    titles = TitleTable(ModelConfig())
    assert (
        cohort_rows.load(cohort_rows.CODEC.pack(row), titles).watches().tolist()
        == [pytest.approx(n, rel=1e-6)] * c
    )
    value = cohort_rows.CODEC.pack(structs.replace(row, **wrong))
    with pytest.raises(StateError, match="a number out of its range"):
        cohort_rows.load(value, titles)


@pytest.mark.parametrize(
    "wrong",
    [
        {"since_ms": 30},
        {"since_ms": 2**62, "newest_ms": 2**62 + 1},
        {"since_ms": -1},
        {"counts": np.array([-1.0])},
        {"counts": np.array([1.0, 2.0])},
    ],
)
def test_segments_that_no_worker_wrote_are_refused(wrong: dict[str, Any]) -> None:
    """A newest watch from before the counts' unit is none; keys and counts go together."""
    segment = Segment(np.array([2], np.uint64), np.array([3.0]), 10, 20, None)
    segments = Segments()
    segment_rows.load(segments, b"\x02device:tv", segment_rows.CODEC.pack(segment))
    assert segments.top("device:tv", 1) == [(2, pytest.approx(3.0))]
    with pytest.raises(StateError, match="a number out of its range"):
        segment_rows.load(segments, b"\x02device:tv", segment_rows.CODEC.pack(segment._replace(**wrong)))
    with pytest.raises(StateError, match="no text"):
        segment_rows.load(segments, b"\x02device:\xff", segment_rows.CODEC.pack(segment))


def test_cohorts_of_another_shape_begin_anew() -> None:
    """Another number of cohorts in the code is no error: the stored ones are dropped."""
    small, times = np.zeros((2, 4)), np.zeros(2, np.int64)
    row = cohort_rows.CohortRow(
        times, times[:1], small[:, 0] + 1, np.zeros((2, 12), np.float32), small.astype(np.uint64), small
    )
    value = cohort_rows.CODEC.pack(row)
    assert not cohort_rows.load(value, TitleTable(ModelConfig())).arrays.mass.any()
