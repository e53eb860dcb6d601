r"""Shelves named by tags, and categories: which tags and combinations of tags a viewer prefers.

.. math::

    \ell(c) = \log \frac{W p_u(c) + m\, p(c)}{(W + m)\, p(c)} \qquad
    \text{strength}(c) = \frac{W p_u(c) + m\, p(c)}{W + m}\, \ell(c)

for a combination c of tags, with p_u its share in the viewer's watches (the l-th last has weight
``STEP**l``), W their total weight, p its share in everybody's watches, and m watches of prior evidence. The
strength is the term of c in the divergence of the viewer's watches from everybody's.
``online_models.learners.tag_affinity`` computes the same in numpy, tag by tag.

The six strongest tags have 63 combinations. Those that the viewer has watched (sums over supersets: the zeta
transform of Yates, 1937) and that make a name are scored: about 10. Titles are bit sets
(``online_models.page.selection``).

Categories are sorted by the expected share of the viewer's watches,

.. math::

    \hat p_u(g) = \frac{W p_u(g) + m\, p(g)}{W + m}

from the same counts: an expectation, not a contrast. A viewer without a history gets the order of
everybody's watches. A category with too few remaining titles is left out.
"""

import numpy as np

from online_models.jit import jit_inline, jit_no_alloc
from online_models.page.layout import (
    COMBINATIONS,
    MOST_ARGUMENTS,
    STRONG,
    CatalogIndexArrays,
    Pages,
    PageSpec,
)
from online_models.page.scratch import CandidateShelves, TagShelfScratch, begin_shelf, end_shelf
from online_models.page.selection import (
    contains,
    count_common,
    intersect,
    mark_tagged,
    select_from_set,
    sum_members,
)
from online_models.tables.codes import TAG_SHELF
from online_models.tables.layout import F4, F8, I4, U1

STEP = 0.97
"""Factor of a watch's weight per later watch (``online_models.learners.tag_affinity.STEP``)."""
PRIOR = 5.0
"""Watches of prior evidence (``online_models.learners.tag_affinity.PRIOR``)."""
SUPPORT = 2
"""Watched titles that must have a tag: one may be chance."""
SAID = 5.0
"""Watches that stated tags count as, and at which watches count as much as they
(``online_models.learners.stated_preferences.EVIDENCE``)."""
GENRE = 4
"""Number of genres among the kinds of tags (``online_models.page.shelf_kinds.TAG_KINDS``)."""
NAMELESS = 255
"""Kind of a tag that names no shelf."""
MOST_GENRES = 2
"""Genres in one name."""
SAME = 1e-9
"""Strengths that differ by less are equal: sums in another order differ in the last bits."""


@jit_no_alloc
def lift_of(mine: float, total: float, share: float) -> float:
    """Return the log-lift of a share, 0 for a tag that nobody watches."""
    expected = (total + PRIOR) * share
    return np.log((mine + PRIOR * share) / expected) if expected > 0 else 0.0


@jit_inline
def weight_of_stated(depth: int) -> float:
    """Return the watches that stated tags count as beside so many."""
    return SAID * SAID / (SAID + depth)


@jit_no_alloc
def strong_tags(
    index: CatalogIndexArrays,
    history: I4,
    depth: int,
    stated: I4,
    stated_weight: float,
    shelves: CandidateShelves,
    strong: I4,
) -> tuple[int, float]:
    """Write the strongest tags of a history and of stated tags, the strongest first.

    Returns how many, and the total weight of both.
    """
    found, total, w, size, tags = 0, 0.0, 1.0, index.tag_start.size - 1, shelves.tags.tag
    for step in range(depth):
        h = history[step]
        if h < size:
            for a in range(index.tag_start[h], index.tag_start[h + 1]):
                g = index.tag[a]
                if shelves.tag_count[g] == 0:
                    if found == tags.size:
                        continue
                    tags[found] = g
                    found += 1
                shelves.tag_count[g] += 1
                shelves.tag_weight[g] += w
        total += w
        w *= STEP
    for k in range(stated.size):
        g = stated[k]
        if g >= 0 and found < tags.size:
            if shelves.tag_count[g] == 0:
                tags[found] = g
                found += 1
            shelves.tag_count[g] += SUPPORT
            shelves.tag_weight[g] += stated_weight
    total += stated_weight if stated[0] >= 0 else 0.0
    best, n = shelves.tags.strength, 0
    best[:STRONG] = -np.inf
    for k in range(found):
        g = tags[k]
        if index.tag_kind[g] != NAMELESS and shelves.tag_count[g] >= SUPPORT:
            lift = lift_of(shelves.tag_weight[g], total, index.tag_share[g])
            if lift > 0:
                n = insert(best, strong, n, shelves.tag_weight[g] * lift, g)
        shelves.tag_weight[g] = 0.0  # clear the entries that were used
        shelves.tag_count[g] = 0
    return n, total


