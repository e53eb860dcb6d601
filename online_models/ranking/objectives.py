r"""Objectives of ranking besides the choice of a title: length, completion, satisfaction.

A blended score is the logarithm of the odds that a title is chosen. An objective multiplies these odds,

.. math:: \log o'_{uj} = \log o_{uj} + a \log \frac{d_j}{\bar d} + b \log \frac{c_j}{\bar c}
    + e \log \frac{s_j}{\bar s}

with the exponents of the treatment and, of title j,

* :math:`d_j` its length: with a = 1 titles are ranked by the expected watch time, if the share watched does
not
  depend on the length;
* :math:`c_j` the mean weight of its positives, which grows with the share watched among titles of similar
length
  (`online_models.feedback.watch_time`) and with thumbs;
* :math:`s_j` the share of its feedback that is no rejection.

The last two are counters, smoothed by `EVIDENCE` feedbacks of the mean over all titles. Learning stays the
same: all arms share vectors, counters and weights, so that arms can be compared. An objective that changed
the reward itself would change the lists of every other arm too; that needs a version of the model.
"""

import numpy as np

from online_models.catalog.catalog import Catalog
from online_models.tables.derived_columns import EVIDENCE
from online_models.tables.layout import F4, F8, Titles
from schemas.experiments import Treatment

__all__ = ["EVIDENCE", "objective"]

POSITIVES, REJECTIONS = 0, 1
"""Columns of ``Titles.counts``."""


def objective(titles: Titles, catalog: Catalog, treatment: Treatment, size: int) -> F4 | None:
    """Return the addition of an objective to each title's score: [size]; None if there is no objective.

    Parameters
    ----------
    titles
        Counters.
    catalog
        Lengths; a title without one counts as one of mean length.
    treatment
        Exponents.
    size
        Number of rows.
    """
    weights = (treatment.watch_time, treatment.completion, treatment.satisfaction)
    if not any(weights):
        return None
    lengths, enjoyed, kept = (weight or 0.0 for weight in weights)
    out = np.zeros(size)
    if lengths:
        out += lengths * _long(catalog.facts.durations_s(size))
    counts = titles.counts[:size].astype(np.float64)
    positives = counts[:, POSITIVES]
    if enjoyed:
        out += enjoyed * _lifted(titles.watches[:size], positives)
    if kept:
        out += kept * _lifted(positives, positives + counts[:, REJECTIONS])
    return out.astype(np.float32)


def _long(seconds: F8) -> F8:
    """Return the logarithm of each length over the geometric mean.

    Examples
    --------
    >>> _long(np.array([np.e, np.e**3, 0.0])).tolist()
    [-1.0, 1.0, 0.0]
    """
    known = seconds > 0
    out = np.zeros(seconds.size)
    out[known] = np.log(seconds[known])
    if known.any():
        out[known] -= out[known].mean()
    return out


def _lifted(wins: F8, trials: F8) -> F8:
    """Return the logarithm of each smoothed rate over the rate of all together; 0 without any trial.

    Examples
    --------
    >>> _lifted(np.array([30.0, 10.0]), np.array([40.0, 40.0])).round(2).tolist()
    [0.29, -0.41]
    """
    mean = wins.sum() / max(float(trials.sum()), 1e-30)
    if not mean > 0:
        return np.zeros(wins.size)
    out: F8 = np.log((wins + EVIDENCE * mean) / ((trials + EVIDENCE) * mean))
    return out
