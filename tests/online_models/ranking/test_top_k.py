"""The best of many scores: the same as sorting all of them, for one viewer as for many."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.tables.layout import F4
from online_models.tables.top_k import BLOCK, SAMPLE, keep_best, sort_heap, top
from tests.online_models.ranking.random_side import random_side


def listed(row: F4, dense: F4, n: int) -> tuple[list[int], list[float]]:
    """Return the kernel's list."""
    title, score = np.empty(n, np.int32), np.empty(n, np.float32)
    top(row, dense, np.empty(BLOCK, np.float32), title, score)
    return title.tolist(), score.tolist()


@given(
    size=st.integers(0, 4 * BLOCK),
    n=st.integers(1, 70),
    levels=st.integers(1, 300),
    hidden=st.floats(0, 1),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_best_of_all(size: int, n: int, levels: int, hidden: float, seed: int) -> None:
    """Ties, hidden titles and every length: best first, equal scores in order of rows, -1 where none is left.

    A tie at the end of the list is won by the lower row.
    """
    rng = np.random.default_rng(seed)
    row = rng.integers(0, levels, size).astype(np.float32)
    dense = np.where(rng.random(size) < hidden, -np.inf, rng.integers(0, levels, size)).astype(np.float32)
    total = row + dense
    order = np.lexsort((np.arange(size), -total))
    order = order[np.isfinite(total[order])][:n]
    none = n - order.size
    best = ([*order.tolist(), *[-1] * none], [*total[order].tolist(), *[-np.inf] * none])
    assert listed(row, dense, n) == best
    kept, by_score = np.full(n, -1, np.int32), np.full(n, -np.inf, np.float32)
    keep_best(total, kept, by_score)
    sort_heap(by_score, kept)
    assert (kept.tolist(), by_score.tolist()) == best


def test_the_best_of_more_titles_than_the_bound_is_of() -> None:
    """They may all be behind those titles, or in no order."""
    for row in (np.arange(2 * SAMPLE), np.random.default_rng(1).permutation(2 * SAMPLE)):
        titles, _ = listed(row.astype(np.float32), np.zeros(row.size, np.float32), 20)
        assert titles == np.argsort(-row)[:20].tolist()


@pytest.mark.parametrize("drawn", [0.0, 0.5])
def test_alone_as_among_others(drawn: float) -> None:
    """A viewer's list is the same made alone and with others: of any history, guarded, or with a draw."""
    side, slots = random_side(titles=150, viewers=9)
    together = side.rank(slots, 10**9, 10, drawn=drawn)
    assert (together.title[[0, 8]] >= 0).all()
    for q, slot in enumerate(slots):
        alone = side.rank(np.array([slot], np.int32), 10**9, 10, drawn=drawn)
        assert alone.title[0].tolist() == together.title[q].tolist()
        assert np.allclose(alone.score[0], together.score[q], atol=1e-5)
        assert alone.reason[0].tolist() == together.reason[q].tolist()
        assert alone.drawn[0] == together.drawn[q]
