"""Drafting the row that explores: titles drawn out of all that the viewer may see and does not know."""

import numpy as np

from online_models.kernels.hashing import mix
from online_models.kernels.layout import F4, Titles, Viewers, jit
from online_models.kernels.page.layout import EXPLORE, U4, Draft, PageSpec
from online_models.kernels.page.rows import begin_row, end_row, keep_best_row


@jit
def deal(titles: Titles, spec: PageSpec, lot: U4) -> None:
    """Give every title its number of the day; the same for all viewers, and whatever row it has."""
    start = mix(np.uint64(spec.seed) + np.uint64(spec.day))
    for t in range(lot.size):
        lot[t] = np.uint32(mix(titles.key[t] ^ start) >> np.uint64(32))


@jit
def shuffle(lot: U4, mine: int, row: F4, key: F4) -> int:
    """Give every title that may be shown a number of the viewer's, the others none; return how many may.

    The numbers' order is another for each viewer: MurmurHash3's finalizer (Appleby, public domain), which is
    32 bits wide, so that eight titles are done at once.
    """
    n = 0
    for t in range(row.size):
        h = np.uint32(lot[t] ^ np.uint32(mine))
        h = np.uint32((h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B))
        h = np.uint32((h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35))
        there = row[t] > -np.inf
        key[t] = np.float32(np.int32((h ^ (h >> np.uint32(16))) >> np.uint32(8))) if there else -np.inf
        n += there
    return n


@jit
def draft_explore(viewers: Viewers, spec: PageSpec, v: int, row: F4, best: float, draft: Draft) -> int:
    """Draw titles out of all that the viewer may see and does not know, each as likely; return how many.

    The draw derives from seed, day, viewer and title: it stays for a day, and no order of rows decides.
    """
    c, key = begin_row(draft, EXPLORE, -1), draft.key[: row.size]
    n: int = shuffle(draft.lot, np.uint32(mix(viewers.key[v]) >> np.uint64(32)), row, key)
    keep_best_row(key, draft.title[c], draft.score[c])
    end_row(draft, c, row, best, spec.least)
    return n
