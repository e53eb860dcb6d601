"""The score of the blend for a block of viewers, and the lists of the best titles.

The blend is log-linear (``learners.blender``; ``online_models`` derives it). The factorization's product is
one GEMM for the block; its bias, trending and popularity are one vector for all viewers of a group; co-watch
and rejections touch only the neighbours of a few titles.
"""

import numpy as np

from online_models.jit import jit, jit_no_alloc
from online_models.learners.blender import (
    COWATCH,
    COWATCH_LONG,
    FACTORIZATION,
    context_of,
    scale_of,
)
from online_models.learners.factorization import represent
from online_models.ranking.episode_order import hide_ahead
from online_models.ranking.logarithms import log_all
from online_models.ranking.tag_places import VoteScratch, apply_votes
from online_models.ranking.tag_table import TagTable
from online_models.ranking.tag_votes import count_votes
from online_models.tables.feedback_layout import SECOND
from online_models.tables.history import (
    mark_known,
    recent_items,
    session_items_at,
    share_of,
    streak_items_at,
    title_of,
)
from online_models.tables.layout import (
    F4,
    F8,
    I4,
    U1,
    CoWatchScratch,
    Int,
    Lists,
    Params,
    Shared,
    Titles,
    Viewers,
)
from online_models.tables.neighbours import neighbours_of, prefetch_neighbours
from online_models.tables.prefetch import prefetch
from online_models.tables.top_k import top
from online_models.tables.working_memory import kept_by_thread

TASTE, CO_WATCH, TREND = 0, 1, 2
"""Reasons why a title is on a list."""
EXPLAINING = 2
"""Newest liked titles whose neighbours have the reason `CO_WATCH`."""
LIMIT, COUNTRY, CONTEXT, COLD_START, DEVICE, HAS_STATED = range(6)
"""Traits of a viewer. The first five decide the group: maturity limit, country, context of the blend, 1
without a liked title, and the kind of device if there is none, else 0. The last is 1 if the viewer stated
tags."""
TRAITS = 6


def new_sparse_scratch(history: int, size: int) -> CoWatchScratch:
    """Allocate working memory for viewers with so many titles out of ``size``."""
    return CoWatchScratch(
        np.zeros((size, 2), np.float32),
        np.empty(size + 1, np.int32),
        np.empty(history, np.int32),
    )


sparse_scratch = kept_by_thread(new_sparse_scratch)


@jit
def look_up(
    titles: Titles, viewers: Viewers, params: Params, weights: F8, slots: I4, now: int, x: F4, traits: I4
) -> bool:
    """Write the representations of many viewers into ``x`` [n, D], and their traits [n, TRAITS].

    Returns whether any of them stated tags.

    Representations are multiplied by the factorization's weight in the viewer's context (``weights``
    [CONTEXTS, EXPERTS]), so that their products with titles are its part of the blend.
    """
    history, any_stated = np.empty(params.history, np.int32), False
    for q in range(slots.size):
        v, context = slots[q], context_of(viewers, params, slots[q], now)
        depth, fresh = recent_items(viewers, params, v, history), session_items_at(viewers, params, v, now)
        represent(titles, viewers, params, v, history, depth, fresh, x[q])
        weight = np.float32(weights[context, FACTORIZATION])
        for f in range(x.shape[1]):
            x[q, f] *= weight
        traits[q, LIMIT], traits[q, COUNTRY] = viewers.limit[v], viewers.country[v]
        traits[q, CONTEXT], traits[q, COLD_START] = context, viewers.positives[v] == 0
        traits[q, DEVICE] = viewers.device[v] * traits[q, COLD_START]
        traits[q, HAS_STATED] = viewers.stated_tags[v, 0] != 0
        any_stated |= viewers.stated_tags[v, 0] != 0
    return bool(any_stated)


FAR = 1 << 18
"""Titles from which sums of neighbours are asked for before they are added to: 2 MB, which no near cache
holds. With 100,000 titles that costs a tenth of the sums; with memory as far as a million titles have it, it
saves a fifth."""


