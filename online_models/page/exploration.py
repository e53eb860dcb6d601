"""What explores: titles drawn out of all that the viewer may see and does not know.

On pages a row of them, on lists now and then the last title.
"""

import numpy as np

from online_models.jit import jit_no_alloc
from online_models.page.best_of import keep_named
from online_models.page.candidates import begin_row, end_row
from online_models.page.layout import WORD, PageSpec
from online_models.page.scratch import ShelfDrafts
from online_models.page.title_sets import count_both, members_of
from online_models.ranking.exploration import number, scrambled
from online_models.tables.codes import EXPLORE
from online_models.tables.hashing import mix
from online_models.tables.layout import F4, U4, U8, Int, Viewers

SPARE = 1.5
"""Titles looked at for each that is drawn: by chance 60 are fewer than 40 once in 200 times, and it is done
again."""


@jit_no_alloc
def mark_drawn(lot: U4, mine: Int, share: float, out: U8) -> None:
    """Write the set of the titles of the highest numbers of the viewer's: about a share of all, or more.

    Of a number's 24 bits the upper 16 are the scrambled ones': a bound of these needs no more of them.
    """
    bound = np.uint32(np.int64(max(1.0 - share, 0.0) * 2.0**16) << 16)
    whole = lot.size // WORD
    for w in range(whole):
        x, part = np.uint64(0), lot[w * WORD : (w + 1) * WORD]
        for k in range(WORD):
            x |= np.uint64(scrambled(part[k], mine) >= bound) << np.uint64(k)
        out[w] = x
    out[whole:] = 0
    for k in range(whole * WORD, lot.size):
        out[whole] |= np.uint64(scrambled(lot[k], mine) >= bound) << np.uint64(k % WORD)


@jit_no_alloc
def draw(lot: U4, mine: Int, left: U8, n: int, most: int, out: U8) -> int:
    """Write a set that has the ``most`` of ``n`` titles left whose numbers are highest; return its size."""
    share = SPARE * most / max(n, 1)
    while True:
        mark_drawn(lot, mine, share, out)
        m: int = count_both(out, left)
        if m >= most or share >= 1.0:
            return m
        share *= 2.0


@jit_no_alloc
def draft_explore(viewers: Viewers, spec: PageSpec, v: int, row: F4, best: float, draft: ShelfDrafts) -> int:
    """Draw titles out of all that the viewer may see and does not know, each as likely; return how many.

    The draw derives from seed, day, viewer and title: it stays for a day, and no order of rows decides.
    """
    c, near, left, both = begin_row(draft, EXPLORE, -1), draft.near, draft.naming.left, draft.naming.both
    n: int = count_both(left, left)
    mine = np.uint32(mix(viewers.key[v]) >> np.uint64(32))
    draw(draft.lot, mine, left, n, draft.title.shape[1], both)
    m = members_of(both, left, near.name)
    for k in range(m):
        near.of[k] = number(draft.lot[near.name[k]], mine)
    keep_named(near.of, near.name, m, near, draft.title[c], draft.score[c])
    end_row(draft, c, row, best, spec.least)
    return n
