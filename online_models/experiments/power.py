r"""Simulated experiments: how often equal arms are decided, and how soon a true lift is found.

Viewers arrive one by one and are split evenly. Minutes watched are zero for some viewers and log-normal for
the others, and correlated with the past; a lift is a factor. Every few viewers the bounds are computed as in
the results stage, with CUPED. A trial is decided when they exclude zero.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.experiments.intervals import TUNING, half_width

__all__ = ["Trials", "naive", "run", "valid"]

IDLE: Final = 0.3
"""Share of exposed viewers who watch nothing in the window. Assumed."""
SPREAD: Final = 0.8
"""Standard deviation of log minutes: the mean is 1.4 medians, as usual for watch times."""
ALIKE: Final = 0.7
"""Correlation of log minutes before and after. Assumed."""
CHUNK: Final = 50
"""Trials in memory at a time."""

Numbers = NDArray[np.float64]
Width = Callable[[Numbers, Numbers, float], Numbers]
"""Half widths from viewers, standard deviation of one, and alpha."""


class Trials(NamedTuple):
    """Outcomes of trials."""

    decided_at: NDArray[np.int64]
    """Viewers of both arms when the bounds first excluded zero; -1 for never."""
    right: NDArray[np.bool_]
    """Whether the decision had the sign of the true lift; without a true lift every decision is wrong."""
    viewers: int
    """Number of viewers at which an undecided trial ends."""

    @property
    def power(self) -> float:
        """Share of correct decisions."""
        return float(self.right.mean())

    @property
    def wrong(self) -> float:
        """Share of wrong decisions."""
        return float(((self.decided_at >= 0) & ~self.right).mean())

    def decided_by(self, share: float) -> float:
        """Viewers after which this share of all trials was decided; nan for never."""
        at = np.sort(np.where(self.decided_at < 0, np.iinfo(np.int64).max, self.decided_at))
        found = at[min(at.size - 1, int(share * at.size))]
        return float(found) if found <= self.viewers else float("nan")


def valid(n: Numbers, deviation: Numbers, alpha: float) -> Numbers:
    """Return half widths that are valid at all interim looks (`intervals.half_width`)."""
    return half_width(n, deviation, alpha, TUNING)


def naive(n: Numbers, deviation: Numbers, alpha: float) -> Numbers:  # noqa: ARG001 - always 95 %
    """Return half widths that are valid at one look, chosen in advance."""
    out: Numbers = 1.96 * deviation / np.sqrt(n)
    return out


def run(
    trials: int,
    viewers: int,
    *,
    lift: float = 0.0,
    alpha: float = 0.05,
    every: int = 4,
    least: int = 200,
    cuped: bool = True,
    seed: int = 0,
    width: Width = valid,
) -> Trials:
    """Run trials.

    Parameters
    ----------
    trials, viewers
        Number of trials, and viewers of each trial (both arms).
    lift
        True relative lift of the second arm.
    alpha
        Error probability of the bounds.
    every
        Viewers between two interim looks.
    least
        Viewers before the first look: the bounds are asymptotic.
    cuped
        Whether to adjust by the past.
    seed
        Seed of every draw.
    width
        Half widths: `valid`, or another function for comparison.

    Examples
    --------
    >>> run(20, 2_000, lift=0.5).power
    1.0
    """
    parts = []
    for number, start in enumerate(range(0, trials, CHUNK)):
        chance = np.random.default_rng([seed, number])
        shape = (min(CHUNK, trials - start), viewers)
        arm = chance.random(shape) < 0.5
        before, after = _minutes(chance, shape)
        after = np.where(arm, after * (1 + lift), after)
        n, value, deviation = _looks(arm, before, after, slice(least - 1, None, every), cuped=cuped)
        out = np.abs(value) > width(n, deviation, alpha)
        found = out.any(axis=1)
        at = np.argmax(out, axis=1)
        each = np.arange(shape[0])
        right = found & (np.sign(value[each, at]) == np.sign(lift)) & (lift != 0)
        parts.append((np.where(found, n[at], -1), right))
    return Trials(np.concatenate([a for a, _ in parts]), np.concatenate([b for _, b in parts]), viewers)


def _minutes(chance: np.random.Generator, shape: tuple[int, int]) -> tuple[Numbers, Numbers]:
    """Draw minutes before and after."""
    one, two = chance.standard_normal(shape), chance.standard_normal(shape)
    before = np.exp(3 + SPREAD * one)
    after = np.exp(3 + SPREAD * (ALIKE * one + (1 - ALIKE**2) ** 0.5 * two))
    return before, np.where(chance.random(shape) < IDLE, 0.0, after)


def _looks(
    arm: "NDArray[np.bool_]", x: Numbers, y: Numbers, at: slice, *, cuped: bool
) -> tuple[Numbers, Numbers, Numbers]:
    """Return viewers, relative lift and its deviation per viewer at each look."""
    total = np.arange(1, arm.shape[1] + 1, dtype=np.float64)[at]
    arms = []
    for mine in (~arm, arm):
        n = np.cumsum(mine, axis=1)[:, at].astype(np.float64)
        sums = [np.cumsum(np.where(mine, v, 0.0), axis=1)[:, at] / n for v in (x, y, x * x, x * y, y * y)]
        mx, my, xx, xy, yy = sums
        arms.append((n, mx, my, xx - mx * mx, xy - mx * my, yy - my * my))
    past = sum(n * vx for n, _, _, vx, _, _ in arms)
    theta = sum(n * cov for n, _, _, _, cov, _ in arms) / past if cuped else 0.0
    centre = sum(n * mx for n, mx, *_ in arms) / total
    means = [my - theta * (mx - centre) for _, mx, my, *_ in arms]
    spread = [(vy - 2 * theta * cov + theta**2 * vx) / n for n, _, _, vx, cov, vy in arms]
    ratio = means[1] / means[0]
    variance = (spread[1] + ratio**2 * spread[0]) / means[0] ** 2
    return total, ratio - 1, np.sqrt(total * variance)
