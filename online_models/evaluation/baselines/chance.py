"""A model that knows nothing: what luck alone would score."""

import numpy as np

from online_models.evaluation.baselines import kernels
from online_models.evaluation.baselines.memory import TitleMemory, events_of
from online_models.evaluation.model import Ranks
from online_models.evaluation.protocol import Block

__all__ = ["Chance"]


class Chance:
    """Place every title at random: HR@10 is 10 over the number of candidates.

    Parameters
    ----------
    seed
        Seed of the draws, one an event.
    """

    columns = ("",)
    every = 1

    def __init__(self, seed: int = 0) -> None:
        self._rng = np.random.default_rng(seed)
        self._memory = TitleMemory()

    def rank_then_learn(self, block: Block) -> Ranks:
        """See `PrequentialModel.rank_then_learn`."""
        _, titles = self._memory.reserve(block)
        draws = self._rng.random(len(block))
        ranks = kernels.chance(self._memory.met, events_of(block), np.zeros(titles), draws)
        return np.asarray(ranks)[:, None]
