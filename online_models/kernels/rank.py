"""Turning viewers into lists: the blend over a block of viewers, dense experts apart from sparse ones.

The blend is log-linear: ``total = w_mf (x . q + b) + w_cw log(1 + c n / (floor sum c)) + w_pop log(share + floor / n)`` over n
candidates (``online_models.blend`` derives it). The first product is one GEMM for the block; bias and popularity are one
vector that all viewers share; co-watch touches only the neighbours of the newest titles.
"""

import numpy as np

from online_models.kernels.history import mark_known, recent
from online_models.kernels.layout import F4, I4, I8, U1, Params, Titles, Viewers, jit
from online_models.kernels.learn import represent

TASTE, CO_WATCH, TRENDING = 0, 1, 2


@jit
def represent_many(titles: Titles, viewers: Viewers, params: Params, slots: I4, x: F4) -> None:
    """Write the representations of many viewers into ``x`` [n, D]."""
    history = np.empty(params.history, np.int32)
    for q in range(slots.size):
        depth = recent(viewers, slots[q], history)
        represent(titles, viewers, params, slots[q], history, depth, x[q])


@jit
def cowatch(titles: Titles, params: Params, history: I4, depth: int, score: F4, touched: I4) -> int:
    """Add up the neighbours of the newest titles: s_j = sum_l d**l C[h_l, j] / (n_h n_j) ** alpha.

    ``score`` [T] must be zero on entry; ``touched`` receives the rows that are not. Returns how many.
    """
    n = 0
    a = 1.0
    for step in range(min(depth, params.seeds)):
        h = history[step]
        w = np.float32(a * titles.norm[h])
        for s in range(titles.nbr.shape[1]):
            j = titles.nbr[h, s]
            if j >= 0 and titles.nbr_w[h, s] > 0:
                if score[j] == 0:
                    touched[n] = j
                    n += 1
                score[j] += w * titles.nbr_w[h, s]
        a *= params.seed_decay
    for k in range(n):
        score[touched[k]] *= titles.norm[touched[k]]
    return n


@jit
def add_sparse(
    titles: Titles,
    params: Params,
    history: I4,
    depth: int,
    mark: I8,
    stamp: int,
    n: int,
    score: F4,
    touched: I4,
    row: F4,
) -> None:
    """Add the co-watch part of the blend to a score row; known titles take no share. Leaves ``score`` zero again."""
    m = cowatch(titles, params, history, depth, score, touched)
    total = np.float32(0.0)
    for k in range(m):
        if mark[touched[k]] != stamp:
            total += score[touched[k]]
    scale = np.float32(n / (params.floor * total)) if total > 0 else np.float32(0.0)
    w = np.float32(params.blend[1])
    for k in range(m):
        j = touched[k]
        row[j] += w * np.log(np.float32(1.0) + scale * score[j])
        score[j] = 0.0


@jit
def sift(score: F4, title: I4, n: int, s: float, t: int) -> None:
    """Replace the least entry of a min-heap of ``n`` by (s, t) and let it sink to its place."""
    at = 0
    while True:
        child = 2 * at + 1
        if child >= n:
            break
        if child + 1 < n and score[child + 1] < score[child]:
            child += 1
        if score[child] >= s:
            break
        score[at] = score[child]
        title[at] = title[child]
        at = child
    score[at] = s
    title[at] = t


@jit
def top(row: F4, dense: F4, out_title: I4, out_score: F4) -> None:
    """Write the best titles of ``row + dense`` in descending order; equal scores in order of rows. -1 where none is left."""
    n = out_title.size
    out_score[:] = -np.inf
    out_title[:] = -1
    for t in range(dense.size):
        s = row[t] + dense[t]
        if s > out_score[0]:
            sift(out_score, out_title, n, s, t)
    for end in range(n - 1, 0, -1):
        s, t = out_score[0], out_title[0]
        last_s, last_t = out_score[end], out_title[end]
        out_score[end] = s
        out_title[end] = t
        sift(out_score, out_title, end, last_s, last_t)
    for a in range(1, n):
        s, t = out_score[a], out_title[a]
        b = a
        while b > 0 and out_score[b - 1] == s and out_title[b - 1] > t:
            out_score[b] = out_score[b - 1]
            out_title[b] = out_title[b - 1]
            b -= 1
        out_score[b] = s
        out_title[b] = t


@jit
def pick(
    titles: Titles,
    viewers: Viewers,
    params: Params,
    slots: I4,
    rows: F4,
    dense: F4,
    context: I4,
    candidates: I4,
    out_title: I4,
    out_score: F4,
    out_reason: U1,
) -> None:
    """Turn a block's score rows [n, T] (the GEMM) into lists [n, L].

    ``dense`` [C, T] holds the experts that all viewers of a context share, -inf where a guard forbids a title; ``candidates``
    [C] how many titles that leaves; ``context`` [n] which of them is a viewer's.
    """
    size = dense.shape[1]
    mark = np.zeros(size, np.int64)
    score = np.zeros(size, np.float32)
    touched = np.empty(size, np.int32)
    history = np.empty(max(params.history, 1), np.int32)
    for q in range(slots.size):
        v, row = slots[q], rows[q]
        mark_known(viewers, v, mark, q + 1)
        depth = recent(viewers, v, history)
        if params.seeds > 0:
            add_sparse(
                titles, params, history, depth, mark, q + 1, candidates[context[q]], score, touched, row
            )
        hide_known(viewers, v, row)
        top(row, dense[context[q]], out_title[q], out_score[q])
        explain(titles, params, history, depth, out_title[q], out_reason[q])


@jit
def blend_row(titles: Titles, viewers: Viewers, params: Params, v: int, n: int, row: F4) -> None:
    """Add the co-watch part of the blend to one viewer's score row; ``n`` candidates."""
    mark = np.zeros(row.size, np.int64)
    history = np.empty(max(params.history, 1), np.int32)
    mark_known(viewers, v, mark, 1)
    depth = recent(viewers, v, history)
    if params.seeds > 0:
        score, touched = np.zeros(row.size, np.float32), np.empty(row.size, np.int32)
        add_sparse(titles, params, history, depth, mark, 1, n, score, touched, row)


@jit
def hide_known(viewers: Viewers, v: int, row: F4) -> None:
    """Take the viewer's known titles out of a score row."""
    c = viewers.tail[v]
    used = (viewers.known[v] - 1) % viewers.chunk.shape[1] + 1
    while c >= 0:
        for s in range(used):
            t = viewers.chunk[c, s]
            row[t if t >= 0 else ~t] = -np.inf
        c = viewers.prev[c]
        used = viewers.chunk.shape[1]


@jit
def explain(titles: Titles, params: Params, history: I4, depth: int, listed: I4, reason: U1) -> None:
    """Say what put each title on a list: co-watched with one of the two newest titles, taste, or (no history) trending."""
    for k in range(listed.size):
        reason[k] = TASTE if depth > 0 else TRENDING
    for step in range(min(depth, 2, params.seeds)):
        names = titles.nbr[history[step]]
        for k in range(listed.size):
            for s in range(names.size):
                if names[s] == listed[k] and listed[k] >= 0:
                    reason[k] = CO_WATCH
