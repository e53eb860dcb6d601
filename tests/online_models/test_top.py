"""The best of many scores: the same as sorting all of them, for one viewer as for many."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from online_models import Recommender
from online_models.kernels.layout import F4
from online_models.kernels.top import LANE, keep_best, least_of, sort_heap, top
from schemas import Preferences, Rate, Thumb


def listed(row: F4, dense: F4, n: int, least: float = -np.inf) -> tuple[list[int], list[float]]:
    """Return the kernel's list."""
    title, score = np.empty(n, np.int32), np.empty(n, np.float32)
    top(row, dense, least, title, score)
    return title.tolist(), score.tolist()


@given(
    size=st.integers(0, 4 * LANE),
    n=st.integers(1, 25),
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
    others = rng.permutation(size)[:n].astype(np.int32)
    if others.size == n:
        assert listed(row, dense, n, least_of(row, dense, others)) == best


def test_alone_as_among_others() -> None:
    """A viewer's list is the same made alone and with others, with a history, without, and with a limit."""
    model = Recommender(seed=3)
    rng = np.random.default_rng(3)
    for n, (viewer, title) in enumerate(zip(rng.integers(0, 9, 400), rng.zipf(1.5, 400) % 90, strict=True)):
        thumb = Thumb.DOWN if n % 11 == 0 else Thumb.UP
        said = {"event_id": f"{n}", "viewer_id": f"{viewer}", "event_time_ms": n * 10**6}
        model.learn_one(Rate(**said, title_id=f"{title}", thumb=thumb))
    model.learn_one(Preferences(event_id="p", viewer_id="1", event_time_ms=0, maturity=12, genres=("Drama",)))
    side = model.viewers
    slots = side.viewers.acquire([*map(str, range(9)), "stranger"])
    together = side.rank(slots, 4 * 10**8, 10)
    for q, slot in enumerate(slots):
        alone = side.rank(np.array([slot], np.int32), 4 * 10**8, 10)
        assert alone.title[0].tolist() == together.title[q].tolist()
        assert np.allclose(alone.score[0], together.score[q], atol=1e-5)
        assert alone.reason[0].tolist() == together.reason[q].tolist()
