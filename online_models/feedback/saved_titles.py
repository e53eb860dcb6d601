"""Titles kept for pages: the viewer's own list, and the finished titles that are worth watching again."""

import numpy as np

from online_models.feedback.interaction_state import COMPLETED, place_of, weight_of
from online_models.jit import jit_inline
from online_models.tables.feedback_layout import FINISHED_TITLES, MY_LIST_SIZE, SECOND
from online_models.tables.layout import Viewers

LEAST_WEIGHT = 1.0
"""Least weight of a finished title that is offered again: .3 + .5 for the completion, and .2 for having been
watched longer than other titles of its length."""


@jit_inline
def add_to_list(viewers: Viewers, v: int, t: int) -> None:
    """Put a title at the head of the viewer's list; a full list drops the oldest."""
    carried = t  # each entry moves one place back, up to the title's old place or the first free one
    for s in range(MY_LIST_SIZE):
        former = viewers.my_list[v, s]
        viewers.my_list[v, s] = carried
        if former == t or former < 0:
            break
        carried = former


@jit_inline
def remove_from_list(viewers: Viewers, v: int, t: int) -> None:
    """Remove a title from the viewer's list; entries after it move one place forward."""
    gap = 0
    for s in range(MY_LIST_SIZE):
        held = viewers.my_list[v, s]
        viewers.my_list[v, s] = -1
        if held == t:
            gap = 1
        else:
            viewers.my_list[v, s - gap] = held


@jit_inline
def remember_finished(viewers: Viewers, v: int, t: int, at: int) -> None:
    """Remember a finished title if its weight suffices; the one of least weight gives way."""
    found = place_of(viewers, v, t)
    if found < 0:
        return
    e = viewers.interaction[v, found]
    weight = weight_of(e)
    if e.flags & COMPLETED == 0 or weight < LEAST_WEIGHT:
        return
    place, least = 0, np.inf
    for s in range(FINISHED_TITLES):
        held = np.float64(viewers.finished_weight[v, s]) if viewers.finished[v, s] >= 0 else -1.0
        if viewers.finished[v, s] == t:
            place, least = s, -1.0
            break
        if held < least:
            place, least = s, held
    if weight >= least:
        viewers.finished[v, place] = t
        viewers.finished_at[v, place] = np.uint32(max(at, 0) // SECOND)
        viewers.finished_weight[v, place] = weight
