"""Bounds of blocks of titles: what they leave out is exactly what no title's own bound lets through."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from online_models.config import ModelConfig
from online_models.ranking import kept_scores, lists
from online_models.ranking.shortlist import ShortlistMemory, find_head
from online_models.ranking.title_blocks import in_reach, in_reach_of_blocks, keep_best_of_blocks
from online_models.tables.block_maxima import SPAN, blocks_in, write_maxima
from online_models.tables.layout import Shared
from online_models.tables.titles import TitleTable
from online_models.tables.top_k import keep_best
from tests.online_models.ranking.test_lists import NOW, is_right, world


@settings(deadline=None)
@given(
    titles=st.integers(0, 5 * SPAN + 3),
    length=st.floats(0, 3, width=32),
    gone=st.sampled_from([0.0, 0.5, 0.99, 1.0]),
    place=st.floats(0, 1),
    seed=st.integers(0, 2**16),
)
def test_blocks_find_the_titles_that_one_pass_finds(
    titles: int, length: float, gone: float, place: float, seed: int
) -> None:
    """Whatever the scores, forbidden titles among them, and wherever the list ends."""
    rng = np.random.default_rng(seed)
    dense = rng.normal(0, 1, (2, titles)).astype(np.float32)
    dense[:, rng.random(titles) < gone] = -np.inf
    norm = rng.random(titles).astype(np.float32)
    spans = blocks_in(titles)
    most, longest = np.empty((2, spans), np.float32), np.empty(spans, np.float32)
    for values, found in ((dense[0], most[0]), (dense[1], most[1]), (norm, longest)):
        write_maxima(values, found)
    edges = range(0, titles, SPAN)
    assert most.tolist() == [[max(row[a : a + SPAN]) for a in edges] for row in dense.tolist()]
    assert longest.tolist() == [max(norm[a : a + SPAN].tolist()) for a in edges]
    blocks = np.empty(spans + 1, np.int32)
    found, expected = np.empty((2, titles + 1), np.int32)
    for g in range(2):
        bounds = dense[g] + length * norm
        shown = bounds[np.isfinite(bounds)]
        least = np.float32(np.quantile(shown, place) if shown.size else 0.0)
        n = in_reach(dense[g], length, norm, least, expected)
        m = in_reach_of_blocks(dense[g], length, norm, least, most[g], longest, blocks, found)
        assert found[:m].tolist() == expected[:n].tolist()
        title, score = np.full((2, 40), -1, np.int32), np.full((2, 40), -np.inf, np.float32)
        keep_best(dense[g], title[0], score[0])
        keep_best_of_blocks(dense[g], most[g], title[1], score[1])
        assert title[0].tolist() == title[1].tolist()
        assert score[0].tolist() == score[1].tolist()


@pytest.mark.parametrize(("taste", "aligned"), [(0.03, False), (0.3, False), (0.3, True)])
def test_lists_are_the_same_with_blocks_and_without(
    monkeypatch: pytest.MonkeyPatch, taste: float, *, aligned: bool
) -> None:
    """Of few titles as of many: to the byte, and what sorting all scores gives."""
    side, slots = world(titles=5 * SPAN + 3, viewers=40, taste=taste, gone=0.2, aligned=aligned)
    without = side.rank(slots, NOW, 20)
    monkeypatch.setattr(kept_scores, "LARGE", 1)
    made = side.rank(slots, NOW, 20)
    assert side.ranker.prepare(slots, NOW).shared.most.shape[1] == 6
    for name in ("title", "score", "reason"):
        assert getattr(made, name).tolist() == getattr(without, name).tolist()
    is_right(made, 0, side, int(slots[0]))


def test_the_head_of_a_former_batch_serves_while_it_is_about_right() -> None:
    """One title that has become better makes no difference; other scores get a head of their own."""
    memory, params, none = ShortlistMemory(), TitleTable(ModelConfig()).params, np.empty((1, 0), np.int32)
    dense, most = (
        np.random.default_rng(1).random((1, 40 * SPAN)).astype(np.float32),
        np.empty((1, 40), np.float32),
    )
    shared = Shared(dense, none[0], np.zeros((1, 5)), dense[0], none[0], none[None], most, none[0], none[0])

    def head() -> set[int]:
        write_maxima(dense[0], most[0])
        at = memory.of(params, shared, 2)
        find_head(shared, 0, at)
        return set(at.head[0].tolist())

    def best() -> set[int]:
        return set(np.argsort(dense[0])[-4:].tolist())

    first = head()
    assert first == best()
    dense[0, 7] = 2.0
    assert head() == first
    dense[0] *= -1
    assert head() == best() != first
    dense[0, list(best())] = -np.inf
    assert head() == best()


def test_heads_of_former_batches_change_no_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists of changed titles are those of a worker that has just started."""
    monkeypatch.setattr(kept_scores, "LARGE", 1)
    side, slots = world(titles=5 * SPAN + 3, viewers=20, taste=0.3, gone=0.2, aligned=False)
    rng = np.random.default_rng(5)
    for scale in (0.0, 0.01, 3.0, 0.1):
        bias = side.titles.arrays.bias
        bias += rng.normal(0, scale, bias.size).astype(np.float32) if scale else 0
        side.titles.changes.mark_all()
        made = side.rank(slots, NOW, 20)
        with monkeypatch.context() as patch:
            patch.setattr(lists, "_MEMORY", ShortlistMemory())
            fresh = side.rank(slots, NOW, 20)
        for name in ("title", "score", "reason"):
            assert getattr(made, name).tolist() == getattr(fresh, name).tolist()


def test_memory_is_kept_from_batch_to_batch() -> None:
    """Until the number of titles changes."""
    memory, params = ShortlistMemory(), TitleTable(ModelConfig()).params

    def shared(titles: int) -> Shared:
        none, weights = np.empty(0, np.int32), np.zeros((1, 5))
        scores, pins = np.zeros((1, titles), np.float32), none.reshape(1, 1, 0)
        return Shared(scores, none, weights, scores[0], none, pins, scores[:, :0], none, none)

    assert memory.of(params, shared(9), 5).extra is memory.of(params, shared(9), 5).extra
    assert memory.of(params, shared(10), 5).extra.size == 10
