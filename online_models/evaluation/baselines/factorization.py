"""Matrix factorizations learned event by event: ISGD and BPR."""

import numpy as np

from online_models.evaluation.baselines.memory import (
    Events,
    SeenTitles,
    TitleMemory,
    events_of,
    rank,
    remember,
)
from online_models.evaluation.model import Ranks
from online_models.evaluation.protocol import Block
from online_models.jit import jit
from online_models.tables.growing import grown
from online_models.tables.layout import F8, I4

__all__ = ["BPR", "IncrementalSGD"]


ISGD_SCALE = 0.1
"""Standard deviation of initial vectors (as in the authors' streamRec)."""


class IncrementalSGD:
    r"""Incremental SGD of Vinagre, Jorge and Gama (UMAP 2014).

    For each positive event, with error :math:`e = 1 - p_u \cdot q_i`, step :math:`\eta` and penalty
    :math:`\lambda`:

    .. math::

        p_u \leftarrow p_u + \eta (e q_i - \lambda p_u), \quad q_i \leftarrow q_i + \eta (e p_u - \lambda q_i)

    and titles are ranked by :math:`-|1 - p_u \cdot q_j|`.

    Parameters
    ----------
    factors
        Length of a vector.
    learning_rate, regularization
        Step and penalty. The defaults are the best of a handful measured on MovieLens-100K (ratings >= 4,
        HR@10 .059).
    seed
        Seed of the initial vectors, drawn in order of first appearance.
    """

    columns = ("",)
    every = 1

    def __init__(
        self, factors: int = 40, learning_rate: float = 0.05, regularization: float = 0.01, seed: int = 0
    ) -> None:
        self._rates = (learning_rate, regularization)
        self._tastes = np.zeros((0, factors))
        self._vectors = np.zeros((0, factors))
        self._rngs = [np.random.default_rng([seed, side]) for side in (0, 1)]
        self._memory = TitleMemory()

    def rank_then_learn(self, block: Block) -> Ranks:
        """See `PrequentialModel.rank_then_learn`."""
        viewers, titles = self._memory.reserve(block)
        self._tastes = drawn(self._tastes, viewers, self._rngs[0], ISGD_SCALE)
        self._vectors = drawn(self._vectors, titles, self._rngs[1], ISGD_SCALE)
        sides = (self._tastes, self._vectors)
        ranks = rank_then_step_isgd(self._memory.known, events_of(block), sides, self._rates)
        return np.asarray(ranks)[:, None]


def drawn(vectors: Ranks, rows: int, rng: np.random.Generator, scale: float) -> Ranks:
    """Return the vectors and newly drawn ones (normal with that standard deviation), `rows` in all."""
    fresh = rng.normal(0.0, scale, (rows - len(vectors), vectors.shape[1]))
    return np.concatenate([vectors, fresh])


BPR_SCALE = 0.05
"""Standard deviation of initial vectors; .02 to .1 give the same results."""


class BPR:
    r"""Bayesian personalized ranking (Rendle et al., UAI 2009), one pass, with a bias per title.

    For each positive :math:`i` and each of some titles :math:`k`, drawn from the titles that the viewer does
    not have, one gradient step on :math:`\ln \sigma(s_{ui} - s_{uk})` with :math:`s_{uj} = p_u \cdot q_j +
    b_j`:

    .. math::

        g = \sigma(s_{uk} - s_{ui}), \quad
        p_u \mathrel{+}= \eta (g (q_i - q_k) - \lambda p_u), \quad
        q_i \mathrel{+}= \eta (g p_u - \lambda q_i), \quad
        q_k \mathrel{-}= \eta (g p_u + \lambda q_k)

    and the biases likewise.

    Parameters
    ----------
    factors
        Length of a vector.
    learning_rate, regularization
        Step and penalty. The defaults are the best of a handful measured on MovieLens-100K (ratings >= 4,
        HR@10 .144, shuffled .119; with steps of .1 .142 and .110).
    negatives
        Titles drawn per positive; 20 are slightly better than 15.
    seed
        Seed of the initial vectors, drawn in order of first appearance, and of the negatives.

    Examples
    --------
    >>> BPR(factors=8, seed=3).columns
    ('',)
    """

    columns = ("",)
    every = 1

    def __init__(
        self,
        factors: int = 32,
        learning_rate: float = 0.07,
        regularization: float = 0.01,
        negatives: int = 20,
        seed: int = 0,
    ) -> None:
        self._rates, self._negatives = (learning_rate, regularization), negatives
        self._tastes, self._vectors = np.zeros((0, factors)), np.zeros((0, factors))
        self._biases = np.zeros(0)
        self._rngs = [np.random.default_rng([seed, side]) for side in (0, 1, 2)]
        self._memory = TitleMemory()

    def rank_then_learn(self, block: Block) -> Ranks:
        """See `PrequentialModel.rank_then_learn`."""
        viewers, titles = self._memory.reserve(block)
        self._tastes = drawn(self._tastes, viewers, self._rngs[0], BPR_SCALE)
        self._vectors = drawn(self._vectors, titles, self._rngs[1], BPR_SCALE)
        self._biases = grown(self._biases, len(self._vectors))
        sides = (self._tastes, self._vectors, self._biases)
        draws = self._rngs[2].random((len(block), self._negatives))
        marks = np.empty(len(self._vectors), np.int32)
        ranks = rank_then_step_bpr(self._memory.known, events_of(block), sides, self._rates, draws, marks)
        return np.asarray(ranks)[:, None]


