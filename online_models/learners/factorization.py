"""History-aware matrix factorization: the part that both sides compute.

A viewer is represented by

    x = [ sum_l d_1^l y1(h_l) / |d_1|, ..., sum_l d_H^l yH(h_l) / |d_H|, p ]    (h_0 = newest liked title)

(weights of titles that are only known are multiplied by ``reward.neutral``, those of earlier sessions by
``reward.former``; |d| is the norm of the resulting weights),
and a title scores ``x . q + b``. A positive is a softmax over the title and uniform negatives that the viewer
does not know: with ``g_j = [j = target] - softmax_j`` the gradients are ``g_j x`` for q_j, ``g_j`` for b_j
and ``sum_j g_j q_j`` for x, which is propagated to p and to the y of the history. Steps are AdaGrad with one
accumulator a row (the mean square of its gradients).

Sources: SVD++ (Koren, KDD 2008) for the shape, FISM (Kabbur et al., KDD 2013) for the history, AdaGrad (Duchi
et al., JMLR 2011). Constants: ``online_models.config``.
"""

import numpy as np

from online_models.jit import jit_inline, jit_no_alloc
from online_models.tables.changed_rows import MOVED_SHARE
from online_models.tables.hashing import below, mix
from online_models.tables.history import share_of, title_of
from online_models.tables.layout import (
    F4,
    I4,
    PENDING_STEPS,
    Int,
    Params,
    Real,
    Scratch,
    TagScratch,
    Titles,
    Viewers,
)
from online_models.tables.prefetch import prefetch, prefetch_row
from online_models.tables.working_memory import kept_by_thread

TRIES = 8
"""Draws per negative before it is left out: a viewer who knows half the catalog still finds 255 of 256."""
SMALL = 1e-4
"""Gradients and weights of a history below this are skipped: each costs a row in memory and changes no list
(measured: no HR@10 lost)."""


def scratch(titles: Titles, params: Params) -> Scratch:
    """Return the working memory of a batch."""
    return _scratch(titles.bias.size, titles.out.shape[1], titles.tag_acc.size, params.negatives + 1)


@kept_by_thread
def _scratch(size: int, width: int, tags: int, candidates: int) -> Scratch:
    return Scratch(
        np.zeros(size, np.int32),
        np.zeros(1, np.int32),
        np.empty(candidates, np.int32),
        np.empty(candidates, np.float32),
        np.empty(size // MOVED_SHARE + 1, np.int32),
        np.zeros(1, np.int32),
        np.empty(width, np.float32),
        TagScratch(
            np.zeros(tags + 1, np.float32),
            np.empty((PENDING_STEPS, tags), np.float32),
            np.empty((PENDING_STEPS, width + 1), np.float32),
            np.zeros(1, np.int64),
        ),
    )


@jit_no_alloc
def begin_batch(work: Scratch) -> None:
    """Take working memory for a batch: no row has moved, and stamps go on."""
    work.moves[0] = 0
    if work.stamp[0] > MOST_STAMPS:
        work.mark[:] = 0
        work.stamp[0] = 0


MOST_STAMPS = np.iinfo(np.int32).max // 2
"""Stamps after which marks are cleared, between batches: fewer than as many events are in one."""


@jit_inline
def mark_moved(work: Scratch, j: int) -> None:
    """Note that a row has changed."""
    n = work.moves[0]
    work.moved[min(n, work.moved.size - 1)] = j
    work.moves[0] = min(n + 1, work.moved.size)


def moved_rows(titles: Titles, published: int, work: Scratch) -> I4:
    """Return the rows that a batch has moved, more than `MOVED_SHARE` of them if it may be any.

    ``published`` is the number of tag publications before the batch: one moves rows that nobody has listed.
    """
    return work.moved if titles.size[4] != published else work.moved[: work.moves[0]]


@jit_no_alloc
def next_stamp(work: Scratch) -> int:
    """Return a new stamp, which no title has yet: so marks of earlier stamps need no clearing."""
    work.stamp[0] += 1
    return int(work.stamp[0])


@jit_inline
def places_of(h: Int, factors: int) -> range:
    """Return the places of a horizon's numbers in a vector.

    They are unsigned, so that numba does not ask of each whether it counts from the end: without that
    question loops over them become vector instructions.
    """
    return range(np.uint64(h * factors), np.uint64((h + 1) * factors))


@jit_no_alloc
def represent(
    titles: Titles, viewers: Viewers, params: Params, v: int, history: I4, depth: Int, fresh: Int, x: F4
) -> None:
    """Write a viewer's representation into ``x`` [D]; the ``fresh`` newest titles are of this session."""
    k, last = params.factors, params.horizons.size * params.factors
    for step in range(depth):
        prefetch_row(titles.inp, title_of(history[step]))
    for h in range(params.horizons.size):
        x[h * k : (h + 1) * k] = 0.0
        a = 1.0
        square: Real = 0.0
        for step in range(depth):
            if a < SMALL:
                break
            j = title_of(history[step])
            weight = np.float32(a) * share_of(params, history[step], step >= fresh)
            for f in places_of(h, k):
                x[f] += weight * titles.inp[j, f]
            square += weight * weight
            a *= params.horizons[h]
        scale = np.float32(1.0 / np.sqrt(square)) if square > 0.0 else np.float32(0.0)
        for f in places_of(h, k):
            x[f] *= scale
    for f in range(k):
        x[last + f] = viewers.taste[v, f]


@jit_no_alloc
def draw_negatives(titles: Titles, n: int, target: int, stamp: int, state: Int, work: Scratch) -> int:
    """Draw ``n`` active titles without the stamp, other than the target; return the number found.

    They are the first of ``work.cand``; the target follows them. Their vectors and biases are on the way.
    """
    active, cand = titles.size[1], work.cand
    wanted = n if active > 1 else 0
    # All are drawn before the first mark is read: each of them is a wait for far memory, and a branch on it
    # would make the next one wait, too
    for q in range(wanted):
        state = mix(state)
        cand[q] = j = titles.active[below(state, active)]
        prefetch(work.mark, j)
        prefetch(titles.bias, j)
        prefetch_row(titles.out, j)
    found = left_out = refused = q = 0
    while found + left_out < wanted:
        if q < wanted:
            j = cand[q]
        else:  # in place of those that were refused
            state = mix(state)
            j = titles.active[below(state, active)]
        q += 1
        if work.mark[j] != stamp and j != target:
            cand[found] = j
            found += 1
            refused = 0
        else:
            refused += 1
            if refused == TRIES:
                left_out += 1
                refused = 0
    work.cand[found] = target
    return found


@jit_no_alloc
def softmax_gradient(titles: Titles, x: F4, n: int, work: Scratch) -> None:
    """Write [j = target] - softmax of the scores into ``work.g``, for ``n`` negatives and the target."""
    cand, g = work.cand, work.g
    top = np.float32(-np.inf)
    for q in range(n + 1):
        j = cand[q]
        score = titles.bias[j]
        for f in range(x.size):
            score += x[f] * titles.out[j, f]
        g[q] = score
        top = max(top, score)
    total = np.float32(0.0)
    for q in range(n + 1):
        g[q] = np.exp(g[q] - top)
        total += g[q]
    scale = np.float32(-1.0) / total
    for q in range(n + 1):
        g[q] *= scale
    g[n] += np.float32(1.0)
