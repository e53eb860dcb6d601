r"""External rankers: any River `Ranker` as one more expert of the in-process `Recommender`.

An external ranker learns the positives and rejections that the recommender learns, and is tested first. Its
scores may have any scale (stars, logits, probabilities). They are standardised over the titles, and the blend
gets their log-softmax, :math:`\log \mathrm{softmax}(z)_j = z_j + const`:

.. math::

    \mathrm{score}_j = \mathrm{blend}_j + \sum_g w_g z_{gj}
    \qquad z_{gj} = \mathrm{clip}\Big(\frac{s_{gj} - \bar s_g}{\mathrm{sd}(s_g)}, \pm 5\Big)

The weights learn as those of the blend do: a global weight and an offset for each context, each moved by one
gradient step of the multinomial logit per tested event.

River's rankers predict explicit ratings. If they only see positives, their global mean absorbs the target and
the rest is noise. So each positive is followed by three titles drawn at random with target 0: HR@10 of
BiasedMF on 20,000 events of MovieLens-100K is .009 without, .103 with 3 and .098 with 10 negatives. Our own
experts draw their own negatives. (On all of MovieLens-100K BiasedMF reaches .083 raw and .081 shuffled; it
changes the blend by +.0002 and -.0003, each +-.001: the other experts already have its information.)

An external ranker predicts title by title in Python: 1.3 to 1.5 us each, 2 ms a ranking of 1,700 titles
(River 0.26), a hundred times the cost of all our kernels, which do not know of external rankers. A worker has
those of `streams.stages.viewers.guests`, within a budget of time.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from river.reco.base import Ranker

from online_models.feedback.interaction_state import POSITIVE, REJECT
from online_models.learners.blender import CLIP, CONTEXTS, MAX_WEIGHT, contexts_of
from online_models.ranking.scorer import hide_known
from online_models.river.by_name import ranker_by_name
from online_models.river.ranker import Expert
from online_models.tables.hashing import mix
from online_models.tables.layout import F4, F8, I4
from schemas import Title

if TYPE_CHECKING:
    from online_models.ranking.viewer_side import EventColumns, ViewerSide
    from online_models.recommender import Recommender

__all__ = ["ExternalRankers", "ListTest"]

FIRST_WEIGHT = 0.1
"""Initial weight of an external ranker. The weight of a ranker without signal reaches 0 in a few hundred
tested events."""

NEGATIVES = 3
"""Random titles learned with target 0 after each positive: measured above; a step takes 10 us."""


class ExternalRankers:
    """River rankers in addition to a recommender's own experts. Not thread-safe.

    Parameters
    ----------
    experts
        Rankers, or dotted names with or without arguments (`ranker_by_name`).
    seed
        Seed of the rankers that are made by name and take one, and of the negatives.

    Attributes
    ----------
    names
        Name of each ranker: the text it was made from, or its class name.
    rankers
        The rankers.
    weights
        [1 + CONTEXTS, rankers] the global weights, then the offset of each context.
    viewers, titles
        What the rankers have learned; titles by the order in which they came.
    positives
        Number of positives learned: negatives are drawn by it.

    Raises
    ------
    UnknownRankerError
        A ranker cannot be built from its name.

    Examples
    --------
    >>> ExternalRankers(["river.reco.BiasedMF(n_factors=4)"], seed=7).names
    ('river.reco.BiasedMF(n_factors=4)',)
    """

    def __init__(self, experts: Sequence[str | Ranker], *, seed: int = 0) -> None:
        self.names = tuple(e if isinstance(e, str) else type(e).__name__ for e in experts)
        self.rankers: list[Any] = [ranker_by_name(e, seed) if isinstance(e, str) else e for e in experts]
        self.weights: F8 = np.zeros((1 + CONTEXTS, len(experts)))
        self.weights[0] = FIRST_WEIGHT
        self.positives, self.viewers = 0, set[str]()
        self.titles: dict[str, None] = {}
        self._seed, self._by_number = seed, list[str]()

    def add_to(self, side: "ViewerSide", viewer: str, row: F4, now_ms: int, factors: F8 | float = 1.0) -> F8:
        """Add the weighted scores of the rankers to a viewer's score row, in place; return their features.

        ``factors`` multiply the weights, as those of an experiment's arm.

        Returns
        -------
        features
            [rankers, titles] standardised scores; 0 for viewers and titles that no ranker has learned. A
            prediction is only made for learned ones, because River's rankers create state on prediction.
        """
        features = np.zeros((len(self.rankers), row.size))
        slot = side.viewers.slot(viewer)
        if slot is not None and viewer in self.viewers:
            ids = side.titles.ids
            asked = [j for j in np.flatnonzero(np.isfinite(row)).tolist() if ids[j] in self.titles]
            for g, ranker in enumerate(self.rankers):
                features[g, asked] = standardised(_scores(ranker, viewer, [ids[j] for j in asked]))
            weights = self.in_contexts()[self.context(side, slot, now_ms)] * factors
            row += (weights @ features).astype(np.float32)
        return features

    def describe(self, title: Title) -> None:
        """Pass a catalog record to the rankers that have a ``describe`` method."""
        for ranker in self.rankers:
            if hasattr(ranker, "describe"):
                ranker.describe(title)

    def learn(self, viewer: str, title: str, y: float, at_ms: int) -> list[str]:
        """Let every ranker learn a reaction: a positive's weight, or minus a rejection's strength.

        Returns
        -------
        titles
            The title, and negatives that were learned with it.
        """
        self.viewers.add(viewer)
        self.add_title(title)
        for ranker in self.rankers:
            ranker.learn_one(viewer, title, y, {"event_time_ms": at_ms})
        return [title, *self._learn_negatives(viewer, at_ms)] if y > 0 else [title]

    def add_title(self, title: str) -> None:
        """Note that a title is known; negatives are drawn from these, in the order in which they came."""
        if title not in self.titles:
            self.titles[title] = None
            self._by_number.append(title)

    def prequential(self, model: "Recommender", batch: "EventColumns", tested: I4) -> F8:
        """Test, then learn, event by event, with the recommender's own experts and the external rankers.

        Returns
        -------
        ranks
            [n, rankings] as in :meth:`Recommender.prequential`; the external rankers are the last columns.
        """
        ranks = np.full((len(batch.viewers), len(model.columns)), -1.0)
        own = len(model.columns) - len(self.names)
        for i, (viewer, title, at) in enumerate(zip(batch.viewers, batch.titles, batch.at, strict=True)):
            test = ListTest(self, model.viewers, viewer, at) if tested[i] else None
            found, signals = model.learn_columns(batch.cut(i, i + 1), tested[i : i + 1])
            ranks[i, :own] = found[0]
            if np.isinf(found[0, 0]):
                ranks[i, own:] = np.inf
            elif test is not None and found[0, 0] >= 0:
                ranks[i, 0], *ranks[i, own:] = test.rank_and_learn(int(model.titles.intern([title])[0]))
            action, y = int(signals.action[0]), float(signals.weight[0])
            if action in {POSITIVE, REJECT}:
                self.learn(viewer, title, y if action == POSITIVE else -y, at)
        return ranks

    def _learn_negatives(self, viewer: str, at_ms: int) -> list[str]:
        """Let the rankers that draw no negatives of their own learn random titles with target 0."""
        state = mix(np.uint64(self._seed) ^ mix(np.uint64(self.positives)))
        self.positives += 1
        places = [int(mix(state ^ np.uint64(n))) % len(self._by_number) for n in range(NEGATIVES)]
        drawn = [self._by_number[place] for place in places]
        for title in drawn:
            for ranker in self.rankers:
                if not isinstance(ranker, Expert):
                    ranker.learn_one(viewer, title, 0.0, {"event_time_ms": at_ms})
        return drawn

    def in_contexts(self) -> F8:
        """Return the weights of every context: [CONTEXTS, rankers]."""
        out: F8 = self.weights[0] + self.weights[1:]
        return out

    def step(self, context: int, gradient: F8, rate: float) -> None:
        """Move the weights of a context along the gradient of a log-likelihood."""
        for row in (0, 1 + context):
            moved = self.weights[row] + rate * np.clip(gradient, -CLIP, CLIP)
            self.weights[row] = np.clip(moved, -MAX_WEIGHT, MAX_WEIGHT)

    def context(self, side: "ViewerSide", slot: int, now_ms: int) -> int:
        """Return the context of the weights in which a viewer is."""
        out, slots = np.empty(1, np.int64), np.array([slot], np.int32)
        contexts_of(side.viewers.arrays, side.titles.params, slots, now_ms, out)
        return int(out[0])


class ListTest:
    """The scores of all titles for a viewer just before an event is learned."""

    def __init__(self, rankers: ExternalRankers, side: "ViewerSide", viewer: str, now_ms: int) -> None:
        slot = side.viewers.slot(viewer)
        self._rankers, self._config = rankers, side.titles.config.blend
        if slot is None:
            return  # events of unknown viewers are not tested: `rank_and_learn` is not called
        self._row = side.ranker.score(slot, now_ms)
        self._features = rankers.add_to(side, viewer, self._row, now_ms)
        self._context = rankers.context(side, slot, now_ms)
        self._others = np.zeros(self._row.size, np.float32)
        hide_known(side.viewers.arrays, slot, self._others)
        self._others[side.titles.arrays.counts[: self._row.size, 0] == 0] = -np.inf

    def allows(self, title: int) -> bool:
        """Return whether a title could be on the list: someone likes it, and the viewer does not know it."""
        return title < self._others.size and bool(np.isfinite(self._others[title]))

    def rank_and_learn(self, title: int) -> list[float]:
        """Rank a title by the blend and by each ranker, and update the rankers' weights."""
        others = np.flatnonzero(np.isfinite(self._others))
        scored = np.flatnonzero(np.isfinite(self._others + self._row))
        among = scored[np.argsort(-self._row[scored], kind="stable")[: self._config.rivals]]
        if title in among:
            p = np.exp(self._row[among] - self._row[among].max())
            expected = self._features[:, among] @ (p / p.sum())
            self._rankers.step(self._context, self._features[:, title] - expected, self._config.rate)
        return [_rank(scores, title, others) for scores in (self._row, *self._features)]