@jit
def rank_then_step_isgd(
    known: SeenTitles, events: Events, sides: tuple[F8, F8], rates: tuple[float, float]
) -> F8:
    """Rank by the distance of p.q from 1, then step towards 1 on positives. ``rates``: step and penalty."""
    tastes, vectors = sides
    step, penalty = rates
    ranks = np.full(events.titles.size, np.inf)
    scores = np.zeros(len(vectors))
    for at in range(events.titles.size):
        viewer, title = events.viewers[at], events.titles[at]
        taste, vector = tastes[viewer], vectors[title]
        if events.tested[at] and known.seen[title]:
            for place in range(known.size[1]):
                candidate = known.order[place]
                scores[candidate] = -abs(1.0 - np.dot(taste, vectors[candidate]))
            ranks[at] = rank(known, viewer, title, scores)
        if events.rewards[at] > 0:
            error = 1.0 - np.dot(taste, vector)
            for factor in range(taste.size):
                before = taste[factor]
                taste[factor] += step * (error * vector[factor] - penalty * before)
                vector[factor] += step * (error * before - penalty * vector[factor])
        remember(known, viewer, title)
    return ranks


@jit
def bpr_step(taste: F8, vectors: F8, biases: F8, title: int, other: int, step: float, penalty: float) -> None:
    """Take one gradient step on log sigmoid(score of ``title`` - score of ``other``)."""
    margin = biases[title] - biases[other]
    for factor in range(taste.size):
        margin += taste[factor] * (vectors[title, factor] - vectors[other, factor])
    pull = 1.0 / (1.0 + np.exp(margin))
    biases[title] += step * (pull - penalty * biases[title])
    biases[other] -= step * (pull + penalty * biases[other])
    for factor in range(taste.size):
        mine, good, bad = taste[factor], vectors[title, factor], vectors[other, factor]
        taste[factor] += step * (pull * (good - bad) - penalty * mine)
        vectors[title, factor] += step * (pull * mine - penalty * good)
        vectors[other, factor] -= step * (pull * mine + penalty * bad)


@jit
def mark_known(known: SeenTitles, viewer: int, marks: I4, stamp: int) -> None:
    """Write the stamp to the mark of every title of the viewer."""
    entry = known.last[viewer]
    while entry >= 0:
        marks[known.title[entry]] = stamp
        entry = known.previous[entry]


@jit
def rank_then_step_bpr(
    known: SeenTitles,
    events: Events,
    sides: tuple[F8, F8, F8],
    rates: tuple[float, float],
    draws: F8,
    marks: I4,
) -> F8:
    """Rank by taste . vector + bias, then step on a positive against drawn titles.

    ``draws`` [events, negatives] uniform in [0, 1); ``marks`` [titles] scratch. A draw of a title that the
    viewer has is skipped. The mark of an event is its number, so that marks need no reset between events.
    """
    tastes, vectors, biases = sides
    ranks = np.full(events.titles.size, np.inf)
    scores = np.zeros(biases.size)
    marks[:] = -1
    for at in range(events.titles.size):
        viewer, title = events.viewers[at], events.titles[at]
        taste = tastes[viewer]
        if events.tested[at] and known.seen[title]:
            for place in range(known.size[1]):
                candidate = known.order[place]
                scores[candidate] = np.dot(taste, vectors[candidate]) + biases[candidate]
            ranks[at] = rank(known, viewer, title, scores)
        if events.rewards[at] > 0:
            mark_known(known, viewer, marks, at)
            for draw in draws[at]:
                other = known.order[int(draw * known.size[1])] if known.size[1] else title
                if other != title and marks[other] != at:
                    bpr_step(taste, vectors, biases, title, other, rates[0], rates[1])
        remember(known, viewer, title)
    return ranks
