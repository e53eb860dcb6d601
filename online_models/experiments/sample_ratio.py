r"""Sequential test of the split: whether the arms have viewers in the planned proportions.

The sequential test of Lindon and Malek (arXiv 2011.01808): with planned shares :math:`\theta` and counts
:math:`n_i`, a Dirichlet prior of concentration c around :math:`\theta` under the alternative gives the Bayes
factor

.. math:: BF = \frac{\Gamma(c)}{\Gamma(c + n)} \prod_i \frac{\Gamma(c\theta_i + n_i)}
    {\Gamma(c\theta_i)\, \theta_i^{n_i}}, \qquad p_t = \min(1, \min_{s \le t} 1 / BF_s)

which by Ville's inequality is a p-value that is valid at all times simultaneously. An update costs O(arms).

The paper's concentration of 10,000 detects deviations of one per cent, but detects large deviations late: 7
of 172 viewers in one of two equal arms give p = .29. BF here is the mean over several concentrations, which
is a Bayes factor as well (a mixture of priors): the same counts give p < 1e-30; a small deviation costs a
factor of 4.
"""

from collections.abc import Sequence
from math import exp, lgamma, log
from typing import Final

__all__ = ["CONCENTRATIONS", "FAILED", "log_bayes_factor", "log_mixture", "sample_ratio_p"]

CONCENTRATIONS: Final = (10.0, 100.0, 1_000.0, 10_000.0)
"""Concentrations of the priors: for deviations of about 30, 10, 3 and 1 per cent (the paper uses the
last)."""
FAILED: Final = 0.001
"""p below which results are withheld: at .05 half of the alarms are false, at .001 2 % (GrowthBook)."""


def log_bayes_factor(
    counts: Sequence[int], shares: Sequence[float], concentration: float = CONCENTRATIONS[-1]
) -> float:
    """Return the logarithm of the Bayes factor against the planned shares.

    Parameters
    ----------
    counts
        Viewers of each arm.
    shares
        Planned shares of the arms, in any unit.
    concentration
        Concentration of the prior around the shares.

    Examples
    --------
    >>> log_bayes_factor([0, 0], [0.5, 0.5])
    0.0
    >>> log_bayes_factor([5_300, 4_700], [0.5, 0.5]) > 7
    True
    """
    total, n = sum(shares), sum(counts)
    out = lgamma(concentration) - lgamma(concentration + n)
    for count, share in zip(counts, shares, strict=True):
        theta = share / total
        out += lgamma(concentration * theta + count) - lgamma(concentration * theta) - count * log(theta)
    return out


def log_mixture(counts: Sequence[int], shares: Sequence[float]) -> float:
    """Return the logarithm of the mean Bayes factor over `CONCENTRATIONS`.

    Examples
    --------
    >>> log_mixture([0, 0], [0.5, 0.5]), log_mixture([165, 7], [0.5, 0.5]) > 70
    (0.0, True)
    """
    logs = [log_bayes_factor(counts, shares, concentration) for concentration in CONCENTRATIONS]
    most = max(logs)
    return most + log(sum(exp(one - most) for one in logs) / len(logs))


def sample_ratio_p(before: float, counts: Sequence[int], shares: Sequence[float]) -> float:
    """Return the updated sequential p-value.

    Parameters
    ----------
    before
        The value after the previous update; 1 at first.
    counts, shares
        As for `log_bayes_factor`.

    Examples
    --------
    >>> sample_ratio_p(1.0, [510, 490], [0.5, 0.5])
    1.0
    >>> sample_ratio_p(1.0, [5_400, 4_600], [0.5, 0.5]) < FAILED
    True
    """
    return min(before, exp(min(0.0, -log_mixture(counts, shares))))
