"""Columns of titles that derive from others: popularity, satisfaction, and the share of the tag vectors."""

import numpy as np

from online_models.jit import jit, jit_no_alloc
from online_models.tables.layout import I4, TAGS, Params, Titles

TINY = 1e-6
"""Least movement of a tag vector that is added to its titles."""


@jit
def publish_tags(titles: Titles, params: Params) -> None:
    """Add what the tag vectors learned since the last publication to the vectors of their titles."""
    # Loops, since numba takes seconds to compile array expressions, with their iterators and errors
    width, published = titles.out.shape[1], titles.tag_published
    more, way = np.empty(published.shape, np.float32), np.zeros(published.shape[0], np.float32)
    for g in range(way.size):
        for f in range(width + 1):
            more[g, f] = titles.tag_out[g, f] - published[g, f]
    moved = False
    for g in range(way.size):
        for f in range(width + 1):
            way[g] += more[g, f] * more[g, f]
        way[g] = np.sqrt(way[g])
        moved |= not way[g] <= TINY
    if not moved:  # saves the pass over all titles
        return
    for j in range(titles.size[0]):
        c = titles.share[j]
        for s in range(TAGS):
            g = titles.tags[j, s]
            if g < 0:  # tags are packed to the front
                break
            if way[g] > TINY:
                for f in range(width):
                    titles.out[j, f] += c * more[g, f]
                titles.bias[j] += c * more[g, width]
                titles.drift[j] += c * way[g]
        if titles.drift[j] > params.publish_drift:
            titles.changed[j] = 1
    for g in range(way.size):
        for f in range(width + 1):
            published[g, f] = titles.tag_out[g, f]
    titles.size[4] += 1


STALE = 50
"""``Titles.totals`` are stale when more than one in so many positives is new to them."""

FEW = 3
"""And when more positives are new to them than one for so many active titles: early on a fiftieth is few."""

SEASON = 2
"""Index of the half-life that the trending feature uses: a week."""

SATISFACTION = 3
"""Column of ``Titles.prior``: log-share of a title's outcomes that are no rejections."""

EVIDENCE = 20.0
"""Outcomes that the mean of all titles is worth as a prior, as in `artwork.bandit.BanditConfig`."""

BACKOFF = 0.55
"""Exponent of the popularity by which co-watch shares are discounted: the power of popularity that the
similarity leaves in (1 - alpha). HR@10 of the blend: .198 without, .201 with."""

BY_TREND, BY_WATCHES, MEAN, NEWEST = range(4)
"""Places of ``Titles.totals``: factors that turn counters into shares times the active titles, the share of
all outcomes that are no rejections, and the time to which counters decay."""


@jit_no_alloc
def update_prior(titles: Titles, params: Params, j: int) -> None:
    """Write a title's row of ``Titles.prior``: four numbers.

    The first two are recent and all-time popularity, log(floor + n share_j): 0 for the average title,
    log(floor) for a title without watches. The third is the factor of a co-watch share: popularity **
    -BACKOFF. The fourth is satisfaction: the logarithm of the title's share of outcomes that are no
    rejections, over that of all titles, smoothed by ``EVIDENCE`` outcomes.

    Shares are of the totals that `refresh_prior` has counted. So what is learned of a title moves its own row
    at once, and no other: one signal moves the lists of others by one title's popularity, and a refresh by
    how the totals have changed, not by all signals since the last one.
    """
    prior, floor, totals, recent = titles.prior, np.float32(params.floor), titles.totals, np.float32(0.0)
    if titles.trend[j, SEASON] > 0 and totals[BY_TREND] > 0:
        gap = (titles.trend_at[j] - totals[NEWEST]) / params.half_lives_ms[SEASON]
        recent = np.float32(min(totals[BY_TREND] * titles.trend[j, SEASON] * 2.0**gap, titles.size[1]))
    prior[j, 0] = np.log(floor + recent)  # at most all watches: after a pause of months the gap is large
    prior[j, 1] = np.log(floor + np.float32(totals[BY_WATCHES] * titles.watches[j]))
    prior[j, 2] = np.exp(np.float32(-BACKOFF) * prior[j, 1])
    mean, outcomes = totals[MEAN], titles.counts[j, 0] + titles.counts[j, 1]
    kept = (titles.counts[j, 0] + EVIDENCE * mean) / (outcomes + EVIDENCE)
    prior[j, SATISFACTION] = np.log(np.float32(kept / mean))


@jit
def update_priors(titles: Titles, params: Params, rows: I4) -> None:
    """Write some titles' rows of ``Titles.prior`` (`update_prior`)."""
    for j in rows:
        update_prior(titles, params, j)


@jit_no_alloc
def refresh_prior(titles: Titles, params: Params) -> None:
    """Write ``Titles.totals`` and all rows of ``Titles.prior``."""
    size, totals = titles.size[0], titles.totals
    newest, trending, watched, n = np.int64(0), 0.0, 0.0, titles.size[1]
    yes, no = 1e-9, 0.0  # not 0 / 0 without any outcome
    for j in range(size):
        newest = max(newest, titles.trend_at[j])
    for j in range(size):  # counters decay to one common time: that of the newest watch
        gap = (titles.trend_at[j] - newest) / params.half_lives_ms[SEASON]
        trending += titles.trend[j, SEASON] * 2.0**gap
        watched += titles.watches[j]
        yes += titles.counts[j, 0]
        no += titles.counts[j, 1]
    totals[BY_TREND] = n / trending if trending > 0 else 0.0
    totals[BY_WATCHES] = n / watched if watched > 0 else 0.0
    totals[MEAN], totals[NEWEST] = yes / (yes + no), newest
    for j in range(size):
        update_prior(titles, params, j)
    titles.size[3] = titles.size[2]


@jit_no_alloc
def is_stale(titles: Titles, more: int) -> bool:
    """Whether `totals` are stale after so many more positives (`STALE` and `FEW`)."""
    return bool(titles.size[2] + more - titles.size[3] > max(titles.size[3] // STALE, titles.size[1] // FEW))


@jit
def count_positives(titles: Titles, params: Params, more: int) -> None:
    """Count positives, and update the derived columns when they are stale (:func:`is_stale`).

    In the long run log-shares move by .02 between updates. When to update depends on the number of positives
    alone, not on how events were batched.
    """
    stale = is_stale(titles, more)
    titles.size[2] += more
    if stale:
        refresh_prior(titles, params)
        publish_tags(titles, params)
