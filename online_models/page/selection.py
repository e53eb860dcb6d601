"""Selects the best of many candidates, and keeps sets of titles as bits.

**The best of many.** A heap of 40 accepts 260 of 10,000 scores in random order, and each sinks through
unpredictable branches: 18 us. This selection has hardly any branch and compares many scores at once: 2 us.

1. Scores are dealt to ``PILES`` piles in turn, and the maximum of each pile is kept. If k maxima reach a
   bound, then at least k titles do. `bound_of` finds the highest bound that enough maxima reach: of 10,000
   titles 48 reach it for a shelf of 40.
2. Titles that reach the bound are collected; the rank of each is the number of better ones.

Ties go to the lower row.

**Sets of titles.** 64 titles to a word: titles with several tags are an AND, their number is a bit count.
At 10,000 titles a set is 157 words: counting the intersection of two takes 30 ns, writing the intersection
of three 50 ns, marking the titles that may be shown 1 us, listing 2,500 titles of a set 2 us.
"""

import numpy as np

from online_models.jit import jit_inline, jit_no_alloc
from online_models.page.layout import WORD, CatalogIndexArrays
from online_models.passed_by_pointer import PassedByPointer
from online_models.tables.layout import F4, F8, I4, U8
from online_models.tables.top_k import keep_best as keep_in_heap

ONE = np.uint64(1)
"""The word with the lowest bit set."""
_PAIRS, _FOURS = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333)
_EIGHTS, _SUM = np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(0x0101010101010101)
_IN_WORD = np.uint64(WORD - 1)
LEAST = np.finfo(np.float32).min
"""Lowest finite score: a score reaches it unless it is -inf."""


@jit_inline
def count_bits(x: np.uint64) -> np.int64:
    """Count the bits of a word (Warren, Hacker's Delight, 5-1).

    LLVM recognises the pattern and compiles it to one instruction.
    """
    x = x - ((x >> ONE) & _PAIRS)
    x = (x & _FOURS) + ((x >> np.uint64(2)) & _FOURS)
    x = (x + (x >> np.uint64(4))) & _EIGHTS
    return np.int64((x * _SUM) >> np.uint64(56))


