"""Watch counts, all-time or decayed: the bar under every recommender."""

import numpy as np

from online_models.evaluation.baselines import kernels
from online_models.evaluation.baselines.memory import TitleMemory, events_of, grown
from online_models.evaluation.model import Ranks
from online_models.evaluation.protocol import Block

__all__ = ["Popularity"]


class Popularity:
    r"""Rank every title by its number of watches.

    .. math:: s_j = \sum_{k: i_k = j} 2^{-(n - k) / h}

    over the positive events :math:`k` of the stream so far; :math:`h` is the half-life, infinite by default.

    Parameters
    ----------
    half_life_events
        Events of the stream after which a watch counts half; None counts for ever.

    Raises
    ------
    ValueError
        For a half-life that is not positive.
    """

    columns = ("",)
    every = 1

    def __init__(self, half_life_events: float | None = None) -> None:
        if half_life_events is not None and half_life_events <= 0:
            msg = f"a half-life is a positive number of events, not {half_life_events}"
            raise ValueError(msg)
        self._clock = np.array([1.0, 2.0 ** (1 / half_life_events) if half_life_events else 1.0])
        self._scores = np.zeros(0)
        self._memory = TitleMemory()

    def rank_then_learn(self, block: Block) -> Ranks:
        """See `PrequentialModel.rank_then_learn`."""
        _, titles = self._memory.reserve(block)
        self._scores = grown(self._scores, titles)
        ranks = kernels.popularity(self._memory.met, events_of(block), self._scores, self._clock)
        return np.asarray(ranks)[:, None]
