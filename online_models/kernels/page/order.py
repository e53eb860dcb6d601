r"""Putting a page together: which drafted rows stand on it, in which order, and with which titles.

Rows are taken one by one, always the one of the highest value beside what stands already:

.. math::

    \text{value}(r) = \pi_{kind(r)} \sum_{k < V} \frac{w_{r_k}}{\log_2(k + 2)}

over the V titles that would be in sight, with w how likely each is taken (``Draft.worth``) and titles in
sight further up left out: a row that offers what is offered already is worth little. The discount is that of
the DCG (Jarvelin and Kekalainen, 2002); rows further down are seen less, all by the same factor, so it does
not change the order. Page-wise construction as in Gomez-Uribe and Hunt (2016); greedily, as
rows are few.

Inside top picks, genres stand in the proportions of the viewer's own history (Steck, Calibrated
recommendations, RecSys 2018): greedily the title of the highest

.. math:: s_j + \lambda \sum_{g \in G_j} p(g) \log \frac{n_g + 1/|G_j| + \epsilon}{n_g + \epsilon}

with n_g the genre's part of the titles picked so far and p(g) of the history. The sum is what the title takes
off KL(p || q) of the whole list, up to constants.
"""

import numpy as np

from online_models.kernels.layout import F4, F8, I4, inlined, jit, plain
from online_models.kernels.page.layout import (
    AGAIN,
    CONTINUE,
    EXPLORE,
    FEATURED,
    MY_LIST,
    TOP,
    WORDS,
    Pages,
    PageSpec,
    Shelf,
)
from online_models.kernels.page.working import Draft

MUST = (TOP, CONTINUE, MY_LIST)
"""Kinds that stand on every page that has room and titles for them."""
LAST_AND_FIRST = (EXPLORE, FEATURED)
"""Kinds whose place does not depend on their value."""
GENRES = 64
MOST = 8
"""Genres of a title that count: more say nothing."""
STEP = 0.97
"""Weight of a watch per step back (``tag_affinity.STEP``)."""
SMOOTH = 0.5
"""A genre that is not there yet counts as half a title: the first one of a genre gains log 3, not more."""


@inlined
def genre_bits(shelf: Shelf, t: int) -> np.uint64:
    """Return a title's genres, a bit each."""
    return shelf.genre[t] if t < shelf.genre.size else np.uint64(0)


@inlined
def genres_of(shelf: Shelf, t: int, out: I4) -> int:
    """Write the numbers of a title's genres; return how many."""
    n, g, bits = 0, 0, genre_bits(shelf, t)
    while bits != np.uint64(0) and n < MOST:
        if bits & np.uint64(1):
            out[n] = g
            n += 1
        bits >>= np.uint64(1)
        g += 1
    return n


@jit
def genre_shares(shelf: Shelf, history: I4, depth: int, share: F8) -> float:
    """Write each genre's share of a history; return how much of it has genres."""
    share[:] = 0.0
    mine, total, w = np.empty(MOST, np.int32), 0.0, 1.0
    for step in range(depth):
        n = genres_of(shelf, history[step], mine)
        for k in range(n):
            share[mine[k]] += w / n
        total += w if n else 0.0
        w *= STEP
    if total > 0:
        share /= total
    return total


@inlined
def gain_of(mine: I4, n: int, share: F8, there: F8, logs: F8) -> float:
    """Return what a title of ``n`` genres takes off the divergence; ``logs`` holds what was worked out."""
    gain, part = 0.0, 1.0 / n
    for g in mine[:n]:
        if share[g] > 0:
            if logs[g, n] == 0.0:
                logs[g, n] = np.log((there[g] + part + SMOOTH) / (there[g] + SMOOTH))
            gain += share[g] * logs[g, n]
    return gain


