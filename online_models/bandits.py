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

from online_models.draws import race
from online_models.kernels.layout import F8

__all__ = ["Bandit", "BanditConfig", "Choice", "Thompson", "newcomer_mean", "win_chances"]

_NODES = 257
"""Points of the integral around each arm: chances are right to .002 (tested against a million draws)."""
_WIDTH = 8.0
"""Standard deviations to each side that the integral covers."""


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
    newcomer: float = 0.25
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
    >>> from online_models.draws import draw_key
    >>> bandit.choose([0, 0], ["a", "b"], 0, draw_key(7, 1, 2)).propensity
    0.5
    >>> bandit.learn(0, "a", trials=200, wins=60, at_ms=0)
    >>> bandit.learn(0, "b", trials=200, wins=20, at_ms=0)
    >>> bandit.chances([0, 0], ["a", "b"], 0).round(2).tolist()
    [0.99, 0.01]
    """

    def __init__(self, config: BanditConfig | None = None) -> None:
        self.config = config or BanditConfig()
        self.at_ms = self.learned = 0
        self._cells: dict[str, F8] = {}
        self._chances: dict[tuple[tuple[int, ...], tuple[str, ...]], F8] = {}

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
        self._forget_chances()

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
        self._forget_chances()

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
            64 bits, see :func:`online_models.draws.draw_key`.
        """
        if len(arms) == 1:
            return Choice(arms[0], 1.0)
        chances = self.chances(contexts, arms, now_ms)
        chosen = race(chances, arms, key)
        return Choice(arms[chosen], float(chances[chosen]))

    def chances(self, contexts: Sequence[int], arms: Sequence[str], now_ms: int) -> F8:
        """Return the probability of each arm: [arms], summing to 1. Kept until something is learned."""
        del now_ms
        asked = (tuple(contexts), tuple(arms))
        found = self._chances.get(asked)
        if found is None:
            alpha, beta = self.posterior(contexts, arms)
            floor = min(self.config.floor, 1.0 / len(arms))
            found = (1.0 - len(arms) * floor) * win_chances(alpha, beta) + floor
            self._chances[asked] = found
        return found

    def posterior(self, contexts: Sequence[int], arms: Sequence[str]) -> tuple[F8, F8]:
        """Return the Beta posteriors of the arms' rates, each in its context: alpha [arms], beta [arms]."""
        m = self.config.strength
        cells = np.array([self._cells.get(arm, np.zeros((self.config.contexts, 2))) for arm in arms])
        whole = cells.sum(axis=1)  # [arms, (trials, wins)]
        trials, wins = whole[:, 0], whole[:, 1]
        pooled = (wins.sum() + m * self.config.base_rate) / (trials.sum() + m)
        first = np.full(len(arms), pooled)
        best = int(np.argmax(trials))
        if trials[best] >= m:
            a = wins[best] + m * pooled
            start = newcomer_mean(a, trials[best] + m - a, m, self.config.newcomer)
            first[np.arange(len(arms)) != best] = start
        mean = (wins + m * first) / (trials + m)  # an arm's rate in all contexts
        mine = cells[np.arange(len(arms)), np.asarray(contexts)]
        alpha: F8 = mine[:, 1] + m * mean
        beta: F8 = mine[:, 0] - mine[:, 1] + m * (1.0 - mean)
        return alpha, beta

    def _forget_chances(self) -> None:
        self._chances.clear()
        self.learned += 1

    def _kept(self, gap_ms: float) -> float:
        return float(2.0 ** (-gap_ms / (1000.0 * self.config.half_life_s)))


def win_chances(alpha: F8, beta: F8) -> F8:
    r"""Return the probability that each of some Beta variables is the largest.

    .. math:: P_a = \int f_a(x) \prod_{b \neq a} F_b(x)\, dx

    by the trapezoidal rule over the logit of x, where the densities are smooth for every alpha, beta > 0.

    Examples
    --------
    >>> win_chances(np.array([1.0, 1.0, 1.0]), np.array([1.0, 1.0, 1.0])).round(3).tolist()
    [0.333, 0.333, 0.333]
    >>> win_chances(np.array([2.0, 1.0]), np.array([1.0, 1.0])).round(3).tolist()
    [0.667, 0.333]
    """
    middle = np.log(alpha / beta)
    spread = _WIDTH * np.sqrt(1 / alpha + 1 / alpha**2 + 1 / beta + 1 / beta**2)
    steps = np.linspace(-1.0, 1.0, _NODES)
    t = np.unique((middle[:, None] + spread[:, None] * steps).ravel())
    log_x, log_rest = -np.logaddexp(0.0, -t), -np.logaddexp(0.0, t)
    log_density = alpha[:, None] * log_x + beta[:, None] * log_rest
    density = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    mass = 0.5 * (density[:, 1:] + density[:, :-1]) * np.diff(t)
    mass /= mass.sum(axis=1, keepdims=True)
    below = np.cumsum(mass, axis=1) - 0.5 * mass  # the distribution functions, in the middle of each step
    out = np.array(
        [(mass[a] * np.prod(np.delete(below, a, axis=0), axis=0)).sum() for a in range(alpha.size)]
    )
    chances: F8 = out / out.sum()
    return chances


def newcomer_mean(alpha: float, beta: float, strength: float, chance: float) -> float:
    """Return the mean of a newcomer's prior that makes it better than an established arm with a set chance.

    With both rates normal, a newcomer of mean m beats the established one, of mean mu and variance v, with
    chance Phi((m - mu) / sqrt(v + m (1 - m) / (strength + 1))); solved for m it is Wilson's lower bound.

    Parameters
    ----------
    alpha, beta
        Of the established arm's posterior.
    strength
        Trials that the newcomer's prior is worth.
    chance
        Between 0 and .5.

    Examples
    --------
    >>> round(newcomer_mean(100, 900, 20, 0.25), 3)
    0.064
    >>> round(newcomer_mean(100, 900, 20, 0.5), 3)
    0.1
    """
    mean = alpha / (alpha + beta)
    square = NormalDist().inv_cdf(1.0 - chance) ** 2
    c = square / (strength + 1.0)
    rest = mean**2 - square * mean * (1.0 - mean) / (alpha + beta + 1.0)
    middle = 2.0 * mean + c
    root = max(middle**2 - 4.0 * (1.0 + c) * rest, 0.0) ** 0.5
    return float(max((middle - root) / (2.0 + 2.0 * c), 0.1 * mean))
