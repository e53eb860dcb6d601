"""Any `river.reco.Ranker` as an evaluated model."""

from typing import Any

import numpy as np
from river import reco

from online_models.evaluation.baselines.memory import TitleMemory, rank, remember
from online_models.evaluation.model import Ranks
from online_models.evaluation.protocol import Block

__all__ = ["RiverRanker"]


class RiverRanker:
    """Rank a title by one prediction per candidate, then `learn_one`.

    River's rankers predict explicit ratings, so they learn the stars: with a constant target of 1 their
    global mean absorbs the target and the predictions are noise. One ranking of 1,682 titles takes 2.2 ms, so
    only every n-th event is tested; the standard error is larger accordingly.

    Parameters
    ----------
    model
        An untrained ranker of River.
    every
        Test every n-th event.

    Raises
    ------
    ValueError
        `every` is below 1.

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
        known = self._memory.known
        ranks = np.full((len(block), 1), np.inf)
        columns = (
            block.viewers.tolist(),
            block.titles.tolist(),
            block.ratings.tolist(),
            block.tested.tolist(),
        )
        for place, (viewer, title, stars, tested) in enumerate(zip(*columns, strict=True)):
            if tested and known.seen[title]:
                ranks[place] = rank(known, viewer, title, self._scores(viewer))
            self._model.learn_one(viewer, title, stars)
            remember(known, viewer, title)
        return ranks

    def _scores(self, viewer: int) -> Ranks:
        """Predict every title with an event, shape ``(titles,)``."""
        known = self._memory.known
        candidates = known.order[: known.size[1]]
        scores = np.zeros(len(known.seen))
        predict: Any = self._model.predict_one  # River's Number is no float to a type checker
        scores[candidates] = [predict(viewer, title) for title in candidates.tolist()]
        return scores
