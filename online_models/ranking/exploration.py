"""Exploration: the last place of a list is given to a title drawn at random, and the draws themselves."""

import numpy as np

from online_models.jit import jit, jit_inline, jit_no_alloc
from online_models.tables.codes import EXPLORED, NOT_DRAWN
from online_models.tables.hashing import mix
from online_models.tables.layout import F4, I4, U1, U4, Int, Lists, Shared, Titles, Viewers


@jit_no_alloc
def deal(titles: Titles, seed: int, day: int, lot: U4) -> None:
    """Give every title its number of the day; the same for all viewers, and whatever row it has."""
    start = mix(np.uint64(seed) + np.uint64(day))
    for t in range(lot.size):
        lot[t] = np.uint32(mix(titles.key[t] ^ start) >> np.uint64(32))


@jit_inline
def scrambled(lot: int, mine: Int) -> np.uint32:
    """Return a title's number of the day as the viewer's, all but for the last step.

    The numbers' order is another for each viewer: MurmurHash3's finalizer (Appleby, public domain), which is
    32 bits wide, so that eight titles are done at once.
    """
    h = np.uint32(lot ^ np.uint32(mine))
    h = np.uint32((h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    return np.uint32((h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35))


@jit_inline
def number(lot: int, mine: Int) -> np.float32:
    """Return a title's number of the viewer's: 24 bits out of its number of the day."""
    h = scrambled(lot, mine)
    return np.float32(np.int32((h ^ (h >> np.uint32(16))) >> np.uint32(8)))


@jit_no_alloc
def draw_one(row: F4, dense: F4, lot: U4, mine: Int, draws: bool) -> tuple[int, int]:
    """Draw one of the titles that both rows leave; return it, and out of how many.

    Where nothing shall be drawn, ``NOT_DRAWN`` for their number if there is any at all.
    """
    best, title, n = np.float32(-1.0), -1, 0
    for t in range(dense.size):
        if row[t] > -np.inf and dense[t] > -np.inf:
            if not draws:
                return -1, NOT_DRAWN
            n += 1
            key = number(lot[t], mine)
            if key > best:
                best, title = key, t
    return title, n


@jit_inline
def chance(key: Int, seed: int, day: int) -> float:
    """Return the number in [0, 1) that decides whether a viewer's list of the day ends in a draw."""
    return np.float64(mix(key ^ mix(np.uint64(seed) ^ np.uint64(day))) >> np.uint64(11)) * 2.0**-53


@jit_no_alloc
def mark_draws(viewers: Viewers, slots: I4, seed: int, day: int, share: float, out: U1) -> None:
    """Mark the viewers whose lists end in a draw, if they are full."""
    for q in range(slots.size):
        out[q] = chance(viewers.key[slots[q]], seed, day) < share


@jit
def draw_last(
    titles: Titles, viewers: Viewers, slots: I4, rows: F4, shared: Shared, seed: int, day: int, share: float,
    lists: Lists,
) -> None:  # fmt: skip
    """Give the last place of a share of the full lists to a title drawn out of all that stand on none of it.

    Every title that the guards allow and the viewer does not know is as likely. ``rows`` [n, T] are the score
    rows as ``rank.pick`` left them. Both draws derive from seed, day, viewer and title: a list replayed is
    the same list, and it stays for a day.
    """
    lot, end, dealt = np.empty(rows.shape[1], np.uint32), lists.title.shape[1] - 1, False
    for q in range(slots.size):
        if lists.title[q, end] < 0:
            continue
        for k in range(end + 1):
            rows[q, lists.title[q, k]] = -np.inf
        key, dense = viewers.key[slots[q]], shared.dense[shared.group[q]]
        draws = chance(key, seed, day) < share
        mine = np.uint32(mix(key) >> np.uint64(32))
        if draws and not dealt:
            deal(titles, seed, day, lot)
            dealt = True
        title, lists.drawn[q] = draw_one(rows[q], dense, lot, mine, draws)
        if title >= 0:
            lists.title[q, end] = title
            lists.score[q, end] = rows[q, title] + dense[title]
            lists.reason[q, end] = EXPLORED
