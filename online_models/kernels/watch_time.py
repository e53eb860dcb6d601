"""How long titles of like length are watched: a histogram of shares for each bucket of duration.

Buckets are half an octave wide: under 85 s, under two minutes, ..., under two hours, ..., three hours and
more. A playback is one observation; when it goes on, its observation moves. When a bucket holds more than its
memory, all its bins are halved: the past fades, the counts stay whole numbers, and the work is O(1) for each
observation (64 shifts in thousands of events).
"""

import numpy as np

from online_models.kernels.layout import Params, Viewers, inlined
from online_models.kernels.reward_layout import BINS, BUCKETS

EDGES = np.round(60.0 * 2.0 ** (np.arange(1, BUCKETS) / 2.0))
"""Upper ends of all buckets but the last, whole seconds: 85 to 10,861, in ratios of the root of 2."""


@inlined
def bucket_of(duration: float) -> int:
    """Return the bucket of a duration in seconds."""
    b = 0
    while b < EDGES.size and duration >= EDGES[b]:
        b += 1
    return b


@inlined
def bin_of(share: float) -> int:
    """Return the bin of a share of the duration, 0 to 1."""
    return min(int(share * BINS), BINS - 1)


@inlined
def observe_share(viewers: Viewers, params: Params, bucket: int, b: int) -> None:
    """Count a playback."""
    counts = viewers.watch_time[bucket]
    counts[b] += 1
    if counts.sum() > params.reward.quantile_memory:
        for k in range(BINS):
            counts[k] >>= 1
    viewers.watch_moved[0] = 1


@inlined
def withdraw_share(viewers: Viewers, bucket: int, b: int) -> None:
    """Take back an observation that is about to move; one that was halved away meanwhile is gone."""
    if viewers.watch_time[bucket, b] > 0:
        viewers.watch_time[bucket, b] -= 1


@inlined
def quantile(viewers: Viewers, params: Params, duration: float, share: float) -> float:
    """Return the part of the bucket's playbacks that were watched as long or shorter.

    The share itself as long as the bucket holds too few.
    """
    counts = viewers.watch_time[bucket_of(duration)]
    total = counts.sum()
    if total < params.reward.quantile_from:
        return share
    below = 0
    for k in range(bin_of(share) + 1):
        below += counts[k]
    return float(below / total)
