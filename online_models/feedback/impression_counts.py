"""Impressions of a viewer: counted per title until the title is played or ignored, and choices from lists.

A title that is played, or liked at once, loses its count, and the list that it was chosen from is remembered.
If it turns out to be liked, the viewer preferred it to the other titles seen on that list, and the blend
learns from this choice instead of one among all titles (``learners.blender``).
"""

import numpy as np

from online_models.feedback.rejections import add_rejection
from online_models.jit import jit_inline, jit_no_alloc
from online_models.tables.feedback_layout import SHOWN
from online_models.tables.history import opinion_of
from online_models.tables.layout import I4, Feedback, Int, Params, Scratch, Titles, Viewers

UNIT = 10
"""1 / propensity is stored in tenths: 10 for a title that was certain to be shown."""
MOST_ODDS = 10.0
"""Bound of 1 / propensity, so that one title drawn among thousands cannot dominate: truncated importance
weights trade a little bias for much variance (Ionides, 2008)."""


@jit_inline
def inverse_propensity(chance: float) -> int:
    """Return 1 / propensity, bounded, in tenths; a chance outside (0, 1) means certain."""
    return int(UNIT * min(1.0 / chance, MOST_ODDS) + 0.5) if 0.0 < chance < 1.0 else UNIT


@jit_inline
def count_impression(viewers: Viewers, params: Params, feedback: Feedback, i: int, name: Int) -> None:
    """Count impression ``i``; enough impressions without a play are a faint rejection.

    If all places are taken, the title with the fewest impressions gives way, one of another list if possible.
    """
    v, t, place = feedback.viewer[i], feedback.title[i], 0
    page = np.uint16(feedback.session[i] & np.uint32(0xFFFF))
    for s in range(SHOWN):
        if viewers.shown[v, s] == name:
            place = s
            break
        n, least = viewers.shown_n[v, s], viewers.shown_n[v, place]
        if n < least or (
            n == least and viewers.shown_on[v, s] != page and viewers.shown_on[v, place] == page
        ):
            place = s
    if viewers.shown[v, place] != name:
        viewers.shown[v, place] = name
        viewers.shown_n[v, place] = 0
    viewers.shown_n[v, place] += 1
    viewers.shown_on[v, place] = page
    viewers.shown_odds[v, place] = inverse_propensity(feedback.weight[i])
    if viewers.shown_n[v, place] >= params.reward.ignored_after:
        viewers.shown[v, place] = viewers.shown_n[v, place] = 0
        if opinion_of(viewers, v, t) == 0:
            add_rejection(viewers, params, v, t, params.reward.ignored, feedback.at[i])


@jit_inline
def clear_impressions(viewers: Viewers, v: int, name: Int, chosen: bool) -> None:
    """Remove a title's count; remember the list that it was chosen from, if it was chosen."""
    for s in range(SHOWN):
        if viewers.shown[v, s] == name:
            if chosen:
                choice = viewers.chosen[v]
                choice.title = name
                choice.on = viewers.shown_on[v, s]
                choice.odds = viewers.shown_odds[v, s]
            viewers.shown[v, s] = viewers.shown_n[v, s] = 0


@jit_no_alloc
def choice_set(
    titles: Titles, viewers: Viewers, v: int, target: int, stamp: int, work: Scratch, out: I4
) -> float:
    """Write a chosen title and the other titles seen on its list; return 1 / propensity of the choice.

    ``out`` [SHOWN + 1] gets the others first, -1 after the last, and the title at the end of them. Returns 0
    if the title was chosen from no list, or if no other candidate (an active title without the stamp) was
    seen on it.
    """
    # Rows hold halves of titles' keys, not rows of titles, so the active titles are searched for each half.
    out[:] = -1
    choice, n = viewers.chosen[v], 0
    if choice.on == 0 or choice.title != np.uint32(titles.key[target] >> np.uint64(32)):
        return 0.0
    for a in range(titles.size[1]):
        j = titles.active[a]
        if work.mark[j] == stamp or j == target or n == SHOWN:
            continue
        name = np.uint32(titles.key[j] >> np.uint64(32))
        for s in range(SHOWN):
            if viewers.shown[v, s] == name and viewers.shown_on[v, s] == choice.on:
                out[n] = j
                n += 1
                break
    out[n] = target
    return choice.odds / UNIT if n > 0 else 0.0
