"""Popularity and satisfaction: a lesson moves those of its own title, at once."""

from collections.abc import Callable

import numpy as np
import pytest

from online_models.config import ModelConfig
from online_models.feedback.reward_function import Action
from online_models.ranking.viewer_side import EventColumns
from online_models.recommender import Recommender
from online_models.tables.titles import TitleTable

MakeBatch = Callable[..., EventColumns]
WEEK_MS = 7 * 86_400_000
TITLES = 24


def young(config: ModelConfig, batch: MakeBatch) -> Recommender:
    """Return a model in which each of some titles was watched once, each by another viewer."""
    model = Recommender(config)
    model.prequential(batch(*((f"v{n}", f"t{n}") for n in range(TITLES))))
    return model


def test_what_is_learned_of_a_title_moves_its_own_popularity_and_hardly_any_other(
    tiny: ModelConfig, batch: MakeBatch
) -> None:
    """At once, not when enough has come together: then eight lessons would move all lists together."""
    model = young(tiny, batch)
    for n in range(TITLES):
        prior = model.titles.arrays.prior[:TITLES].copy()
        model.prequential(batch((f"w{n}", f"t{n}"), at=1_000 * (TITLES + n)))
        moved = np.abs(model.titles.arrays.prior[:TITLES, :2] - prior[:, :2]).max(axis=1)
        assert moved[n] > 0.2, "one watch more"
        assert np.delete(moved, n).max() < 0.2, "a refresh of the totals"


def test_a_rejection_counts_at_once(tiny: ModelConfig, batch: MakeBatch) -> None:
    """By hand: one feedback of two is no rejection; the mean, all of them, counts as 20."""
    model = young(tiny, batch)
    model.prequential(batch(("w", "t3"), action=Action.REJECT, at=1_000 * TITLES))
    assert model.titles.arrays.prior[3, 3] == pytest.approx(np.log(21 / 22), abs=1e-4)


def test_after_a_pause_of_years_a_title_has_all_recent_watches_at_most(
    tiny: ModelConfig, batch: MakeBatch
) -> None:
    """What decays to the last refresh grows with the pause, without end."""
    model = young(tiny, batch)
    model.prequential(batch(("w", "t3"), at=5_000 * WEEK_MS))
    assert model.titles.arrays.prior[3, 0] == pytest.approx(np.log1p(TITLES))


def test_the_replica_has_the_popularity_of_rows_that_it_reads(tiny: ModelConfig, batch: MakeBatch) -> None:
    """As the titles stage has: it learns of titles by their rows."""
    model = young(tiny, batch)
    replica, titles = TitleTable(tiny), model.titles
    every = np.arange(TITLES, dtype=np.int32)
    replica.load([titles.ids[n] for n in every], titles.pack(every))
    model.prequential(batch(("w", "t3"), at=1_000 * TITLES))
    replica.load(["t3"], titles.pack(every[3:4]))
    row = replica.row("t3")
    assert replica.arrays.prior[row] == pytest.approx(titles.arrays.prior[3], abs=0.05)
    assert replica.arrays.prior[row, 1] > 0.9, "two watches of 25"
