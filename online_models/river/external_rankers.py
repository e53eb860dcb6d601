r"""Guests: any River `Ranker` as one more expert of the in-process `Recommender`.

A guest learns the positives and rejections that the recommender learns, and is tested before. Its scores may
have any scale (stars, logits, chances), so they are standardised over the titles, and what the blend is given
is their log-softmax, :math:`\log \mathrm{softmax}(z)_j = z_j + const`:

.. math::

    \mathrm{score}_j = \mathrm{blend}_j + \sum_g w_g z_{gj}
    \qquad z_{gj} = \mathrm{clip}\Big(\frac{s_{gj} - \bar s_g}{\mathrm{sd}(s_g)}, \pm 5\Big)

The weights learn as those of the blend do (:mod:`online_models.learners.blender`): a global one and a
difference for each context, moved by a step of multinomial logit for every event that is tested.

River's rankers predict explicit ratings: of positives alone their global mean absorbs the target, and what is
left is noise. So they are told 0 for three titles drawn at random beside every positive: HR@10 of BiasedMF on
20,000 events of MovieLens-100K is .009 without, .103 with 3 and .098 with 10. Our own experts draw their own.
(On the whole of it BiasedMF reaches .083 raw and .081 shuffled; the blend gains .0002 and -.0003 by it, each
+-.001: what it knows, the others know better.)

A guest predicts title by title in Python: 1.3 to 1.5 us each, 2 ms a ranking of 1,700 titles (River 0.26), a
hundred times what the kernels take for all their experts. And its state has no form that a changelog could
keep, row by row: after a crash nobody could restore it. That is why the two-stage worker has no guests; the
kernels' own path is not touched by them.
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
    from online_models.ranking.viewer_side import EventColumns
    from online_models.recommender import Recommender

__all__ = ["ExternalRankers"]

FIRST_WEIGHT = 0.1
"""First weight of a guest: heard, and gone within some hundred tested events if it only makes noise."""

NEGATIVES = 3
"""Titles told as 0 beside a positive: measured above, and a step takes 10 us."""


class ExternalRankers:
    """River rankers beside a recommender's own experts. Not for two threads at once.

    Parameters
    ----------
    experts
        Rankers, or dotted names of them with or without arguments (`ranker_by_name`).
    seed
        Handed to those that are made by name and take one.

    Attributes
    ----------
    names
        One a guest: the text it was made by, or its class's name.
    weights
        [1 + CONTEXTS, guests] the global weights, then each context's difference.

    Raises
    ------
    UnknownRankerError
        Nothing of a name can be built.

    Examples
    --------
    >>> ExternalRankers(["river.reco.BiasedMF(n_factors=4)"], seed=7).names
    ('river.reco.BiasedMF(n_factors=4)',)
    """

    def __init__(self, experts: Sequence[str | Ranker], *, seed: int = 0) -> None:
        self.names = tuple(e if isinstance(e, str) else type(e).__name__ for e in experts)
        self._rankers: list[Any] = [ranker_by_name(e, seed) if isinstance(e, str) else e for e in experts]
        self.weights: F8 = np.zeros((1 + CONTEXTS, len(experts)))
        self.weights[0] = FIRST_WEIGHT
        self._seed, self._positives = seed, 0
        self._viewers: set[str] = set()
        self._known: set[str] = set()
        self._titles: list[str] = []

    def add_to(self, model: "Recommender", viewer: str, row: F4, now_ms: int) -> F8:
        """Add what the guests say to a viewer's score row, in place; return their features.

        Returns
        -------
        features
            [guests, titles] standardised scores; 0 where a guest cannot tell. Only viewers and titles that
            a guest has learned are asked about: River's rankers remember whatever they are asked.
        """
        features = np.zeros((len(self._rankers), row.size))
        slot = model.viewers.viewers.slot(viewer)
        if slot is not None and viewer in self._viewers:
            ids = model.titles.ids
            asked = [j for j in np.flatnonzero(np.isfinite(row)).tolist() if ids[j] in self._known]
            for g, ranker in enumerate(self._rankers):
                features[g, asked] = standardised(_scores(ranker, viewer, [ids[j] for j in asked]))
            row += (self._in_context(model, slot, now_ms)[0] @ features).astype(np.float32)
        return features

    def describe(self, title: Title) -> None:
        """Tell the guests that care for it what the catalog says of a title."""
        for ranker in self._rankers:
            if hasattr(ranker, "describe"):
                ranker.describe(title)

    def learn(self, viewer: str, title: str, y: float, at_ms: int) -> None:
        """Let every guest learn a reaction: a positive's weight, or minus the strength of a rejection."""
        self._viewers.add(viewer)
        if title not in self._known:
            self._known.add(title)
            self._titles.append(title)
        for ranker in self._rankers:
            ranker.learn_one(viewer, title, y, {"event_time_ms": at_ms})
        if y > 0:
            self._contrast(viewer, at_ms)

    def prequential(self, model: "Recommender", batch: "EventColumns", tested: I4) -> F8:
        """Test, then learn, event by event, the recommender's own experts and the guests.

        Returns
        -------
        ranks
            [n, rankings] as :meth:`Recommender.prequential` has them, the guests' last.
        """
        ranks = np.full((len(batch.viewers), len(model.columns)), -1.0)
        own = len(model.columns) - len(self.names)
        for i, (viewer, title, at) in enumerate(zip(batch.viewers, batch.titles, batch.at, strict=True)):
            trial = _Trial(self, model, viewer, at) if tested[i] else None
            found, signals = model.learn_columns(batch.cut(i, i + 1), tested[i : i + 1])
            ranks[i, :own] = found[0]
            if np.isinf(found[0, 0]):
                ranks[i, own:] = np.inf
            elif trial is not None and found[0, 0] >= 0:
                ranks[i, 0], *ranks[i, own:] = trial.judge(model.titles.intern([title])[0])
            action, y = int(signals.action[0]), float(signals.weight[0])
            if action in {POSITIVE, REJECT}:
                self.learn(viewer, title, y if action == POSITIVE else -y, at)
        return ranks

    def _contrast(self, viewer: str, at_ms: int) -> None:
        """Tell those who do not draw for themselves of titles that the viewer did not choose."""
        state = mix(np.uint64(self._seed) ^ mix(np.uint64(self._positives)))
        self._positives += 1
        for n in range(NEGATIVES):
            title = self._titles[int(mix(state ^ np.uint64(n))) % len(self._titles)]
            for ranker in self._rankers:
                if not isinstance(ranker, Expert):
                    ranker.learn_one(viewer, title, 0.0, {"event_time_ms": at_ms})

    def in_contexts(self) -> F8:
        """Return the weights of every context: [CONTEXTS, guests]."""
        out: F8 = self.weights[0] + self.weights[1:]
        return out

    def step(self, context: int, gradient: F8, rate: float) -> None:
        """Move the weights of a context along the gradient of a log-likelihood."""
        for row in (0, 1 + context):
            moved = self.weights[row] + rate * np.clip(gradient, -CLIP, CLIP)
            self.weights[row] = np.clip(moved, -MAX_WEIGHT, MAX_WEIGHT)

    def _in_context(self, model: "Recommender", slot: int, now_ms: int) -> tuple[F8, int]:
        context = np.empty(1, np.int64)
        slots = np.array([slot], np.int32)
        contexts_of(model.viewers.viewers.arrays, model.titles.params, slots, now_ms, context)
        return self.weights[0] + self.weights[1 + context[0]], int(context[0])


