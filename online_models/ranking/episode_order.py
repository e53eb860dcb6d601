"""Episodes are listed in order: the first one of a series, or the one behind those that the viewer knows.

An episode is *ahead* of a viewer who does not know the one before it, if a guard allows that one. Lists leave
out what is ahead, and so do pages, but for pins and the viewer's own list (`page.assembly`). Which episode
comes before which is a matter of the catalog (`Catalog.episode_order`).
"""

import numpy as np

from online_models.jit import jit_inline, jit_no_alloc
from online_models.tables.history import opinion_of
from online_models.tables.layout import F4, I4, Int, Viewers


@jit_inline
def is_ahead(viewers: Viewers, v: int, previous: I4, dense: F4, t: Int) -> bool:
    """Return whether a viewer does not know the episode before a title, and a guard allows it."""
    before = previous[t] if t < previous.size else np.int32(-1)
    there = 0 <= before < dense.size and dense[before] > -np.inf
    return bool(there and opinion_of(viewers, v, int(before)) == 0)


@jit_no_alloc
def hide_ahead(episodes: I4, previous: I4, dense: F4, row: F4) -> None:
    """Set the titles to -inf in a score row that are ahead of its viewer, whose known titles are -inf.

    ``episodes`` are the titles that have another one before them, the last of each series first: what is
    before a title is not hidden yet.
    """
    for t in episodes:
        before = previous[t]
        if t < row.size and before < row.size and row[before] > -np.inf and dense[before] > -np.inf:
            row[t] = -np.inf


@jit_no_alloc
def show_again(episodes: I4, row: F4) -> None:
    """Set these titles to zero in a row of zeros in which some were hidden."""
    for t in episodes:
        if t < row.size:
            row[t] = 0.0
