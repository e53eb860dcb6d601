r"""Rows named by tags: a viewer's strongest tags, and what out of their combinations is worth a row.

.. math::

    \ell(c) = \log \frac{W p_u(c) + m\, p(c)}{(W + m)\, p(c)} \qquad
    \text{strength}(c) = \frac{W p_u(c) + m\, p(c)}{W + m}\, \ell(c)

for a combination c of tags, with p_u its share in the viewer's watches (the l-th back weighted ``STEP**l``),
W their weight, p its share in everybody's, and m watches of prior evidence: what it adds to the divergence of
the viewer's watches from everybody's. ``online_models.tag_affinity`` has the same in plain words, tag by tag.

All 63 combinations of the six strongest tags are weighed at once: titles are counted by the set of strong
tags that each has, and sums over supersets follow from those counts (the zeta transform of Yates, 1937).
"""

import numpy as np

from online_models.kernels.layout import F4, F8, I4, U1, plain
from online_models.kernels.page.kept import keep_best_sets
from online_models.kernels.page.layout import LANES, SETS, STRONG, TAGS, WORDS, Draft, PageSpec, Shelf
from online_models.kernels.page.rows import begin_row, end_row

STEP = 0.97
"""Weight of a watch per step back (``tag_affinity.STEP``)."""
PRIOR = 5.0
"""Watches of prior evidence (``tag_affinity.PRIOR``)."""
SUPPORT = 2
"""Watched titles that have a tag, before it speaks for a taste: one is chance."""
SAID = 5.0
"""Watches that stated tags count as, and that count as much as they (``online_models.stated.EVIDENCE``)."""
GENRE = 4
"""Place of genres among the kinds of tags (``online_models.page.kinds.TAG_KINDS``)."""
NAMELESS = 255
MOST_GENRES = 2
SAME = 1e-9
"""Strengths that differ by less are equal."""


@plain
def lift_of(mine: float, total: float, share: float) -> float:
    """Return a share's log-lift, 0 for what nobody watches."""
    expected = (total + PRIOR) * share
    return np.log((mine + PRIOR * share) / expected) if expected > 0 else 0.0


