r"""Order of a page: which candidate shelves are on it, in which order, and with which titles.

Shelves are placed one by one, each time the one of the highest value:

.. math::

    \text{value}(r) = \pi_{kind(r)} \sum_{k < V} \frac{w_{r_k}}{\log_2(k + 2)}

over the V titles that would be visible, with w the relevance of each (``CandidateShelves.relevance``).
Titles that are visible further up are left out: a shelf that repeats them is worth little. The discount is
that of the DCG (Jarvelin and Kekalainen, 2002). Shelves further down are seen less, all by the same
factor, which does not change the order. Page construction as in Gomez-Uribe and Hunt (2016); greedy, as
there are few shelves.
"""

import numpy as np

from online_models.jit import jit_inline, jit_no_alloc
from online_models.page.layout import MOST_ARGUMENTS, CatalogIndexArrays, Pages, PageSpec
from online_models.page.scratch import CandidateShelves
from online_models.tables.codes import (
    CONTINUE_WATCHING,
    EXPLORE,
    FEATURED,
    MY_LIST,
    NEW_RELEASES,
    TOP_PICKS,
    WATCH_AGAIN,
)
from online_models.tables.layout import F4, I4

ALWAYS_PLACED = (TOP_PICKS, CONTINUE_WATCHING, MY_LIST)
"""Kinds that are on every page that has space and titles for them."""
FIXED_PLACE = (EXPLORE, FEATURED)
"""Kinds whose place does not depend on their value: explore is last, featured first."""


@jit_inline
def is_own(kind: int) -> bool:
    """Return whether a shelf is the viewer's own or a rule's: its visible titles are reserved for it."""
    return kind in (CONTINUE_WATCHING, MY_LIST, WATCH_AGAIN, FEATURED)


@jit_inline
def series_of(index: CatalogIndexArrays, t: int) -> int:
    """Return the series of a title, -1 for none."""
    return int(index.series[t]) if t < index.series.size else -1


@jit_inline
def series_has_room(series: I4, n: int, most: int) -> bool:
    """Return whether the ``n``-th title may join a shelf: at most so many of one series (-1: none)."""
    same = 0
    for k in range(n if series[n] >= 0 else 0):
        same += int(series[k] == series[n])
    return same < most


@jit_inline
def fill_shelf(
    index: CatalogIndexArrays,
    spec: PageSpec,
    shelves: CandidateShelves,
    c: int,
    stamp: int,
    most: int,
    listed: I4,
    at: I4,
) -> int:
    """Write the titles of a shelf without those visible already, and their positions among the candidates.

    Pinned top picks have their slots, or follow the last title of a shorter shelf; ``~p`` stands for their
    position.
    """
    n, k, p, own, series = 0, 0, 0, is_own(shelves.kind[c]), shelves.series
    pinned = shelves.pin_count[0] if shelves.kind[c] == TOP_PICKS else 0
    # An explore draw is not filtered by series: that would change its propensities.
    mixed = not own and shelves.kind[c] != EXPLORE
    while n < most:
        t = shelves.title[c, k] if k < shelves.title.shape[1] else -1
        if p < pinned and (t < 0 or shelves.pin_slot[p] <= n):
            listed[n], at[n], series[n] = shelves.pin_title[p], ~p, series_of(index, shelves.pin_title[p])
            n += 1
            p += 1
            continue
        if t < 0:
            break
        if own or shelves.seen[t] != stamp:
            # Written first, kept if it may join: `n` does not advance otherwise.
            listed[n], at[n], series[n] = t, k, series_of(index, t) if mixed else -1
            n += int(series_has_room(series, n, spec.series))
        k += 1
    return n


@jit_inline
def relevance_at(shelves: CandidateShelves, c: int, k: int) -> float:
    """Return the relevance of a title by its position among the candidates (``fill_shelf``)."""
    return float(shelves.relevance[c, k] if k >= 0 else shelves.pin_relevance[~k])


@jit_inline
def least_titles(spec: PageSpec, kind: int) -> int:
    """Return the minimum number of titles: one for top picks, the viewer's own shelves and new releases."""
    one = kind in (TOP_PICKS, NEW_RELEASES) or is_own(kind)
    return 1 if one else min(spec.least, spec.visible)


@jit_inline
def is_up_to_date(shelves: CandidateShelves, c: int, stamp: int) -> bool:
    """Return whether the value of a shelf is known: it changes once another shelf shows one of its titles."""
    if shelves.visible_count[c] < 0:
        return False
    if is_own(shelves.kind[c]):
        return True
    seen = 0
    for k in range(shelves.visible_count[c]):
        seen += shelves.seen[shelves.visible[c, k]] == stamp
    return seen == 0


@jit_no_alloc
def update_value(
    index: CatalogIndexArrays, spec: PageSpec, shelves: CandidateShelves, c: int, stamp: int
) -> None:
    """Write the titles that a shelf would show and its value; 0 if there are too few titles."""
    n, value, kind = 0, 0.0, shelves.kind[c]
    n = fill_shelf(index, spec, shelves, c, stamp, spec.visible, shelves.visible[c], shelves.position)
    for k in range(n):
        value += relevance_at(shelves, c, shelves.position[k]) * spec.discount[k]
    shelves.visible_count[c] = n
    shelves.value[c] = value * spec.prior[kind] if n >= least_titles(spec, kind) else 0.0


