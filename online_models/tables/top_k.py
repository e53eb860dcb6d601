"""The best of many scores: a bounded heap, and a look at many at a time for those that could enter it.

The order is total: a higher score is better, and of equal ones the lower row. So a list depends on its scores
alone, not on the order in which they were looked at.
"""

import numpy as np

from online_models.jit import jit_inline, jit_no_alloc
from online_models.tables.layout import F4, I4, Real

LANE = 64
"""Scores that are compared at once with the least on a list; the compiler makes vectors of 64, and not of 32.
A list of 20 out of 100,000: 28 us where one after the other takes 58."""
SHORT = 64
"""Entries up to which insertion sorts a heap sooner than taking its root again and again."""
NOBODY = np.int32(2**31 - 1)
"""The row of a place that is free: of equal scores the worst."""


@jit_no_alloc
def sift(score: F4, title: I4, n: int, s: Real, t: int) -> None:
    """Replace the worst entry of a heap of ``n`` by (s, t) and let it sink to its place."""
    at = 0
    while True:
        child = 2 * at + 1
        if child >= n:
            break
        other = child + 1
        if other < n and (
            score[other] < score[child] or (score[other] == score[child] and title[other] > title[child])
        ):
            child = other
        if score[child] > s or (score[child] == s and title[child] < t):
            break
        score[at] = score[child]
        title[at] = title[child]
        at = child
    score[at] = s
    title[at] = t


@jit_no_alloc
def sort_heap(score: F4, title: I4) -> None:
    """Turn a heap into a list, best first; equal scores in order of rows.

    A short heap is turned round, which puts it nearly in order, and its entries are inserted one by one.
    """
    n = score.size
    for end in range(n - 1 if n > SHORT else 0, 0, -1):
        s, t = score[0], title[0]
        last_s, last_t = score[end], title[end]
        score[end] = s
        title[end] = t
        sift(score, title, end, last_s, last_t)
    for a in range(n // 2 if n <= SHORT else 0):
        b = n - 1 - a
        score[a], score[b] = score[b], score[a]
        title[a], title[b] = title[b], title[a]
    for a in range(1, n if n <= SHORT else 0):
        s, t, b = score[a], title[a], a
        while b > 0 and (score[b - 1] < s or (score[b - 1] == s and title[b - 1] > t)):
            score[b] = score[b - 1]
            title[b] = title[b - 1]
            b -= 1
        score[b] = s
        title[b] = t


@jit_no_alloc
def keep_best(row: F4, title: I4, score: F4) -> None:
    """Keep the titles of the highest scores of a row in a heap.

    Most scores are below all on it: ``LANE`` of them are compared at a time, without a branch between them.
    """
    n, whole = title.size, row.size // LANE * LANE
    for a in range(0, whole, LANE):
        least, better = score[0], np.int32(0)
        for k in range(LANE):
            better |= np.int32(row[a + k] > least)
        for t in range(a, a + LANE if better else a):
            if row[t] > score[0]:
                sift(score, title, n, row[t], t)
    for t in range(whole, row.size):
        if row[t] > score[0]:
            sift(score, title, n, row[t], t)


@jit_no_alloc
def least_of(row: F4, dense: F4, title: I4) -> np.float32:
    """Return the least of ``row + dense`` over a list of titles, -inf for one that is not full.

    As many titles are at least as good: whoever wants the best of as many need look at none below.
    """
    least = np.float32(np.inf)
    for t in title:
        least = min(least, row[t] + dense[t] if t >= 0 else np.float32(-np.inf))
    return least


@jit_inline
def enter(score: F4, title: I4, s: Real, t: int) -> None:
    """Put (s, t) into a heap if it is better than the worst of it."""
    if s > score[0] or (s == score[0] and t < title[0] and s > -np.inf):
        sift(score, title, title.size, s, t)


@jit_no_alloc
def end_list(title: I4, score: F4) -> None:
    """Turn a heap into a list; -1 where no title was left."""
    sort_heap(score, title)
    for k in range(title.size):
        if title[k] == NOBODY:
            title[k] = -1


@jit_no_alloc
def top(row: F4, dense: F4, least: Real, out_title: I4, out_score: F4) -> None:
    """Write the best titles of ``row + dense``, best first; equal scores in order of rows; -1: none left.

    ``least``: a score that as many titles reach (``least_of``), -inf if none is known. It changes nothing but
    the time, which goes into the titles that enter the heap: in random order 144 of 10,000 for a list of 20.
    """
    whole = dense.size // LANE * LANE
    out_score[:] = least
    out_title[:] = NOBODY
    for a in range(0, whole, LANE):
        worst, better = out_score[0], np.int32(0)
        for k in range(LANE):
            better |= np.int32(row[a + k] + dense[a + k] >= worst)
        for t in range(a, a + LANE if better else a):
            enter(out_score, out_title, row[t] + dense[t], t)
    for t in range(whole, dense.size):
        enter(out_score, out_title, row[t] + dense[t], t)
    end_list(out_title, out_score)
