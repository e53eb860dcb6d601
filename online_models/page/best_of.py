"""Keeping the best of many candidates: find how high one has to score, collect what does, put it in order.

A heap of 40 takes in 260 of 10,000 scores that come in random order, and each sinks to its place by guesses
of which half go wrong: 18 us. Here hardly a step guesses, and many scores are looked at at a time: 2 us.

1. Scores are dealt to ``PILES`` piles in turn, and the highest of each is kept. At least as many titles as a
   row takes reach the score that as many of these highest do (``bound_of``): 48 of 10,000 for a row of 40.
2. What reaches it is collected, and each finds its place by how many of the collected are better.
"""

import numpy as np

from online_models.jit import jit_inline, jit_no_alloc
from online_models.page.layout import WORD
from online_models.page.scratch import MOST_NEAR, PILES, NearestScratch
from online_models.page.title_sets import LEAST, ONE, first_of, reaching
from online_models.tables.layout import F4, I4
from online_models.tables.top_k import keep_best as keep_in_heap

LOWEST = -(2**31)
HIGHEST = 2**31 - 1


@jit_inline
def ordered(bits: np.int32) -> np.int32:
    """Return a float's bits as an integer that is greater where the number is; its own inverse."""
    return np.int32(bits ^ np.int32(np.int32(bits >> np.int32(31)) & np.int32(0x7FFFFFFF)))


@jit_no_alloc
def bound_of(key: F4, n: int, most: int, near: NearestScratch) -> np.float32:
    """Return a key that at least ``most`` of the first ``n`` reach; no more than ``PILES``, no fewer keys."""
    highest, rank, whole = near.highest, near.rank, n // PILES * PILES
    for k in range(PILES):
        highest[k] = key[k]
    for a in range(PILES, whole, PILES):
        for k in range(PILES):
            highest[k] = max(highest[k], key[a + k])
    for k in range(n - whole):
        highest[k] = max(highest[k], key[whole + k])
    for k in range(PILES):
        rank[k] = ordered(np.float32(highest[k]).view(np.int32))
    low, high = np.int64(LOWEST), np.int64(HIGHEST)  # enough reach the one, too few what is above the other
    while low < high:
        middle = (low + high + 1) >> 1
        bound, reach = np.int32(middle), np.int32(0)
        for k in range(PILES):
            reach = np.int32(reach + np.int32(rank[k] >= bound))
        if reach >= most:
            low = middle
        else:
            high = middle - 1
        if reach == most:
            break
    return np.int32(ordered(np.int32(low))).view(np.float32)


@jit_no_alloc
def usual_bound(n: int, most: int, near: NearestScratch) -> np.float32:
    """Return a key that each pile has, after `collect`; of 10,000 in random order 600 reach it. Or -inf."""
    bound = np.float32(-np.inf)
    if n > PILES and 2 * most <= PILES:
        bound = near.highest[0]
        for k in range(1, PILES):
            bound = min(bound, near.highest[k])
    return bound


@jit_no_alloc
def keep_heap(key: F4, n: int, most: int, near: NearestScratch) -> int:
    """Collect the highest keys in a heap: where many are equal, or a row takes very many."""
    place, kept = near.place[:most], near.key[:most]
    place[:] = -1
    kept[:] = -np.inf
    keep_in_heap(key[:n], place, kept)
    m = 0
    for k in range(most):
        if place[k] >= 0:
            place[m], kept[m] = place[k], kept[k]
            m += 1
    return m


@jit_no_alloc
def collect(key: F4, n: int, most: int, near: NearestScratch) -> int:
    """Collect the ``most`` highest of ``n`` keys, and perhaps some more, with their places; return how many.

    -inf is no key.
    """
    place, kept, m, whole = near.place, near.key, 0, n // WORD * WORD
    if n > PILES and 2 * most > PILES:
        return int(keep_heap(key, n, most, near))
    if n <= PILES:
        for k in range(n):
            place[m], kept[m] = k, key[k]  # without a branch: what is not taken is written over
            m += key[k] > -np.inf
        return m
    bound = max(bound_of(key, n, most, near), LEAST)
    for a in range(0, whole, WORD):
        x = reaching(key[a : a + WORD], bound)
        while x:
            place[m] = a + first_of(x)
            kept[m] = key[place[m]]
            m += 1
            x &= x - ONE
        if m > MOST_NEAR:
            return int(keep_heap(key, n, most, near))
    for k in range(whole, n):
        place[m], kept[m] = k, key[k]
        m += key[k] >= bound
    return m


@jit_no_alloc
def put_in_order(near: NearestScratch, m: int, title: I4, score: F4) -> None:
    """Write the titles of the highest keys, best first, equal ones in order of rows; ``title`` is -1 before.

    Whose place is taken already has an equal key there.
    """
    for i in range(m):
        mine, t, better = near.key[i], near.place[i], np.int32(0)
        for j in range(m):
            better = np.int32(better + np.int32(near.key[j] > mine))
        while better < title.size and title[better] >= 0:
            if title[better] > t:
                title[better], t = t, title[better]
            better += np.int32(1)
        if better < title.size:
            title[better], score[better] = t, mine


@jit_no_alloc
def keep_best(row: F4, near: NearestScratch, title: I4, score: F4) -> None:
    """Write the titles of the highest scores of a row, best first; none at -inf."""
    put_in_order(near, collect(row, row.size, title.size, near), title, score)


@jit_no_alloc
def keep_named(key: F4, name: I4, n: int, near: NearestScratch, title: I4, score: F4) -> None:
    """Write those of ``n`` titles that have the highest keys, best first; none at -inf."""
    m = collect(key, n, title.size, near)
    for k in range(m):
        near.place[k] = name[near.place[k]]
    put_in_order(near, m, title, score)


@jit_no_alloc
def keep_best_of(candidates: I4, row: F4, near: NearestScratch, title: I4, score: F4) -> None:
    """Write those of some titles, in order of rows, that have the highest scores, best first."""
    n, key = candidates.size, near.of
    while n > 0 and candidates[n - 1] >= row.size:
        n -= 1
    for k in range(n):
        key[k] = row[candidates[k]]
    keep_named(key, candidates, n, near, title, score)


@jit_no_alloc
def keep_hottest(candidates: I4, heat: F4, row: F4, near: NearestScratch, title: I4, score: F4) -> None:
    """Write those of some titles that have the highest log heat + score, best first."""
    name, key, n = near.name, near.of, 0
    for k in range(candidates.size):
        t = candidates[k]
        if t < row.size:
            name[n], key[n] = t, row[t] + heat[k]
            n += 1
    keep_named(key, name, n, near, title, score)
