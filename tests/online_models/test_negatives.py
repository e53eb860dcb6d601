"""What a liked title is told from: the best scored of a few draws."""

from collections.abc import Callable
from dataclasses import replace
from math import exp

import numpy as np
import pytest

from online_models.config import ModelConfig
from online_models.kernels.factorization import keep_hardest, scratch, softmax_gradient
from online_models.recommender import Recommender
from online_models.titles import TitleTable
from online_models.viewer_side import Columns

MakeBatch = Callable[..., Columns]


def told(config: ModelConfig, **changes: int) -> ModelConfig:
    """Return a configuration whose factorization is another one."""
    return replace(config, factorization=replace(config.factorization, **changes))


def test_of_every_few_draws_the_best_scored_is_kept(tiny: ModelConfig) -> None:
    """Seven draws in threes: the best of each three, of the last one that is left; the target last."""
    titles = TitleTable(told(tiny, negatives=3, draws=3))
    work = scratch(titles.arrays, titles.params)
    assert work.cand.size == work.g.size == 10
    work.cand[:8] = [10, 11, 12, 13, 14, 15, 16, 99]
    work.g[:8] = [0.1, 0.7, 0.3, 2.0, -1.0, 2.0, -9.0, 5.0]
    n = keep_hardest(3, 7, work)
    assert (n, work.cand[: n + 1].tolist()) == (3, [11, 13, 16, 99]), "of equals the first one drawn"
    assert work.g[: n + 1] == pytest.approx([0.7, 2.0, -9.0, 5.0])


def test_the_softmax_is_over_what_is_kept(tiny: ModelConfig) -> None:
    """Two pairs of draws scored 0, 1 and 2, -5 against a target of 3: the softmax is over 1, 2 and 3."""
    titles = TitleTable(told(tiny, negatives=2, draws=2))
    titles.intern(list("abcde"))
    titles.arrays.bias[:5] = [0.0, 1.0, 2.0, -5.0, 3.0]
    work = scratch(titles.arrays, titles.params)
    work.cand[:] = range(5)
    assert softmax_gradient(titles.arrays, titles.params, np.zeros(2, np.float32), 4, work) == 2
    total = exp(1) + exp(2) + exp(3)
    assert work.cand[:3].tolist() == [1, 2, 4]
    by_hand = [-exp(1) / total, -exp(2) / total, 1 - exp(3) / total]
    assert work.g[:3] == pytest.approx(by_hand, rel=1e-5)


def test_the_likelier_title_is_the_negative(tiny: ModelConfig, batch: MakeBatch) -> None:
    """Of two titles that are not chosen the better scored one is pushed down, the other one stays."""
    model = Recommender(told(tiny, draws=64))
    model.prequential(batch(("bob", "b"), ("eve", "c"), ("eve", "d")))
    arrays = model.titles.arrays
    arrays.bias[model.titles.intern(["b", "c", "d"])] = [1.0, -2.0, -2.0]
    before = arrays.bias.copy()
    model.prequential(batch(("ann", "a")))
    rows = model.titles.intern(["b", "c", "d"])
    assert (arrays.bias[rows] < before[rows]).tolist() == [True, False, False]