@jit_no_alloc
def insert(best: F8, strong: I4, n: int, value: float, g: int) -> int:
    """Insert a tag among the strongest, ties by number; return how many there are."""
    at = n
    while at > 0 and (best[at - 1] < value or (best[at - 1] == value and strong[at - 1] > g)):
        at -= 1
    for k in range(min(n, STRONG - 1), at, -1):
        best[k], strong[k] = best[k - 1], strong[k - 1]
    if at < STRONG:
        best[at], strong[at] = value, g
        return min(n + 1, STRONG)
    return n


@jit_no_alloc
def add_supersets(counts: F8) -> None:
    """Turn counts by exact combination into counts by contained combination (Yates, 1937)."""
    # One dimension of the hypercube at a time: 6 * 64 additions instead of a sum for each superset.
    for k in range(STRONG):
        for c in range(COMBINATIONS):
            if c & (1 << k) == 0:
                counts[c] += counts[c | (1 << k)]


@jit_no_alloc
def is_nameable(kinds: U1, n: int, c: int) -> bool:
    """Return whether a combination makes a name.

    It is one tag, or one or two genres with at most one tag of each other kind.
    """
    words, genres, found = 0, 0, 0
    for k in range(n):
        if c & (1 << k):
            kind = int(kinds[k])
            words += 1
            if kind == GENRE:
                genres += 1
            elif found & (1 << kind):
                return False
            else:
                found |= 1 << kind
    return words == 1 or (words <= MOST_ARGUMENTS and 1 <= genres <= MOST_GENRES)


@jit_no_alloc
def score_combinations(
    index: CatalogIndexArrays, n: int, least: int, total: float, work: TagShelfScratch
) -> None:
    """Write the strength of each combination; -1 if it makes no shelf."""
    mine, times, listed, strength = work.sums[0], work.sums[1], work.listed, work.strength
    add_supersets(mine)
    add_supersets(times)
    listed[:] = -1
    strength[:] = -1.0
    for c in range(1, 1 << n):
        # In order of cost: counting titles passes over the bit sets.
        if times[c] < SUPPORT or not is_nameable(work.kind, n, c) or count_listed(work, c) < least:
            continue
        share = share_of(index, work, c)
        lift = lift_of(mine[c], total, share)
        if lift > 0:
            strength[c] = (mine[c] + PRIOR * share) / (total + PRIOR) * lift


@jit_no_alloc
def count_listed(work: TagShelfScratch, c: int) -> int:
    """Return how many remaining titles have all tags of a combination.

    ``both`` receives the titles that have them, remaining or not.
    """
    intersect(work.tagged, c, work.both)
    n: int = count_common(work.both, work.left)
    work.listed[c] = n
    return n


@jit_no_alloc
def share_of(index: CatalogIndexArrays, work: TagShelfScratch, c: int) -> float:
    """Return a combination's share of all watches. For several tags ``both`` must hold its titles."""
    if count_tags(c) == 1:
        k = 0
        while c >> k != 1:
            k += 1
        return float(index.tag_share[work.strong[k]])
    return sum_members(work.both, index.watches) / index.total_watches if index.total_watches > 0 else 0.0


@jit_no_alloc
def count_tags(c: int) -> int:
    """Count the tags of a combination."""
    n = 0
    while c:
        n += c & 1
        c >>= 1
    return n


@jit_no_alloc
def next_combination(work: TagShelfScratch, n: int) -> int:
    """Return the strongest combination whose titles are mostly new; of equal ones the one with more tags.

    Mostly new: at most half of its titles have all tags of a combination that has a shelf already.
    """
    best, strength = -1, work.strength
    for c in range(COMBINATIONS):
        if strength[c] <= 0:
            continue
        if best >= 0:
            same = abs(strength[c] - strength[best]) <= SAME
            if strength[c] < strength[best] - SAME or (same and count_tags(c) <= count_tags(best)):
                continue
        apart = True
        for k in range(n):
            both = c | work.taken[k]  # the titles of both combinations have the union of their tags
            shared = work.listed[both] if work.listed[both] >= 0 else count_listed(work, both)
            apart = apart and 2 * shared <= work.listed[c]
        if apart:
            best = c
    return best


