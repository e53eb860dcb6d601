"""Negatives of a softmax: which titles are drawn, against the plain loop that draws one after the other."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from online_models.config import ModelConfig
from online_models.learners.factorization import TRIES, draw_negatives, next_stamp, scratch
from online_models.tables.hashing import below, mix
from online_models.tables.layout import Int, Titles
from online_models.tables.titles import TitleTable

ACTIVE = 12


def _titles() -> tuple[TitleTable, Titles]:
    table = TitleTable(ModelConfig())
    table.intern([f"t{n}" for n in range(ACTIVE)])
    table.arrays.active[:ACTIVE] = np.random.default_rng(1).permutation(ACTIVE)
    return table, table.arrays


def _one_by_one(titles: Titles, n: int, target: int, known: set[int], state: Int) -> list[int]:
    found: list[int] = []
    for _ in range(n if titles.size[1] > 1 else 0):
        for _ in range(TRIES):
            state = np.uint64(mix(state))
            title = int(titles.active[below(state, titles.size[1])])
            if title not in known and title != target:
                found.append(title)
                break
    return found


@given(
    n=st.integers(0, 100),
    active=st.integers(0, ACTIVE),
    target=st.integers(0, ACTIVE - 1),
    known=st.sets(st.integers(0, ACTIVE - 1)),
    state=st.integers(0, 2**63 - 1),
)
def test_negatives_are_those_of_the_plain_loop(
    n: int, active: int, target: int, known: set[int], state: int
) -> None:
    """All but the waiting is as if each were drawn and looked at before the next one."""
    table, titles = _titles()
    titles.size[1] = active
    work = scratch(titles, table.params)
    stamp = next_stamp(work)
    work.mark[list(known)] = stamp
    found = draw_negatives(titles, n, target, stamp, np.uint64(state), work)
    assert work.cand[:found].tolist() == _one_by_one(titles, n, target, known, np.uint64(state))
    assert work.cand[found] == target
