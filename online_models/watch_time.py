"""Watch time without its duration bias: the quantile among playbacks of titles of like length (D2Q).

Long titles are watched for longer whoever likes them, and for smaller shares. Among titles of like length the
rank of a watch time says how much it was liked: Zhan et al., "Deconfounding duration bias in watch-time
prediction", KDD 2022. Theirs are the quantiles of a night's batch; these come from streaming histograms
(`kernels.watch_time`), one set for each viewers partition, whose row it is in store and changelog.
"""

import numpy as np
from numpy.typing import NDArray

from online_models.errors import ConfigMismatchError
from online_models.kernels.layout import Viewers
from online_models.kernels.reward_layout import BINS, BUCKETS

__all__ = ["EMPTY", "Counts", "load", "merge", "take_moved"]

Counts = NDArray[np.uint16]
"""[BUCKETS * BINS] playbacks, bucket after bucket of duration, bin after bin of the share watched."""
EMPTY: Counts = np.zeros(BUCKETS * BINS, np.uint16)
"""Of a partition without playbacks."""


def take_moved(viewers: Viewers) -> Counts | None:
    """Return a copy of the counts if one moved since the last call."""
    if not viewers.watch_moved[0]:
        return None
    viewers.watch_moved[0] = 0
    return viewers.watch_time.ravel().copy()


def load(viewers: Viewers, counts: Counts) -> None:
    """Take counts over.

    Raises
    ------
    ConfigMismatchError
        There are more or fewer than buckets and bins.
    """
    if counts.size != BUCKETS * BINS:
        msg = f"the watch times are {counts.size} counts, not {BUCKETS} x {BINS}"
        raise ConfigMismatchError(msg)
    viewers.watch_time[:] = counts.reshape(BUCKETS, BINS)


def merge(*parts: Counts, memory: int) -> Counts:
    """Add the counts of several partitions; a bucket that holds more than its memory is halved.

    Examples
    --------
    >>> one = EMPTY.copy()
    >>> one[:2] = 300, 100
    >>> merge(one, one, memory=1_000)[:2].tolist(), merge(one, one, memory=500)[:2].tolist()
    ([600, 200], [300, 100])
    """
    total = np.sum([part.astype(np.int64) for part in parts], axis=0).reshape(BUCKETS, BINS)
    while (full := total.sum(axis=1) > memory).any():
        total[full] >>= 1
    out: Counts = total.ravel().astype(np.uint16)
    return out
