"""The learned blend: an online multinomial logit over what the experts say of a title.

With the features ``f_e(j)`` of the candidates ``j`` (the factorization's score; log-shares of the others) and
the weights ``w`` of the viewer's context, a list is ranked by ``sum_e w_e f_e(j)``. How the weights learn
stands in ``choice``: an event that is tested has had all its candidates scored, and costs little more.

Source: log-linear opinion pools (Genest and Zidek, 1986), learned as in multinomial logit (McFadden, 1974).
Equal weights reach HR@10 .166 where learned ones reach .195; Hedge .172.
"""

import numpy as np

from online_models.jit import jit, jit_no_alloc
from online_models.learners.tag_vectors import tell_titles
from online_models.tables.layout import F4, F8, I4, I8, Params, Scratch, Titles, Viewers

EXPERTS = 5
FACTORIZATION, COWATCH, COWATCH_LONG, TRENDING, POPULARITY = range(EXPERTS)
DEPTHS = 6
"""Contexts by liked titles: 1, 2-3, 4-7, 8-15, 16-31, 32 and more (HR@10 +.001 against one for all)."""
CONTEXTS = 2 * DEPTHS
"""... each at the start of a sitting and within it (+.0002 raw, +.0008 shuffled)."""
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
def context_of(viewers: Viewers, params: Params, v: int, now: int) -> int:
    """Return the context of a viewer at a time."""
    liked, depth = viewers.positives[v], 0
    while liked > 1 and depth < DEPTHS - 1:
        liked >>= 1
        depth += 1
    return 2 * depth + int(now - viewers.last_at[v] > params.sitting_ms)


@jit_no_alloc
def contexts_of(viewers: Viewers, params: Params, slots: I4, now: int, out: I8) -> None:
    """Write the contexts of many viewers."""
    for q in range(slots.size):
        out[q] = context_of(viewers, params, slots[q], now)


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
        gap = (titles.trend_at[j] - newest) / params.half_lives[SEASON]
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


@jit_no_alloc
def weigh(weights: F8, context: int, out: F8) -> None:
    """Write the weights of a context."""
    for e in range(EXPERTS):
        out[e] = weights[0, e] + weights[1 + context, e]


@jit
def blended(
    titles: Titles, params: Params, weights: F8, context: int, stamp: int, work: Scratch, score: F4
) -> int:
    """Turn raw scores (rows 1 to 3: factorization and both co-watches) into features, and blend (row 0).

    Candidates are the active titles that do not bear the stamp; other entries mean nothing. Rows 4 and 5 are
    not touched: their features stand in ``Titles.prior``. Returns the number of candidates.
    """
    w, prior = np.empty(EXPERTS), titles.prior
    weigh(weights, context, w)
    near, far, n = 0.0, 0.0, 0
    for a in range(titles.size[1]):
        j = titles.active[a]
        if work.mark[j] != stamp:
            n += 1
            near += score[1 + COWATCH, j]
            far += score[1 + COWATCH_LONG, j]
    one = np.float32(1.0)
    by_near = np.float32(n / (params.floor * near)) if near > 0 else np.float32(0.0)
    by_far = np.float32(n / (params.floor * far)) if far > 0 else np.float32(0.0)
    for a in range(titles.size[1]):
        j = titles.active[a]
        if score[1 + COWATCH_LONG, j] > 0 or score[1 + COWATCH, j] > 0:
            score[1 + COWATCH, j] = np.log(one + by_near * prior[j, 2] * score[1 + COWATCH, j])
            score[1 + COWATCH_LONG, j] = np.log(one + by_far * prior[j, 2] * score[1 + COWATCH_LONG, j])
        total = w[TRENDING] * prior[j, 0] + w[POPULARITY] * prior[j, 1]
        total += params.satisfaction * prior[j, SATISFACTION]
        for e in range(3):
            total += w[e] * score[1 + e, j]
        score[0, j] = total
    return n
