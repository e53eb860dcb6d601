"""Baselines that do not personalize: watch counts (all-time or decayed), and chance."""

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
from online_models.tables.layout import F8

__all__ = ["Chance", "Popularity"]


@jit
def rank_then_count(known: SeenTitles, events: Events, scores: F8, clock: F8) -> F8:
    """Rank by (decayed) watch count, then count.

    Forward decay: old counts are not touched; a new watch has the weight ``clock[0]``, which grows by the
    factor ``clock[1]`` an event.
    """
    ranks = np.full(events.titles.size, np.inf)
    for at in range(events.titles.size):
        viewer, title = events.viewers[at], events.titles[at]
        if events.tested[at]:
            ranks[at] = rank(known, viewer, title, scores)
        if events.rewards[at] > 0:
            scores[title] += clock[0]
        clock[0] *= clock[1]
        if clock[0] > 1e200:  # rescale long before float64 overflows
            scores /= clock[0]
            clock[0] = 1.0
        remember(known, viewer, title)
    return ranks


@jit
def rank_at_random(known: SeenTitles, events: Events, level: F8, draws: F8) -> F8:
    """Return a uniformly drawn rank among the candidates; ``level`` holds equal scores."""
    ranks = np.full(events.titles.size, np.inf)
    for at in range(events.titles.size):
        viewer, title = events.viewers[at], events.titles[at]
        if events.tested[at]:
            # with equal scores the rank is half of the other candidates
            candidates = 2.0 * rank(known, viewer, title, level) + 1.0
            ranks[at] = np.floor(draws[at] * candidates)
        remember(known, viewer, title)
    return ranks


class Popularity:
    r"""Rank every title by its number of watches.

    .. math:: s_j = \sum_{k: i_k = j} 2^{-(n - k) / h}

    over the positive events :math:`k` of the stream so far; :math:`h` is the half-life, infinite by default.

    Parameters
    ----------
    half_life_events
        Half-life of a watch, events of the stream; None for no decay.

    Raises
    ------
    ValueError
        The half-life is not positive.
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
        ranks = rank_then_count(self._memory.known, events_of(block), self._scores, self._clock)
        return np.asarray(ranks)[:, None]


class Chance:
    """Rank titles at random: HR@10 is 10 over the number of candidates.

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
        ranks = rank_at_random(self._memory.known, events_of(block), np.zeros(titles), draws)
        return np.asarray(ranks)[:, None]
