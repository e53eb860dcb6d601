"""Which new titles deserve an alert: those that fit a viewer's taste better than nearly all others."""

import numpy as np

from online_models.jit import jit_no_alloc
from online_models.page.layout import WORD, Pages, PageSpec
from online_models.page.selection import ONE, contains, count_common, lowest_bit, reaching
from online_models.tables.layout import F4, I4, U8

__all__ = ["best_new_releases", "find_alerts"]


@jit_no_alloc
def best_new_releases(candidates: I4, own: F4, row: F4, title: I4, score: F4) -> int:
    """Write the candidates that fit the taste best, best first, ties in order; return how many."""
    n, most = 0, title.size
    for k in range(candidates.size):
        t = candidates[k]
        if t >= row.size or row[t] == -np.inf:
            continue
        at = n  # insertion: `most` is a handful
        while at > 0 and score[at - 1] < own[t]:
            at -= 1
        if at < most:
            for s in range(min(n, most - 1), at, -1):
                title[s], score[s] = title[s - 1], score[s - 1]
            title[at], score[at] = t, own[t]
            n = min(n + 1, most)
    return n


@jit_no_alloc
def _count_better(own: F4, left: U8, titles: I4, n: int, most: float, above: F4) -> int:
    """Write how many titles of a set fit better than each of some titles, which are in order of their fit.

    Returns how many of the ``n`` titles, the first ones, have at most ``most`` titles above them; the counts
    of the others are too low.
    """
    above[:n] = 0.0  # 32-bit floats count to 16 million
    for w in range(left.size):
        while n > 0 and above[n - 1] > most:
            n -= 1
        if n == 0:
            break
        first, bound, x = w * WORD, own[titles[n - 1]], left[w]
        if first + WORD <= own.size:
            x &= reaching(own[first : first + WORD], bound)
        while x:
            value, k = own[first + lowest_bit(x)], n - 1
            while k >= 0 and value > own[titles[k]]:
                above[k] += 1.0
                k -= 1
            x &= x - ONE
    while n > 0 and above[n - 1] > most:
        n -= 1
    return n


@jit_no_alloc
def find_alerts(
    spec: PageSpec, candidates: I4, own: F4, row: F4, left: U8, tagged: U8, pages: Pages, q: int
) -> int:
    """Write the new titles that deserve an alert to the ``q``-th page; return how many.

    ``row`` is -inf where a guard forbids a title and where the viewer knows it, ``left`` the set of the other
    titles. Titles are compared by ``own``, the part of the viewer's taste: of what everybody watches a new
    title has nothing yet. Of the n titles left at most (1 - quantile) n may fit better. Of 150 titles that is
    one; so of the titles that have the viewer's strongest tag (``tagged``, a bit set) two shelves may, though
    at most a quarter of all.
    """
    n: int = best_new_releases(candidates, own, row, pages.alert[q], pages.alert_score[q])
    shown = count_common(left, left) if n > 0 else 0
    share, few = (1.0 - spec.alert_quantile) * shown, min(2.0 * spec.length, shown / 4.0)
    kept, above = 0, pages.alert_above[q]
    for k in range(_count_better(own, left, pages.alert[q], n, max(share, few), above)):
        t, better = pages.alert[q, k], above[k]
        if better <= share or (better <= few and contains(tagged, t)):
            pages.alert[q, kept] = t
            above[kept] = 1.0 - better / shown
            pages.alert_score[q, kept] = row[t]
            kept += 1
    pages.alert[q, kept:], above[kept:] = -1, 0.0
    return kept
