"""Titles like one: its co-watch neighbours, with popularity divided out."""

import numpy as np
from numpy.typing import ArrayLike

from online_models.tables.layout import F8

__all__ = ["similarities"]


def similarities(weights: ArrayLike, watches: ArrayLike, own_watches: float, *, alpha: float) -> F8:
    r"""Return the similarity of a title and each of its neighbours, as the co-watch expert scores it.

    .. math:: s_j = C_{ij} (n_i n_j)^{-\alpha}

    Parameters
    ----------
    weights
        Co-watch weights of the neighbours, shape [k].
    watches
        Watches of the neighbours, shape [k]; fewer than one count as one.
    own_watches
        Watches of the title.
    alpha
        Exponent of the popularity that is divided out (:attr:`online_models.config.CoWatchConfig.alpha`).

    Returns
    -------
    ndarray of float64, shape [k]

    Examples
    --------
    >>> similarities([4.0, 4.0], [100.0, 4.0], 25.0, alpha=0.5).tolist()
    [0.08, 0.4]
    """
    n = np.maximum(np.asarray(watches, np.float64), 1.0) * max(own_watches, 1.0)
    scores: F8 = np.asarray(weights, np.float64) * n**-alpha
    return scores
