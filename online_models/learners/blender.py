"""The learned blend: an online multinomial logit over the scores of the experts.

With the features ``f_e(j)`` of the candidates ``j`` (the factorization's score; log-shares of the others) and
the weights ``w`` of the viewer's context, a list is ranked by ``sum_e w_e f_e(j)``. An event that is tested
before it is learned has all its candidates scored already; `learn_weights` then takes one step of the
weights.

A title ``t`` that was chosen among rivals ``R`` moves the weights of the viewer's context by the gradient of
the log-likelihood of the choice,

    w_e += rate * clip(f_e(t) - sum_{j in R + t} p_j f_e(j))        p = softmax of the blend over R + t

If the title was chosen from a list that the viewer saw (``feedback.impression_counts``), the rivals are the
other titles seen on that list, and the step is multiplied by 1 / propensity of the title's place there,
bounded: otherwise titles that are shown rarely would hardly count.

If no list is known, the rivals are the candidates that the blend scores best, and a title that is not among
them moves nothing: lists show no others, and what separates the thousandth title from the two thousandth does
not separate the first from the tenth. The weights of a context are global weights plus the context's own
difference; both take the step, so that a context seen rarely stays near the others.

Source: log-linear opinion pools (Genest and Zidek, 1986), learned as in multinomial logit (McFadden, 1974).
HR@10 on MovieLens-100K: equal weights .166, Hedge .172, learned weights .195.
"""

import numpy as np

from online_models.feedback.impression_counts import choice_set
from online_models.jit import jit, jit_inline, jit_no_alloc
from online_models.tables.derived_columns import SATISFACTION
from online_models.tables.feedback_layout import SHOWN
from online_models.tables.layout import F4, F8, I4, I8, Params, Real, Scratch, Titles, Viewers
from online_models.tables.top_k import sift

EXPERTS = 5
FACTORIZATION, COWATCH, COWATCH_LONG, TRENDING, POPULARITY = range(EXPERTS)
DEPTHS = 6
"""Contexts by liked titles: 1, 2-3, 4-7, 8-15, 16-31, 32 and more (HR@10 +.001 against one for all)."""
CONTEXTS = 2 * DEPTHS
"""Each of these at the start of a session and within it (HR@10 +.0002 raw, +.0008 shuffled)."""


@jit_no_alloc
def context_of(viewers: Viewers, params: Params, v: int, now: int) -> int:
    """Return the context of a viewer at a time."""
    liked, depth = viewers.positives[v], 0
    while liked > 1 and depth < DEPTHS - 1:
        liked >>= 1
        depth += 1
    return 2 * depth + int(now - viewers.last_at[v] > params.session_gap_ms)


@jit_no_alloc
def contexts_of(viewers: Viewers, params: Params, slots: I4, now: int, out: I8) -> None:
    """Write the contexts of many viewers."""
    for q in range(slots.size):
        out[q] = context_of(viewers, params, slots[q], now)


@jit_no_alloc
def weights_in(weights: F8, context: int, out: F8) -> None:
    """Write the weights of a context."""
    for e in range(EXPERTS):
        out[e] = weights[0, e] + weights[1 + context, e]


LEAST_SUM = 1e-12
"""Sum of neighbour weights below which they say nothing: divided by it, shares become infinite in single
precision, and products with them NaN. A pair of titles with a million watches each, ten titles back, has
4e-7."""


@jit_inline
def scale_of(params: Params, n: int, total: Real) -> np.float32:
    """Return by what a title's sum of neighbour weights is multiplied: ``n / (floor total)``.

    So it becomes what the title has of ``total``, that of all ``n`` candidates, as a multiple of the average
    and of the floor.
    """
    return np.float32(n / (params.floor * total)) if total > LEAST_SUM else np.float32(0.0)


