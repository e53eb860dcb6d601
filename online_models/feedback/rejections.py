"""Recently rejected titles of a viewer, each with time and weight.

For a while the ranking lowers titles that resemble them. (All known titles, never shown again, are in
``tables.history``.) A rejection older than ``rejection_days`` counts as a free place.

Times are whole seconds: a rejection expires up to a second early, and rejections of one second are equally
old.
"""

import numpy as np

from online_models.jit import jit_inline
from online_models.tables.feedback_layout import MOST_REJECTED, SECOND
from online_models.tables.layout import Params, Viewers


@jit_inline
def add_rejection(viewers: Viewers, params: Params, v: int, t: int, weight: float, at: int) -> None:
    """Add a rejection, or add its weight to that of the title's earlier ones.

    If there is no free place, the weakest title gives way, the oldest of several; a title that is weaker than
    all is not added.
    """
    second = np.int64(max(at, 0)) // SECOND
    place, least, oldest, newest = 0, np.inf, second, second
    for s in range(viewers.rejected.shape[1]):
        held, when = float(viewers.rejected_weight[v, s]), np.int64(viewers.rejected_at[v, s])
        if viewers.rejected[v, s] < 0 or at - SECOND * when > params.reward.rejection_ms:
            held = 0.0
        if viewers.rejected[v, s] == t:
            place, least, newest = s, 0.0, max(second, when)
            weight += held
            break
        if held < least or (held == least and when < oldest):
            place, least, oldest = s, held, when
    if weight >= least:
        viewers.rejected[v, place] = t
        viewers.rejected_at[v, place] = np.uint32(newest)
        viewers.rejected_weight[v, place] = min(weight, MOST_REJECTED)


@jit_inline
def remove_rejection(viewers: Viewers, v: int, t: int) -> None:
    """Remove the rejection of a title, which the viewer likes now."""
    for s in range(viewers.rejected.shape[1]):
        if viewers.rejected[v, s] == t:
            viewers.rejected[v, s] = -1
            viewers.rejected_at[v, s] = 0
            viewers.rejected_weight[v, s] = 0.0
