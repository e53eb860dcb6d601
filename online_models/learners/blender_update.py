"""What a choice teaches the blend: one step of its weights.

A title ``t`` that was chosen beside rivals ``R`` moves the weights of the viewer's context by the gradient of
the choice's log-likelihood,

    w_e += rate * clip(f_e(t) - sum_{j in R + t} p_j f_e(j))        p = softmax of the blend over R + t

A title that the viewer chose out of a list that they saw (``impressions``) has what else was seen of the list
for rivals, and the step is multiplied by 1 / propensity of its standing there, bounded: what is shown rarely
would else be heard rarely.

Where no list is known, rivals are the candidates that the blend scores best, and a title that is not among
them moves nothing: lists show no others, and what tells the thousandth title from the two thousandth is not
what tells the first from the tenth. A context has a global vector and its own difference; both take the step,
so that a context seen rarely stays near the others.
"""

import numpy as np

from online_models.feedback.impression_counts import chosen_beside
from online_models.jit import jit, jit_no_alloc
from online_models.learners.blender import EXPERTS, TRENDING
from online_models.tables.feedback_layout import SHOWN
from online_models.tables.layout import F4, F8, I4, Params, Scratch, Titles, Viewers
from online_models.tables.top_k import sift

CLIP = 5.0
"""Bound of a feature's gradient: one surprise must not turn a weight over."""
MOST = 4.0
"""Bound of a weight, far beyond any learned one (-.3 to 1.2): whatever happens, scores stay finite."""


@jit_no_alloc
def best(titles: Titles, stamp: int, work: Scratch, score: F4, kept: F4, out: I4) -> None:
    """Write the rows of the best-scored candidates into ``out``, in no order; -1 where there are no more.

    Candidates are the active titles that do not bear the stamp; ``kept`` is room for as many scores.
    """
    kept[:] = -np.inf
    out[:] = -1
    for a in range(titles.size[1]):
        j = titles.active[a]
        if score[j] > kept[0] and work.mark[j] != stamp:
            sift(kept, out, out.size, score[j], j)


@jit
def choose(
    titles: Titles, params: Params, weights: F8, context: int, target: int, among: I4, odds: float, score: F4
) -> None:
    """Take the step for ``target`` chosen ``among`` titles, itself one of them; entries below 0 are none.

    ``odds`` times the step: 1 / propensity where the target was shown by chance. ``score`` is what
    ``blend.blended`` left.
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
            weights[0, e] = min(max(weights[0, e] + step, -MOST), MOST)
            weights[1 + context, e] = min(max(weights[1 + context, e] + step, -MOST), MOST)


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
    """Learn that a viewer liked a title: chosen out of a list, or else out of what the blend scores best."""
    seen = np.empty(SHOWN + 1, np.int32)
    odds = chosen_beside(titles, viewers, v, target, stamp, work, seen)
    if odds > 0:
        choose(titles, params, weights, context, target, seen, odds, score)
        return
    kept, rivals = np.empty(params.rivals, np.float32), np.empty(params.rivals, np.int32)
    best(titles, stamp, work, score[0], kept, rivals)
    for j in rivals:
        if j == target:
            choose(titles, params, weights, context, target, rivals, 1.0, score)
