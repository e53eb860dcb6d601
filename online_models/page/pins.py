"""Titles that rules pin to places of a page, where no guard forbids them.

A pin is held against the viewer's score row like every other candidate: what is known, withdrawn, excluded or
above the limit has -inf there and is passed over. What is pinned stands in no other row.
"""

import numpy as np

from online_models.jit import jit_no_alloc
from online_models.page.candidates import begin_row
from online_models.page.layout import MOST_PINS, PageSpec
from online_models.page.scratch import ShelfDrafts
from online_models.tables.codes import FEATURED, PINNED
from online_models.tables.layout import F4, I4, U1


@jit_no_alloc
def draft_pins(pins: I4, spec: PageSpec, row: F4, best: float, stamp: int, draft: ShelfDrafts) -> None:
    """Draft the featured row, and note the pins of top picks.

    Parameters
    ----------
    pins
        [P, 3] title, kind of row, place; by place, -1 where there are no more.
    spec
        How many titles are in sight, and a row has.
    row
        [T] the viewer's scores.
    best
        The highest of them.
    stamp
        The viewer's: pinned titles are in sight.
    draft
        Gets them.
    """
    draft.pins[0] = 0
    if pins.shape[0] == 0:
        return
    c, shown, n, free = begin_row(draft, FEATURED, -1), 0, 0, 0
    for p in range(pins.shape[0]):
        t, kind, slot = pins[p, 0], pins[p, 1], pins[p, 2]
        if t < 0:
            break
        if t >= row.size or row[t] == -np.inf or draft.seen[t] == stamp:
            continue
        worth = np.exp(min(np.float32(0.0), row[t] - np.float32(best)))
        if kind == FEATURED and shown < spec.visible:
            draft.title[c, shown], draft.score[c, shown], draft.worth[c, shown] = t, row[t], worth
            shown += 1
        elif kind != FEATURED and n < MOST_PINS and max(slot, free) < spec.length:
            free = max(slot, free)
            draft.pin[n], draft.pin_slot[n], draft.pin_worth[n] = t, free, worth
            free += 1
            n += 1
        else:
            continue
        draft.seen[t] = stamp
    draft.pins[0] = n
    draft.drafted[0] += int(shown > 0)


@jit_no_alloc
def explain_pins(draft: ShelfDrafts, title: I4, reason: U1) -> None:
    """Say of what is pinned in a row of top picks that it is."""
    for p in range(draft.pins[0]):
        for k in range(title.size):
            if title[k] == draft.pin[p]:
                reason[k] = PINNED
