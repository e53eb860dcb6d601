"""The product's own recommender under the test: all its experts in one pass."""

from collections.abc import Sequence

import numpy as np

from online_models.evaluation.model import Ranks
from online_models.evaluation.protocol import Block
from online_models.feedback import Action
from online_models.recommender import COLUMNS, Recommender
from online_models.viewer_side import Columns

__all__ = ["RecommenderModel"]


class RecommenderModel:
    """Let a `Recommender` take the test: each of its rankings becomes a column.

    A reward of 1 is a positive, 0 makes the title known, -1 rejects it: what `feedback` makes of stars.

    Parameters
    ----------
    recommender
        Untrained.
    viewer_ids, title_ids
        The ids behind the stream's numbers: initial vectors are drawn from them.
    leave_out
        Columns not to report, such as one that a baseline of the same name covers.

    Examples
    --------
    >>> RecommenderModel(Recommender(seed=1), ["v"], ["t"], leave_out=["popularity"]).columns
    ('blend', 'factorization', 'cowatch', 'trending')
    """

    every = 1

    def __init__(
        self,
        recommender: Recommender,
        viewer_ids: Sequence[str],
        title_ids: Sequence[str],
        leave_out: Sequence[str] = (),
    ) -> None:
        self._recommender = recommender
        self._viewer_ids, self._title_ids = viewer_ids, title_ids
        self._kept = [at for at, name in enumerate(COLUMNS) if name not in leave_out]
        self.columns = tuple(COLUMNS[at] for at in self._kept)

    def rank_then_learn(self, block: Block) -> Ranks:
        """See `PrequentialModel.rank_then_learn`."""
        rewards = block.rewards
        actions = np.where(rewards > 0, Action.POSITIVE, np.where(rewards < 0, Action.REJECT, Action.KNOWN))
        batch = Columns(
            viewers=[self._viewer_ids[at] for at in block.viewers.tolist()],
            titles=[self._title_ids[at] for at in block.titles.tolist()],
            actions=actions.tolist(),
            weights=[1.0] * len(block),
            at=block.times.tolist(),
            events=np.zeros(len(block), np.uint64),
        )
        return self._recommender.prequential(batch, block.tested.astype(np.int32))[:, self._kept]
