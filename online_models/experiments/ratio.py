r"""Whether the split is what it should be, asked after every viewer.

The sequential test of Lindon and Malek (arXiv 2011.01808): with planned shares :math:`\theta` and counts
:math:`n_i`, a Dirichlet prior of concentration c around :math:`\theta` under the alternative gives the Bayes
factor

.. math:: BF = \frac{\Gamma(c)}{\Gamma(c + n)} \prod_i \frac{\Gamma(c\theta_i + n_i)}
    {\Gamma(c\theta_i)\, \theta_i^{n_i}}, \qquad p_t = \min(1, \min_{s \le t} 1 / BF_s)

which by Ville's inequality is a p-value at all moments together. O(arms) a look.
"""

from collections.abc import Sequence
from math import exp, lgamma, log
from typing import Final

__all__ = ["CONCENTRATION", "FAILED", "log_bayes_factor", "sample_ratio_p"]

CONCENTRATION: Final = 10_000.0
"""Of the prior: looks for deviations of about a per cent (the paper's choice)."""
FAILED: Final = 0.001
"""p below which nothing is read: at .05 half of the alarms would be false, at .001 2 % (GrowthBook)."""


def log_bayes_factor(counts: Sequence[int], shares: Sequence[float]) -> float:
    """Return the logarithm of the Bayes factor against the planned shares.

    Parameters
    ----------
    counts
        Viewers of each arm.
    shares
        Planned shares of the arms, in any unit.

    Examples
    --------
    >>> log_bayes_factor([0, 0], [0.5, 0.5])
    0.0
    >>> log_bayes_factor([5_300, 4_700], [0.5, 0.5]) > 7
    True
    """
    total, n = sum(shares), sum(counts)
    out = lgamma(CONCENTRATION) - lgamma(CONCENTRATION + n)
    for count, share in zip(counts, shares, strict=True):
        theta = share / total
        out += lgamma(CONCENTRATION * theta + count) - lgamma(CONCENTRATION * theta) - count * log(theta)
    return out


def sample_ratio_p(before: float, counts: Sequence[int], shares: Sequence[float]) -> float:
    """Return the sequential p-value after another look.

    Parameters
    ----------
    before
        The value after the last look; 1 at first.
    counts, shares
        As for `log_bayes_factor`.

    Examples
    --------
    >>> sample_ratio_p(1.0, [510, 490], [0.5, 0.5])
    1.0
    >>> sample_ratio_p(1.0, [5_400, 4_600], [0.5, 0.5]) < FAILED
    True
    """
    return min(before, exp(min(0.0, -log_bayes_factor(counts, shares))))
