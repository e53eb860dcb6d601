"""Baselines by their names in a report."""

from collections.abc import Callable
from typing import Final

from river import optim, reco

from online_models.errors import UnknownRankerError
from online_models.evaluation.baselines.factorization import BPR, IncrementalSGD
from online_models.evaluation.baselines.item_item import EASE, Cosine
from online_models.evaluation.baselines.popularity import Chance, Popularity
from online_models.evaluation.baselines.river_ranker import RiverRanker
from online_models.evaluation.model import PrequentialModel
from online_models.river.by_name import ranker_by_name

__all__ = ["BASELINES", "QUICK", "baseline"]

DECAY_EVENTS = 2_000
"""Half-life of ``decayed_popularity``, events; on streams of months similar values give similar results."""
FUNK_STEP = 0.005
"""Step of FunkMF: with River's default of .01 it overflows on stars, which are far from its initial value
0."""

BASELINES: Final[dict[str, Callable[[int, int], PrequentialModel]]] = {
    "popularity": lambda _seed, _every: Popularity(),
    "decayed_popularity": lambda _seed, _every: Popularity(DECAY_EVENTS),
    "isgd": lambda seed, _every: IncrementalSGD(seed=seed),
    "bpr": lambda seed, _every: BPR(seed=seed),
    "cosine": lambda _seed, _every: Cosine(),
    "ease": lambda _seed, _every: EASE(),
    "biased_mf": lambda seed, every: RiverRanker(reco.BiasedMF(seed=seed), every),
    "funk_mf": lambda seed, every: RiverRanker(reco.FunkMF(optimizer=optim.SGD(FUNK_STEP), seed=seed), every),
    "chance": lambda seed, _every: Chance(seed),
}
"""Factories by name; arguments: seed, and the test interval of slow models."""

QUICK: Final = ("popularity", "decayed_popularity", "isgd", "bpr", "cosine")
"""Baselines that process a hundred thousand events in seconds."""


def baseline(name: str, *, seed: int = 0, every: int = 20) -> PrequentialModel:
    """Build an untrained baseline: one of `BASELINES`, or any River ranker (`ranker_by_name`).

    Parameters
    ----------
    name
        Such as ``bpr``, ``river.reco.BiasedMF`` or ``river.reco.FunkMF(n_factors=20)``.
    seed
        Seed of every draw.
    every
        Test River's rankers on every n-th event only.

    Raises
    ------
    UnknownRankerError
        There is no baseline or ranker of that name.

    Examples
    --------
    >>> baseline("river.reco.FunkMF(n_factors=20)", every=50).every
    50
    """
    if name in BASELINES:
        return BASELINES[name](seed, every)
    if "." in name:
        return RiverRanker(ranker_by_name(name, seed), every)
    msg = f"there is no baseline {name}: it is one of {', '.join(BASELINES)}, or a River ranker's dotted name"
    raise UnknownRankerError(msg)
