"""One viewer's list in one call: what a block's costs in calls between Python and kernels is most of it."""

from typing import Any, NamedTuple

import numpy as np
from numba.typed import List

from online_models.jit import jit
from online_models.ranking.exploration import chance, draw_last
from online_models.ranking.scorer import CONTEXT, TRAITS, add_up, look_up, pick
from online_models.ranking.shortlist import pick_few
from online_models.tables.layout import F4, F8, I4, Lists, Params, Shared, Titles, Viewers


class Lot(NamedTuple):
    """What the last place of a list is drawn by (``page.draw.draw_last``)."""

    seed: int
    day: int
    share: float


@jit
def hold(titles: Titles, viewers: Viewers, params: Params) -> Any:  # noqa: ANN401 - numba's list
    """Return the tables as one thing that is handed over by its address (``held``)."""
    tables = List()
    tables.append((titles, viewers, params))
    return tables


@jit
def rank_alone(
    tables: Any,  # noqa: ANN401 - numba's list
    weights: F8,
    satisfaction: float,
    slots: I4,
    guard: F4,
    candidates: int,
    norm: F4,
    now: int,
    lot: Lot,
    out: Lists,
) -> None:
    """Make the list of the one viewer in ``slots``, as :func:`rank.pick` does those of a block.

    ``tables`` is what :func:`hold` returned.
    ``weights`` [CONTEXTS, EXPERTS] are the blend's, ``satisfaction`` that of the prior's last column; what
    guards and rules add to scores is ``guard`` [T], and ``candidates`` how many titles they allow; ``norm``
    [T] are the lengths of titles' vectors. Few of these are multiplied (``shortlist``), but for a draw all.
    """
    titles, viewers, params = tables[0]
    size = guard.size
    x, traits = np.empty((1, titles.out.shape[1]), np.float32), np.empty((1, TRAITS), np.int32)
    look_up(titles, viewers, params, weights, slots, now, x, traits)
    chosen = weights[traits[0, CONTEXT] :][:1]
    dense, backoff = np.empty((1, size), np.float32), np.empty(size, np.float32)
    add_up(titles.bias, titles.prior, guard, chosen[0], satisfaction, dense[0], backoff)
    allowed, group = np.full(1, candidates, np.int32), np.zeros(1, np.int32)
    shared = Shared(dense, allowed, chosen, backoff, group, np.zeros((1, 0, 3), np.int32))
    if chance(viewers.key[slots[0]], lot.seed, lot.day) >= lot.share:
        pick_few(titles, viewers, params, slots, group, x, norm, shared, now, lot.share > 0, out)
        return
    rows = np.empty((1, size), np.float32)
    for j in range(size):
        s = np.float32(0.0)
        for f in range(x.shape[1]):
            s += x[0, f] * titles.out[j, f]
        rows[0, j] = s
    pick(titles, viewers, params, slots, rows, shared, now, out)
    if lot.share > 0:
        draw_last(titles, viewers, slots, rows, shared, lot.seed, lot.day, lot.share, out)
