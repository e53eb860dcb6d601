r"""Categories in the order of a viewer's taste: how much of what they watch is expected to have each tag.

.. math::

    \hat p_u(g) = \frac{W p_u(g) + m\, p(g)}{W + m}

with p_u(g) the tag's share in the viewer's watches, the l-th back weighted ``STEP**l``, stated tags among
them, W their weight, p(g) its share in everybody's, and m watches of prior evidence: the same counts as for
rows of tags (``tags``), as an expectation and not as a contrast. Who is a stranger finds what everybody
watches. A category with too few titles that the viewer may see and does not know is left out.
"""

import numpy as np

from online_models.kernels.layout import F4, F8, I4, plain
from online_models.kernels.page.layout import Pages, PageSpec, Shelf
from online_models.kernels.page.tags import PRIOR, SAID, STEP
from online_models.kernels.page.working import Draft


@plain
def add_watched(shelf: Shelf, history: I4, depth: int, told: I4, said: float, mine: F8, on: int) -> float:
    """Add the weight of a history's and of stated tags, or clear it where ``on`` is 0; return the whole."""
    total, w, size = 0.0, 1.0, shelf.indptr.size - 1
    for step in range(depth):
        h = history[step]
        if h < size:
            for a in range(shelf.indptr[h], shelf.indptr[h + 1]):
                g = shelf.ids[a]
                mine[g] = mine[g] + w if on else 0.0
        total += w
        w *= STEP
    for k in range(told.size):
        g = told[k]
        if g >= 0:
            mine[g] = mine[g] + said if on else 0.0
    return total + (said if told[0] >= 0 else 0.0)


@plain
def offers(shelf: Shelf, g: int, least: int, row: F4) -> bool:
    """Whether a viewer may see as many titles of a tag that they do not know."""
    n = 0
    for a in range(shelf.first[g], shelf.first[g + 1]):
        t = shelf.having[a]
        if t < row.size and row[t] > -np.inf:
            n += 1
            if n == least:
                return True
    return False


@plain
def order_categories(
    shelf: Shelf, spec: PageSpec, history: I4, depth: int, told: I4, row: F4, draft: Draft, pages: Pages,
    q: int,
) -> None:  # fmt: skip
    """Write a viewer's categories, equal ones in order of tags; ``row`` has known titles hidden."""
    most, n, mine = pages.category.shape[1], 0, draft.mine
    if most == 0 or shelf.categories.size == 0:
        return
    said = SAID * SAID / (SAID + depth)
    total = add_watched(shelf, history, depth, told, said, mine, 1)
    parts = draft.part
    for k in range(parts.size):
        g = shelf.categories[k]
        parts[k] = min(1.0, (mine[g] + PRIOR * shelf.share[g]) / (total + PRIOR))
    add_watched(shelf, history, depth, told, said, mine, 0)
    for _ in range(parts.size):
        k = int(np.argmax(parts))
        if n == most or parts[k] <= 0.0:
            break
        if offers(shelf, shelf.categories[k], spec.least, row):
            pages.category[q, n], pages.part[q, n] = shelf.categories[k], parts[k]
            n += 1
        parts[k] = -1.0
