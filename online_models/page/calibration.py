r"""Genres of top picks: calibrated to the viewer's history, and varied.

Greedily the title of the highest

.. math:: s_j + \lambda \sum_{g \in G_j} p(g) \log \frac{n_g + 1/|G_j| + \epsilon}{n_g + \epsilon}
          + \frac{\mu}{|G_j|} \sum_{g \in G_j} \frac{1}{1 + m_g}

with n_g the share of the genre in the titles selected so far, m_g the number of these titles with it, and
p(g) its share in the history. The first sum (Steck, Calibrated recommendations, RecSys 2018) is, up to
constants, what the title takes off KL(p || q) of the list: who watches one genre gets one genre. The second
is what is new about the title's genres, whatever the viewer watches, with a diminishing return for each
further title of a genre.
"""

import numpy as np

from online_models.jit import jit, jit_inline
from online_models.page.layout import CatalogIndexArrays
from online_models.page.selection import ONE, lowest_bit
from online_models.tables.layout import F4, F8, I4

GENRES = 64
MOST = 8
"""Genres of a title that count, the first ones."""
STEP = 0.97
"""Factor of a watch's weight per later watch (``online_models.learners.tag_affinity.STEP``)."""
SMOOTH = 0.5
"""Pseudo-count of each genre, in titles: the first title of a genre gains log 3 and not more."""


@jit_inline
def genre_bits(index: CatalogIndexArrays, t: int) -> np.uint64:
    """Return the genres of a title, one bit each."""
    return index.genres[t] if t < index.genres.size else np.uint64(0)


@jit_inline
def genres_of(bits: np.uint64, out: I4) -> int:
    """Write the numbers of the genres of a word; return how many."""
    n = 0
    while bits and n < MOST:
        out[n] = lowest_bit(bits)
        n += 1
        bits &= bits - ONE
    return n


@jit
def genre_shares(index: CatalogIndexArrays, history: I4, depth: int, share: F8) -> float:
    """Write the share of each genre in a history; return the weight of the watches that have genres."""
    share[:] = 0.0
    mine, total, w = np.empty(MOST, np.int32), 0.0, 1.0
    for step in range(depth):
        n = genres_of(genre_bits(index, history[step]), mine)
        for k in range(n):
            share[mine[k]] += w / n
        total += w if n else 0.0
        w *= STEP
    if total > 0:
        share /= total
    return total


@jit_inline
def gain_of(mine: I4, n: int, share: F8, there: F8, logs: F8) -> float:
    """Return how much a title of ``n`` genres reduces the divergence.

    ``logs`` caches the logarithms; 0: not computed.
    """
    gain, part = 0.0, 1.0 / n
    for g in mine[:n]:
        if share[g] > 0:
            if logs[g, n] == 0.0:
                logs[g, n] = np.log((there[g] + part + SMOOTH) / (there[g] + SMOOTH))
            gain += share[g] * logs[g, n]
    return gain


@jit_inline
def novelty_of(mine: I4, n: int, times: I4) -> float:
    """Return how new the genres of a title are on a list that has each of them so many times."""
    new = 0.0
    for g in mine[:n]:
        new += 1.0 / (1.0 + times[g])
    return new / max(n, 1)


@jit
def mix_genres(
    index: CatalogIndexArrays,
    share: F8,
    calibration: float,
    variety: float,
    length: int,
    title: I4,
    score: F4,
    worth: F4,
) -> None:
    """Reorder the first ``length`` of some titles, best first, by score and genres.

    ``share`` has the viewer's genre proportions, ``calibration`` and ``variety`` the weights of both terms.
    Gains (-1: unknown) and logarithms (0: unknown) are cached until the share of one of their genres
    changes.
    """
    pool = title.size
    while pool > 0 and title[pool - 1] < 0:
        pool -= 1
    genres, count, order = np.empty((pool, MOST), np.int32), np.empty(pool, np.int32), np.arange(pool)
    bits = np.empty(pool, np.uint64)
    for k in range(pool):
        bits[k] = genre_bits(index, title[k])
        count[k] = genres_of(bits[k], genres[k])
    there, most_gain = np.zeros(GENRES), np.log((1.0 + SMOOTH) / SMOOTH)
    logs, gains, times = np.zeros((GENRES, MOST + 1)), np.full(pool, -1.0), np.zeros(GENRES, np.int32)
    most_gain = calibration * most_gain + variety
    for place in range(min(length, pool - 1)):
        at, most = place, -np.inf
        for k in range(place, pool):
            c = order[k]
            if score[c] + most_gain <= most:
                break  # scores descend: no later title can reach it
            if gains[c] < 0:
                gains[c] = (
                    calibration * gain_of(genres[c], count[c], share, there, logs) if calibration else 0.0
                )
                gains[c] += variety * novelty_of(genres[c], count[c], times) if variety else 0.0
            if score[c] + gains[c] > most:
                at, most = k, score[c] + gains[c]
        c = order[at]
        for k in range(at, place, -1):
            order[k] = order[k - 1]
        order[place] = c
        for s in range(count[c]):
            there[genres[c, s]] += 1.0 / count[c]
            times[genres[c, s]] += 1
            logs[genres[c, s]] = 0.0
        for k in range(pool):
            if bits[k] & bits[c]:
                gains[k] = -1.0
    titles, scores, worths = title.copy(), score.copy(), worth.copy()
    for k in range(pool):  # assigning arrays compiles what prints their shapes if these differ: 4 s
        title[k], score[k], worth[k] = titles[order[k]], scores[order[k]], worths[order[k]]
