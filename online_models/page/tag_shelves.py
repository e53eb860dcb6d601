r"""Rows named by tags: a viewer's strongest tags, and what out of their combinations is worth a row.

.. math::

    \ell(c) = \log \frac{W p_u(c) + m\, p(c)}{(W + m)\, p(c)} \qquad
    \text{strength}(c) = \frac{W p_u(c) + m\, p(c)}{W + m}\, \ell(c)

for a combination c of tags, with p_u its share in the viewer's watches (the l-th back weighted ``STEP**l``),
W their weight, p its share in everybody's, and m watches of prior evidence: what it adds to the divergence of
the viewer's watches from everybody's. ``online_models.learners.tag_affinity`` has the same in plain words, tag by tag.

Of the 63 combinations of the six strongest tags those are weighed that the viewer has watched (sums over
supersets, the zeta transform of Yates, 1937), and that make a name: 10
or so. Titles are sets of bits (``bits``).
"""

import numpy as np

from online_models.jit import jit_no_alloc
from online_models.page.layout import SETS, STRONG, WORDS, CatalogIndexArrays, Pages, PageSpec
from online_models.page.scratch import Naming, ShelfDrafts, begin_row, end_row
from online_models.page.selection import (
    PILES,
    add_members,
    count_both,
    have_all,
    holds,
    keep_named,
    mark_tagged,
    members_of,
)
from online_models.tables.codes import TAGS
from online_models.tables.layout import F4, F8, I4, U1

STEP = 0.97
"""Weight of a watch per step back (``tag_affinity.STEP``)."""
PRIOR = 5.0
"""Watches of prior evidence (``tag_affinity.PRIOR``)."""
SUPPORT = 2
"""Watched titles that have a tag, before it speaks for a taste: one is chance."""
SAID = 5.0
"""Watches that stated tags count as, and that count as much as they (``online_models.learners.stated_preferences.EVIDENCE``)."""
GENRE = 4
"""Place of genres among the kinds of tags (``online_models.page.shelf_kinds.TAG_KINDS``)."""
NAMELESS = 255
MOST_GENRES = 2
SAME = 1e-9
"""Strengths that differ by less are equal."""


@jit_no_alloc
def lift_of(mine: float, total: float, share: float) -> float:
    """Return a share's log-lift, 0 for what nobody watches."""
    expected = (total + PRIOR) * share
    return np.log((mine + PRIOR * share) / expected) if expected > 0 else 0.0


@jit_no_alloc
def strong_tags(
    shelf: CatalogIndexArrays, history: I4, depth: int, told: I4, said: float, draft: ShelfDrafts, strong: I4
) -> tuple[int, float]:
    """Write the tags that a history and stated tags are strongest in, the strongest first.

    Returns how many, and the weight of both.
    """
    met, total, w, size, tags = 0, 0.0, 1.0, shelf.indptr.size - 1, draft.naming.tag
    for step in range(depth):
        h = history[step]
        if h < size:
            for a in range(shelf.indptr[h], shelf.indptr[h + 1]):
                g = shelf.ids[a]
                if draft.times[g] == 0:
                    if met == tags.size:
                        continue
                    tags[met] = g
                    met += 1
                draft.times[g] += 1
                draft.mine[g] += w
        total += w
        w *= STEP
    for k in range(told.size):
        g = told[k]
        if g >= 0 and met < tags.size:
            if draft.times[g] == 0:
                tags[met] = g
                met += 1
            draft.times[g] += SUPPORT
            draft.mine[g] += said
    total += said if told[0] >= 0 else 0.0
    best, n = draft.naming.strength, 0
    best[:STRONG] = -np.inf
    for k in range(met):
        g = tags[k]
        if shelf.kind[g] != NAMELESS and draft.times[g] >= SUPPORT:
            lift = lift_of(draft.mine[g], total, shelf.share[g])
            if lift > 0:
                n = insert(best, strong, n, draft.mine[g] * lift, g)
        draft.mine[g] = 0.0
        draft.times[g] = 0
    return n, total


@jit_no_alloc
def insert(best: F8, strong: I4, n: int, value: float, g: int) -> int:
    """Insert a tag among the strongest, equal ones by number; return how many there are."""
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
    """Turn counts by exact set into counts by what a set contains."""
    for k in range(STRONG):
        for c in range(SETS):
            if c & (1 << k) == 0:
                counts[c] += counts[c | (1 << k)]


@jit_no_alloc
def is_name(kinds: U1, n: int, c: int) -> bool:
    """Whether a combination makes a name: one tag, or a genre or two with one tag of other kinds each."""
    words, genres, met = 0, 0, 0
    for k in range(n):
        if c & (1 << k):
            kind = int(kinds[k])
            words += 1
            if kind == GENRE:
                genres += 1
            elif met & (1 << kind):
                return False
            else:
                met |= 1 << kind
    return words == 1 or (words <= WORDS and 1 <= genres <= MOST_GENRES)


@jit_no_alloc
def weigh_sets(shelf: CatalogIndexArrays, n: int, least: int, total: float, names: Naming) -> None:
    """Write the strength of each combination; -1 where it makes no row."""
    mine, times, listed, strength = names.sums[0], names.sums[1], names.listed, names.strength
    add_supersets(mine)
    add_supersets(times)
    listed[:] = -1
    strength[:] = -1.0
    for c in range(1, 1 << n):
        if times[c] < SUPPORT or not is_name(names.kind, n, c) or count_listed(names, c) < least:
            continue
        share = share_of(shelf, names, c)
        lift = lift_of(mine[c], total, share)
        if lift > 0:
            strength[c] = (mine[c] + PRIOR * share) / (total + PRIOR) * lift


