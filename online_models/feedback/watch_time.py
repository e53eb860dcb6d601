"""Watch time without duration bias: its quantile among playbacks of titles of similar length (D2Q).

Long titles are watched for longer by everyone, and for smaller shares. Among titles of similar length the
rank of a watch time tells how much a viewer liked the title: Zhan et al., "Deconfounding duration bias in
watch-time prediction", KDD 2022. They take quantiles of a nightly batch; here they come from streaming
histograms, one set a viewers partition, stored as a row of the partition.

Buckets of duration are half an octave wide: under 85 s, under 2 minutes, ..., under 2 hours, ..., 3 hours and
more. A playback is one observation; when it continues, its observation moves. When a bucket exceeds its
memory, all its bins are halved: old observations fade, counts stay whole numbers, and the work is O(1) an
observation (64 shifts every few thousand events).
"""

import numpy as np
from numpy.typing import NDArray

from online_models.errors import ConfigMismatchError
from online_models.jit import jit_inline
from online_models.tables.feedback_layout import BINS, BUCKETS
from online_models.tables.layout import Params, Viewers

__all__ = ["EMPTY", "Counts", "load", "merge", "take_moved"]


Counts = NDArray[np.uint16]
"""[BUCKETS * BINS] playbacks, bucket after bucket of duration, bin after bin of the share watched."""
EMPTY: Counts = np.zeros(BUCKETS * BINS, np.uint16)
"""Counts of a partition without playbacks."""


def take_moved(viewers: Viewers) -> Counts | None:
    """Return a copy of the counts if any changed since the last call, else None."""
    if not viewers.watch_moved[0]:
        return None
    viewers.watch_moved[0] = 0
    return viewers.watch_time.ravel().copy()


def load(viewers: Viewers, counts: Counts) -> None:
    """Load counts.

    Raises
    ------
    ConfigMismatchError
        Their number is not that of all bins.
    """
    if counts.size != BUCKETS * BINS:
        msg = f"watch times have {counts.size} counts, not {BUCKETS} x {BINS}"
        raise ConfigMismatchError(msg)
    viewers.watch_time[:] = counts.reshape(BUCKETS, BINS)


def merge(*parts: Counts, memory: int) -> Counts:
    """Add the counts of several partitions; a bucket that exceeds its memory is halved.

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


EDGES = np.round(60.0 * 2.0 ** (np.arange(1, BUCKETS) / 2.0))
"""Upper ends of all buckets but the last, whole seconds: 85 to 10,861, in ratios of the square root of 2."""


@jit_inline
def bucket_of(duration: float) -> int:
    """Return the bucket of a duration in seconds."""
    b = 0
    while b < EDGES.size and duration >= EDGES[b]:
        b += 1
    return b


@jit_inline
def bin_of(share: float) -> int:
    """Return the bin of a share of the duration, 0 to 1."""
    return min(int(share * BINS), BINS - 1)


@jit_inline
def total_of(counts: Counts) -> int:
    """Return how many playbacks a bucket holds."""
    total = 0
    for k in range(BINS):
        total += counts[k]
    return total


@jit_inline
def observe_share(viewers: Viewers, params: Params, bucket: int, b: int) -> None:
    """Count a playback."""
    counts = viewers.watch_time[bucket]
    counts[b] += 1
    if total_of(counts) > params.reward.quantile_memory:
        for k in range(BINS):
            counts[k] >>= 1
    viewers.watch_moved[0] = 1


@jit_inline
def withdraw_share(viewers: Viewers, bucket: int, b: int) -> None:
    """Remove an observation that is about to move, unless halving has removed it already."""
    if viewers.watch_time[bucket, b] > 0:
        viewers.watch_time[bucket, b] -= 1


@jit_inline
def quantile(viewers: Viewers, params: Params, duration: float, share: float) -> float:
    """Return the fraction of the bucket's playbacks with at most this share watched.

    Returns the share itself while the bucket holds too few playbacks.
    """
    counts = viewers.watch_time[bucket_of(duration)]
    total = total_of(counts)
    if total < params.reward.quantile_from:
        return share
    below = 0
    for k in range(bin_of(share) + 1):
        below += counts[k]
    return float(below / total)