@jit_no_alloc
def list_unplaced(shelves: CandidateShelves) -> int:
    """Write the candidate shelves whose place depends on their value; return how many."""
    n = 0
    for c in range(shelves.size[0]):
        shelves.unplaced[n] = c
        n += int(shelves.kind[c] not in FIXED_PLACE)
    return n


@jit_no_alloc
def take_best_shelf(
    index: CatalogIndexArrays, spec: PageSpec, shelves: CandidateShelves, n: int, stamp: int, room: int
) -> int:
    """Remove the shelf of the highest value from the ``n`` unplaced ones and return it; -1: none is left.

    Ties go to the first. ``room`` is the number of free shelves of the page. If the kinds that must be on
    the page need all of it, only these are considered.
    """
    best, most, reserved = -1, 0.0, 0
    for k in range(n):
        reserved += int(shelves.kind[shelves.unplaced[k]] in ALWAYS_PLACED)
    for k in range(n):
        c = shelves.unplaced[k]
        if room <= reserved and shelves.kind[c] not in ALWAYS_PLACED:
            continue
        if not is_up_to_date(shelves, c, stamp):
            update_value(index, spec, shelves, c, stamp)
        if shelves.value[c] > most:
            best, most = k, shelves.value[c]
    if best < 0:
        return -1
    c = shelves.unplaced[best]
    for k in range(best, n - 1):  # close the gap in order, so that ties still go to the first
        shelves.unplaced[k] = shelves.unplaced[k + 1]
    return int(c)


@jit_no_alloc
def place_shelf(
    index: CatalogIndexArrays,
    spec: PageSpec,
    shelves: CandidateShelves,
    c: int,
    stamp: int,
    row: F4,
    pages: Pages,
    q: int,
    r: int,
) -> int:
    """Put a shelf on the page; return how many of its titles the explore draw could have drawn.

    Only visible and pinned titles count.
    """
    listed, at, drawable = shelves.shelf_title, shelves.position, 0
    n = fill_shelf(index, spec, shelves, c, stamp, spec.length, listed, at)
    shelves.placed[c] = 1
    pages.kind[q, r] = shelves.kind[c]
    for k in range(MOST_ARGUMENTS):
        pages.arg[q, r, k] = shelves.arg[c, k]
    for k in range(n):
        pages.title[q, r, k] = listed[k]
        pages.score[q, r, k] = shelves.score[c, at[k]] if at[k] >= 0 else row[listed[k]]
        if k < spec.visible or at[k] < 0:
            shelves.seen[listed[k]] = stamp
            drawable += int(row[listed[k]] > -np.inf)
    return drawable


@jit_no_alloc
def arrange(
    index: CatalogIndexArrays,
    spec: PageSpec,
    shelves: CandidateShelves,
    stamp: int,
    row: F4,
    drawn: int,
    pages: Pages,
    q: int,
) -> None:
    """Lay a page out: featured shelves, then by value, and the explore shelf last, where it costs least.

    ``drawn`` is the number of titles that the explore shelf was drawn from. Titles that are visible on
    other shelves could not be drawn, so the propensity leaves them out (``Pages.candidates``).
    """
    shelves.placed[:] = 0
    shelves.visible_count[:] = -1
    explore, r, drawable = -1, 0, 0
    for c in range(shelves.size[0]):
        if shelves.kind[c] == EXPLORE:
            explore = c
    rows = spec.shelves - int(explore >= 0)
    for c in range(shelves.size[0]):
        if shelves.kind[c] == FEATURED and rows > 1:
            drawable += place_shelf(index, spec, shelves, c, stamp, row, pages, q, r)
            r += 1
    n = list_unplaced(shelves)
    while r < rows:
        c = take_best_shelf(index, spec, shelves, n, stamp, rows - r)
        if c < 0:
            break
        n -= 1
        drawable += place_shelf(index, spec, shelves, c, stamp, row, pages, q, r)
        r += 1
    for c in range(shelves.size[0]):
        # Not on the page, but its visible titles or pins were marked as seen: they could not be drawn either.
        if shelves.placed[c] == 0 and is_own(shelves.kind[c]):
            for k in range(spec.visible):
                drawable += int(shelves.title[c, k] >= 0 and row[shelves.title[c, k]] > -np.inf)
        elif shelves.placed[c] == 0 and shelves.kind[c] == TOP_PICKS:
            drawable += shelves.pin_count[0]
    if explore >= 0:
        n = fill_shelf(
            index, spec, shelves, explore, stamp, spec.length, shelves.shelf_title, shelves.position
        )
        if n >= spec.least:
            place_shelf(index, spec, shelves, explore, stamp, row, pages, q, r)
            pages.candidates[q] = drawn - drawable
