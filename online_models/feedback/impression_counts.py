"""What a viewer was shown: counted until it is played or ignored, and what a title was chosen beside.

A title that is played, or liked at once, is taken off what was shown, and the list that it was chosen out of
is kept in mind. When it turns out to be liked, it was preferred to what else was seen of that list, and the
blend learns from this choice instead of one among all titles (``choice``).
"""

import numpy as np

from online_models.feedback.rejections import reject
from online_models.jit import jit_inline, jit_no_alloc
from online_models.tables.feedback_layout import SHOWN
from online_models.tables.history import standing
from online_models.tables.layout import I4, Feedback, Int, Params, Scratch, Titles, Viewers

UNIT = 10
"""Odds are kept in tenths: what was sure to be shown has 10."""
MOST_ODDS = 10.0
"""Bound of 1 / propensity: one title drawn out of thousands must not turn the weights over. Truncated
importance weights trade a little bias for much variance (Ionides, 2008)."""


@jit_inline
def odds_of(chance: float) -> int:
    """Return 1 / chance, bounded, in tenths; what has no chance was sure."""
    return int(UNIT * min(1.0 / chance, MOST_ODDS) + 0.5) if 0.0 < chance < 1.0 else UNIT


@jit_inline
def sight(viewers: Viewers, params: Params, feedback: Feedback, i: int, name: Int) -> None:
    """Count impression ``i``; enough of them without a play are a faint rejection.

    A title that finds no place takes that of the least often shown, of another list if it can.
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
    viewers.shown_odds[v, place] = odds_of(feedback.weight[i])
    if viewers.shown_n[v, place] >= params.reward.ignored_after:
        viewers.shown[v, place] = viewers.shown_n[v, place] = 0
        if standing(viewers, v, t) == 0:
            reject(viewers, params, v, t, params.reward.ignored, feedback.at[i])


@jit_inline
def put_away(viewers: Viewers, v: int, name: Int, chosen: bool) -> None:
    """Take a title off what was shown; keep in mind which list it was chosen out of, if it was."""
    for s in range(SHOWN):
        if viewers.shown[v, s] == name:
            if chosen:
                choice = viewers.chosen[v]
                choice.title = name
                choice.on = viewers.shown_on[v, s]
                choice.odds = viewers.shown_odds[v, s]
            viewers.shown[v, s] = viewers.shown_n[v, s] = 0


@jit_no_alloc
def chosen_beside(
    titles: Titles, viewers: Viewers, v: int, target: int, stamp: int, work: Scratch, out: I4
) -> float:
    """Write a title and what else was seen of the list that it was chosen out of; return its odds.

    ``out`` [SHOWN + 1] receives -1 where there are no more. 0: it was chosen out of no list, or beside no
    candidate (an active title without the stamp).
    """
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
