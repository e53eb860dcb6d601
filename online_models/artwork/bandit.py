r"""Bandits: which of a few arms to show, learned from what came of showing them.

:class:`Thompson` matches probabilities (Thompson, 1933): an arm is shown as often as it is the best one,

.. math:: p_a = (1 - k \varepsilon)\, P(\theta_a = \max_b \theta_b) + \varepsilon

under Beta posteriors of its rate of reward. The probability is integrated, not sampled: one number for every
viewer in the same situation, so that the propensity that a list logs is exact, and estimates made from logs
(:mod:`online_models.experiments.off_policy`) are unbiased. The viewer's own draw is a race with keyed
exponential times, :math:`\arg\min_a E_a / p_a`: the same in every process, and when probabilities move a
little, few viewers see another arm.

*Discounted*: wins and trials halve in event time (Raj and Kalyani, 2017), so tastes may change. *Informed*:
an arm's prior mean is the pooled rate of all arms of the decision; once an arm is established, newcomers
start where they beat it with a set chance (Dynamic-Prior Thompson sampling, arXiv 2602.00943: a uniform prior
would show weak newcomers far too often). *Contextual*: an arm's rate in a context starts from its rate in
all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple, Protocol

import numpy as np

from online_models.artwork.best_arm import Prior, write_probabilities
from online_models.tables.keyed_random import race
from online_models.tables.layout import F8, I8

__all__ = ["Bandit", "BanditConfig", "Choice", "Thompson", "choice_probabilities"]


class Choice(NamedTuple):
    """What was chosen, and how likely that was."""

    arm: str
    propensity: float


class Bandit(Protocol):
    """What every bandit can do."""

    def choose(self, contexts: Sequence[int], arms: Sequence[str], now_ms: int, key: int) -> Choice:
        """Choose an arm; ``contexts`` has one for each arm, ``key`` decides the draw. Changes nothing."""

    def learn(self, context: int, arm: str, *, trials: float, wins: float, at_ms: int) -> None:
        """Take in what came of showing an arm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BanditConfig:
    """Constants of a discounted Thompson bandit.

    Attributes
    ----------
    contexts
        Number of contexts.
    half_life_s
        Event time after which a trial counts half: two weeks, the length of a campaign (assumed).
    base_rate
        Rate of reward that is believed before anything was tried: about one watch in ten looks, the order of
        magnitude of the simulator's viewers.
    strength
        Trials that a prior is worth: it is forgotten after some dozens (small against what
        one popular title gets in an hour).
    newcomer
        Chance with which a newcomer is taken to be better than the established arm (arXiv 2602.00943 sets it
        by hand, too).
    floor
        Least probability of every arm: 1 % (as GrowthBook's bandits), so that no arm is lost for good and
        every propensity can be divided by.
    """

    contexts: int = 3
    half_life_s: float = 14 * 86_400.0
    base_rate: float = 0.1
    strength: float = 20.0
    new_arm_chance: float = 0.25
    floor: float = 0.01


class Thompson:
    """A discounted contextual Thompson bandit over arms with names.

    Parameters
    ----------
    config
        Its constants.

    Attributes
    ----------
    at_ms
        Event time of the newest trial: what wins and trials are decayed to.
    learned
        How often something was learned, or taken over: chances are the same while it is.

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
        """Arms that were tried, in the order of their first trial."""
        return list(self._cells)

    def cells(self, arm: str) -> F8:
        """Return an arm's trials and wins in every context, as of `at_ms`: [contexts, 2]. A copy."""
        return self._cells.get(arm, np.zeros((self.config.contexts, 2))).copy()

    def load(self, cells: dict[str, F8], at_ms: int) -> None:
        """Take over what was learned before."""
        self._cells, self.at_ms = {arm: cell.copy() for arm, cell in cells.items()}, at_ms
        self._clear_probabilities()

    def learn(self, context: int, arm: str, *, trials: float, wins: float, at_ms: int) -> None:
        """Take in trials and wins of an arm; late ones count what they have decayed to by the newest."""
        if at_ms > self.at_ms:
            kept = self._kept(at_ms - self.at_ms)
            for cell in self._cells.values():
                np.multiply(cell, kept, out=cell)
            self.at_ms = at_ms
        worth = self._kept(self.at_ms - at_ms)
        cell = self._cells.setdefault(arm, np.zeros((self.config.contexts, 2)))
        cell[context, 0] = max(0.0, cell[context, 0] + worth * trials)
        cell[context, 1] = min(max(0.0, cell[context, 1] + worth * wins), cell[context, 0])
        self._clear_probabilities()

    def choose(self, contexts: Sequence[int], arms: Sequence[str], now_ms: int, key: int) -> Choice:
        """Choose an arm: the same for the same key, as often over keys as its chance says. Changes nothing.

        Parameters
        ----------
        contexts
            One for each arm: an arm can suit a viewer more or less.
        arms
            At least one.
        now_ms
            Decay moves no chance but by what is learned, so it is not looked at.
        key
            64 bits, see :func:`online_models.tables.keyed_random.draw_key`.
        """
        if len(arms) == 1:
            return Choice(arms[0], 1.0)
        probabilities = self.probabilities(contexts, arms, now_ms)
        chosen = race(probabilities, arms, key)
        return Choice(arms[chosen], float(probabilities[chosen]))

    def probabilities(self, contexts: Sequence[int], arms: Sequence[str], now_ms: int) -> F8:
        """Return the probability of each arm: [arms], summing to 1. Kept until something is learned."""
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
        """Write the trials and wins of some arms that were tried: [arms, contexts, (trials, wins)]."""
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
        [m] how many of them there are; those behind have probability 0.
    which
        [w] about whose arms each decision is.
    contexts
        [w, A]
    config
        Constants of all.
    """
    out = np.empty(contexts.shape)
    square = NormalDist().inv_cdf(1.0 - config.new_arm_chance) ** 2
    prior = Prior(config.strength, config.base_rate, square, config.floor)
    write_probabilities(counts, sizes, which, contexts, prior, out)
    return out
