"""The learned blend: an online multinomial logit over what the experts say of a title.

With the features ``f_e(j)`` of the candidates ``j`` (the factorization's score; log-shares of the others) and
the weights ``w`` of the viewer's context, a list is ranked by ``sum_e w_e f_e(j)``. How the weights learn
stands in ``choice``: an event that is tested has had all its candidates scored, and costs little more.

Source: log-linear opinion pools (Genest and Zidek, 1986), learned as in multinomial logit (McFadden, 1974).
Equal weights reach HR@10 .166 where learned ones reach .195; Hedge .172.
"""

import numpy as np

from online_models.jit import jit, jit_no_alloc
from online_models.tables.derived_columns import SATISFACTION
from online_models.tables.layout import F4, F8, I4, I8, Params, Scratch, Titles, Viewers

EXPERTS = 5
FACTORIZATION, COWATCH, COWATCH_LONG, TRENDING, POPULARITY = range(EXPERTS)
DEPTHS = 6
"""Contexts by liked titles: 1, 2-3, 4-7, 8-15, 16-31, 32 and more (HR@10 +.001 against one for all)."""
CONTEXTS = 2 * DEPTHS
"""... each at the start of a sitting and within it (+.0002 raw, +.0008 shuffled)."""


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
