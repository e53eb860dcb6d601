"""Columns of the titles' table that follow from others: log-shares of watches, and what tags have learned."""

import numpy as np

from online_models.jit import jit, jit_no_alloc
from online_models.tables.layout import TAGS, Params, Titles

TINY = 1e-6
"""A tag that moved less is not worth a pass over its titles."""


@jit
def tell_titles(titles: Titles, params: Params) -> None:
    """Let the titles know what their tags have learned since they were last told."""
    # Loops: for numpy's expressions numba compiles iterators and the words of their errors, seconds of work
    width, told = titles.out.shape[1], titles.tag_told
    more, way = np.empty(told.shape, np.float32), np.zeros(told.shape[0], np.float32)
    for g in range(way.size):
        for f in range(width + 1):
            more[g, f] = titles.tag_out[g, f] - told[g, f]
    moved = False
    for g in range(way.size):
        for f in range(width + 1):
            way[g] += more[g, f] * more[g, f]
        way[g] = np.sqrt(way[g])
        moved |= not way[g] <= TINY
    if not moved:
        return
    for j in range(titles.size[0]):
        c = titles.share[j]
        for s in range(TAGS):
            g = titles.tags[j, s]
            if g < 0:
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
            told[g, f] = titles.tag_out[g, f]
    titles.size[4] += 1


STALE = 50
"""Part of the positives that may be new to ``Titles.prior``."""

FEW = 3
"""Part of the active titles that as many positives may be new to it: early on a fiftieth is few."""

SEASON = 2
"""The half-life, of the configured ones, that the trending feature counts by: a week."""

SATISFACTION = 3
"""Column of ``Titles.prior``: how few turn a title down."""

EVIDENCE = 20.0
"""Verdicts that a title's mean over all titles is worth: as a bandit's prior (`bandits.BanditConfig`)."""

BACKOFF = 0.55
"""What a title that nobody's neighbour lists name gets of a co-watch share: popularity to this power, the one
that the similarity leaves in (1 - alpha). HR@10 of the blend .198 without, .201 with."""


@jit_no_alloc
def refresh_prior(titles: Titles, params: Params) -> None:
    """Write what everybody watches, of late and ever, as log-shares log(floor + n share_j), and the backoff.

    0 is about the average title; a title that nobody watches has log(floor). The third number is what a
    co-watch share is multiplied by: popularity ** -BACKOFF. The fourth is the logarithm of the share of the
    title's verdicts that do not turn it down over that of all titles, smoothed by ``EVIDENCE`` verdicts.
    """
    size = titles.size[0]
    newest, trending, watched, n = np.int64(0), 0.0, 0.0, titles.size[1]
    prior, floor = titles.prior, np.float32(params.floor)
    yes, no = 1e-9, 0.0
    for j in range(size):
        newest = max(newest, titles.trend_at[j])
    for j in range(size):
        gap = (titles.trend_at[j] - newest) / params.half_lives_ms[SEASON]
        prior[j, 0] = titles.trend[j, SEASON] * 2.0**gap
        trending += prior[j, 0]
        watched += titles.watches[j]
        yes += titles.counts[j, 0]
        no += titles.counts[j, 1]
    by_trend = np.float32(n / trending) if trending > 0 else np.float32(0.0)
    by_watches = np.float32(n / watched) if watched > 0 else np.float32(0.0)
    mean = yes / (yes + no)
    for j in range(size):
        prior[j, 0] = np.log(floor + by_trend * prior[j, 0])
        prior[j, 1] = np.log(floor + by_watches * np.float32(titles.watches[j]))
        prior[j, 2] = np.exp(np.float32(-BACKOFF) * prior[j, 1])
        verdicts = titles.counts[j, 0] + titles.counts[j, 1]
        kept = (titles.counts[j, 0] + EVIDENCE * mean) / (verdicts + EVIDENCE)
        prior[j, SATISFACTION] = np.log(np.float32(kept / mean))
    titles.size[3] = titles.size[2]


@jit_no_alloc
def due(titles: Titles, more: int) -> bool:
    """Say whether so many more positives are a fiftieth of all, and a third of the active titles."""
    return bool(titles.size[2] + more - titles.size[3] > max(titles.size[3] // STALE, titles.size[1] // FEW))


@jit
def count_positives(titles: Titles, params: Params, more: int) -> None:
    """Count positives; when they have grown enough (:func:`due`), bring what is derived up to date.

    What everybody watches is worked out anew (in the long run log-shares have moved by .02 by then), and tags
    tell their titles what they have learned. It depends on the events alone, not on how they were batched.
    """
    stale = due(titles, more)
    titles.size[2] += more
    if stale:
        refresh_prior(titles, params)
        tell_titles(titles, params)
