"""Any `river.reco.Ranker` under the same test."""

from typing import Any

import numpy as np
from river import reco

from online_models.evaluation.baselines.memory import TitleMemory, rank, remember
from online_models.evaluation.model import Ranks
from online_models.evaluation.protocol import Block

__all__ = ["RiverRanker"]


class RiverRanker:
    """Ask River for one prediction a candidate, place the target among them, then `learn_one`.

    River's rankers predict explicit ratings, so they are told the stars themselves: told a constant 1 for
    every positive event, their global mean absorbs the target and the predictions are noise. One ranking of
    1,682 titles takes 2.2 ms, so only every so-manieth event is tested; the standard error grows accordingly.

    Parameters
    ----------
    model
        A ranker of River, untrained.
    every
        Test every so-manieth event.

    Raises
    ------
    ValueError
        For an `every` below 1.

    Examples
    --------
    >>> ranker = RiverRanker(reco.BiasedMF(seed=7))
    >>> ranker.every
    20
    """

    columns = ("",)

    def __init__(self, model: reco.base.Ranker, every: int = 20) -> None:
        if every < 1:
            msg = f"every is at least 1, not {every}"
            raise ValueError(msg)
        self.every = every
        self._model = model
        self._memory = TitleMemory()

    def rank_then_learn(self, block: Block) -> Ranks:
        """See `PrequentialModel.rank_then_learn`."""
        self._memory.reserve(block)
        met = self._memory.met
        ranks = np.full((len(block), 1), np.inf)
        columns = (
            block.viewers.tolist(),
            block.titles.tolist(),
            block.ratings.tolist(),
            block.tested.tolist(),
        )
        for place, (viewer, title, stars, tested) in enumerate(zip(*columns, strict=True)):
            if tested and met.seen[title]:
                ranks[place] = rank(met, viewer, title, self._scores(viewer))
            self._model.learn_one(viewer, title, stars)
            remember(met, viewer, title)
        return ranks

    def _scores(self, viewer: int) -> Ranks:
        """Predict every title met so far, shape ``(titles,)``."""
        met = self._memory.met
        candidates = met.order[: met.size[1]]
        scores = np.zeros(len(met.seen))
        predict: Any = self._model.predict_one  # River's Number is no float to a type checker
        scores[candidates] = [predict(viewer, title) for title in candidates.tolist()]
        return scores