class _Trial:
    """What recommender and guests think of every title, just before an event is learned."""

    def __init__(self, guests: ExternalRankers, model: "Recommender", viewer: str, now_ms: int) -> None:
        slot = model.viewers.viewers.slot(viewer)
        self._guests, self._config = guests, model.config.blend
        if slot is None:
            return  # the kernel tests no stranger, and so nobody asks
        self._row = model.viewers.ranker.score(slot, now_ms)
        self._features = guests.add_to(model, viewer, self._row, now_ms)
        self._context = guests._in_context(model, slot, now_ms)[1]  # noqa: SLF001 - of one piece
        self._others = np.zeros(self._row.size, np.float32)
        hide_known(model.viewers.viewers.arrays, slot, self._others)
        self._others[model.titles.arrays.counts[: self._row.size, 0] == 0] = -np.inf

    def judge(self, title: int) -> list[float]:
        """Rank a title under the blend and each guest; let the guests' weights learn from it."""
        others = np.flatnonzero(np.isfinite(self._others))
        scored = np.flatnonzero(np.isfinite(self._others + self._row))
        among = scored[np.argsort(-self._row[scored], kind="stable")[: self._config.rivals]]
        if title in among:
            p = np.exp(self._row[among] - self._row[among].max())
            expected = self._features[:, among] @ (p / p.sum())
            self._guests.step(self._context, self._features[:, title] - expected, self._config.rate)
        return [_rank(scores, title, others) for scores in (self._row, *self._features)]


def standardised(scores: Sequence[float]) -> F8:
    """Return scores less their mean over their deviation, within +-5; what is no number is the least.

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


def _scores(ranker: Any, viewer: str, titles: list[str]) -> list[float]:  # noqa: ANN401 - no floats, River's
    if hasattr(ranker, "predict_many"):
        return list(ranker.predict_many(viewer, titles))
    return [ranker.predict_one(viewer, title) for title in titles]


def _rank(scores: NDArray[Any], title: int, others: NDArray[np.intp]) -> float:
    """Count the candidates better than a title, and half of those equal."""
    mine, rest = scores[title], scores[others[others != title]]
    return float((rest > mine).sum() + 0.5 * (rest == mine).sum())
