r"""From moments to metrics: values and variances, adjusted by the viewers' past.

A mean per viewer is :math:`\bar y`. A ratio is :math:`R = \sum y / \sum d`, and to first order (the delta
method) the mean of :math:`z_v = R + (y_v - R d_v) / \bar d`: viewers are independent, impressions of one
viewer are not. Both are the mean of :math:`z_v = a \cdot c_v` up to a constant, so that one formula serves
both.

*CUPED* (Deng, Xu, Kohavi, Walker, WSDM 2013): with the covariate x, seconds watched before the first
exposure,

.. math:: z'_v = z_v - \theta (x_v - \bar x), \quad \theta = \frac{\sum_a n_a \mathrm{cov}_a(z, x)}
    {\sum_a n_a \mathrm{var}_a(x)}

has the same mean under random assignment, because x is independent of the arm, and its variance is smaller by
the squared correlation. :math:`\theta` and :math:`\bar x` are computed over all arms.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.experiments.moments import COUNTS, Moments
from schemas.experiments import Metric

__all__ = ["LOWER_IS_BETTER", "Estimate", "estimates", "of_metric"]

LOWER_IS_BETTER: Final = frozenset({Metric.ABANDONMENT})
"""Metrics for which a lower value is better."""

_AT: Final = {name: n for n, name in enumerate(COUNTS)}
_BEFORE: Final = _AT["before"]
_OF: Final[dict[Metric, tuple[str, str | None, float]]] = {
    Metric.WATCH_MINUTES: ("seconds", None, 1 / 60),
    Metric.QUALITY_WATCHES: ("quality_watches", None, 1.0),
    Metric.CLICK_THROUGH: ("clicks", "impressions", 1.0),
    Metric.COMPLETION: ("completions", "starts", 1.0),
    Metric.ABANDONMENT: ("abandoned", "starts", 1.0),
    Metric.LIST_DIVERSITY: ("distance", "pairs", 1e-3),
}
"""Numerator, denominator (None: per viewer), and the factor to the metric's unit."""


_ROUNDING: Final = 1e-12
"""A variance below this share of its terms is rounding: thousands of units in the last place."""


class Estimate(NamedTuple):
    """A metric of an arm."""

    viewers: int
    value: float
    """The observed value."""
    adjusted: float
    """The value adjusted by CUPED."""
    variance: float
    """Variance of one viewer's contribution to `adjusted`; divided by `viewers` it is the variance of the
    mean."""
    variance_left: float
    """Share of the variance that remains after CUPED; 1 if there is none."""


def of_metric(metric: Metric) -> tuple[str, str | None, float]:
    """Return numerator, denominator (None: per viewer), and the factor to the unit of a metric."""
    return _OF[metric]


def estimates(metric: Metric, arms: Sequence[Moments], *, cuped: bool = True) -> list[Estimate] | None:
    """Return a metric's estimate in every arm.

    Parameters
    ----------
    metric
        The metric.
    arms
        Moments of the arms.
    cuped
        Whether to adjust by the viewers' past.

    Returns
    -------
    list of Estimate, or None
        None if an arm has fewer than two viewers, or a denominator is 0.

    Examples
    --------
    >>> viewers = np.zeros((4, len(COUNTS)), np.int64); viewers[:, 3] = [0, 60, 120, 180]
    >>> [found] = estimates(Metric.WATCH_MINUTES, [Moments.of(viewers)])
    >>> found.value, found.variance
    (1.5, 1.6666666666666667)
    """
    above, below, factor = _OF[metric]
    if any(arm.viewers < 2 or (below and not arm.first[_AT[below]]) for arm in arms):
        return None
    means = [arm.means() for arm in arms]
    covariances = [arm.covariances() for arm in arms]
    values = [mean[_AT[above]] / (mean[_AT[below]] if below else 1.0) * factor for mean in means]
    parts = [_part(metric, mean, value) for mean, value in zip(means, values, strict=True)]
    theta = _theta(arms, parts, covariances) if cuped else 0.0
    total = sum(arm.viewers for arm in arms)
    centre = sum(arm.first[_BEFORE] for arm in arms) / total
    out = []
    for arm, mean, cov, value, part in zip(arms, means, covariances, values, parts, strict=True):
        raw, terms = float(part @ cov @ part), float(np.abs(part) @ np.abs(cov) @ np.abs(part))
        part[_BEFORE] -= theta
        variance = max(0.0, float(part @ cov @ part))
        adjusted = value - theta * (mean[_BEFORE] - centre)
        left = variance / raw if raw > _ROUNDING * terms else 1.0
        out.append(Estimate(arm.viewers, float(value), float(adjusted), variance, left))
    return out


def _part(metric: Metric, mean: "NDArray[np.float64]", value: float) -> "NDArray[np.float64]":
    """Return the vector a of z = a . c."""
    above, below, factor = _OF[metric]
    out = np.zeros(len(COUNTS))
    scale = factor / (mean[_AT[below]] if below else 1.0)
    out[_AT[above]] = scale
    if below:
        out[_AT[below]] -= scale * value / factor
    return out


def _theta(
    arms: Sequence[Moments],
    parts: "Sequence[NDArray[np.float64]]",
    covariances: "Sequence[NDArray[np.float64]]",
) -> float:
    """Return the slope of the metric over the covariate, pooled within arms."""
    with_past = sum(
        arm.viewers * float(part @ cov[:, _BEFORE])
        for arm, part, cov in zip(arms, parts, covariances, strict=True)
    )
    past = sum(arm.viewers * cov[_BEFORE, _BEFORE] for arm, cov in zip(arms, covariances, strict=True))
    return float(with_past / past) if past > 0 else 0.0
