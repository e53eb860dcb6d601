"""Steps that senders of gradients do not know of."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from online_models.learners.stale_steps import StaleSteps, renew

RECORDS = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 4), st.lists(st.integers(0, 4), max_size=3)), max_size=30
)
"""Signals learned before a record, how many of them its sender did not know, and the titles it moves."""


@given(RECORDS)
def test_counts_are_those_of_two_periods(records: list[tuple[int, int, list[int]]]) -> None:
    """As if every row of every title were cleared or moved where a period begins."""
    stale, learned, size = StaleSteps(2), 0, 1
    steps, begun = np.zeros((2, 5, 2), np.int32), 0
    for more, unknown, titles in records:
        learned += more
        seen = max(0, learned - unknown)
        size = max([size, *(title + 1 for title in titles)])
        if seen >= learned:
            steps[:], begun = 0, learned
        elif seen >= begun:
            steps[0], steps[1], begun = steps[1], 0, learned
        counts = stale.before(seen, learned, size)
        for title in titles:
            renew(counts, title)
            assert (counts.steps[:, title] == steps[:, title]).all()
            counts.steps[1, title, 1] += 1
            steps[1, title, 1] += 1


def test_a_new_period_writes_no_row() -> None:
    """A record whose sender is up to date would else write 32 MB at a million titles."""
    stale = StaleSteps(2)
    counts = stale.before(0, 0, 5)
    counts.steps[:] = 7
    for seen, learned in ((1, 1), (1, 2), (2, 3)):
        assert stale.before(seen, learned, 5) is counts
    assert (counts.steps == 7).all()
