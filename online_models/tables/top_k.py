"""Top k of many scores: a bounded heap, and a vectorised test for the scores that could enter it.

The order is total: a higher score is better, and of equal scores the lower row. So a list depends on its
scores alone, not on the order in which they are visited.
"""

import numpy as np

from online_models.jit import jit_inline, jit_no_alloc
from online_models.tables.layout import F4, I4, Real

BLOCK = 64
"""Scores that are compared with the worst of the heap at a time: the compiler makes vector instructions of a
loop of 64, not of 32. A list of 20 out of 100,000 titles takes 28 us, and 58 us score by score."""
SAMPLE = 1 << 15
"""Titles, the first ones, among which a first bound is found: of a million titles 730 pass the bound of these
and 24 that of all, which takes a pass as long as the search itself."""
SHORT = 64
"""Size up to which insertion sort is faster than heapsort."""
NO_TITLE = np.int32(2**31 - 1)
"""The row of a free place: the worst of equal scores."""


@jit_no_alloc
def sift(score: F4, title: I4, n: int, s: Real, t: int) -> None:
    """Replace the worst entry, the root, of a heap of ``n`` by (s, t), and sift it down."""
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
    """Sort a heap, best first; equal scores in order of rows.

    A long heap is sorted by heapsort. A short one is reversed, which nearly sorts it, then by insertion sort.
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
    """Put the titles of the highest scores of a row into a heap."""
    # Most scores are below all of the heap: a block is tested without branches, skipped if none is better.
    n, whole = title.size, row.size // BLOCK * BLOCK
    for a in range(0, whole, BLOCK):
        least, better = score[0], np.int32(0)
        for k in range(BLOCK):
            better |= np.int32(row[a + k] > least)
        for t in range(a, a + BLOCK if better else a):
            if row[t] > score[0]:
                sift(score, title, n, row[t], t)
    for t in range(whole, row.size):
        if row[t] > score[0]:
            sift(score, title, n, row[t], t)


@jit_inline
def enter(score: F4, title: I4, s: Real, t: int) -> None:
    """Put (s, t) into a heap if it is better than the worst entry."""
    if s > score[0] or (s == score[0] and t < title[0] and s > -np.inf):
        sift(score, title, title.size, s, t)


@jit_no_alloc
def end_list(title: I4, score: F4) -> None:
    """Sort a heap into a list; -1 in places without a title."""
    sort_heap(score, title)
    for k in range(title.size):
        if title[k] == NO_TITLE:
            title[k] = -1


@jit_no_alloc
def keep_score(best: F4, s: Real) -> None:
    """Enter a score into the best ones, in descending order."""
    k = best.size - 1
    if s > best[k]:
        while k > 0 and best[k - 1] < s:
            best[k] = best[k - 1]
            k -= 1
        best[k] = s


@jit_no_alloc
def _find_bound(row: F4, dense: F4, piles: F4, score: F4) -> np.float32:
    """Return a lower bound of the n-th best of ``row + dense``, n the size of the overwritten ``score``.

    Titles are dealt to `BLOCK` piles, and the best of each is kept: all piles are compared with a block at
    once, as vector instructions. The n-th best of these is no better than the n-th best of all titles: of
    10,000 titles in random order it leaves 24 that may be among the best 20.
    """
    piles[:] = -np.inf
    score[:] = -np.inf
    for a in range(0, min(dense.size, SAMPLE) // BLOCK * BLOCK, BLOCK):
        for k in range(BLOCK):
            piles[k] = max(piles[k], row[a + k] + dense[a + k])
    for s in piles:
        keep_score(score, s)
    return np.float32(score[score.size - 1])


@jit_no_alloc
def top(row: F4, dense: F4, piles: F4, out_title: I4, out_score: F4) -> None:
    """Write the best titles of ``row + dense``, best first; equal scores in order of rows; -1 after the last.

    ``piles`` [BLOCK] is working memory. Time is spent on titles that enter the heap, of 10,000 in random
    order 144 for a list of 20: so most of them are kept out by a bound, for another pass over the scores
    (8.4 us without, 5.6 with it; from 64 titles of a list on there is none).
    """
    whole = dense.size // BLOCK * BLOCK
    out_score[:] = _find_bound(row, dense, piles, out_score)
    out_title[:] = NO_TITLE
    for a in range(0, whole, BLOCK):
        worst, better = out_score[0], np.int32(0)
        for k in range(BLOCK):
            better |= np.int32(row[a + k] + dense[a + k] >= worst)
        for t in range(a, a + BLOCK if better else a):
            enter(out_score, out_title, row[t] + dense[t], t)
    for t in range(whole, dense.size):
        enter(out_score, out_title, row[t] + dense[t], t)
    end_list(out_title, out_score)