@jit_no_alloc
def add_neighbours(
    titles: Titles,
    params: Params,
    history: I4,
    depth: Int,
    fresh: Int,
    streak: Int,
    score: F4,
    touched: I4,
) -> int:
    """Add up the neighbours of the newest titles: s_j = sum_l d**l C[h_l, j] / n_h ** alpha.

    `cowatch` has the rest, and the arguments.
    """
    n, size = 0, score.shape[0]
    short, long = 1.0, 1.0
    before = params.before_streak if streak > 0 else 1.0
    steps = min(depth, max(params.seeds, params.long_seeds))
    # In a loop of their own: between the sums, asking keeps the compiler from making them fast
    for step in range(steps):
        prefetch(titles.span, title_of(history[step]))
    for step in range(steps):
        prefetch_neighbours(titles, title_of(history[step]))
    for step in range(steps):
        h, share = title_of(history[step]), share_of(params, history[step], step >= fresh)
        held = 1.0 if step < streak else before
        near = np.float32(held * short * share * titles.norm[h] * (step < params.seeds))
        far = np.float32(long * share * titles.norm[h] * (step < params.long_seeds))
        places = neighbours_of(titles, h)
        if size >= FAR:
            for s in places:
                prefetch(score, 2 * np.int64(max(titles.nbr[s], 0)))
        for s in places:
            j, w = titles.nbr[s], titles.nbr_w[s]
            if w > 0 and 0 <= j < size:
                # Always written, counted only if new: half of them are, and a branch would be mispredicted. A
                # product so small that it is 0 makes no title a new one, or it would be counted again
                touched[n] = j
                new = (score[j, 0] == 0) & (score[j, 1] == 0)
                score[j, 0] += near * w
                score[j, 1] += far * w
                n += new & ((score[j, 0] != 0) | (score[j, 1] != 0))
        short *= params.seed_decay
        long *= params.long_seed_decay
    return n


@jit_no_alloc
def cowatch(
    titles: Titles,
    params: Params,
    history: I4,
    depth: Int,
    fresh: Int,
    streak: Int,
    score: F4,
    touched: I4,
) -> int:
    """Add up the neighbours of the newest titles: s_j = sum_l d**l C[h_l, j] / (n_h n_j) ** alpha.

    Once over few titles with a quick decay (``score[:, 0]``), once over more with a slow one
    (``score[:, 1]``); for the first, titles before the ``streak`` newest count ``before_streak``, if there is
    a streak.
    ``score`` [T, 2] must be zero on entry; ``touched`` [T + 1] receives the rows that become non-zero; their
    number is returned. Neighbours from row T on are left out: a replica may have grown since ``score`` was
    made.
    """
    n: int = add_neighbours(titles, params, history, depth, fresh, streak, score, touched)
    for k in range(n):
        j = touched[k]
        score[j, 0] *= titles.norm[j]
        score[j, 1] *= titles.norm[j]
    return n


@jit
def add_cowatch(
    titles: Titles,
    params: Params,
    work: CoWatchScratch,
    depth: int,
    fresh: int,
    streak: int,
    n: int,
    w: F8,
    backoff: F4,
    known: F4,
    row: F4,
) -> int:
    """Add both co-watch parts of the blend to a score row; titles at -inf in ``known`` take no share.

    Returns the number of titles that it changed; they are the first of ``work.touched``.
    """
    score, touched = work.score, work.touched
    m: int = add_neighbours(titles, params, work.history, depth, fresh, streak, score, touched)
    near_log, far_log, factor = np.empty(m, np.float32), np.empty(m, np.float32), np.empty(m, np.float32)
    near, far, one, zero = np.float32(0.0), np.float32(0.0), np.float32(1.0), np.float32(0.0)
    # What is known of a title is far from that of the next one, so it is read once, here
    for k in range(m):
        j = touched[k]
        by_norm = titles.norm[j]
        a, b = score[j, 0] * by_norm, score[j, 1] * by_norm
        if known[j] > -np.inf:
            near += a
            far += b
        near_log[k], far_log[k], factor[k] = a, b, backoff[j]
        score[j, 0] = zero
        score[j, 1] = zero
    by_near, by_far = scale_of(params, n, near), scale_of(params, n, far)
    short, long = np.float32(w[COWATCH]), np.float32(w[COWATCH_LONG])
    for k in range(m):
        near_log[k] = one + by_near * factor[k] * near_log[k]
        far_log[k] = one + by_far * factor[k] * far_log[k]
    log_all(near_log, m)
    log_all(far_log, m)
    for k in range(m):
        row[touched[k]] += short * near_log[k] + long * far_log[k]
    return m