@jit_no_alloc
def count_listed(names: Naming, c: int) -> int:
    """Return how many titles left to the viewer have all of a combination; ``both`` is then what has it."""
    have_all(names.tagged, c, names.both)
    n: int = count_both(names.both, names.left)
    names.listed[c] = n
    return n


@jit_no_alloc
def share_of(shelf: CatalogIndexArrays, names: Naming, c: int) -> float:
    """Return a combination's part of everybody's watches; of more than one tag that of ``both``."""
    if bits_of(c) == 1:
        k = 0
        while c >> k != 1:
            k += 1
        return float(shelf.share[names.strong[k]])
    return add_members(names.both, shelf.watches) / shelf.total if shelf.total > 0 else 0.0


@jit_no_alloc
def bits_of(c: int) -> int:
    """Count the tags of a combination."""
    n = 0
    while c:
        n += c & 1
        c >>= 1
    return n


@jit_no_alloc
def next_set(names: Naming, n: int) -> int:
    """Return the strongest combination left, the longest of equals; most of its titles are in no other."""
    best, strength = -1, names.strength
    for c in range(SETS):
        if strength[c] <= 0:
            continue
        if best >= 0:
            same = abs(strength[c] - strength[best]) <= SAME
            if strength[c] < strength[best] - SAME or (same and bits_of(c) <= bits_of(best)):
                continue
        apart = True
        for k in range(n):
            both = c | names.taken[k]
            shared = names.listed[both] if names.listed[both] >= 0 else count_listed(names, both)
            apart = apart and 2 * shared <= names.listed[c]
        if apart:
            best = c
    return best


@jit_no_alloc
def draft_tags(
    shelf: CatalogIndexArrays,
    spec: PageSpec,
    history: I4,
    depth: int,
    told: I4,
    row: F4,
    best: float,
    draft: ShelfDrafts,
) -> None:
    """Draft the rows that a viewer's strongest tags name, by deed and by word."""
    names, said = draft.naming, SAID * SAID / (SAID + depth)
    strong, mine, times = names.strong, names.sums[0], names.sums[1]
    n, total = strong_tags(shelf, history, depth, told, said, draft, strong)
    names.sums[:] = 0.0
    for k in range(n):
        names.kind[k] = shelf.kind[strong[k]]
        mark_tagged(shelf, strong[k], names.tagged[k])
        for s in range(told.size):
            if told[s] == strong[k]:  # said of the tag, not of what else it is combined with
                mine[1 << k] += said
                times[1 << k] += SUPPORT
    w = 1.0
    for step in range(depth):
        if history[step] < row.size:
            c = 0
            for k in range(n):
                c |= int(holds(names.tagged[k], history[step])) << k
            mine[c] += w
            times[c] += 1.0
        w *= STEP
    weigh_sets(shelf, n, max(spec.tag_titles, spec.least), total, names)
    rows = 0
    while rows < spec.tag_rows:
        c = next_set(names, rows)
        if c < 0:
            break
        names.taken[rows] = c
        names.strength[c] = -1.0
        rows += 1
    for r in range(rows):
        draft_set(names, names.taken[r], row, best, spec.least, draft)


@jit_no_alloc
def draft_set(names: Naming, c: int, row: F4, best: float, least: int, draft: ShelfDrafts) -> None:
    """Draft the titles that have every tag of a combination: if enough of high score do, these alone."""
    at, n, near = begin_row(draft, TAGS, -1), 0, draft.near
    for k in range(STRONG):
        if c & (1 << k):
            draft.arg[at, n] = names.strong[k]
            n += 1
    have_all(names.tagged, c, names.both)
    enough = names.listed[c] > PILES and count_both(names.both, names.high) >= draft.title.shape[1]
    n = members_of(names.both, names.high if enough else names.left, near.name)
    for k in range(n):
        near.of[k] = row[near.name[k]]
    keep_named(near.of, near.name, n, near, draft.title[at], draft.score[at])
    end_row(draft, at, row, best, least)


# Categories in the order of a viewer's taste: how much of what they watch is expected to have each tag.
#
# .. math::
#
#     \hat p_u(g) = \frac{W p_u(g) + m\, p(g)}{W + m}
#
# with p_u(g) the tag's share in the viewer's watches, the l-th back weighted ``STEP**l``, stated tags among
# them, W their weight, p(g) its share in everybody's, and m watches of prior evidence: the same counts as for
# rows of tags (``tags``), as an expectation and not as a contrast. Who is a stranger finds what everybody
# watches. A category with too few titles that the viewer may see and does not know is left out.


@jit_no_alloc
def add_watched(
    shelf: CatalogIndexArrays, history: I4, depth: int, told: I4, said: float, mine: F8, on: int
) -> float:
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


@jit_no_alloc
def offers(shelf: CatalogIndexArrays, g: int, least: int, row: F4) -> bool:
    """Whether a viewer may see as many titles of a tag that they do not know."""
    n = 0
    for a in range(shelf.first[g], shelf.first[g + 1]):
        t = shelf.having[a]
        if t < row.size and row[t] > -np.inf:
            n += 1
            if n == least:
                return True
    return False


@jit_no_alloc
def order_categories(
    shelf: CatalogIndexArrays, spec: PageSpec, history: I4, depth: int, told: I4, row: F4, draft: ShelfDrafts, pages: Pages,
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
