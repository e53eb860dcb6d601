"""What is kept of the most watched titles lists what a look at all of them would."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.config import ModelConfig
from online_models.learners import most_trending as module
from online_models.learners.most_trending import MostTrending
from online_models.tables.layout import I4
from online_models.tables.titles import TitleTable

TITLES, HALF_LIFE_MS = 30, 3_600_000
ids = st.integers(0, TITLES - 1)
watches = st.tuples(ids, st.sampled_from([0.0, 0.0, 1.0, 2.0, 3.5, 8.0]), st.integers(0, 5))
"""A title, its new counter, and how many thousand seconds pass before."""


def expected(table: TitleTable, n: int, now: int, rows: I4) -> list[tuple[str, float]]:
    """Return the most watched of some titles by a look at all."""
    a = table.arrays
    value = a.trend[rows, 0] * np.exp2((a.trend_at[rows] - now) / HALF_LIFE_MS)
    named = [(-count, table.ids[row]) for row, count in zip(rows.tolist(), value.tolist(), strict=True)]
    return [(name, -count) for count, name in sorted(named) if count < 0][:n]


@given(st.lists(st.lists(watches, max_size=4), max_size=40), st.integers(1, 4), st.booleans())
def test_lists_are_those_of_all_titles(
    batches: list[list[tuple[int, float, int]]], n: int, odd: bool
) -> None:
    """Counters that rise, fall and fade, titles that come to belong and belong no more."""
    table, now, belonging = TitleTable(ModelConfig()), 0, np.ones(TITLES, np.bool_)
    table.intern([f"t{n:02}" for n in range(TITLES)])
    most = MostTrending(table, 0, n, lambda rows: belonging[rows])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SHARE", 0)  # never look at all because many were touched
        for batch in batches:
            for row, count, pause in batch:
                now += pause * 1_000_000
                table.arrays.trend[row, 0], table.arrays.trend_at[row] = count, now
                belonging[row] ^= odd and count == 3.5
            most.touch(np.array([row for row, _, _ in batch], np.int32))
            found = most.top(now)
            wanted = expected(table, n, now, np.flatnonzero(belonging))
            assert [count for _, count in found] == pytest.approx([count for _, count in wanted], rel=1e-12)
            assert (
                dict(found).items() <= dict(expected(table, TITLES, now, np.flatnonzero(belonging))).items()
            )


def test_few_titles_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first list: the kept ones and those that were touched."""
    table = TitleTable(ModelConfig())
    rows = table.intern([f"t{n}" for n in range(1_000)])
    table.arrays.trend[rows, 0] = 1 + rows
    looked, most = list[int](), MostTrending(table, 0, 5)
    inner = most._decayed
    monkeypatch.setattr(most, "_decayed", lambda rows, now: looked.append(rows.size) or inner(rows, now))
    for _ in range(50):
        table.arrays.trend[rows[:3], 0] += 40
        most.touch(rows[:3])
        most.top(0)
    assert looked[0] == 1_000
    assert max(looked[1:]) <= 20 + 3


def test_a_first_title_that_loses_its_watches_gives_way() -> None:
    """Whoever is next was not kept: all are looked at again."""
    table = TitleTable(ModelConfig())
    rows = table.intern([f"t{n}" for n in range(100)])
    table.arrays.trend[rows, 0] = 1 + rows
    most = MostTrending(table, 0, 3)
    for first in range(99, 3, -1):
        assert [name for name, _ in most.top(0)] == [f"t{first - n}" for n in range(3)]
        table.arrays.trend[first, 0] = 0
        most.touch(rows[first : first + 1])


def test_many_touched_titles_are_forgotten() -> None:
    """Whoever notes changes and asks for no list keeps nothing of them."""
    table = TitleTable(ModelConfig())
    rows = table.intern([f"t{n}" for n in range(100)])
    most = MostTrending(table, 0, 3)
    most.top(0)
    for _ in range(100):
        most.touch(rows[:10])
        assert most._number <= 25
    table.arrays.trend[rows[7], 0] = 1
    assert most.top(0) == [("t7", 1.0)]
