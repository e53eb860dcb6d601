"""A choice and what it teaches the blend's weights."""

import numpy as np

from online_models import ModelConfig
from online_models.config import BlendConfig
from online_models.kernels.choice import MOST, choose, learn_weights
from online_models.kernels.factorization import scratch, tick
from online_models.kernels.layout import F4
from online_models.titles import TitleTable

CONTEXT = 4
NO_ROW = -1


def table(rivals: int = 30, rate: float = 0.1) -> TitleTable:
    """Make three titles that somebody watched, with log-shares that a hand can add up."""
    out = TitleTable(ModelConfig(blend=BlendConfig(rate=rate, rivals=rivals)))
    out.intern(["a", "b", "c"])
    out.arrays.active[:3] = [0, 1, 2]
    out.arrays.size[1] = 3
    out.arrays.prior[:3, 0] = [0.0, 2.0, 0.0]
    out.arrays.prior[:3, 1] = [4.0, 0.0, 0.0]
    return out


def features(titles: TitleTable, *blend: float) -> F4:
    """Score the titles: the blend as told, then factorization and both co-watches."""
    out = np.zeros((6, titles.arrays.bias.size), np.float32)
    out[0, :3] = blend
    out[1:4, :3] = [[1.0, 2.0, 0.0], [0.0, 0.0, 0.0], [8.0, 0.0, 0.0]]
    return out


def weights() -> np.ndarray:
    """Weights that differ; the short co-watch is off."""
    out = np.zeros((13, 5))
    out[0] = [0.5, 0.0, 0.3, 0.2, 0.1]
    return out


def test_one_step_by_hand() -> None:
    """Of a (chance 3/4) and b (1/4), b is chosen: each feature less the expected one, times the rate."""
    titles, moved = table(), weights()
    score = features(titles, np.log(3.0), 0.0, 99.0)
    choose(titles.arrays, titles.params, moved, CONTEXT, 1, np.array([0, NO_ROW, 1], np.int32), score)
    step = 0.1 * np.array([2 - 1.25, 0, -5, 2 - 0.5, -3])  # 0 - 6 of the long co-watch is bounded at -5
    step[1] = 0  # an expert that is off stays off
    assert np.allclose(moved[0] - weights()[0], step, atol=1e-6)
    assert np.allclose(moved[1 + CONTEXT], step, atol=1e-6)
    others = np.delete(np.arange(13), [0, 1 + CONTEXT])
    assert np.array_equal(moved[others], weights()[others])


def test_only_the_best_scored_are_rivals() -> None:
    """Among two rivals the third title teaches nothing, and no rival of the second; known titles are none."""
    titles = table(rivals=2)
    work = scratch(titles.arrays, titles.params)
    score = features(titles, np.log(3.0), 0.0, -9.0)
    moved, stamp = weights(), tick(work)
    learn_weights(titles.arrays, titles.params, moved, CONTEXT, 2, stamp, work, score)
    assert np.array_equal(moved, weights()), "not among the best two"
    learn_weights(titles.arrays, titles.params, moved, CONTEXT, 1, stamp, work, score)
    by_hand = weights()
    choose(titles.arrays, titles.params, by_hand, CONTEXT, 1, np.array([0, 1], np.int32), score)
    assert np.array_equal(moved, by_hand)
    work.mark[0] = stamp
    learn_weights(titles.arrays, titles.params, moved, CONTEXT, 2, stamp, work, score)
    assert not np.array_equal(moved, by_hand), "with the first known, the third is one of the best two"


def test_weights_stay_within_bounds() -> None:
    """Whatever is chosen, however often."""
    titles, moved = table(rate=1.0), weights()
    score, both = features(titles, 0.0, 0.0, 0.0), np.array([0, 1], np.int32)
    for _ in range(20):
        choose(titles.arrays, titles.params, moved, CONTEXT, 0, both, score)
    assert np.abs(moved).max() == MOST
