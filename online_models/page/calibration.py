r"""Top picks in proportion: genres stand in them as in the viewer's own history.

After Steck (Calibrated recommendations, RecSys 2018): greedily the title of the highest

.. math:: s_j + \lambda \sum_{g \in G_j} p(g) \log \frac{n_g + 1/|G_j| + \epsilon}{n_g + \epsilon}

with n_g the genre's part of the titles picked so far and p(g) of the history. The sum is what the title takes
off KL(p || q) of the whole list, up to constants.
"""

import numpy as np

from online_models.jit import jit, jit_inline
from online_models.page.layout import CatalogIndexArrays
from online_models.page.selection import ONE, first_of
from online_models.tables.layout import F4, F8, I4

GENRES = 64
MOST = 8
"""Genres of a title that count: more say nothing."""
STEP = 0.97
"""Weight of a watch per step back (``tag_affinity.STEP``)."""
SMOOTH = 0.5
"""A genre that is not there yet counts as half a title: the first one of a genre gains log 3, not more."""


@jit_inline
def genre_bits(shelf: CatalogIndexArrays, t: int) -> np.uint64:
    """Return a title's genres, a bit each."""
    return shelf.genre[t] if t < shelf.genre.size else np.uint64(0)


@jit_inline
def genres_of(bits: np.uint64, out: I4) -> int:
    """Write the numbers of some genres; return how many."""
    n = 0
    while bits and n < MOST:
        out[n] = first_of(bits)
        n += 1
        bits &= bits - ONE
    return n


@jit
def genre_shares(shelf: CatalogIndexArrays, history: I4, depth: int, share: F8) -> float:
    """Write each genre's share of a history; return how much of it has genres."""
    share[:] = 0.0
    mine, total, w = np.empty(MOST, np.int32), 0.0, 1.0
    for step in range(depth):
        n = genres_of(genre_bits(shelf, history[step]), mine)
        for k in range(n):
            share[mine[k]] += w / n
        total += w if n else 0.0
        w *= STEP
    if total > 0:
        share /= total
    return total


@jit_inline
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
def calibrate(
    shelf: CatalogIndexArrays, share: F8, weight: float, length: int, title: I4, score: F4, worth: F4
) -> None:
    """Reorder the first of some titles, best first, so that genres stand in the viewer's proportions.

    What is worked out is kept until a genre's part changes: gains (-1: not known), and logs (0), by genre.
    """
    pool = title.size
    while pool > 0 and title[pool - 1] < 0:
        pool -= 1
    genres, count, order = np.empty((pool, MOST), np.int32), np.empty(pool, np.int32), np.arange(pool)
    bits = np.empty(pool, np.uint64)
    for k in range(pool):
        bits[k] = genre_bits(shelf, title[k])
        count[k] = genres_of(bits[k], genres[k])
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
            if bits[k] & bits[c]:
                gains[k] = -1.0
    title[:pool] = title[:pool][order]
    score[:pool] = score[:pool][order]
    worth[:pool] = worth[:pool][order]