@jit
def blend_scores(
    titles: Titles, params: Params, weights: F8, context: int, stamp: int, work: Scratch, score: F4
) -> int:
    """Turn raw scores (rows 1 to 3: factorization and both co-watches) into features, and blend (row 0).

    Candidates are the active titles without the stamp; other entries are undefined. Rows 4 and 5 stay as they
    are: their features are in ``Titles.prior``. Returns the number of candidates.
    """
    w, prior = np.empty(EXPERTS), titles.prior
    weights_in(weights, context, w)
    near, far, n = 0.0, 0.0, 0
    for a in range(titles.size[1]):
        j = titles.active[a]
        if work.mark[j] != stamp:
            n += 1
            near += score[1 + COWATCH, j]
            far += score[1 + COWATCH_LONG, j]
    one = np.float32(1.0)
    by_near, by_far = scale_of(params, n, near), scale_of(params, n, far)
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


CLIP = 5.0
"""Bound of a feature's gradient: one unlikely choice must not reverse a weight."""
MAX_WEIGHT = 4.0
"""Bound of a weight, far beyond any learned one (-.3 to 1.2): so scores stay finite."""


@jit_no_alloc
def best_candidates(titles: Titles, stamp: int, work: Scratch, score: F4, kept: F4, out: I4) -> None:
    """Write the rows of the best-scored candidates into ``out``, in no order, then -1.

    Candidates are the active titles without the stamp; ``kept`` is working memory for as many scores. ``out``
    and ``kept`` are a heap with the least score first, which is replaced.
    """
    kept[:] = -np.inf
    out[:] = -1
    for a in range(titles.size[1]):
        j = titles.active[a]
        if score[j] > kept[0] and work.mark[j] != stamp:
            sift(kept, out, out.size, score[j], j)


@jit
def learn_choice(
    titles: Titles, params: Params, weights: F8, context: int, target: int, among: I4, odds: float, score: F4
) -> None:
    """Take the step for ``target`` chosen ``among`` titles, itself one of them; entries below 0 are skipped.

    ``odds`` multiplies the step: 1 / propensity if the target was shown by chance. ``score`` is the result of
    `blend_scores`.
    """
    prior, top = titles.prior, score[0, target]
    for j in among:
        if j >= 0:
            top = max(top, score[0, j])
    expected, total = np.zeros(EXPERTS), 0.0
    for j in among:
        if j >= 0:
            p = np.exp(score[0, j] - top)
            total += p
            for e in range(EXPERTS):
                expected[e] += p * (score[1 + e, j] if e < TRENDING else prior[j, e - TRENDING])
    for e in range(EXPERTS):
        mine = score[1 + e, target] if e < TRENDING else prior[target, e - TRENDING]
        step = params.blend_rate * odds * min(max(mine - expected[e] / total, -CLIP), CLIP)
        if weights[0, e] != 0.0 or weights[1 + context, e] != 0.0:  # an expert that is off stays off
            weights[0, e] = min(max(weights[0, e] + step, -MAX_WEIGHT), MAX_WEIGHT)
            weights[1 + context, e] = min(max(weights[1 + context, e] + step, -MAX_WEIGHT), MAX_WEIGHT)


@jit
def learn_weights(
    titles: Titles,
    viewers: Viewers,
    params: Params,
    weights: F8,
    context: int,
    v: int,
    target: int,
    stamp: int,
    work: Scratch,
    score: F4,
) -> None:
    """Learn that a viewer liked a title: chosen from a list they saw, or else from the best-scored titles."""
    seen = np.empty(SHOWN + 1, np.int32)
    odds = choice_set(titles, viewers, v, target, stamp, work, seen)
    if odds > 0:
        learn_choice(titles, params, weights, context, target, seen, odds, score)
        return
    kept, rivals = np.empty(params.rivals, np.float32), np.empty(params.rivals, np.int32)
    best_candidates(titles, stamp, work, score[0], kept, rivals)
    for j in rivals:
        if j == target:
            learn_choice(titles, params, weights, context, target, rivals, 1.0, score)
