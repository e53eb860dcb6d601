"""Tags in the factorization: a title's output vector is the sum of a part of its own and one of its tags.

    q_j = r_j + c_j sum_{g in tags(j)} v_g          c_j = |tags(j)| ** -1/2       (the bias likewise)

A softmax trains both: r_j gets the gradient of the title, v_g the sum over the candidates that have the tag.
``Titles.out`` holds q itself, so that ranking costs nothing more; what a tag has learned since is added to
its titles from time to time (`tables.derived_columns`). So a title that nobody has watched ranks by its tags.

Source: factorization machines (Rendle, ICDM 2010). Measured on MovieLens-100K, >= 4, genres and years: HR@10
of the factorization .1897 to .1970 raw, .1447 to .1495 shuffled; tags in the input vectors too: .1945, .1451.
"""

import numpy as np

from online_models.jit import jit_exact, jit_no_alloc
from online_models.tables.layout import F4, PENDING_STEPS, TAGS, Params, Real, Scratch, TagScratch, Titles

BIAS_RATE = 0.3
"""Step of a tag's bias, as part of the step of its vector: most of a bias is the title's own."""


@jit_exact
def move_tags(titles: Titles, work: TagScratch) -> None:
    """Apply the pending steps in the order of the positives, exactly, so that batches change nothing.

    Four steps at a time: a tag's vector is then read and written once for four of them. Sums keep their
    order.
    """
    step, way, out, n = work.step, work.way, titles.tag_out, work.pending[0]
    for p in range(0, n - n % 4, 4):
        for tag in range(out.shape[0]):
            a, b, c, d = step[p, tag], step[p + 1, tag], step[p + 2, tag], step[p + 3, tag]
            if a != 0 or b != 0 or c != 0 or d != 0:
                for f in range(out.shape[1]):
                    o = out[tag, f]
                    o += a * way[p, f]
                    o += b * way[p + 1, f]
                    o += c * way[p + 2, f]
                    o += d * way[p + 3, f]
                    out[tag, f] = o
    for p in range(n - n % 4, n):
        for tag in range(out.shape[0]):
            if step[p, tag] != 0:
                for f in range(out.shape[1]):
                    out[tag, f] += step[p, tag] * way[p, f]
    work.pending[0] = 0


@jit_no_alloc
def learn_tags(titles: Titles, params: Params, x: F4, mean: Real, w: float, n: int, work: Scratch) -> None:
    """Compute the steps of the tags of a softmax's candidates (``work.cand``, ``work.g``).

    The length of a step depends on the accumulators alone, and the vectors of tags are read only when they
    are added to titles. So steps are collected and applied in one batch (:func:`move_tags`), in half the
    time.
    """
    tags, any_tagged = work.tags, False
    for q in range(n + 1):
        j = work.cand[q]
        if titles.tags[j, 0] < 0:
            continue
        any_tagged = True
        g = work.g[q] * w * titles.share[j]
        for s in range(TAGS):
            tags.gradient[titles.tags[j, s]] += g  # -1 (no tag) is the last place, which is never read
    if not any_tagged:
        return
    rate, at = np.float32(params.tag_learning_rate), tags.pending[0]
    for tag in range(titles.tag_acc.size):
        g = tags.gradient[tag]
        titles.tag_acc[tag] += g * g * mean
        tags.step[at, tag] = rate * g / np.sqrt(titles.tag_acc[tag])
        tags.gradient[tag] = 0.0
    for f in range(x.size):
        tags.way[at, f] = x[f]
    tags.way[at, x.size] = BIAS_RATE
    tags.pending[0] = at + 1
    if at + 1 == PENDING_STEPS:
        move_tags(titles, tags)