@plain
def strong_tags(
    shelf: Shelf, history: I4, depth: int, told: I4, said: float, draft: Draft, strong: I4
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
        lift = lift_of(draft.mine[g], total, shelf.share[g])
        if shelf.kind[g] != NAMELESS and draft.times[g] >= SUPPORT and lift > 0:
            n = insert(best, strong, n, draft.mine[g] * lift, g)
        draft.mine[g] = 0.0
        draft.times[g] = 0
    return n, total


@plain
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


@plain
def mark_tagged(first: I4, having: I4, strong: I4, n: int, mask: U1, touched: I4) -> int:
    """Give every title the set of the strong tags that it has; return how many have one at all."""
    m = 0
    for k in range(n):
        bit = np.uint8(1 << k)
        for a in range(first[strong[k]], first[strong[k] + 1]):
            t = having[a]
            if t < mask.size:
                touched[m] = t  # without a branch, as in rank.cowatch
                m += mask[t] == 0
                mask[t] |= bit
    return m


@plain
def count_tagged(mask: U1, touched: I4, m: int, watches: F8, row: F4, sums: F8, key: F4, bits: U1) -> int:
    """Add up watches and titles that may be listed by set; leave the latter together. Return how many.

    ``sums`` [2, LANES, SETS] takes titles in turn: neighbours often have the same set, and a sum waits for
    itself.
    """
    n = 0
    for k in range(m):
        t = touched[k]
        c, s, lane = mask[t], row[t], k % LANES
        there = s > -np.inf
        mask[t] = 0
        sums[0, lane, c] += watches[t]
        sums[1, lane, c] += 1.0 if there else 0.0
        touched[n], key[n], bits[n] = t, s, c
        n += there
    return n


@plain
def add_supersets(counts: F8) -> None:
    """Turn counts by exact set into counts by what a set contains."""
    for k in range(STRONG):
        for c in range(SETS):
            if c & (1 << k) == 0:
                counts[c] += counts[c | (1 << k)]


@plain
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


@plain
def weigh_sets(
    kinds: U1, n: int, least: int, total: float, everybody: float, mine: F8, times: F8, shared: F8,
    listed: F8, strength: F8,
) -> None:  # fmt: skip
    """Write the strength of each combination; -1 where it makes no row."""
    for counts in (mine, times, shared, listed):
        add_supersets(counts)
    for c in range(SETS):
        share = shared[c] / everybody if everybody > 0 else 0.0
        lift = lift_of(mine[c], total, share)
        strength[c] = (mine[c] + PRIOR * share) / (total + PRIOR) * lift
        enough = listed[c] >= least and times[c] >= SUPPORT
        if c == 0 or c >= 1 << n or not enough or lift <= 0 or not is_name(kinds, n, c):
            strength[c] = -1.0


@plain
def bits_of(c: int) -> int:
    """Count the tags of a combination."""
    n = 0
    while c:
        n += c & 1
        c >>= 1
    return n


@plain
def next_set(strength: F8, listed: F8, taken: I4, n: int) -> int:
    """Return the strongest combination left, the longest of equals; most of its titles are in no other."""
    best = -1
    for c in range(SETS):
        if strength[c] <= 0:
            continue
        if best >= 0:
            same = abs(strength[c] - strength[best]) <= SAME
            if strength[c] < strength[best] - SAME or (same and bits_of(c) <= bits_of(best)):
                continue
        apart = True
        for k in range(n):
            apart = apart and 2 * listed[c | taken[k]] <= listed[c]
        if apart:
            best = c
    return best


@plain
def draft_tags(
    shelf: Shelf, spec: PageSpec, history: I4, depth: int, told: I4, row: F4, best: float, draft: Draft
) -> None:
    """Draft the rows that a viewer's strongest tags name, by deed and by word."""
    names, said = draft.naming, SAID * SAID / (SAID + depth)
    strong, kinds, strength = names.strong, names.kind, names.strength
    names.sums[:] = 0.0
    names.lanes[:] = 0.0
    mine, times, shared, listed = names.sums[0], names.sums[1], names.sums[2], names.sums[3]
    n, total = strong_tags(shelf, history, depth, told, said, draft, strong)
    if n == 0:
        return
    for k in range(n):
        kinds[k] = shelf.kind[strong[k]]
        for s in range(told.size):
            if told[s] == strong[k]:  # said of the tag, not of what else it is combined with
                mine[1 << k] += said
                times[1 << k] += SUPPORT
    m = mark_tagged(shelf.first, shelf.having, strong, n, draft.mask, draft.touched)
    w = 1.0
    for step in range(depth):
        if history[step] < row.size:
            c = draft.mask[history[step]]
            mine[c] += w
            times[c] += 1.0
        w *= STEP
    m = count_tagged(draft.mask, draft.touched, m, shelf.watches, row, names.lanes, draft.key, draft.bits)
    for lane in range(LANES):
        for c in range(SETS):
            shared[c] += names.lanes[0, lane, c]
            listed[c] += names.lanes[1, lane, c]
    least = max(spec.tag_titles, spec.least)
    weigh_sets(kinds, n, least, total, shelf.total, mine, times, shared, listed, strength)
    taken, rows = names.taken, 0
    while rows < spec.tag_rows:
        c = next_set(strength, listed, taken, rows)
        if c < 0:
            break
        taken[rows] = c
        strength[c] = -1.0
        rows += 1
    draft_sets(strong, taken, rows, m, row, best, spec.least, draft)


@plain
def draft_sets(
    strong: I4, taken: I4, rows: int, m: int, row: F4, best: float, least: int, draft: Draft
) -> None:
    """Draft the titles that have every tag of a combination, for some combinations."""
    first = draft.drafted[0]
    for r in range(rows):
        draft.drafted[0] = first + r
        at, n = begin_row(draft, TAGS, -1), 0
        for k in range(STRONG):
            if taken[r] & (1 << k):
                draft.arg[at, n] = strong[k]
                n += 1
    keep_best_sets(
        taken,
        rows,
        draft.bits,
        draft.touched,
        m,
        draft.key,
        first,
        draft.naming.wanted,
        draft.title,
        draft.score,
    )
    draft.drafted[0] = first
    for r in range(rows):
        end_row(draft, first + r, row, best, least)
