"""Neighbours of titles: sets of sixteen places from one pool, as many sets as a title needs.

A title's neighbours are a set-associative cache. The key of a neighbour selects its set, so that a pair costs
two lines of the cache, however many neighbours a title has. A title begins without sets and gets one with its
first neighbour; where a set is full, the title gets twice as many, up to the number that the configuration
allows (`CoWatchConfig.neighbours`). Only then a new neighbour replaces the weakest one of its set. So a title
that few have watched takes 128 bytes in place of 1.4 kB, and is read as quickly.

``Titles.span`` has the place of a title's first set and the number of its sets in one number: whoever reads
while another thread moves a title to more sets finds the former ones or the new ones. Former sets go to the
next title of their size; a reader that is still in them reads neighbours of that title.

A replica looks for no pair, since it learns none. So its titles have their neighbours close together, in as
few places as hold them: 64 in place of 105 for one of a hundred thousand, and as much less is read for a
list.
"""

import numpy as np

from online_models.config import WAYS
from online_models.jit import jit, jit_inline, jit_no_alloc
from online_models.tables.hashing import below, mix
from online_models.tables.layout import F4, I4, I8, U1, U8, Int, Real, Titles
from online_models.tables.prefetch import LINE, prefetch

__all__ = [
    "add_neighbour",
    "copy_neighbours",
    "count_neighbours",
    "drop_neighbours",
    "gather_neighbours",
    "most_places",
    "neighbours_of",
    "prefetch_neighbours",
    "release_neighbours",
    "restore_neighbours",
    "set_in",
]

BITS, MASK = 8, 255
"""Lowest bits of a span, which are the number of its sets: at most 64, for 1,024 neighbours."""
EMPTY = -1
"""An empty place; below it are links of free sets."""


def most_places(pairs: int, titles: int, sets: int) -> int:
    """Return how many places so many pairs take from the pool at most, with as many titles to choose from.

    A title takes 1, 2, 4 ... sets one after the other, twice the last number in all at most; those that it
    leaves may be of use to nobody.

    Examples
    --------
    >>> most_places(pairs=1, titles=100, sets=11)
    416
    """
    steps = [1]
    while steps[-1] < sets:
        steps.append(min(sets, 2 * steps[-1]))
    return WAYS * sum(steps) * min(pairs, titles)


@jit_inline
def neighbours_of(titles: Titles, t: Int) -> range:
    """Return the places of a title's neighbours in the pool.

    They are unsigned, so that numba does not ask of each whether it counts from the end: without that
    question loops over them become vector instructions.
    """
    span = titles.span[t]
    first = span >> BITS
    return range(np.uint64(first), np.uint64(first + WAYS * (span & MASK)))


@jit_inline
def prefetch_neighbours(titles: Titles, t: Int) -> None:
    """Ask for the neighbours of a title and their weights."""
    places = neighbours_of(titles, t)
    for s in range(places.start, places.stop, np.uint64(LINE)):
        prefetch(titles.nbr, s)
        prefetch(titles.nbr_w, s)


@jit_inline
def set_in(span: Int, key: Int) -> np.int64:
    """Return the first place of the set of a span, not an empty one, to which a neighbour's key belongs."""
    return np.int64((span >> BITS) + WAYS * below(mix(key), span & MASK))


@jit_inline
def add_neighbour(titles: Titles, a: int, b: int, w: Real) -> None:
    """Add weight to neighbour ``b`` of title ``a``. The pool must have room (`most_places`).

    The rule by which a neighbour of a full set is replaced makes no difference (five measured, HR@10 within
    .0003); the number of places does.
    """
    if titles.span[a] == 0:
        add_sets(titles, a)
    first = np.uint64(set_in(titles.span[a], titles.key[b]))
    at: Int = -1
    # No early exit: without branches the sixteen comparisons become vector instructions
    for s in range(first, first + np.uint64(WAYS)):
        at = np.int64(s) if titles.nbr[s] == b else at
    if at < 0:
        at = place_in(titles, a, b)
        titles.nbr[at] = b
        titles.nbr_w[at] = 0.0
    titles.nbr_w[at] += np.float32(w)


@jit_no_alloc
def place_in(titles: Titles, a: int, b: int) -> int:
    """Return a place for a new neighbour: an empty one if there is any, or could be with more sets."""
    at = weakest(titles, set_in(titles.span[a], titles.key[b]))
    most = titles.pool.size - 2
    while titles.nbr_w[at] > 0 and (titles.span[a] & MASK) < most:
        add_sets(titles, a)
        at = weakest(titles, set_in(titles.span[a], titles.key[b]))
    return int(at)


@jit_inline
def weakest(titles: Titles, first: Int) -> Int:
    """Return the first of the weakest places of a set; an empty one has no weight."""
    at = first
    for s in range(first + 1, first + WAYS):
        at = s if titles.nbr_w[s] < titles.nbr_w[at] else at
    return at


@jit_no_alloc
def add_sets(titles: Titles, t: int) -> None:
    """Move a title to twice as many sets, at least one; its neighbours keep their order."""
    span = titles.span[t]
    sets = span & MASK
    more = max(1, min(2 * sets, titles.pool.size - 2))
    wider = take_span(titles, more)
    first = span >> BITS
    for s in range(first, first + WAYS * sets):
        if titles.nbr[s] >= 0:
            at = weakest(titles, set_in(wider, titles.key[titles.nbr[s]]))
            titles.nbr[at] = titles.nbr[s]
            titles.nbr_w[at] = titles.nbr_w[s]
    titles.span[t] = wider
    release_span(titles, span)


