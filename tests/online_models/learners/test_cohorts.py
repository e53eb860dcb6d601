"""Cohorts: a step of k-means and a list by hand, and what must hold for any stream."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from online_models.errors import InvalidConfigError
from online_models.learners.cohorts import CohortConfig, CohortTable
from online_models.river import Cohorts

DAY_MS = 86_400_000


def vector(*numbers: float) -> np.ndarray:
    """Return a taste vector."""
    return np.array(numbers, np.float32)


def test_a_step_of_k_means_by_hand() -> None:
    """Two first vectors are the first centres; the next move the nearer one by a half, then by a third."""
    table = CohortTable(2, CohortConfig(cohorts=2, memory=1e9))
    assert [table.learn(vector(*p), 0, 1.0, 0) for p in ((0, 0), (4, 0), (1, 1), (2.5, 0.5))] == [0, 1, 0, 1]
    assert np.allclose(table.arrays.centre, [[0.5, 0.5], [3.25, 0.25]])
    assert table.learn(vector(2, 2), 0, 1.0, 0) == 0  # squared distances 4.5 and 4.625
    assert np.allclose(table.arrays.centre[0], [1.0, 1.0])
    assert np.allclose(table.arrays.mass, [3, 2])


def test_the_past_of_a_centre_fades() -> None:
    """With a memory of 100, mass 1 fades to .99 before the next counts 1: the step is 1 / 1.99."""
    table = CohortTable(1, CohortConfig(cohorts=1, memory=100))
    table.learn(vector(0), 0, 1.0, 0)
    table.learn(vector(1), 0, 1.0, 0)
    assert table.arrays.mass[0] == pytest.approx(1.99)
    assert table.arrays.centre[0, 0] == pytest.approx(1 / 1.99)


def test_a_list_by_hand() -> None:
    """Watches halve in seven days; shares of now, lift against everybody, prior mixed in."""
    table = CohortTable(1, CohortConfig(cohorts=2, titles=16, prior=4))
    for cohort, title, weight, day in ((0, 5, 4.0, 0), (1, 5, 1.0, 7), (0, 6, 1.0, 7), (0, 5, 2.0, 0)):
        assert table.learn(vector(cohort), title, weight, day * DAY_MS) == cohort
    # as of day 7: cohort 0 has (4 + 2) / 2 = 3 of title 5 and 1 of title 6, cohort 1 has 1 of title 5
    best = table.popular(0, 5)
    assert [found.title for found in best] == [5, 6]
    assert [found.share for found in best] == pytest.approx([0.75, 0.25])
    assert [found.lift for found in best] == pytest.approx([0.75 / 0.8, 0.25 / 0.2])
    assert table.shares(-1, 7)[5:] == pytest.approx([0.8, 0.2])
    assert table.shares(1, 7)[5:] == pytest.approx([(1 + 4 * 0.8) / 5, 4 * 0.2 / 5])
    assert table.popular(0, 1) == best[:1]


def test_space_saving() -> None:
    """A title new to a full cohort takes the least one's place and count; sixteen of a hundred remain."""
    table = CohortTable(1, CohortConfig(cohorts=1, titles=16))
    for title in [*range(16), *range(1, 16), 99]:
        table.learn(vector(0), title, 1.0, 0)
    counts = dict(zip(table.arrays.title[0].tolist(), table.arrays.watched[0].tolist(), strict=True))
    assert counts == dict.fromkeys(range(1, 16), 2.0) | {99: 2.0}


def test_counts_outlive_many_half_lives() -> None:
    """Units are taken back before they overflow; what happened years ago weighs nothing."""
    table = CohortTable(1, CohortConfig(cohorts=1, titles=16))
    for year in range(40):
        table.learn(vector(0), year, 1.0, year * 365 * DAY_MS)
    assert np.isfinite(table.arrays.watched).all()
    assert [(found.title, round(found.share, 6)) for found in table.popular(0, 1)] == [(39, 1.0)]


def test_a_starved_centre_moves_to_where_somebody_is() -> None:
    """A centre far from all viewers is moved, its titles are dropped, and it splits a large group."""
    table = CohortTable(1, CohortConfig(cohorts=2, memory=200))
    table.learn(vector(1_000), 1, 1.0, 0)
    for n in range(800):
        table.learn(vector(n % 2), 2 + n % 2, 1.0, n)
    assert np.allclose(np.sort(table.arrays.centre[:, 0]), [0, 1], atol=0.1)
    assert 1 not in table.arrays.title
    assert {table.popular(table.cohort_of(vector(side)))[0].title for side in (0, 1)} == {2, 3}


@example([(0.0, 0, 2e-309, 0)])
@example([(0.0, 0, 1.0, 0), (0.0, 1, 1.0, 10**13)])
@given(
    st.lists(
        st.tuples(
            st.floats(-1e3, 1e3, width=32) | st.just(float("nan")),
            st.integers(-1, 40),
            st.floats(0, 100),
            st.integers(0, 10**13),
        ),
        max_size=80,
    )
)
def test_whatever_comes(rows: list[tuple[float, int, float, int]]) -> None:
    """Numbers stay finite, shares add up to 1 where anything is counted, and a copy of the state is equal."""
    table = CohortTable(1, CohortConfig(cohorts=3, titles=16))
    for taste, title, weight, at in rows:
        table.learn(vector(taste), title, weight, at)
    assert np.isfinite(table.arrays.centre).all()
    assert np.isfinite(table.arrays.watched).all()
    copy = CohortTable(1, table.config).load(table.state())
    for cohort in (-1, 0, 1, 2):
        assert all(0 < found.share <= 1.000001 and found.lift > 0 for found in table.popular(max(0, cohort)))
        shares = table.shares(cohort, 41)
        assert shares.sum() == pytest.approx(1) or not shares.any()
        assert np.array_equal(copy.shares(cohort, 41), shares)


def test_viewers_of_disjoint_tastes_become_cohorts() -> None:
    """A new viewer of two titles of one group gets its third title."""
    model = Cohorts(CohortConfig(cohorts=4, prior=1), seed=1)
    for n in range(300):
        model.learn_many([(f"u{n}", f"{'xy'[n % 2]}{(n // 2 + k) % 3}", 1) for k in range(3)])
    for group in "xy":
        model.learn_many([(f"new {group}", f"{group}{k}", 1) for k in range(2)])
        assert model.top_n(f"new {group}", 1)[0][0] == f"{group}2"


def test_bounds() -> None:
    """A constant out of its bounds is named."""
    with pytest.raises(InvalidConfigError, match="cohorts = 0"):
        CohortConfig(cohorts=0)
