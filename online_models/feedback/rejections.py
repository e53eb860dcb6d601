"""What a viewer turned down of late: a handful of titles, each with its time and strength.

The list is for the ranking, which likes what resembles them less for a while; it is not the list of known
titles, which are never shown again (``history``). A place whose time is up counts as free.

Times are kept in whole seconds: a rejection is forgotten up to a second before its time is up, and of those
of one second none is older than another.
"""

import numpy as np

from online_models.jit import jit_inline
from online_models.tables.feedback_layout import MOST_REJECTED, SECOND
from online_models.tables.layout import Params, Viewers


@jit_inline
def reject(viewers: Viewers, params: Params, v: int, t: int, weight: float, at: int) -> None:
    """Put a title on the list, or add to the strength that it has there.

    A full list gives up its weakest title, the oldest of several; a newcomer that is weaker still is not
    taken.
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
def forgive(viewers: Viewers, v: int, t: int) -> None:
    """Take a title off the list: the viewer has come to like it."""
    for s in range(viewers.rejected.shape[1]):
        if viewers.rejected[v, s] == t:
            viewers.rejected[v, s] = -1
            viewers.rejected_at[v, s] = 0
            viewers.rejected_weight[v, s] = 0.0
