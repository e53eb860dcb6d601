"""What a viewer keeps for pages: their own list, and the titles that they finished and loved."""

import numpy as np

from online_models.feedback.interaction_state import DONE, place_of, weight_of
from online_models.jit import jit_inline
from online_models.tables.feedback_layout import LOVED_TITLES, SECOND, WISHES
from online_models.tables.layout import Viewers

LOVED_WEIGHT = 1.0
"""A finished title that weighs less is not offered again: .3 + .5 for its completion leave .2 for having been
watched longer than others of its length."""


@jit_inline
def wish(viewers: Viewers, v: int, t: int) -> None:
    """Put a title at the head of the viewer's list; a full list forgets the oldest."""
    carried = t
    for s in range(WISHES):
        former = viewers.wished[v, s]
        viewers.wished[v, s] = carried
        if former == t or former < 0:
            break
        carried = former


@jit_inline
def unwish(viewers: Viewers, v: int, t: int) -> None:
    """Take a title off the viewer's list."""
    gap = 0
    for s in range(WISHES):
        held = viewers.wished[v, s]
        viewers.wished[v, s] = -1
        if held == t:
            gap = 1
        else:
            viewers.wished[v, s - gap] = held


@jit_inline
def cherish(viewers: Viewers, v: int, t: int, at: int) -> None:
    """Remember a title that was just finished, if it was loved; a full list gives up the least loved."""
    judged = place_of(viewers, v, t)
    if judged < 0:
        return
    e = viewers.judgement[v, judged]
    weight = weight_of(e)
    if e.flags & DONE == 0 or weight < LOVED_WEIGHT:
        return
    place, least = 0, np.inf
    for s in range(LOVED_TITLES):
        held = np.float64(viewers.loved_weight[v, s]) if viewers.loved[v, s] >= 0 else -1.0
        if viewers.loved[v, s] == t:
            place, least = s, -1.0
            break
        if held < least:
            place, least = s, held
    if weight >= least:
        viewers.loved[v, place] = t
        viewers.loved_at[v, place] = np.uint32(max(at, 0) // SECOND)
        viewers.loved_weight[v, place] = weight
