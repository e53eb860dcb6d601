"""Lists in a batch: those of whole rows of scores, whatever is known of titles and viewers."""

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from online_models import Recommender
from online_models.ranking.lists import ListRanker
from online_models.ranking.scorer import hide_known
from online_models.ranking.shortlist import PROBED
from online_models.ranking.viewer_side import Lists, ViewerSide
from online_models.tables.changed_rows import ChangedRows
from online_models.tables.layout import F4, I4
from online_models.tables.titles import TitleTable
from online_models.tables.vector_norms import VectorNorms
from schemas import Rate, Title
from schemas.catalog import Tags
from tests.online_models.ranking.random_side import random_side

NOW = 10**9
NEAR = 1e-4
"""Scores nearer than this are summed in another order, and may stand in another."""


def world(
    *,
    titles: int = 300,
    viewers: int = 9,
    taste: float = 0.3,
    alike: float = 0.0,
    gone: float = 0.0,
    aligned: bool = False,
    series: int = 1,
    seed: int = 3,
) -> tuple[ViewerSide, I4]:
    """Return a side of which a share of the titles is all alike, and another may not be shown.

    Titles are episodes, so many of a ``series``. ``aligned``: titles' vectors lie along one viewer's, so that
    a product is that of the lengths.
    """
    side, slots = random_side(titles, viewers, seed)
    rng, a, v = np.random.default_rng(seed), side.titles.arrays, side.viewers.arrays
    a.out[:] *= taste / 0.3
    same = np.flatnonzero(rng.random(titles) < alike)
    for column in (a.out, a.prior, a.bias):
        column[same] = 0.0
    nbr, nbr_w = a.nbr[: a.pool[0]], a.nbr_w[: a.pool[0]]
    nbr_w.reshape(titles, -1)[rng.random(titles) < alike] = 0.0
    nbr[np.isin(nbr, same)] = -1
    a.norm[:titles] = rng.random(titles)
    side.blending.weights[:] = rng.normal(0.3, 0.4, side.blending.weights.shape)
    v.rejected[slots, :3] = rng.integers(0, titles, (slots.size, 3))
    v.rejected_at[slots, :3] = NOW
    v.rejected_weight[slots, :3] = rng.random((slots.size, 3)) / 2  # too weak to vote on tags
    if aligned:
        x = side.ranker.prepare(slots, NOW).x[slots.size // 2]
        a.out[:titles] = taste * rng.normal(0, 5, (titles, 1)) * x / np.linalg.norm(x)
    guard = np.where(rng.random(titles) < gone, -np.inf, rng.choice([0.0, 2.0], titles)).astype(np.float32)

    def found(**_: object) -> tuple[F4, int]:
        return guard, int(np.isfinite(guard).sum())

    side.catalog.guard = found  # type: ignore[method-assign]
    each = np.arange(titles, dtype=np.int32)
    previous = np.where(each % series > 0, each - 1, -1).astype(np.int32)
    side.catalog.episode_order = lambda: (previous, each[previous >= 0][::-1].copy())  # type: ignore[method-assign]
    return side, slots


def best(side: ViewerSide, slot: int, n: int) -> tuple[I4, F4, F4]:
    """Return a viewer's best titles and their scores, and all scores, -inf where none may be listed."""
    row = side.ranker.score(slot, NOW)
    hide_known(side.viewers.arrays, slot, row)
    previous, _ = side.catalog.episode_order()
    row[(previous >= 0) & np.isfinite(row[previous])] = -np.inf
    order = np.lexsort((np.arange(row.size), -row))[:n]
    order = order[np.isfinite(row[order])]
    title, score = np.full(n, -1, np.int32), np.full(n, -np.inf, np.float32)
    title[: order.size], score[: order.size] = order, row[order]
    return title, score, row


def is_right(made: Lists, q: int, side: ViewerSide, slot: int) -> None:
    """Assert that a list is the one that sorting gives; titles of nearly equal scores may change places."""
    n = made.title.shape[1]
    title, score, row = best(side, slot, n)
    assert np.allclose(made.score[q], score, atol=NEAR)
    assert (made.title[q] < 0).tolist() == (title < 0).tolist()
    listed = made.title[q][made.title[q] >= 0]
    assert np.unique(listed).size == listed.size
    assert np.allclose(row[listed], made.score[q][: listed.size], atol=NEAR)
    equal = made.score[q][1:] == made.score[q][:-1]
    assert (np.diff(made.title[q])[equal & (title[1:] >= 0)] > 0).all(), "of equal scores the lower row"


@given(
    titles=st.integers(1, 400),
    n=st.integers(1, 30),
    taste=st.sampled_from([0.0, 0.03, 0.3, 3.0]),
    alike=st.sampled_from([0.0, 0.5, 1.0]),
    gone=st.sampled_from([0.0, 0.5, 0.95, 1.0]),
    aligned=st.booleans(),
    series=st.sampled_from([1, 2, 5]),
    seed=st.integers(0, 2**16),
)
@example(titles=4, n=20, taste=0.3, alike=0.0, gone=0.0, aligned=False, series=1, seed=0).via(
    "a tiny catalog"
)
def test_the_list_is_what_sorting_all_scores_gives(  # noqa: PLR0917 - hypothesis
    titles: int, n: int, taste: float, alike: float, gone: float, aligned: bool, series: int, seed: int
) -> None:
    """Few products or all of them, ties, guards, rejections, weights below 0, and more places than titles.

    Of a series the episode that a viewer may begin with, and the one behind those that are known.
    """
    side, slots = world(
        titles=titles, taste=taste, alike=alike, gone=gone, aligned=aligned, series=series, seed=seed
    )
    made = side.rank(slots, NOW, n)
    for q, slot in enumerate(slots.tolist()):
        is_right(made, q, side, slot)
        is_right(side.rank(slots[q : q + 1], NOW, n), 0, side, slot)


@pytest.mark.parametrize(("taste", "left"), [(0.01, 0), (3.0, 2 * PROBED)])
def test_where_taste_decides_all_titles_are_multiplied(
    monkeypatch: pytest.MonkeyPatch, taste: float, left: int
) -> None:
    """After ``PROBED`` lists of many products the others come out of whole matrices: the same ones."""
    side, slots = world(titles=900, viewers=3 * PROBED, taste=taste)
    side.viewers.arrays.stated_tags[slots] = 0
    few, whole = ListRanker._from_shortlists, []

    def recorded(*arguments: Any) -> I4:
        whole.append(few(*arguments))
        return whole[-1]

    monkeypatch.setattr(ListRanker, "_from_shortlists", recorded)
    made = side.rank(slots, NOW, 20)
    assert whole[0].tolist() == slots[slots.size - left :].tolist()
    for q in (0, PROBED - 1, PROBED, slots.size - 1):
        is_right(made, q, side, int(slots[q]))
    again = side.rank(slots[PROBED:], NOW, 20)
    assert (again.title == made.title[PROBED:]).all()


def test_lists_of_a_batch_do_not_depend_on_each_other() -> None:
    """Made in any company and order, a list is the same to the bit; what it took is cleared away after."""
    side, slots = world(titles=500, viewers=20)
    side.viewers.arrays.stated_tags[slots] = 0
    one = side.rank(slots, NOW, 20)
    order = np.random.default_rng(0).permutation(slots.size)[:11]
    other = side.rank(slots[order], NOW, 20)
    assert (other.title == one.title[order]).all()
    assert (other.score == one.score[order]).all()
    assert (other.reason == one.reason[order]).all()


def test_lengths_follow_whatever_changes_vectors() -> None:
    """Events, rows that are read, tags, new titles: a list may be made at any time between."""
    model, rng = Recommender(seed=3), np.random.default_rng(3)
    replica = TitleTable(model.config)

    def bounds(table: TitleTable) -> None:
        out = table.arrays.out[: len(table)]
        found, exact = table.norms.of(out).norm, np.linalg.norm(out, axis=1)
        assert (found >= exact).all()
        assert np.allclose(found, exact, rtol=1e-3)

    for n in range(60):
        rated = [(f"v{rng.integers(9)}", f"t{rng.integers(2 * n + 2)}") for _ in range(20)]
        model.learn_many(
            Rate(event_id=f"{n} {k}", viewer_id=v, event_time_ms=NOW + n, title_id=t, stars=5)
            for k, (v, t) in enumerate(rated)
        )
        bounds(model.titles)
        model.describe(Title(title_id=f"t{n}", tags=Tags(genre=(f"g{n % 5}", f"g{n % 3}"))))
        bounds(model.titles)
        rows = np.unique(rng.integers(0, len(model.titles), 5)).astype(np.int32)
        replica.load([model.titles.ids[row] for row in rows.tolist()], model.titles.pack(rows))
        bounds(replica)
        replica.label(rng.integers(len(replica), size=1), [[f"genre:g{n % 4}"]])
        bounds(replica)
        copied = pickle.loads(pickle.dumps(replica))  # noqa: S301 - our own
        bounds(copied)


def test_a_list_read_again_is_the_same_to_the_bit() -> None:
    """Also the first one after vectors have changed, and one of another length."""
    side, slots = world(titles=50)
    first = side.rank(slots[:1], NOW, 20)
    for n in (20, 5):
        again = side.rank(slots[:1], NOW, n)
        assert (again.title == first.title[:, :n]).all()
        assert (again.score == first.score[:, :n]).all()


def test_lists_stay_while_the_viewers_table_grows() -> None:
    """Lists read the arrays of the present, not those of before the table grew."""
    model = Recommender(seed=1)
    model.learn_many(
        Rate(event_id=f"{v} {t}", viewer_id=f"v{v}", event_time_ms=NOW, title_id=f"t{t}", stars=5)
        for v in range(3)
        for t in range(v, v + 4)
    )
    side, before = model.viewers, model.top_n("v0", 3)
    side.viewers.acquire([f"other {n}" for n in range(5_000)])
    side.rank(np.arange(2, dtype=np.int32), NOW, 3)
    assert model.top_n("v0", 3) == before


def test_a_length_is_never_less_than_a_vector_s() -> None:
    """As no product may be above the bound, however it is summed."""
    rng = np.random.default_rng(1)
    vectors = (rng.normal(0, 1, (1_000, 60)) * 10.0 ** rng.integers(-6, 6, (1_000, 1))).astype(np.float32)
    out = VectorNorms(ChangedRows()).of(vectors).norm
    exact = np.linalg.norm(vectors.astype(np.float64), axis=1)
    assert (out > exact).all()
    assert np.allclose(out, exact, rtol=1e-3)


@given(share=st.sampled_from([0.3, 1.0]), gone=st.sampled_from([0.0, 0.5, 0.95]), seed=st.integers(0, 2**16))
def test_a_drawn_title_is_the_same_one_from_few_products_and_from_all(
    share: float, gone: float, seed: int
) -> None:
    """The same title with the same score, out of as many; and no list is changed by one before it."""
    side, slots = world(titles=300, viewers=12, gone=gone, seed=seed)
    side.viewers.arrays.stated_tags[slots] = 0
    made = side.rank(slots, NOW, 20, drawn=share)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ListRanker, "_from_shortlists", lambda *_: np.arange(slots.size, dtype=np.int32))
        whole = side.rank(slots, NOW, 20, drawn=share)
    assert (made.drawn == whole.drawn).all()
    assert (made.title[:, -1] == whole.title[:, -1])[made.drawn > 0].all()
    assert np.allclose(made.score, whole.score, atol=NEAR)
    again = side.rank(slots, NOW, 20, drawn=share)
    assert (again.title == made.title).all()
    assert (again.score == made.score).all()
