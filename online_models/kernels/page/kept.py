"""Keeping the best of some candidates in a heap: bare arrays, as a call costs by what it hands over."""

import numpy as np

from online_models.kernels.layout import F4, I4, U1, plain
from online_models.kernels.top import sift


@plain
def keep_named(key: F4, name: I4, n: int, title: I4, score: F4) -> None:
    """Keep the titles of the highest keys in a heap."""
    most = title.size
    for k in range(n):
        if key[k] > score[0]:
            sift(score, title, most, key[k], name[k])


@plain
def keep_best_of(candidates: I4, row: F4, title: I4, score: F4) -> None:
    """Keep those of some titles that have the highest scores, and may be shown, in a heap."""
    most = title.size
    for k in range(candidates.size):
        t = candidates[k]
        if t < row.size and row[t] > score[0]:
            sift(score, title, most, row[t], t)


@plain
def keep_hottest(candidates: I4, heat: F4, row: F4, title: I4, score: F4) -> None:
    """Keep those of some titles that have the highest log heat + score, and may be shown, in a heap."""
    most = title.size
    for k in range(candidates.size):
        t = candidates[k]
        if t < row.size and row[t] + heat[k] > score[0]:
            sift(score, title, most, row[t] + heat[k], t)


@plain
def keep_best_sets(
    taken: I4, rows: int, bits: U1, name: I4, n: int, key: F4, first: int, wanted: U1, title: I4, score: F4
) -> None:
    """Keep the titles of the highest scores that have every tag of a combination, in a heap for each.

    ``wanted`` [SETS] becomes the combinations that each set of tags is part of, a bit each.
    """
    for c in range(wanted.size):
        wanted[c] = 0
        for r in range(rows):
            wanted[c] |= np.uint8(int(c & taken[r] == taken[r]) << r)
    least = np.float32(-np.inf)  # of what is in all heaps
    for k in range(n):
        if key[k] > least and wanted[bits[k]]:
            for r in range(rows):
                if wanted[bits[k]] & (1 << r) and key[k] > score[first + r, 0]:
                    sift(score[first + r], title[first + r], title.shape[1], key[k], name[k])
            least = score[first, 0]
            for r in range(1, rows):
                least = min(least, score[first + r, 0])
