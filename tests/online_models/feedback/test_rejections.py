"""The titles that a viewer turned down of late."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.config import ModelConfig
from online_models.feedback.rejections import add_rejection, remove_rejection
from online_models.tables.feedback_layout import MOST_REJECTED, REJECTIONS
from online_models.tables.titles import TitleTable
from online_models.tables.viewers import ViewerTable

DAY_MS = 86_400_000
Rejection = tuple[int, float, int]

rejections = st.lists(
    st.tuples(st.integers(0, 25), st.sampled_from([0.05, 0.2, 0.5, 1.0, 2.0]), st.integers(0, 90)),
    max_size=80,
)


@pytest.fixture
def table() -> ViewerTable:
    """Return a table in which ada is slot 0, and forty titles have the rows 0 to 39."""
    titles = TitleTable(ModelConfig())
    titles.intern([f"t{n}" for n in range(40)])
    table = ViewerTable(ModelConfig(), titles)
    table.acquire(["ada"])
    return table


def turn_down(table: ViewerTable, *those: Rejection) -> None:
    """Let ada turn titles down: (title, weight, day)."""
    for title, weight, day in those:
        add_rejection(table.arrays, table.titles.params, 0, title, weight, day * DAY_MS)


def turned_down(table: ViewerTable, slot: int = 0) -> dict[int, tuple[float, int]]:
    """Return a viewer's list: strength and day by title."""
    a = table.arrays
    return {
        t: (pytest.approx(w), 1_000 * at // DAY_MS)
        for t, w, at in zip(
            a.rejected[slot].tolist(),
            a.rejected_weight[slot].tolist(),
            a.rejected_at[slot].tolist(),
            strict=True,
        )
        if t >= 0
    }


def test_strength_adds_up(table: ViewerTable) -> None:
    """A title has one place; its rejections add up to a thumb down at most, dated by the newest."""
    turn_down(table, (1, 0.5, 3), (2, 0.2, 4), (1, 0.5, 2))
    assert turned_down(table) == {1: (1.0, 3), 2: (0.2, 4)}
    turn_down(table, (1, 2.0, 9))
    assert turned_down(table)[1] == (MOST_REJECTED, 9)


def test_the_weakest_gives_way(table: ViewerTable) -> None:
    """A full list loses its weakest and oldest title, and takes nothing weaker than all that it has."""
    turn_down(table, *[(n, 0.5, n) for n in range(REJECTIONS)])
    turn_down(table, (30, 0.2, 16))
    assert 30 not in turned_down(table)
    turn_down(table, (31, 0.5, 16))
    assert 0 not in turned_down(table)
    assert turned_down(table)[31] == (0.5, 16)


def test_time_runs_out(table: ViewerTable) -> None:
    """After thirty days a rejection holds no place, and adds nothing to a new one of its title."""
    turn_down(table, (1, 2.0, 0), *[(n, 2.0, 20) for n in range(2, REJECTIONS + 1)])
    turn_down(table, (30, 0.05, 31))
    assert 1 not in turned_down(table)
    assert turned_down(table)[30] == (0.05, 31)
    turn_down(table, (2, 0.5, 51))
    assert turned_down(table)[2] == (0.5, 51)


def test_times_are_whole_seconds(table: ViewerTable) -> None:
    """A month is over up to a second early, never late; what happened before 1970 is of its first second."""
    params, month = table.titles.params, 30 * DAY_MS
    add_rejection(table.arrays, params, 0, 1, 0.5, DAY_MS + 1_999)
    assert table.rejected("ada") == [("t1", 0.5, DAY_MS + 1_000)]
    for at, weight in ((DAY_MS + 1_000 + month, 1.0), (2 * DAY_MS + 2_000 + 2 * month, 0.5)):
        add_rejection(table.arrays, params, 0, 1, 0.5, at)
        assert table.rejected("ada") == [("t1", weight, at)]
    add_rejection(table.arrays, params, 0, 2, 0.5, -1)
    assert table.rejected("ada")[-1] == ("t2", 0.5, 0)


def test_a_changed_mind(table: ViewerTable) -> None:
    """A title that the viewer has come to like is off the list, and only that."""
    turn_down(table, (1, 0.5, 1), (2, 0.5, 1))
    remove_rejection(table.arrays, 0, 1)
    remove_rejection(table.arrays, 0, 7)
    assert turned_down(table) == {2: (0.5, 1)}


@given(rejections, st.integers(0, 80))
def test_a_restart_changes_nothing(those: list[Rejection], cut: int) -> None:
    """Packed and read back anywhere on the way: the same row, byte by byte, finite, no title twice."""
    tables = []
    for _ in range(2):
        titles = TitleTable(ModelConfig())
        titles.intern([f"t{n}" for n in range(40)])
        tables.append(ViewerTable(ModelConfig(), titles))
        tables[-1].acquire(["ada"])
    whole, first = tables
    turn_down(whole, *those)
    turn_down(first, *those[:cut])
    heads, _, _ = first.pack(np.zeros(1, np.int32))
    second = ViewerTable(ModelConfig(), first.titles)
    second.acquire(["ada"], lambda _: [heads.tobytes()])
    turn_down(second, *those[cut:])
    packed = [table.pack(np.zeros(1, np.int32))[0].tobytes() for table in (whole, second)]
    assert packed[0] == packed[1]
    held = whole.arrays.rejected[0][whole.arrays.rejected[0] >= 0]
    assert len(set(held.tolist())) == held.size <= REJECTIONS
    assert np.isfinite(whole.arrays.rejected_weight).all()
    assert whole.arrays.rejected_weight.max() <= MOST_REJECTED


def test_an_evicted_viewers_list_is_no_strangers(table: ViewerTable) -> None:
    """A slot that is given to somebody else has an empty list."""
    turn_down(table, (1, 0.5, 1))
    table.forget("ada")
    (slot,) = table.acquire(["bob"])
    assert slot == 0
    assert turned_down(table) == {}
