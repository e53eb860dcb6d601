"""The product's recommender as an evaluated model: all its experts in one pass."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from online_models.evaluation.metrics import TOP
from online_models.evaluation.model import Ranks
from online_models.evaluation.protocol import Block, BoolColumn
from online_models.feedback.reward_function import Action
from online_models.ranking.viewer_side import EventColumns
from online_models.recommender import Recommender
from schemas import Title

__all__ = ["RecommenderModel"]


class RecommenderModel:
    """A `Recommender` as a `PrequentialModel`: each of its rankings is a column.

    A reward of 1 is a positive, 0 makes the title known, -1 rejects it.

    The kernel ranks positives of known viewers. Other tested titles (the first title of a cold-start viewer,
    a title that is rejected, a title without watches) are looked up in the list that would be served at that
    moment: the rank among the watched titles of the list, ``inf`` beyond the tenth. Only the blend has such
    lists; the other columns are NaN.

    Parameters
    ----------
    recommender
        Untrained.
    viewer_ids, title_ids
        Ids of the stream's numbers: they seed the initial vectors.
    leave_out
        Columns to leave out, such as one with the name of a baseline.
    titles
        Catalog records of titles: tags, release and availability.
    lists
        Look up every tested title in the served list, among all titles of the catalog.

    Examples
    --------
    >>> RecommenderModel(Recommender(seed=1), ["v"], ["t"], leave_out=["popularity"]).columns[:3]
    ('blend', 'factorization', 'cowatch')
    """

    every = 1

    def __init__(
        self,
        recommender: Recommender,
        viewer_ids: Sequence[str],
        title_ids: Sequence[str],
        leave_out: Sequence[str] = (),
        titles: Iterable[Title] = (),
        *,
        lists: bool = False,
    ) -> None:
        self._recommender = recommender
        self._viewer_ids, self._title_ids = viewer_ids, title_ids
        self._kept = [at for at, name in enumerate(recommender.columns) if name not in leave_out]
        self._lists = lists
        self._known_viewers: set[int] = set()
        self._watched: set[str] = set()
        self.columns = tuple(recommender.columns[at] for at in self._kept)
        for title in titles:
            recommender.describe(title)

    def blend_weights(self) -> Mapping[str, Ranks]:
        """See `BlendedModel.blend_weights`."""
        weights = getattr(self._recommender, "blend_weights", None)
        return weights() if weights else {}

    def rank_then_learn(self, block: Block) -> Ranks:
        """See `PrequentialModel.rank_then_learn`."""
        listed = self._listed(block)
        ranks = np.empty((len(block), len(self.columns)))
        start = 0
        for at in np.flatnonzero(listed).tolist():
            self._learn(block.cut(start, at), listed[start:at], ranks[start:at])
            ranks[at] = np.nan
            ranks[at, self._blend] = self._place(block, at)
            start = at
        self._learn(block.cut(start, len(block)), listed[start:], ranks[start:])
        return ranks

    @property
    def _blend(self) -> list[int]:
        return [at for at, name in enumerate(self.columns) if name == "blend"]

    def _listed(self, block: Block) -> BoolColumn:
        """Return which tested events are looked up in a list."""
        cold_start = np.zeros(len(block), np.bool_)
        for at, viewer in enumerate(block.viewers.tolist()):
            cold_start[at] = viewer not in self._known_viewers
            self._known_viewers.add(viewer)
        return block.tested & (cold_start | (block.rewards <= 0) | self._lists)

    def _place(self, block: Block, at: int) -> float:
        """Return the rank of an event's title in the viewer's list, from 0."""
        viewer, title = self._viewer_ids[block.viewers[at]], self._title_ids[block.titles[at]]
        wanted = TOP
        while self._lists or title in self._watched:
            best = self._recommender.top_n(viewer, wanted, int(block.times[at]))
            names = [name for name, _ in best if self._lists or name in self._watched]
            if title in names[:TOP]:
                return float(names.index(title))
            if len(names) >= TOP or len(best) < wanted:
                break
            wanted *= 4
        return np.inf

    def _learn(self, block: Block, listed: BoolColumn, ranks: Ranks) -> None:
        """Test and learn events in the kernel; ranks from lists are kept."""
        if not len(block):
            return
        rewards = block.rewards
        actions = np.where(rewards > 0, Action.POSITIVE, np.where(rewards < 0, Action.REJECT, Action.KNOWN))
        batch = EventColumns(
            viewers=[self._viewer_ids[at] for at in block.viewers.tolist()],
            titles=[self._title_ids[at] for at in block.titles.tolist()],
            actions=actions.tolist(),
            weights=[1.0] * len(block),
            at=block.times.tolist(),
            events=np.zeros(len(block), np.uint64),
        )
        self._watched.update(title for title, reward in zip(batch.titles, rewards, strict=True) if reward > 0)
        tested = (block.tested & ~listed).astype(np.int32)
        found = self._recommender.prequential(batch, tested)[:, self._kept]
        ranks[~listed] = found[~listed]
