r"""What a policy would have earned, from the log of another: replay, IPS, SNIPS.

Each logged decision says which arm was shown, how likely that was (its propensity p), and what it earned (r).
With pi the probability that the new policy would have shown the same arm,

.. math::

    \text{IPS} = \frac1n \sum_i \frac{\pi_i}{p_i} r_i \qquad
    \text{SNIPS} = \frac{\sum_i (\pi_i / p_i)\, r_i}{\sum_i \pi_i / p_i}

IPS is unbiased while every p is above 0; SNIPS is biased by O(1/n) and varies less (Swaminathan and Joachims,
NIPS 2015). *Replay* (Li et al., WSDM 2011) keeps the decisions on which both agree, each weighted by 1/p; for
a policy that does not draw it is SNIPS. Standard errors are those of means and, for the ratio, of its
linearisation (the delta method).
"""

from typing import NamedTuple

import numpy as np

from online_models.kernels.layout import F8

__all__ = ["Estimate", "ips", "snips"]


class Estimate(NamedTuple):
    """An estimate of the reward per decision."""

    value: float
    error: float
    """Its standard error."""
    effective: float
    """Decisions that it amounts to: (sum w)^2 / sum w^2 with w = pi / p (Kish)."""

    def interval(self, z: float = 1.96) -> tuple[float, float]:
        """Return the normal interval: 95 % by default."""
        return self.value - z * self.error, self.value + z * self.error


def ips(chance: F8, propensity: F8, reward: F8) -> Estimate:
    """Estimate by inverse propensity scoring.

    Parameters
    ----------
    chance
        [n] probability with which the new policy shows the arm that was shown.
    propensity
        [n] probability with which it was shown, above 0.
    reward
        [n] what it earned.

    Examples
    --------
    >>> one = np.array([1.0, 1.0, 0.0, 0.0])
    >>> ips(one, np.full(4, 0.5), np.array([1.0, 0.0, 1.0, 1.0])).value
    0.5
    """
    weight = chance / propensity
    earned = weight * reward
    n = max(earned.size, 1)
    error = float(earned.std(ddof=1)) / n**0.5 if earned.size > 1 else float("inf")
    return Estimate(float(earned.sum()) / n, error, _effective(weight))


def snips(chance: F8, propensity: F8, reward: F8) -> Estimate:
    """Estimate by the self-normalised sum; parameters as of :func:`ips`. NaN where the policies never agree.

    Examples
    --------
    >>> one = np.array([1.0, 1.0, 0.0, 0.0])
    >>> snips(one, np.full(4, 0.5), np.array([1.0, 0.0, 1.0, 1.0])).value
    0.5
    """
    weight = chance / propensity
    total = float(weight.sum())
    if total == 0:
        return Estimate(float("nan"), float("inf"), 0.0)
    value = float((weight * reward).sum()) / total
    error = float(np.sqrt(((weight * (reward - value)) ** 2).sum())) / total
    return Estimate(value, error, _effective(weight))


def _effective(weight: F8) -> float:
    square = float((weight**2).sum())
    return float(weight.sum()) ** 2 / square if square > 0 else 0.0