@jit
def calibrate(shelf: Shelf, share: F8, weight: float, length: int, title: I4, score: F4, worth: F4) -> None:
    """Reorder the first of some titles, best first, so that genres stand in the viewer's proportions.

    What is worked out is kept until a genre's part changes: gains (-1: not known), and logs (0), by genre.
    """
    pool = title.size
    while pool > 0 and title[pool - 1] < 0:
        pool -= 1
    genres, count, order = np.empty((pool, MOST), np.int32), np.empty(pool, np.int32), np.arange(pool)
    bits = np.empty(pool, np.uint64)
    for k in range(pool):
        bits[k], count[k] = genre_bits(shelf, title[k]), genres_of(shelf, title[k], genres[k])
    there, most_gain = np.zeros(GENRES), np.log((1.0 + SMOOTH) / SMOOTH)
    logs, gains = np.zeros((GENRES, MOST + 1)), np.full(pool, -1.0)
    for place in range(min(length, pool - 1)):
        at, most = place, -np.inf
        for k in range(place, pool):
            c = order[k]
            if score[c] + weight * most_gain <= most:
                break  # nor can any behind it
            if gains[c] < 0:
                gains[c] = gain_of(genres[c], count[c], share, there, logs)
            if score[c] + weight * gains[c] > most:
                at, most = k, score[c] + weight * gains[c]
        c = order[at]
        for k in range(at, place, -1):
            order[k] = order[k - 1]
        order[place] = c
        for s in range(count[c]):
            there[genres[c, s]] += 1.0 / count[c]
            logs[genres[c, s]] = 0.0
        for k in range(pool):
            gains[k] = -1.0 if bits[k] & bits[c] else gains[k]
    title[:pool] = title[:pool][order]
    score[:pool] = score[:pool][order]
    worth[:pool] = worth[:pool][order]


@inlined
def is_own(kind: int) -> bool:
    """Whether a row is the viewer's own, or a rule's: what is in sight in it was kept for it."""
    return kind in (CONTINUE, MY_LIST, AGAIN, FEATURED)


@inlined
def series_of(shelf: Shelf, t: int) -> int:
    """Return the series that a title belongs to, -1 for none."""
    return int(shelf.series[t]) if t < shelf.series.size else -1


@inlined
def fits(line: I4, n: int, most: int) -> bool:
    """Whether the ``n``-th title may join a row: not more than so many of one series (-1: none)."""
    same = 0
    for k in range(n if line[n] >= 0 else 0):
        same += int(line[k] == line[n])
    return same < most


@inlined
def fill(
    shelf: Shelf, spec: PageSpec, draft: Draft, c: int, stamp: int, most: int, listed: I4, at: I4
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


@inlined
def worth_at(draft: Draft, c: int, k: int) -> float:
    """Return how likely a title is taken, given its place in the draft (``fill``)."""
    return float(draft.worth[c, k] if k >= 0 else draft.pin_worth[~k])


@inlined
def least_of(spec: PageSpec, kind: int) -> int:
    """Return how many titles a row has to have: what is the viewer's own, and top picks, stand with one."""
    return 1 if kind == TOP or is_own(kind) else min(spec.least, spec.visible)


@inlined
def is_worked_out(draft: Draft, c: int, stamp: int) -> bool:
    """Whether a row's value is known: it changes as one of its titles comes in sight in another row."""
    if draft.width[c] < 0:
        return False
    if is_own(draft.kind[c]):
        return True
    seen = 0
    for k in range(draft.width[c]):
        seen += draft.seen[draft.shown[c, k]] == stamp
    return seen == 0


@plain
def work_out(shelf: Shelf, spec: PageSpec, draft: Draft, c: int, stamp: int) -> None:
    """Write what a row would have in sight, and its value; 0 for too few titles."""
    n, value, kind = 0, 0.0, draft.kind[c]
    n = fill(shelf, spec, draft, c, stamp, spec.visible, draft.shown[c], draft.place)
    for k in range(n):
        value += worth_at(draft, c, draft.place[k]) * spec.discount[k]
    draft.width[c] = n
    draft.value[c] = value * spec.prior[kind] if n >= least_of(spec, kind) else 0.0


@plain
def best_row(shelf: Shelf, spec: PageSpec, draft: Draft, stamp: int, room: int) -> int:
    """Return the draft of the highest value, -1 where none is left; of equals the first.

    Where there is room for no more, it is one that has to be there: top picks, what was begun, the list.
    """
    best, most, owed = -1, 0.0, 0
    for c in range(draft.drafted[0]):
        owed += int(draft.placed[c] == 0 and draft.kind[c] in MUST)
    for c in range(draft.drafted[0]):
        kind = draft.kind[c]
        if draft.placed[c] or kind in LAST_AND_FIRST or (room <= owed and kind not in MUST):
            continue
        if not is_worked_out(draft, c, stamp):
            work_out(shelf, spec, draft, c, stamp)
        if draft.value[c] > most:
            best, most = c, draft.value[c]
    return best


@plain
def place_row(
    shelf: Shelf, spec: PageSpec, draft: Draft, c: int, stamp: int, row: F4, pages: Pages, q: int, r: int
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


@plain
def arrange(
    shelf: Shelf, spec: PageSpec, draft: Draft, stamp: int, row: F4, drawn: int, pages: Pages, q: int
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
    while r < rows:
        c = best_row(shelf, spec, draft, stamp, rows - r)
        if c < 0:
            break
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
