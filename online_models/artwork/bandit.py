r"""Bandits: select one of a few arms, and learn from the outcomes.

:class:`Thompson` matches probabilities (Thompson, 1933): an arm is shown as often as it is the best one,

.. math:: p_a = (1 - k \varepsilon)\, P(\theta_a = \max_b \theta_b) + \varepsilon

under Beta posteriors of the reward rates. The probability is integrated, not sampled: it is the same for
every viewer in the same context, so the logged propensity is exact and off-policy estimates
(:mod:`online_models.experiments.off_policy`) are unbiased. The viewer's own draw is a race of keyed
exponential times, :math:`\arg\min_a E_a / p_a`: the same in every process, and a small change of the
probabilities changes the arm of few viewers.

*Discounted*: wins and trials decay in event time (Raj and Kalyani, 2017), so tastes may change.
*Informed*: the prior mean of an arm is the pooled rate of all arms; once an arm is established, new arms
start where they beat it with a set probability (Dynamic-Prior Thompson sampling, arXiv 2602.00943: a
uniform prior would show weak new arms far too often). *Contextual*: the rate of an arm in a context starts
from its rate in all contexts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple, Protocol

import numpy as np

from online_models.artwork.best_arm import Prior, new_scratch, write_probabilities
from online_models.tables.keyed_random import race
from online_models.tables.layout import F8, I8

__all__ = ["Bandit", "BanditConfig", "Choice", "Thompson", "choice_probabilities"]


class Choice(NamedTuple):
    """An arm, and the probability with which it was chosen."""

    arm: str
    propensity: float


class Bandit(Protocol):
    """Interface of a bandit."""

    def choose(self, contexts: Sequence[int], arms: Sequence[str], now_ms: int, key: int) -> Choice:
        """Choose an arm, given one context per arm; ``key`` decides the draw. Changes nothing."""

    def learn(self, context: int, arm: str, *, trials: float, wins: float, at_ms: int) -> None:
        """Learn the outcome of trials."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BanditConfig:
    """Constants of a discounted Thompson bandit.

    Attributes
    ----------
    contexts
        Number of contexts.
    half_life_s
        Half-life of trials in event time: two weeks, the length of a campaign (assumed).
    base_rate
        Prior reward rate: about one watch in ten impressions, the order of magnitude of the simulator's
        viewers.
    strength
        Trials that a prior is worth: some dozens of trials outweigh it (a popular title gets more in an
        hour).
    new_arm_chance
        Probability that a new arm is better than the established one (arXiv 2602.00943 sets it by hand, too).
    floor
        Minimum probability of every arm: 1 % (as in GrowthBook's bandits), so that no arm disappears and
        every propensity is bounded away from 0.
    """

    contexts: int = 3
    half_life_s: float = 14 * 86_400.0
    base_rate: float = 0.1
    strength: float = 20.0
    new_arm_chance: float = 0.25
    floor: float = 0.01


