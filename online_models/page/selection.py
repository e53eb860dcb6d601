"""Sets of titles as bits, 64 to a word: what has several tags is an AND, how many are a count of ones.

At 10,000 titles a set is 157 words: to count what two sets have in common takes 30 ns, to write what three
have in common 50 ns, and what may be shown 1 us; to name 2,500 titles of a set takes 2 us.
"""

from typing import NamedTuple

import numpy as np

from online_models.jit import jit_inline, jit_no_alloc
from online_models.page.layout import WORD, CatalogIndexArrays
from online_models.tables.layout import F4, F8, I4, U8
from online_models.tables.top_k import keep_best as keep_in_heap

ONE = np.uint64(1)
_PAIRS, _FOURS = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333)
_EIGHTS, _SUM = np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(0x0101010101010101)
_IN_WORD = np.uint64(WORD - 1)
LEAST = np.finfo(np.float32).min
"""What reaches it is not -inf."""


@jit_inline
def ones(x: np.uint64) -> np.int64:
    """Count a word's ones (Warren, Hacker's Delight, 5-1): compilers know the pattern."""
    x = x - ((x >> ONE) & _PAIRS)
    x = (x & _FOURS) + ((x >> np.uint64(2)) & _FOURS)
    x = (x + (x >> np.uint64(4))) & _EIGHTS
    return np.int64((x * _SUM) >> np.uint64(56))


@jit_inline
def holds(bits: U8, t: int) -> bool:
    """Whether a title is in a set."""
    return bool((bits[t // WORD] >> (np.uint64(t) & _IN_WORD)) & ONE)


@jit_inline
def reaching(part: F4, bound: np.float32) -> np.uint64:
    """Return which of ``WORD`` scores reach a bound, a bit each.

    They are a slice of their own: of indices that are sums the compiler makes no vectors.
    """
    x = np.uint64(0)
    for k in range(WORD):
        x |= np.uint64(part[k] >= bound) << np.uint64(k)
    return x


@jit_inline
def first_of(x: np.uint64) -> np.int64:
    """Return the place of a word's first one."""
    return np.int64(ones((x & (~x + ONE)) - ONE))


@jit_no_alloc
def mark_reaching(row: F4, bound: np.float32, out: U8) -> None:
    """Write the set of the titles whose score reaches a bound and is not -inf."""
    bound, whole = max(bound, LEAST), row.size // WORD
    for w in range(whole):
        out[w] = reaching(row[w * WORD : (w + 1) * WORD], bound)
    out[whole:] = 0
    for k in range(whole * WORD, row.size):
        out[whole] |= np.uint64(row[k] >= bound) << (np.uint64(k) & _IN_WORD)


@jit_no_alloc
def mark_tagged(shelf: CatalogIndexArrays, g: int, out: U8) -> None:
    """Write the set of the titles that have a tag."""
    b = shelf.common[g]
    if b >= 0:
        known = min(out.size, shelf.bits.shape[1])
        for w in range(known):
            out[w] = shelf.bits[b, w]
        out[known:] = 0
    else:
        out[:] = 0
        for a in range(shelf.first[g], shelf.first[g + 1]):
            t = shelf.having[a]
            if t < out.size * WORD:
                out[t // WORD] |= ONE << (np.uint64(t) & _IN_WORD)


@jit_no_alloc
def have_all(tagged: U8, c: int, out: U8) -> None:
    """Write the titles that are in all of some sets: of ``tagged`` [n, W] those that ``c`` has a bit for."""
    first = True
    for k in range(tagged.shape[0]):
        if c & (1 << k):
            if first:
                for w in range(out.size):
                    out[w] = tagged[k, w]
            else:
                for w in range(out.size):
                    out[w] &= tagged[k, w]
            first = False


@jit_no_alloc
def count_both(a: U8, b: U8) -> int:
    """Count the titles that two sets have in common."""
    n = 0
    for w in range(a.size):
        n += int(ones(a[w] & b[w]))
    return n


@jit_no_alloc
def add_members(bits: U8, value: F8) -> float:
    """Add up what the titles of a set have; nothing of those that are newer than the values."""
    total = 0.0
    for w in range(bits.size):
        x = bits[w]
        while x:
            t = w * WORD + first_of(x)
            total += value[t] if t < value.size else 0.0
            x &= x - ONE
    return total


@jit_no_alloc
def members_of(a: U8, b: U8, name: I4) -> int:
    """Write the titles that two sets have in common, in order of rows; return how many."""
    n = 0
    for w in range(a.size):
        x = a[w] & b[w]
        while x:
            name[n] = w * WORD + first_of(x)
            n += 1
            x &= x - ONE
    return n


PILES = 128
"""Piles that candidates are dealt to (``kept``): more than twice the places of a row, few enough for the
processor's fastest memory."""

MOST_NEAR = 256
"""Candidates near enough to the best that are compared each with each; more go through a heap."""


class NearestScratch(NamedTuple):
    """What the best of many candidates are found with (``kept``); working memory."""

    name: I4
    """[T + 1] titles that are candidates."""
    of: F4
    """[T + 1] their keys."""
    place: I4
    """Places of the candidates that are near the best, then their titles."""
    key: F4
    """... and their keys."""
    highest: F4
    """[PILES] the highest key of each pile."""
    rank: I4
    """[PILES] ... as integers in the same order."""


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
