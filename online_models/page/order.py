r"""Putting a page together: which drafted rows stand on it, in which order, and with which titles.

Rows are taken one by one, always the one of the highest value beside what stands already:

.. math::

    \text{value}(r) = \pi_{kind(r)} \sum_{k < V} \frac{w_{r_k}}{\log_2(k + 2)}

over the V titles that would be in sight, with w how likely each is taken (``ShelfDrafts.worth``) and titles in
sight further up left out: a row that offers what is offered already is worth little. The discount is that of
the DCG (Jarvelin and Kekalainen, 2002); rows further down are seen less, all by the same factor, so it does
not change the order. Page-wise construction as in Gomez-Uribe and Hunt (2016); greedily, as rows are few.
"""

import numpy as np

from online_models.jit import jit_inline, jit_no_alloc
from online_models.page.layout import WORDS, CatalogIndexArrays, Pages, PageSpec
from online_models.page.scratch import ShelfDrafts
from online_models.tables.codes import AGAIN, CONTINUE, EXPLORE, FEATURED, MY_LIST, TOP
from online_models.tables.layout import F4, I4

MUST = (TOP, CONTINUE, MY_LIST)
"""Kinds that stand on every page that has room and titles for them."""
LAST_AND_FIRST = (EXPLORE, FEATURED)
"""Kinds whose place does not depend on their value."""


@jit_inline
def is_own(kind: int) -> bool:
    """Whether a row is the viewer's own, or a rule's: what is in sight in it was kept for it."""
    return kind in (CONTINUE, MY_LIST, AGAIN, FEATURED)


@jit_inline
def series_of(shelf: CatalogIndexArrays, t: int) -> int:
    """Return the series that a title belongs to, -1 for none."""
    return int(shelf.series[t]) if t < shelf.series.size else -1


@jit_inline
def fits(line: I4, n: int, most: int) -> bool:
    """Whether the ``n``-th title may join a row: not more than so many of one series (-1: none)."""
    same = 0
    for k in range(n if line[n] >= 0 else 0):
        same += int(line[k] == line[n])
    return same < most


@jit_inline
def fill(
    shelf: CatalogIndexArrays,
    spec: PageSpec,
    draft: ShelfDrafts,
    c: int,
    stamp: int,
    most: int,
    listed: I4,
    at: I4,
) -> int:
    """Write the titles that a row would show beside what is in sight, and their places in the draft.

    Of top picks some may be pinned: they stand in their places, or behind the last of a shorter row, and have
    ``~p`` for the place in the draft.
    """
    n, k, p, own, line = 0, 0, 0, is_own(draft.kind[c]), draft.line
    pinned = draft.pins[0] if draft.kind[c] == TOP else 0
    mixed = not own and draft.kind[c] != EXPLORE  # a draw is left as it was
    while n < most:
        t = draft.title[c, k] if k < draft.title.shape[1] else -1
        if p < pinned and (t < 0 or draft.pin_slot[p] <= n):
            listed[n], at[n], line[n] = draft.pin[p], ~p, series_of(shelf, draft.pin[p])
            n += 1
            p += 1
            continue
        if t < 0:
            break
        if own or draft.seen[t] != stamp:
            listed[n], at[n], line[n] = t, k, series_of(shelf, t) if mixed else -1
            n += int(fits(line, n, spec.series))
        k += 1
    return n


@jit_inline
def worth_at(draft: ShelfDrafts, c: int, k: int) -> float:
    """Return how likely a title is taken, given its place in the draft (``fill``)."""
    return float(draft.worth[c, k] if k >= 0 else draft.pin_worth[~k])


@jit_inline
def least_of(spec: PageSpec, kind: int) -> int:
    """Return how many titles a row has to have: what is the viewer's own, and top picks, stand with one."""
    return 1 if kind == TOP or is_own(kind) else min(spec.least, spec.visible)


@jit_inline
def is_worked_out(draft: ShelfDrafts, c: int, stamp: int) -> bool:
    """Whether a row's value is known: it changes as one of its titles comes in sight in another row."""
    if draft.width[c] < 0:
        return False
    if is_own(draft.kind[c]):
        return True
    seen = 0
    for k in range(draft.width[c]):
        seen += draft.seen[draft.shown[c, k]] == stamp
    return seen == 0