def standardised(scores: Sequence[float]) -> F8:
    """Return (scores - mean) / deviation, clipped to +-5; other scores count as the smallest.

    Examples
    --------
    >>> standardised([1.0, 3.0, float("-inf"), 3.0]).round(2).tolist()
    [-1.0, 1.0, -1.0, 1.0]
    >>> standardised([2.0, 2.0]).tolist()
    [0.0, 0.0]
    """
    values = np.asarray(scores, np.float64)
    finite = np.isfinite(values)
    values = np.where(finite, values, values.min(where=finite, initial=np.inf) if finite.any() else 0.0)
    spread = values.std() if values.size else 0.0
    if not 0 < spread < np.inf:
        return np.zeros(values.size)
    out: F8 = np.clip((values - values.mean()) / spread, -CLIP, CLIP)
    return out


def _scores(ranker: Any, viewer: str, titles: list[str]) -> list[float]:  # noqa: ANN401 - River's Number
    if hasattr(ranker, "predict_many"):
        return list(ranker.predict_many(viewer, titles))
    return [ranker.predict_one(viewer, title) for title in titles]


def _rank(scores: NDArray[Any], title: int, others: NDArray[np.intp]) -> float:
    """Return the number of candidates with a higher score plus half of those with an equal score."""
    mine, rest = scores[title], scores[others[others != title]]
    return float((rest > mine).sum() + 0.5 * (rest == mine).sum())