@jit_inline
def contains(bits: U8, t: int) -> bool:
    """Return whether a title is in a set."""
    return bool((bits[t // WORD] >> (np.uint64(t) & _IN_WORD)) & ONE)


@jit_inline
def reaching(part: F4, bound: np.float32) -> np.uint64:
    """Return which of ``WORD`` scores reach a bound, one bit each.

    The scores are a slice with index 0..63: LLVM does not vectorise the loop when indices are sums.
    """
    x = np.uint64(0)
    for k in range(WORD):
        x |= np.uint64(part[k] >= bound) << np.uint64(k)
    return x


@jit_inline
def lowest_bit(x: np.uint64) -> np.int64:
    """Return the position of the lowest bit of a word."""
    return np.int64(count_bits((x & (~x + ONE)) - ONE))


@jit_no_alloc
def mark_reaching(row: F4, bound: np.float32, out: U8) -> None:
    """Write the set of titles whose score reaches a bound and is not -inf."""
    bound, whole = max(bound, LEAST), row.size // WORD
    for w in range(whole):
        out[w] = reaching(row[w * WORD : (w + 1) * WORD], bound)
    out[whole:] = 0
    for k in range(whole * WORD, row.size):
        out[whole] |= np.uint64(row[k] >= bound) << (np.uint64(k) & _IN_WORD)


@jit_no_alloc
def mark_tagged(index: CatalogIndexArrays, g: int, out: U8) -> None:
    """Write the set of titles that have a tag."""
    b = index.bitset_of[g]
    if b >= 0:
        known = min(out.size, index.bitsets.shape[1])
        for w in range(known):
            out[w] = index.bitsets[b, w]
        out[known:] = 0
    else:
        out[:] = 0
        for a in range(index.tagged_start[g], index.tagged_start[g + 1]):
            t = index.tagged[a]
            if t < out.size * WORD:
                out[t // WORD] |= ONE << (np.uint64(t) & _IN_WORD)


@jit_no_alloc
def intersect(tagged: U8, c: int, out: U8) -> None:
    """Write the intersection of some sets: those rows of ``tagged`` [n, W] whose bit is set in ``c``."""
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
def count_common(a: U8, b: U8) -> int:
    """Count the titles that are in both sets."""
    n = 0
    for w in range(a.size):
        n += int(count_bits(a[w] & b[w]))
    return n


@jit_no_alloc
def sum_members(bits: U8, value: F8) -> float:
    """Sum the values of the titles of a set; titles newer than the values count 0."""
    total = 0.0
    for w in range(bits.size):
        x = bits[w]
        while x:
            t = w * WORD + lowest_bit(x)
            total += value[t] if t < value.size else 0.0
            x &= x - ONE
    return total


@jit_no_alloc
def list_common(a: U8, b: U8, name: I4) -> int:
    """Write the titles that are in both sets, ascending; return how many."""
    n = 0
    for w in range(a.size):
        x = a[w] & b[w]
        while x:
            name[n] = w * WORD + lowest_bit(x)
            n += 1
            x &= x - ONE
    return n


PILES = 128
"""Piles of scores: more than twice the titles of a shelf, and small enough for the first-level cache."""

SAMPLED_PART = PILES * WORD
"""Titles of a part of a score row: 32 kB of scores, which a near cache holds."""
SAMPLED_PARTS = 8
"""Parts, evenly distributed, whose scores decide what is high: 65,536 titles or some more."""

MOST_SORTED = 256
"""Maximum number of candidates that are compared with each other; more go through a heap."""


class SelectionScratch(PassedByPointer):
    """Working memory of a selection."""

    title: I4
    """[T + 1] candidates."""
    key: F4
    """[T + 1] their sort keys."""
    kept: I4
    """Positions of the collected candidates, then their titles."""
    kept_key: F4
    """Their sort keys."""
    highest: F4
    """[PILES] maximum of each pile."""
    rank: I4
    """[PILES] the maxima as integers in the same order (`sortable_bits`)."""


LOWEST = -(2**31)

HIGHEST = 2**31 - 1


@jit_inline
def sortable_bits(bits: np.int32) -> np.int32:
    """Map the bits of a float to an integer of the same order; the map is its own inverse.

    Positive floats order like their bits. For negative ones the order is reversed, so all bits but the
    sign are flipped.
    """
    return np.int32(bits ^ np.int32(np.int32(bits >> np.int32(31)) & np.int32(0x7FFFFFFF)))


@jit_no_alloc
def bound_of(key: F4, n: int, most: int, scratch: SelectionScratch) -> np.float32:
    """Return a key that at least ``most`` of the first ``n`` keys reach; ``most`` <= ``PILES`` <= ``n``."""
    scratch.highest[:] = -np.inf
    deal_to_piles(key[:n], scratch.highest)
    return bound_of_piles(most, scratch)


@jit_no_alloc
def deal_to_piles(key: F4, highest: F4) -> None:
    """Raise the maximum of each pile to those of some more keys."""
    # The inner loops run over all piles without a branch, so that they become vector instructions.
    whole = key.size // PILES * PILES
    for a in range(0, whole, PILES):
        some = key[a : a + PILES]
        for k in range(PILES):
            highest[k] = max(highest[k], some[k])
    for k in range(key.size - whole):
        highest[k] = max(highest[k], key[whole + k])


@jit_no_alloc
def bound_of_piles(most: int, scratch: SelectionScratch) -> np.float32:
    """Return a key that the maxima of at least ``most`` piles reach."""
    highest, rank = scratch.highest, scratch.rank
    for k in range(PILES):
        rank[k] = sortable_bits(np.float32(highest[k]).view(np.int32))
    low, high = np.int64(LOWEST), np.int64(HIGHEST)  # enough maxima reach `low`, too few `high` + 1
    while low < high:
        middle = (low + high + 1) >> 1
        # Counted in 32 bits like the ranks: eight comparisons an instruction.
        bound, reach = np.int32(middle), np.int32(0)
        for k in range(PILES):
            reach = np.int32(reach + np.int32(rank[k] >= bound))
        if reach >= most:
            low = middle
        else:
            high = middle - 1
        if reach == most:  # exact: no higher bound is needed
            break
    return np.int32(sortable_bits(np.int32(low))).view(np.float32)


@jit_no_alloc
def keep_heap(key: F4, n: int, most: int, scratch: SelectionScratch) -> int:
    """Collect the highest keys with a heap: for many ties, or very long shelves."""
    place, kept = scratch.kept[:most], scratch.kept_key[:most]
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
def collect(key: F4, n: int, most: int, scratch: SelectionScratch) -> int:
    """Collect the ``most`` highest of ``n`` keys, perhaps a few more, with their positions; return how many.

    Keys of -inf are left out.
    """
    place, kept, m, whole = scratch.kept, scratch.kept_key, 0, n // WORD * WORD
    if n > PILES and 2 * most > PILES:
        return int(keep_heap(key, n, most, scratch))
    if n <= PILES:
        for k in range(n):
            place[m], kept[m] = k, key[k]  # no branch: the next one overwrites a key of -inf
            m += key[k] > -np.inf
        return m
    bound = max(bound_of(key, n, most, scratch), LEAST)
    for a in range(0, whole, WORD):
        x = reaching(key[a : a + WORD], bound)
        while x:
            place[m] = a + lowest_bit(x)
            kept[m] = key[place[m]]
            m += 1
            x &= x - ONE
        if m > MOST_SORTED:  # many ties: comparing each with each would be quadratic
            return int(keep_heap(key, n, most, scratch))
    for k in range(whole, n):
        place[m], kept[m] = k, key[k]
        m += key[k] >= bound
    return m


@jit_no_alloc
def put_in_order(scratch: SelectionScratch, m: int, title: I4, score: F4) -> None:
    """Write the titles of the highest keys, best first, ties in ascending order; ``title`` is -1 before.

    If the slot of a title's rank is taken, the title there has an equal key.
    """
    for i in range(m):
        mine, t, better = scratch.kept_key[i], scratch.kept[i], np.int32(0)
        for j in range(m):
            better = np.int32(better + np.int32(scratch.kept_key[j] > mine))
        while better < title.size and title[better] >= 0:
            if title[better] > t:
                title[better], t = t, title[better]
            better += np.int32(1)
        if better < title.size:
            title[better], score[better] = t, mine


@jit_no_alloc
def select_best(row: F4, scratch: SelectionScratch, title: I4, score: F4) -> None:
    """Write the titles of the highest scores, best first, without -inf."""
    put_in_order(scratch, collect(row, row.size, title.size, scratch), title, score)


@jit_no_alloc
def deal_sample(key: F4, scratch: SelectionScratch) -> None:
    """Write the maxima of piles of some keys: what so many piles of them reach, so many of all keys do."""
    scratch.highest[:] = -np.inf
    parts = -(-key.size // SAMPLED_PART)
    for p in range(0, parts, max(1, parts // SAMPLED_PARTS)):
        deal_to_piles(key[p * SAMPLED_PART : (p + 1) * SAMPLED_PART], scratch.highest)


@jit_no_alloc
def select_top(row: F4, scratch: SelectionScratch, title: I4, score: F4, left: U8, high: U8) -> None:
    """Write the titles of the highest scores as `select_best` does, and two sets of titles.

    ``left`` are all titles that have a score, ``high`` those with high ones: one of fifteen of 10,000, one of
    a hundred of many.
    """
    few = row.size <= PILES or 2 * title.size > PILES
    bound = np.float32(-np.inf)
    if not few:
        deal_sample(row, scratch)
        bound = scratch.highest[0]
        for k in range(1, PILES):
            bound = min(bound, scratch.highest[k])
    words = SAMPLED_PART // WORD
    for p in range(-(-row.size // SAMPLED_PART)):  # a near cache holds a part while it is read twice
        part = row[p * SAMPLED_PART : (p + 1) * SAMPLED_PART]
        mark_reaching(part, np.float32(-np.inf), left[p * words : (p + 1) * words])
        mark_reaching(part, bound, high[p * words : (p + 1) * words])
    if few:
        select_best(row, scratch, title, score)
    else:
        select_from_set(high, left, high, row, scratch, title, score)


@jit_no_alloc
def select_best_of_many(key: F4, scratch: SelectionScratch, title: I4, score: F4, reach: U8) -> None:
    """Write the titles of the highest keys as `select_best` does; ``reach`` is working memory.

    Keys may be those of ``scratch``: they are moved to the front, never over one that is still to come.
    """
    if key.size <= PILES or 2 * title.size > PILES:
        select_best(key, scratch, title, score)
        return
    deal_sample(key, scratch)
    mark_reaching(key, bound_of_piles(title.size, scratch), reach)
    n = list_common(reach, reach, scratch.title)
    for k in range(n):
        scratch.key[k] = key[scratch.title[k]]
    select_named(scratch.key, scratch.title, n, scratch, title, score)


@jit_no_alloc
def select_from_set(
    members: U8, left: U8, high: U8, row: F4, scratch: SelectionScratch, title: I4, score: F4
) -> None:
    """Write those titles of a set that have the highest scores, best first.

    ``left`` and ``high`` are those of `select_top`: if enough titles of the set have high scores, the others
    are not looked at.
    """
    enough = count_common(members, high) >= title.size
    n = list_common(members, high if enough else left, scratch.title)
    for k in range(n):
        scratch.key[k] = row[scratch.title[k]]
    select_named(scratch.key, scratch.title, n, scratch, title, score)


@jit_no_alloc
def select_named(key: F4, name: I4, n: int, scratch: SelectionScratch, title: I4, score: F4) -> None:
    """Write those of ``n`` given titles that have the highest keys, best first, without -inf."""
    m = collect(key, n, title.size, scratch)
    for k in range(m):
        scratch.kept[k] = name[scratch.kept[k]]
    put_in_order(scratch, m, title, score)


@jit_no_alloc
def select_from_pool(candidates: I4, row: F4, scratch: SelectionScratch, title: I4, score: F4) -> None:
    """Write those titles of an ascending pool that have the highest scores, best first."""
    n, key = candidates.size, scratch.key
    while n > 0 and candidates[n - 1] >= row.size:
        n -= 1
    for k in range(n):
        key[k] = row[candidates[k]]
    select_named(key, candidates, n, scratch, title, score)


@jit_no_alloc
def select_popular(
    candidates: I4, heat: F4, row: F4, scratch: SelectionScratch, title: I4, score: F4
) -> None:
    """Write those titles of a pool that have the highest heat + score, best first."""
    name, key, n = scratch.title, scratch.key, 0
    for k in range(candidates.size):
        t = candidates[k]
        if t < row.size:
            name[n], key[n] = t, row[t] + heat[k]
            n += 1
    select_named(key, name, n, scratch, title, score)
