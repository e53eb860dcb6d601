"""A River ranker that was stored and loaded cannot be told from its original."""

import random

import numpy as np
import pytest
from river import optim, reco
from river.reco.base import Ranker

from online_models.errors import UnknownRankerError
from online_models.river.by_name import ranker_by_name
from online_models.river.stored_state import (
    STORED,
    load_entry,
    load_whole,
    require_stored,
    stored_entry,
    stored_whole,
)

NAMES = [
    "river.reco.Baseline",
    "river.reco.Baseline(initializer=river.optim.initializers.Normal(seed=4))",
    "river.reco.BiasedMF(n_factors=4)",
    "river.reco.BiasedMF(n_factors=1)",
    "river.reco.BiasedMF(weight_initializer=river.optim.initializers.Normal(seed=2), l2_latent=0.1)",
    "river.reco.FunkMF(n_factors=3, optimizer=river.optim.SGD(river.optim.schedulers.InverseScaling(0.1)))",
    "river.reco.RandomNormal",
]


def _events(number: int) -> list[tuple[str, str, float]]:
    rng = random.Random(number)
    return [(f"u{rng.randrange(9)}", f"i{rng.randrange(12)}", rng.random()) for _ in range(200)]


@pytest.mark.parametrize("name", NAMES)
def test_learning_goes_on_as_if_nothing_had_happened(name: str) -> None:
    """After a hundred events stored and loaded, a hundred more give equal states and predictions."""
    before, after, events = ranker_by_name(name, seed=5), ranker_by_name(name, seed=5), _events(1)
    require_stored(before)
    for user, item, y in events[:100]:
        before.learn_one(user, item, y)
    load_whole(after, stored_whole(before))
    for user, item, _ in events[:100]:
        load_entry(after, user, stored_entry(before, user, user=True), user=True)
        load_entry(after, item, stored_entry(before, item, user=False), user=False)
    for user, item, y in events[100:]:
        before.learn_one(user, item, y)
        after.learn_one(user, item, y)
    assert np.array_equal(stored_whole(before), stored_whole(after))
    asked = [(user, item) for user, item, _ in events]
    assert [before.predict_one(*pair) for pair in asked] == [after.predict_one(*pair) for pair in asked]


def test_every_ranker_of_river_is_declared() -> None:
    """A new one would be refused; attributes that no declaration names do not change with learning."""
    found = [getattr(reco, name) for name in reco.__all__]
    kinds = {kind for kind in found if isinstance(kind, type) and issubclass(kind, Ranker)}
    assert kinds == set(STORED)
    for kind, declared in STORED.items():
        ranker = kind(seed=1)
        named = {name.split(".")[0] for group in vars(declared).values() for name in group}
        before = {name: repr(value) for name, value in vars(ranker).items() if name not in named}
        for user, item, y in _events(2):
            ranker.learn_one(user, item, y)
            ranker.predict_one(user, item)
        after = {name: repr(value) for name, value in vars(ranker).items() if name not in named}
        draws = {"_rng"} if "" in declared.draws else set()
        assert {name for name in before if before[name] != after[name]} <= draws


def test_what_nobody_learned_has_no_entry() -> None:
    """Asking creates nothing, and an empty entry removes one."""
    ranker = reco.BiasedMF(seed=1)
    assert stored_entry(ranker, "u", user=True).size == 0
    assert not ranker.u_biases
    ranker.learn_one("u", "i", 1.0)
    load_entry(ranker, "u", np.zeros(0), user=True)
    assert not ranker.u_biases
    assert not ranker.u_latents


def test_optimizers_with_more_state_are_refused() -> None:
    """Momentum and second moments by key are stored nowhere."""
    with pytest.raises(UnknownRankerError, match="BiasedMF with Adam cannot be stored: use SGD"):
        require_stored(reco.BiasedMF(latent_optimizer=optim.Adam()))


def test_rankers_of_others_are_refused() -> None:
    """Only declared classes can be stored."""

    class Mine(reco.Baseline):
        """A subclass may keep what nobody declared."""

    with pytest.raises(UnknownRankerError, match=r"Mine cannot be stored: use one of river\.reco\.Baseline"):
        require_stored(Mine())
