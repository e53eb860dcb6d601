"""Exploration: the last title of a share of the lists is drawn at random.

Random numbers are keyed: they derive from seed, day, viewer and title, so that a list made again is the same,
and stays for a day.
"""

import numpy as np

from online_models.jit import jit, jit_inline, jit_no_alloc
from online_models.tables.codes import EXPLORED, NOT_DRAWN
from online_models.tables.hashing import mix
from online_models.tables.layout import F4, I4, U4, Int, Lists, Shared, Titles, Viewers


@jit_no_alloc
def deal(titles: Titles, seed: int, day: int, lot: U4) -> None:
    """Write a random number of the day for every title; it depends on the title's key, not on its row."""
    start = mix(np.uint64(seed) + np.uint64(day))
    for t in range(lot.size):
        lot[t] = np.uint32(mix(titles.key[t] ^ start) >> np.uint64(32))


@jit_inline
def scrambled(lot: int, mine: Int) -> np.uint32:
    """Mix a title's number of the day with the viewer's number, all but the last step.

    So every viewer has another order of titles. This is MurmurHash3's finalizer (Appleby, public domain): 32
    bits wide, so that a vector instruction handles eight titles.
    """
    h = np.uint32(lot ^ np.uint32(mine))
    h = np.uint32((h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    return np.uint32((h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35))


@jit_inline
def number(lot: int, mine: Int) -> np.int32:
    """Return a title's random number for the viewer: 24 bits."""
    h = scrambled(lot, mine)
    return np.int32((h ^ (h >> np.uint32(16))) >> np.uint32(8))


@jit_inline
def number_of(key: Int) -> np.uint32:
    """Return a viewer's number, with which a title's of the day is mixed."""
    return np.uint32(mix(key) >> np.uint64(32))


@jit_no_alloc
def draw_one(row: F4, dense: F4, lot: U4, mine: Int) -> tuple[int, Int]:
    """Draw one of the titles that are above -inf in both rows; return it, and the number of candidates.

    The title of the largest random number is the draw: all are equally likely. The first pass has no branch,
    for vector instructions; the second ends where it finds the number.
    """
    best, n, none = np.int32(-1), np.int32(0), np.int32(-1)
    for t in range(dense.size):
        open_to = (row[t] > -np.inf) & (dense[t] > -np.inf)
        n += np.int32(open_to)
        best = max(best, number(lot[t], mine) if open_to else none)
    for t in range(dense.size):
        if number(lot[t], mine) == best and row[t] > -np.inf and dense[t] > -np.inf:
            return t, n
    return -1, 0


@jit_no_alloc
def is_left(dense: F4, row: F4) -> bool:
    """Return whether any title is above -inf in both rows."""
    t = 0
    while t < dense.size and not (dense[t] > -np.inf and row[t] > -np.inf):
        t += 1
    return t < dense.size


@jit_inline
def chance(key: Int, seed: int, day: int) -> float:
    """Return the number in [0, 1) that decides whether a viewer's lists of the day end in a drawn title.

    The upper 53 bits of the hash, as many as a float64 holds.
    """
    return np.float64(mix(key ^ mix(np.uint64(seed) ^ np.uint64(day))) >> np.uint64(11)) * 2.0**-53


@jit
def draw_last(
    titles: Titles,
    viewers: Viewers,
    slots: I4,
    rows: F4,
    shared: Shared,
    seed: int,
    day: int,
    share: float,
    lists: Lists,
) -> None:
    """Replace the last title of a share of the full lists by one drawn from all titles that are not listed.

    Every title that the guards allow and the viewer does not know is equally likely. ``rows`` [n, T] are the
    score rows as ``ranking.scorer.rank_block`` left them.
    """
    lot, end, dealt = np.empty(rows.shape[1], np.uint32), lists.title.shape[1] - 1, False
    for q in range(slots.size):
        if lists.title[q, end] < 0:
            continue
        for k in range(end + 1):
            rows[q, lists.title[q, k]] = -np.inf
        key, dense = viewers.key[slots[q]], shared.dense[shared.group[q]]
        if chance(key, seed, day) >= share:
            lists.drawn[q] = NOT_DRAWN if is_left(dense, rows[q]) else 0
            continue
        if not dealt:
            deal(titles, seed, day, lot)
            dealt = True
        title, lists.drawn[q] = draw_one(rows[q], dense, lot, number_of(key))
        if title >= 0:
            lists.title[q, end] = title
            lists.score[q, end] = rows[q, title] + dense[title]
            lists.reason[q, end] = EXPLORED