@jit_no_alloc
def take_span(titles: Titles, sets: Int) -> int:
    """Take empty sets from the pool, those that another title has left first."""
    first = titles.pool[sets]
    if first >= 0:
        titles.pool[sets] = EMPTY - 1 - titles.nbr[first]
        titles.pool[titles.pool.size - 1] -= WAYS * sets
    else:
        first = titles.pool[0]
        titles.pool[0] += WAYS * sets
    for s in range(first, first + WAYS * sets):
        titles.nbr[s] = EMPTY
        titles.nbr_w[s] = 0.0
    return int(first << BITS | sets)


@jit_no_alloc
def release_span(titles: Titles, span: int) -> None:
    """Return sets to the pool; the first place links to the next free ones of this size."""
    sets, first = span & MASK, span >> BITS
    if sets > 0:
        for s in range(first, first + WAYS * sets):
            titles.nbr[s] = EMPTY
            titles.nbr_w[s] = 0.0
        titles.nbr[first] = EMPTY - 1 - titles.pool[sets]
        titles.pool[sets] = first
        titles.pool[titles.pool.size - 1] += WAYS * sets


@jit
def release_neighbours(titles: Titles, rows: I4) -> None:
    """Return the sets of titles to the pool."""
    for q in range(rows.size):
        release_span(titles, titles.span[rows[q]])
        titles.span[rows[q]] = 0


@jit
def drop_neighbours(titles: Titles, gone: U1, out: U1) -> None:
    """Take titles out of the neighbours of all others, without gaps in their sets; mark who lost some.

    Parameters
    ----------
    titles
        The table.
    gone
        [T] 1 for titles that are nobody's neighbours any more.
    out
        [T] receives 1 for each title that lost a neighbour.
    """
    for t in range(out.size):
        places = neighbours_of(titles, t)
        to = np.uint64(places.start)
        for s in places:
            if (s - places.start) % np.uint64(WAYS) == 0:
                to = np.uint64(s)
            j, w = titles.nbr[s], titles.nbr_w[s]
            if j >= 0 and gone[j]:
                out[t] = 1
                titles.nbr[s], titles.nbr_w[s] = EMPTY, 0.0
            elif j >= 0:
                titles.nbr[s], titles.nbr_w[s] = EMPTY, 0.0
                titles.nbr[to], titles.nbr_w[to] = j, w
                to += np.uint64(1)


@jit
def copy_neighbours(titles: Titles, wider: Titles) -> None:
    """Copy the neighbours of all titles into a new pool, one title after the other, without free places."""
    end = np.int64(0)
    for t in range(titles.span.size):
        span = titles.span[t]
        if span > 0:
            wider.span[t] = end << BITS | span & MASK
            for s in neighbours_of(titles, t):
                wider.nbr[end], wider.nbr_w[end] = titles.nbr[s], titles.nbr_w[s]
                end += 1
    wider.pool[:] = EMPTY
    wider.pool[0], wider.pool[wider.pool.size - 1] = end, 0


@jit
def count_neighbours(titles: Titles, rows: I4, sets: I4, out: I4) -> bool:
    """Write the sets and the neighbours of titles; return whether the weights of all are finite."""
    finite = True
    for q in range(rows.size):
        n = 0
        for s in neighbours_of(titles, rows[q]):
            n += titles.nbr[s] >= 0
            finite &= np.isfinite(titles.nbr_w[s])
        sets[q] = titles.span[rows[q]] & MASK
        out[q] = n
    return bool(finite)


@jit
def gather_neighbours(titles: Titles, rows: I4, starts: I8, keys: U8, weights: F4) -> None:
    """Write the neighbours of each title, in order of their places, from ``starts[q]`` on."""
    for q in range(rows.size):
        at = starts[q]
        for s in neighbours_of(titles, rows[q]):
            if titles.nbr[s] >= 0:
                keys[at] = titles.key[titles.nbr[s]]
                weights[at] = titles.nbr_w[s]
                at += 1


@jit
def restore_neighbours(
    titles: Titles, rows: I4, sets: I4, starts: I8, keys: U8, others: I4, weights: F4, close: bool
) -> None:
    """Write neighbours as `gather_neighbours` gave them. The pool must have room for all sets.

    Parameters
    ----------
    titles
        The table.
    rows
        [n] titles, each once; those at -1 are left out.
    sets
        [n] their sets.
    starts
        [n + 1] where their neighbours begin.
    keys, others, weights
        Neighbours, in order of their places, by key and by row, and their weights; those at -1 are left out.
    close
        Whether neighbours lie close together, each in the next place instead of in its set.
    """
    for q in range(rows.size):
        if rows[q] < 0:
            continue
        former = titles.span[rows[q]]
        span = former
        if sets[q] != former & MASK:
            span = take_span(titles, np.int64(sets[q])) if sets[q] > 0 else 0
        at = span >> BITS
        end = at + WAYS * np.int64(sets[q])
        for e in range(starts[q], starts[q + 1] if sets[q] > 0 else starts[q]):
            if others[e] >= 0:
                begin = at if close else set_in(span, keys[e])
                for s in range(at, begin):
                    titles.nbr[s], titles.nbr_w[s] = EMPTY, 0.0
                at = max(at, begin)
                if at < min(begin + WAYS, end):  # always, but in rows that no worker wrote
                    titles.nbr[at], titles.nbr_w[at] = others[e], weights[e]
                    at += 1
        for s in range(at, end):
            titles.nbr[s], titles.nbr_w[s] = EMPTY, 0.0
        if span != former:
            titles.span[rows[q]] = span
            release_span(titles, former)