@jit_no_alloc
def subtract_rejected(
    titles: Titles, viewers: Viewers, params: Params, v: int, now: int, n: int, work: CoWatchScratch, row: F4
) -> int:
    """Subtract the similarity to the viewer's recently rejected titles from a score row.

    row_j -= weight * log(1 + n r_j / (floor sum r)), with r_j the summed neighbour weights of the rejected
    titles, each times the strength of its rejection; after ``rejection_ms`` a rejection is forgotten. Returns
    the number of titles that it changed; they are the first of ``work.touched``.
    """
    score, touched, m, total = work.score, work.touched, 0, np.float32(0.0)
    for p in range(viewers.rejected.shape[1]):
        h = viewers.rejected[v, p]
        if h >= 0 and now - SECOND * np.int64(viewers.rejected_at[v, p]) <= params.reward.rejection_ms:
            for s in neighbours_of(titles, h):
                j, w = titles.nbr[s], titles.nbr_w[s]
                if w > 0 and 0 <= j < score.shape[0]:
                    more = w * titles.norm[h] * titles.norm[j] * viewers.rejected_weight[v, p]
                    touched[m] = j
                    m += (score[j, 0] == 0) & (more != 0)
                    score[j, 0] += more
                    total += more
    scale = scale_of(params, n, total)
    for k in range(m):
        j = touched[k]
        row[j] -= np.float32(params.rejection) * np.log(np.float32(1.0) + scale * score[j, 0])
        score[j, 0] = 0.0
    return m


@jit_no_alloc
def hide_known(viewers: Viewers, v: int, row: F4) -> None:
    """Set the viewer's known titles to -inf in a score row."""
    mark_known(viewers, v, row, -np.inf)


@jit_no_alloc
def explain(titles: Titles, history: I4, depth: int, listed: I4, reason: U1) -> None:
    """Write the reason of each title on a list: near a newest title, taste, or the trend (no history)."""
    liked = 0
    for k in range(listed.size):
        if listed[k] >= 0:
            reason[k] = TASTE if depth > 0 else TREND
    for step in range(depth):
        h = history[step]
        for k in range(listed.size if h >= 0 else 0):
            found = np.int32(0)  # no early exit: without a branch the loop becomes vector instructions
            for s in neighbours_of(titles, h):
                found |= np.int32(titles.nbr[s] == listed[k])
            if found and listed[k] >= 0:  # -1 is an empty place in both
                reason[k] = CO_WATCH
        liked += h >= 0
        if liked == EXPLAINING:
            break


@jit
def rank_block(
    titles: Titles,
    viewers: Viewers,
    params: Params,
    slots: I4,
    rows: F4,
    shared: Shared,
    now: int,
    tags: TagTable,
    work: CoWatchScratch,
    votes: VoteScratch,
    out: Lists,
) -> None:
    """Turn a block's score rows [n, T] (the GEMM) into lists [n, L]."""
    for q in range(slots.size):
        v, row, group = slots[q], rows[q], shared.group[q]
        depth = recent_items(viewers, params, v, work.history)
        n = max(1, shared.candidates[group] - viewers.known[v])
        weights, backoff = shared.weights[group], shared.backoff
        hide_known(viewers, v, row)
        if params.seeds > 0:
            fresh = session_items_at(viewers, params, v, now)
            streak = streak_items_at(viewers, params, v, now)
            add_cowatch(titles, params, work, depth, fresh, streak, n, weights, backoff, row, row)
            if params.rejection > 0:
                subtract_rejected(titles, viewers, params, v, now, n, work, row)
        dense = shared.dense[group]
        hide_ahead(shared.episodes, shared.previous, dense, row)
        if count_votes(viewers, params, v, now, tags, votes.votes):
            apply_votes(params, tags, dense, row, votes)
        top(row, dense, votes.piles, out.title[q], out.score[q])
        explain(titles, work.history, min(depth, params.seeds), out.title[q], out.reason[q])


@jit
def blend_row(
    titles: Titles,
    viewers: Viewers,
    params: Params,
    v: int,
    shared: Shared,
    now: int,
    tags: TagTable,
    work: CoWatchScratch,
    votes: VoteScratch,
    row: F4,
) -> None:
    """Add the sparse parts of the blend and the votes on tags to one viewer's score row."""
    known = row.copy()
    v = np.int32(v)  # type: ignore[assignment] # as in `rank_block`: numba compiles one form
    hide_known(viewers, v, known)
    depth, n = recent_items(viewers, params, v, work.history), max(1, shared.candidates[0] - viewers.known[v])
    if params.seeds > 0:
        fresh, streak = session_items_at(viewers, params, v, now), streak_items_at(viewers, params, v, now)
        weights, backoff = shared.weights[0], shared.backoff
        add_cowatch(titles, params, work, depth, fresh, streak, n, weights, backoff, known, row)
        if params.rejection > 0:
            subtract_rejected(titles, viewers, params, v, now, n, work, row)
    if count_votes(viewers, params, v, now, tags, votes.votes):
        base = shared.dense[0].copy()
        hide_known(viewers, v, base)
        apply_votes(params, tags, base, row, votes)