@jit_no_alloc
def work_out(shelf: CatalogIndexArrays, spec: PageSpec, draft: ShelfDrafts, c: int, stamp: int) -> None:
    """Write what a row would have in sight, and its value; 0 for too few titles."""
    n, value, kind = 0, 0.0, draft.kind[c]
    n = fill(shelf, spec, draft, c, stamp, spec.visible, draft.shown[c], draft.place)
    for k in range(n):
        value += worth_at(draft, c, draft.place[k]) * spec.discount[k]
    draft.width[c] = n
    draft.value[c] = value * spec.prior[kind] if n >= least_of(spec, kind) else 0.0


@jit_no_alloc
def open_drafts(draft: ShelfDrafts) -> int:
    """Write the drafts whose place depends on their value; return how many."""
    n = 0
    for c in range(draft.drafted[0]):
        draft.open[n] = c
        n += int(draft.kind[c] not in LAST_AND_FIRST)
    return n


@jit_no_alloc
def best_row(
    shelf: CatalogIndexArrays, spec: PageSpec, draft: ShelfDrafts, n: int, stamp: int, room: int
) -> int:
    """Take the draft of the highest value off the ``n`` open ones, of equals the first; -1: none is left.

    Where there is room for no more, it is one that has to be there: top picks, what was begun, the list.
    """
    best, most, owed = -1, 0.0, 0
    for k in range(n):
        owed += int(draft.kind[draft.open[k]] in MUST)
    for k in range(n):
        c = draft.open[k]
        if room <= owed and draft.kind[c] not in MUST:
            continue
        if not is_worked_out(draft, c, stamp):
            work_out(shelf, spec, draft, c, stamp)
        if draft.value[c] > most:
            best, most = k, draft.value[c]
    if best < 0:
        return -1
    c = draft.open[best]
    for k in range(best, n - 1):
        draft.open[k] = draft.open[k + 1]
    return int(c)


@jit_no_alloc
def place_row(
    shelf: CatalogIndexArrays,
    spec: PageSpec,
    draft: ShelfDrafts,
    c: int,
    stamp: int,
    row: F4,
    pages: Pages,
    q: int,
    r: int,
) -> int:
    """Put a draft on the page; return how many of its titles in sight, or pinned, could have been drawn."""
    listed, at, fresh = draft.listed, draft.place, 0
    n = fill(shelf, spec, draft, c, stamp, spec.length, listed, at)
    draft.placed[c] = 1
    pages.kind[q, r] = draft.kind[c]
    for k in range(WORDS):
        pages.arg[q, r, k] = draft.arg[c, k]
    for k in range(n):
        pages.title[q, r, k] = listed[k]
        pages.score[q, r, k] = draft.score[c, at[k]] if at[k] >= 0 else row[listed[k]]
        if k < spec.visible or at[k] < 0:
            draft.seen[listed[k]] = stamp
            fresh += int(row[listed[k]] > -np.inf)
    return fresh


@jit_no_alloc
def arrange(
    shelf: CatalogIndexArrays,
    spec: PageSpec,
    draft: ShelfDrafts,
    stamp: int,
    row: F4,
    drawn: int,
    pages: Pages,
    q: int,
) -> None:
    """Lay a page out: what is featured, the best row, and so on; exploring last, where it costs least.

    ``drawn`` is from how many titles the exploring row was drawn.
    """
    draft.placed[:] = 0
    draft.width[:] = -1
    explore, r, fresh = -1, 0, 0
    for c in range(draft.drafted[0]):
        if draft.kind[c] == EXPLORE:
            explore = c
    rows = spec.rows - int(explore >= 0)
    for c in range(draft.drafted[0]):
        if draft.kind[c] == FEATURED and rows > 1:
            fresh += place_row(shelf, spec, draft, c, stamp, row, pages, q, r)
            r += 1
    n = open_drafts(draft)
    while r < rows:
        c = best_row(shelf, spec, draft, n, stamp, rows - r)
        if c < 0:
            break
        n -= 1
        fresh += place_row(shelf, spec, draft, c, stamp, row, pages, q, r)
        r += 1
    for c in range(draft.drafted[0]):
        if draft.placed[c] == 0 and is_own(draft.kind[c]):  # kept, and there was no room for the row
            for k in range(spec.visible):
                fresh += int(draft.title[c, k] >= 0 and row[draft.title[c, k]] > -np.inf)
        elif draft.placed[c] == 0 and draft.kind[c] == TOP:
            fresh += draft.pins[0]
    if explore >= 0:
        n = fill(shelf, spec, draft, explore, stamp, spec.length, draft.listed, draft.place)
        if n >= spec.least:
            place_row(shelf, spec, draft, explore, stamp, row, pages, q, r)
            pages.candidates[q] = drawn - fresh