@jit_no_alloc
def add_tag_shelves(
    index: CatalogIndexArrays,
    spec: PageSpec,
    history: I4,
    depth: int,
    stated: I4,
    row: F4,
    best: float,
    shelves: CandidateShelves,
) -> None:
    """Add the shelves of the viewer's strongest combinations, from watches and stated tags."""
    work, said = shelves.tags, weight_of_stated(depth)
    strong, mine, times = work.strong, work.sums[0], work.sums[1]
    n, total = strong_tags(index, history, depth, stated, said, shelves, strong)
    work.strong_count[0] = n
    work.sums[:] = 0.0
    for k in range(n):
        work.kind[k] = index.tag_kind[strong[k]]
        mark_tagged(index, strong[k], work.tagged[k])
        for s in range(stated.size):
            if stated[s] == strong[k]:  # stated for the tag alone, not for its combinations
                mine[1 << k] += said
                times[1 << k] += SUPPORT
    w = 1.0
    for step in range(depth):
        if history[step] < row.size:
            c = 0
            for k in range(n):
                c |= int(contains(work.tagged[k], history[step])) << k
            mine[c] += w
            times[c] += 1.0
        w *= STEP
    score_combinations(index, n, max(spec.tag_titles, spec.least), total, work)
    rows = 0
    while rows < spec.tag_shelves:
        c = next_combination(work, rows)
        if c < 0:
            break
        work.taken[rows] = c
        work.strength[c] = -1.0
        rows += 1
    for r in range(rows):
        add_tag_shelf(work, work.taken[r], row, best, spec.least, shelves)


@jit_no_alloc
def add_tag_shelf(
    work: TagShelfScratch, c: int, row: F4, best: float, least: int, shelves: CandidateShelves
) -> None:
    """Add the titles that have every tag of a combination: only those with high scores if they are enough."""
    at, n, scratch = begin_shelf(shelves, TAG_SHELF, -1), 0, shelves.selection
    for k in range(STRONG):
        if c & (1 << k):
            shelves.arg[at, n] = work.strong[k]
            n += 1
    intersect(work.tagged, c, work.both)
    select_from_set(work.both, work.left, work.high, row, scratch, shelves.title[at], shelves.score[at])
    end_shelf(shelves, at, row, best, least)


@jit_no_alloc
def add_watched(
    index: CatalogIndexArrays, history: I4, depth: int, stated: I4, stated_weight: float, mine: F8, on: int
) -> float:
    """Add the weights of history and stated tags to ``mine``; return the total.

    Where ``on`` is 0, clear these entries: they are few, and ``mine`` stays zero between viewers.
    """
    total, w, size = 0.0, 1.0, index.tag_start.size - 1
    for step in range(depth):
        h = history[step]
        if h < size:
            for a in range(index.tag_start[h], index.tag_start[h + 1]):
                g = index.tag[a]
                mine[g] = mine[g] + w if on else 0.0
        total += w
        w *= STEP
    for k in range(stated.size):
        g = stated[k]
        if g >= 0:
            mine[g] = mine[g] + stated_weight if on else 0.0
    return total + (stated_weight if stated[0] >= 0 else 0.0)


@jit_no_alloc
def has_titles(index: CatalogIndexArrays, g: int, least: int, row: F4) -> bool:
    """Return whether at least ``least`` remaining titles have a tag."""
    n = 0
    for a in range(index.tagged_start[g], index.tagged_start[g + 1]):
        t = index.tagged[a]
        if t < row.size and row[t] > -np.inf:
            n += 1
            if n == least:
                return True
    return False


@jit_no_alloc
def order_categories(
    index: CatalogIndexArrays,
    spec: PageSpec,
    history: I4,
    depth: int,
    stated: I4,
    row: F4,
    shelves: CandidateShelves,
    pages: Pages,
    q: int,
) -> None:
    """Write a viewer's categories, ties in order of tags; ``row`` has known titles hidden."""
    most, n, mine = pages.category.shape[1], 0, shelves.tag_weight
    if most == 0 or index.categories.size == 0:
        return
    said = weight_of_stated(depth)
    total = add_watched(index, history, depth, stated, said, mine, 1)
    parts = shelves.category_share
    for k in range(parts.size):
        g = index.categories[k]
        parts[k] = min(1.0, (mine[g] + PRIOR * index.tag_share[g]) / (total + PRIOR))
    add_watched(index, history, depth, stated, said, mine, 0)
    for _ in range(parts.size):
        k = int(np.argmax(parts))
        if n == most or parts[k] <= 0.0:
            break
        if has_titles(index, index.categories[k], spec.least, row):
            pages.category[q, n], pages.category_share[q, n] = index.categories[k], parts[k]
            n += 1
        parts[k] = -1.0