class Thompson:
    """A discounted contextual Thompson bandit over named arms.

    Parameters
    ----------
    config
        Constants.

    Attributes
    ----------
    at_ms
        Event time of the newest trial: wins and trials are decayed to it.
    version
        Number of updates: probabilities are the same while it is.

    Examples
    --------
    >>> bandit = Thompson(BanditConfig(contexts=1))
    >>> from online_models.tables.keyed_random import draw_key
    >>> bandit.choose([0, 0], ["a", "b"], 0, draw_key(7, 1, 2)).propensity
    0.5
    >>> bandit.learn(0, "a", trials=200, wins=60, at_ms=0)
    >>> bandit.learn(0, "b", trials=200, wins=20, at_ms=0)
    >>> bandit.probabilities([0, 0], ["a", "b"], 0).round(2).tolist()
    [0.99, 0.01]
    """

    def __init__(self, config: BanditConfig | None = None) -> None:
        self.config = config or BanditConfig()
        self.at_ms = self.version = 0
        self._cells: dict[str, F8] = {}
        self._probabilities: dict[tuple[tuple[int, ...], tuple[str, ...]], F8] = {}

    @property
    def arms(self) -> list[str]:
        """Arms with trials, in the order of their first trial."""
        return list(self._cells)

    def cells(self, arm: str) -> F8:
        """Return a copy of an arm's trials and wins in every context, as of `at_ms`: [contexts, 2]."""
        return self._cells.get(arm, np.zeros((self.config.contexts, 2))).copy()

    def load(self, cells: dict[str, F8], at_ms: int) -> None:
        """Take over stored data."""
        self._cells, self.at_ms = {arm: cell.copy() for arm, cell in cells.items()}, at_ms
        self._clear_probabilities()

    def learn(self, context: int, arm: str, *, trials: float, wins: float, at_ms: int) -> None:
        """Add trials and wins of an arm; late ones are decayed to the newest."""
        if at_ms > self.at_ms:
            kept = self._kept(at_ms - self.at_ms)
            for cell in self._cells.values():
                np.multiply(cell, kept, out=cell)
            self.at_ms = at_ms
        decay = self._kept(self.at_ms - at_ms)
        cell = self._cells.setdefault(arm, np.zeros((self.config.contexts, 2)))
        cell[context, 0] = max(0.0, cell[context, 0] + decay * trials)
        cell[context, 1] = min(max(0.0, cell[context, 1] + decay * wins), cell[context, 0])
        self._clear_probabilities()

    def choose(self, contexts: Sequence[int], arms: Sequence[str], now_ms: int, key: int) -> Choice:
        """Choose an arm: always the same for a key, and over keys as often as its probability.

        Parameters
        ----------
        contexts
            One for each arm.
        arms
            At least one.
        now_ms
            Not used: decay alone changes no probability.
        key
            64 bits, see :func:`online_models.tables.keyed_random.draw_key`.
        """
        if len(arms) == 1:
            return Choice(arms[0], 1.0)
        probabilities = self.probabilities(contexts, arms, now_ms)
        chosen = race(probabilities, arms, key)
        return Choice(arms[chosen], float(probabilities[chosen]))

    def probabilities(self, contexts: Sequence[int], arms: Sequence[str], now_ms: int) -> F8:
        """Return the probability of each arm: [arms], with sum 1. Cached until the next update."""
        del now_ms
        asked = (tuple(contexts), tuple(arms))
        found = self._probabilities.get(asked)
        if found is None:
            counts = np.zeros((1, len(arms), self.config.contexts, 2))
            self.write_counts(arms, counts[0])
            sizes, one = np.array([len(arms)]), np.zeros(1, np.int64)
            found = choice_probabilities(counts, sizes, one, np.array([contexts], np.int64), self.config)[0]
            self._probabilities[asked] = found
        return found

    def write_counts(self, arms: Sequence[str], out: F8) -> None:
        """Write the trials and wins of those arms that have some: [arms, contexts, (trials, wins)]."""
        for a, arm in enumerate(arms):
            cell = self._cells.get(arm)
            if cell is not None:
                out[a] = cell

    def _clear_probabilities(self) -> None:
        self._probabilities.clear()
        self.version += 1

    def _kept(self, gap_ms: float) -> float:
        return float(2.0 ** (-gap_ms / (1000.0 * self.config.half_life_s)))


def choice_probabilities(counts: F8, sizes: I8, which: I8, contexts: I8, config: BanditConfig) -> F8:
    """Return the probabilities of the arms of many decisions at once: [w, A].

    Parameters
    ----------
    counts
        [m, A, contexts, (trials, wins)] of the arms (`Thompson.write_counts`).
    sizes
        [m] number of arms; those beyond have probability 0.
    which
        [w] set of arms of each decision.
    contexts
        [w, A] context of each arm.
    config
        Constants of all.
    """
    out = np.empty(contexts.shape)
    square = NormalDist().inv_cdf(1.0 - config.new_arm_chance) ** 2
    prior = Prior(config.strength, config.base_rate, square, config.floor)
    write_probabilities(counts, sizes, which, contexts, prior, new_scratch(counts.shape[1]), out)
    return out
