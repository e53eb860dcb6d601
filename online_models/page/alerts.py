"""New titles that are worth an alert: the viewer's best of them, where hardly any title fits better."""

import numpy as np

from online_models.jit import jit_no_alloc
from online_models.page.layout import Pages, PageSpec
from online_models.tables.layout import F4, I4


@jit_no_alloc
def best_new(candidates: I4, row: F4, title: I4, score: F4) -> int:
    """Write the candidates of the highest scores, best first, equal ones in order; return how many."""
    n, most = 0, title.size
    for k in range(candidates.size):
        t = candidates[k]
        if t >= row.size or row[t] == -np.inf:
            continue
        at = n
        while at > 0 and score[at - 1] < row[t]:
            at -= 1
        if at < most:
            for s in range(min(n, most - 1), at, -1):
                title[s], score[s] = title[s - 1], score[s - 1]
            title[at], score[at] = t, row[t]
            n = min(n + 1, most)
    return n


@jit_no_alloc
def count_above(row: F4, least: float) -> int:
    """Count the scores above one; in 32 bits, so that eight are compared at once."""
    n, bound = np.int32(0), np.float32(least)
    for t in range(row.size):
        n = np.int32(n + np.int32(row[t] > bound))
    return int(n)


@jit_no_alloc
def find_alerts(spec: PageSpec, candidates: I4, row: F4, pages: Pages, q: int) -> int:
    """Write what is worth an alert to the ``q``-th page; return how many.

    ``row`` is -inf where a guard forbids a title and where the viewer knows it. Of the n titles left, at most
    (1 - quantile) n score above one that is worth an alert.
    """
    n: int = best_new(candidates, row, pages.alert[q], pages.alert_score[q])
    shown = count_above(row, -np.inf) if n > 0 else 0
    for k in range(n):
        better = count_above(row, pages.alert_score[q, k])
        if better > (1.0 - spec.alert_quantile) * shown:
            pages.alert[q, k:] = -1
            return k
        pages.alert_above[q, k] = 1.0 - better / shown
    return n
