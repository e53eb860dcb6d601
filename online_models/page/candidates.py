"""Drafting rows: each kind's candidates out of one viewer's score row, the best first.

A row is a kind, a set of candidates and a key to rank them by. ``row`` [T] is the viewer's blended score of
every title, -inf where a guard forbids it or the viewer knows it; what is known and stands on a page all the
same (begun, finished and loved) has its score taken aside before (``Known``).
"""

from typing import NamedTuple

import numpy as np

from online_models.feedback.interaction_state import DONE, STARTED, weight_of
from online_models.feedback.interaction_state import LIKED as PAST_A_QUARTER
from online_models.jit import jit_inline, jit_no_alloc
from online_models.page.layout import CROWDS, MOST_PINS, WORD, PageSpec, Pools
from online_models.page.scratch import ShelfDrafts, begin_row, end_row
from online_models.page.selection import count_both, keep_best_of, keep_hottest, keep_named, members_of
from online_models.ranking.exploration import number, scrambled
from online_models.ranking.scorer import log_all
from online_models.tables.codes import (
    AGAIN,
    ALIKE,
    CONTINUE,
    EXPLORE,
    FEATURED,
    LIKED,
    MY_LIST,
    NEARBY,
    PINNED,
    TRENDING,
    WATCHED,
)
from online_models.tables.feedback_layout import JUDGEMENTS, LOVED_TITLES, WISHES
from online_models.tables.hashing import mix
from online_models.tables.history import standing
from online_models.tables.layout import F4, I4, U1, U4, U8, Int, Params, Titles, Viewers

HALF_LIFE_MS = 3 * 86_400_000.0
"""After three days something begun is half as likely to be gone on with: what is not resumed within the week
seldom is."""
SEED_DECAY = 0.8
"""Weight of a seed per watch since: the short horizon of the co-watch (``CoWatchConfig.seed_decay``)."""
EVIDENCE = 5.0
"""Watches of a seed at which its neighbours are half believed (`reference/algorithms.md` 3.4)."""


class Known(NamedTuple):
    """Scores of what a viewer knows and may be offered again; -inf where a guard forbids it."""

    judged: F4
    """[JUDGEMENTS]"""
    loved: F4
    """[LOVED_TITLES]"""


@jit_inline
def gather(viewers: Viewers, v: int, row: F4, known: Known) -> None:
    """Take the scores of judged and loved titles aside, before known ones are hidden."""
    for s in range(JUDGEMENTS):
        t = viewers.judged[v, s]
        known.judged[s] = row[t] if 0 <= t < row.size else -np.inf
    for s in range(LOVED_TITLES):
        t = viewers.loved[v, s]
        known.loved[s] = row[t] if 0 <= t < row.size else -np.inf


@jit_no_alloc
def draft_listed(draft: ShelfDrafts, kind: int, candidates: I4, row: F4, best: float, least: int) -> None:
    """Draft what a list of candidates has that fits the viewer best."""
    c = begin_row(draft, kind, -1)
    keep_best_of(candidates, row, draft.near, draft.title[c], draft.score[c])
    end_row(draft, c, row, best, least)


@jit_no_alloc
def draft_heated(
    draft: ShelfDrafts, kind: int, title: I4, heat: F4, row: F4, best: float, least: int
) -> None:
    """Draft what many watch, by how much and how well it fits: log heat + score."""
    c = begin_row(draft, kind, -1)
    keep_hottest(title, heat, row, draft.near, draft.title[c], draft.score[c])
    end_row(draft, c, row, best, least)


@jit_no_alloc
def draft_crowds(draft: ShelfDrafts, pools: Pools, crowds: I4, row: F4, best: float, least: int) -> None:
    """Draft what everybody watches right now, and the viewer's country, and their cohort (-1: none)."""
    draft_heated(draft, TRENDING, pools.trending, pools.heat, row, best, least)
    for k in range(CROWDS):
        if crowds[k] >= 0:
            a, b = pools.first[crowds[k]], pools.first[crowds[k] + 1]
            kind = NEARBY if k == 0 else ALIKE
            draft_heated(draft, kind, pools.crowd[a:b], pools.crowd_heat[a:b], row, best, least)


@jit_inline
def put_known(draft: ShelfDrafts, c: int, n: int, key: float, t: int, score: float) -> int:
    """Insert a title by its key into a short row, equal keys in order of rows; return the new length."""
    if n == draft.title.shape[1]:
        return n
    at = n
    while at > 0 and (
        draft.worth[c, at - 1] < key or (draft.worth[c, at - 1] == key and draft.title[c, at - 1] > t)
    ):
        draft.title[c, at] = draft.title[c, at - 1]
        draft.score[c, at] = draft.score[c, at - 1]
        draft.worth[c, at] = draft.worth[c, at - 1]
        at -= 1
    draft.title[c, at] = t
    draft.score[c, at] = score
    draft.worth[c, at] = key
    return n + 1


@jit_inline
def keep_own(spec: PageSpec, c: int, n: int, stamp: int, draft: ShelfDrafts) -> None:
    """Keep a row of the viewer's own, if it has a title; what will be in sight in it is so in no other."""
    for k in range(min(n, spec.visible)):
        draft.seen[draft.title[c, k]] = stamp
    draft.drafted[0] += int(n > 0)


@jit_no_alloc
def draft_continue(
    viewers: Viewers, params: Params, spec: PageSpec, v: int, now: int, known: Known, stamp: int,
    draft: ShelfDrafts,
) -> None:  # fmt: skip
    """Draft what was begun and not finished, the newest first; nothing that was turned down or given up."""
    c, n = begin_row(draft, CONTINUE, -1), 0
    for s in range(JUDGEMENTS):
        t, e = viewers.judged[v, s], viewers.judgement[v, s]
        begun = e.flags & STARTED != 0 and (e.played > 0 or e.before + e.now > params.reward.quick_s)
        open_still = e.flags & DONE == 0 and e.played >= 0 and e.said >= 0
        shown = known.judged[s] > -np.inf and now - e.at <= spec.continue_ms
        if shown and begun and open_still and standing(viewers, v, t) >= 0:
            age = max(now - e.at, 0)
            n = put_known(draft, c, n, 0.5 ** (age / HALF_LIFE_MS), t, known.judged[s])
    keep_own(spec, c, n, stamp, draft)


@jit_no_alloc
def draft_my_list(
    viewers: Viewers, spec: PageSpec, v: int, row: F4, best: float, stamp: int, draft: ShelfDrafts
) -> None:
    """Draft what the viewer put on their list and has neither begun nor known, the newest first."""
    c, n = begin_row(draft, MY_LIST, -1), 0
    for s in range(WISHES):
        t = viewers.wished[v, s]
        if 0 <= t < row.size and row[t] > -np.inf and draft.seen[t] != stamp and n < draft.title.shape[1]:
            draft.title[c, n] = t
            draft.score[c, n] = row[t]
            draft.worth[c, n] = np.exp(min(np.float32(0.0), row[t] - np.float32(best)))
            n += 1
    keep_own(spec, c, n, stamp, draft)


@jit_no_alloc
def draft_again(
    viewers: Viewers, spec: PageSpec, v: int, now: int, known: Known, stamp: int, draft: ShelfDrafts
) -> None:
    """Draft what was finished and loved long enough ago, the most loved first."""
    c, n = begin_row(draft, AGAIN, -1), 0
    for s in range(LOVED_TITLES):
        t = viewers.loved[v, s]
        past = now // 1_000 - np.int64(viewers.loved_at[v, s]) >= spec.again_s
        offered = known.loved[s] > -np.inf and draft.seen[t] != stamp
        if past and offered and standing(viewers, v, t) > 0:
            n = put_known(draft, c, n, viewers.loved_weight[v, s], t, known.loved[s])
    for k in range(n):
        draft.worth[c, k] = 1.0
    keep_own(spec, c, n, stamp, draft)


@jit_no_alloc
def draft_seeds(
    titles: Titles, viewers: Viewers, spec: PageSpec, v: int, known: Known, row: F4, best: float,
    draft: ShelfDrafts,
) -> None:  # fmt: skip
    """Draft a row for each of the titles that speak loudest: d**age * weight * n / (n + evidence).

    A seed was watched past a quarter, or liked by the viewer's word, and is liked still, and no guard forbids
    it: the heading names it. Its neighbours are ranked by score + log similarity. The row's kind says which
    of the two it was.
    """
    seed, loud, n = draft.seed, draft.loud, 0
    for s in range(JUDGEMENTS):
        t, e = viewers.judged[v, s], viewers.judgement[v, s]
        deed = e.flags & PAST_A_QUARTER != 0
        if t < 0 or t >= row.size or e.said < 0 or e.played < 0 or not (deed or e.said > 0):
            continue
        if known.judged[s] == -np.inf:
            continue
        if not 0 < titles.watches[t] >= spec.seed_watches or standing(viewers, v, t) <= 0:
            continue
        later = 0
        for other in range(JUDGEMENTS):
            later += int(viewers.judged[v, other] >= 0 and viewers.judgement[v, other].at > e.at)
        seed[n], draft.deed[n] = t, 1 if deed else 0
        loud[n] = SEED_DECAY**later * weight_of(e) * titles.watches[t] / (titles.watches[t] + EVIDENCE)
        n += 1
    for _ in range(min(spec.seeds, n)):
        k = 0
        for other in range(1, n):
            if loud[other] > loud[k] or (loud[other] == loud[k] and seed[other] < seed[k]):
                k = other
        if loud[k] <= 0:
            break
        draft_seed(titles, seed[k], WATCHED if draft.deed[k] else LIKED, row, best, spec.least, draft)
        loud[k] = 0.0


@jit_no_alloc
def draft_seed(
    titles: Titles, h: int, kind: int, row: F4, best: float, least: int, draft: ShelfDrafts
) -> None:
    """Draft the neighbours of one title."""
    c, n, key, name = begin_row(draft, kind, h), 0, draft.near.of, draft.near.name
    for s in range(titles.nbr.shape[1]):
        j, w = titles.nbr[h, s], titles.nbr_w[h, s]
        if w > 0 and 0 <= j < row.size and row[j] > -np.inf:
            key[n], name[n] = w * titles.norm[j], j
            n += 1
    log_all(key, n)
    for k in range(n):
        key[k] += row[name[k]]
    keep_named(key, name, n, draft.near, draft.title[c], draft.score[c])
    end_row(draft, c, row, best, least)


@jit_no_alloc
def draft_pins(pins: I4, spec: PageSpec, row: F4, best: float, stamp: int, draft: ShelfDrafts) -> None:
    """Draft the featured row, and note the pins of top picks.

    Parameters
    ----------
    pins
        [P, 3] title, kind of row, place; by place, -1 where there are no more.
    spec
        How many titles are in sight, and a row has.
    row
        [T] the viewer's scores.
    best
        The highest of them.
    stamp
        The viewer's: pinned titles are in sight.
    draft
        Gets them.
    """
    draft.pins[0] = 0
    if pins.shape[0] == 0:
        return
    c, shown, n, free = begin_row(draft, FEATURED, -1), 0, 0, 0
    for p in range(pins.shape[0]):
        t, kind, slot = pins[p, 0], pins[p, 1], pins[p, 2]
        if t < 0:
            break
        if t >= row.size or row[t] == -np.inf or draft.seen[t] == stamp:
            continue
        worth = np.exp(min(np.float32(0.0), row[t] - np.float32(best)))
        if kind == FEATURED and shown < spec.visible:
            draft.title[c, shown], draft.score[c, shown], draft.worth[c, shown] = t, row[t], worth
            shown += 1
        elif kind != FEATURED and n < MOST_PINS and max(slot, free) < spec.length:
            free = max(slot, free)
            draft.pin[n], draft.pin_slot[n], draft.pin_worth[n] = t, free, worth
            free += 1
            n += 1
        else:
            continue
        draft.seen[t] = stamp
    draft.pins[0] = n
    draft.drafted[0] += int(shown > 0)


@jit_no_alloc
def explain_pins(draft: ShelfDrafts, title: I4, reason: U1) -> None:
    """Say of what is pinned in a row of top picks that it is."""
    for p in range(draft.pins[0]):
        for k in range(title.size):
            if title[k] == draft.pin[p]:
                reason[k] = PINNED


SPARE = 1.5
"""Titles looked at for each that is drawn: by chance 60 are fewer than 40 once in 200 times, and it is done
again."""


@jit_no_alloc
def mark_drawn(lot: U4, mine: Int, share: float, out: U8) -> None:
    """Write the set of the titles of the highest numbers of the viewer's: about a share of all, or more.

    Of a number's 24 bits the upper 16 are the scrambled ones': a bound of these needs no more of them.
    """
    bound = np.uint32(np.int64(max(1.0 - share, 0.0) * 2.0**16) << 16)
    whole = lot.size // WORD
    for w in range(whole):
        x, part = np.uint64(0), lot[w * WORD : (w + 1) * WORD]
        for k in range(WORD):
            x |= np.uint64(scrambled(part[k], mine) >= bound) << np.uint64(k)
        out[w] = x
    out[whole:] = 0
    for k in range(whole * WORD, lot.size):
        out[whole] |= np.uint64(scrambled(lot[k], mine) >= bound) << np.uint64(k % WORD)


@jit_no_alloc
def draw(lot: U4, mine: Int, left: U8, n: int, most: int, out: U8) -> int:
    """Write a set that has the ``most`` of ``n`` titles left whose numbers are highest; return its size."""
    share = SPARE * most / max(n, 1)
    while True:
        mark_drawn(lot, mine, share, out)
        m: int = count_both(out, left)
        if m >= most or share >= 1.0:
            return m
        share *= 2.0


@jit_no_alloc
def draft_explore(viewers: Viewers, spec: PageSpec, v: int, row: F4, best: float, draft: ShelfDrafts) -> int:
    """Draw titles out of all that the viewer may see and does not know, each as likely; return how many.

    The draw derives from seed, day, viewer and title: it stays for a day, and no order of rows decides.
    """
    c, near, left, both = begin_row(draft, EXPLORE, -1), draft.near, draft.naming.left, draft.naming.both
    n: int = count_both(left, left)
    mine = np.uint32(mix(viewers.key[v]) >> np.uint64(32))
    draw(draft.lot, mine, left, n, draft.title.shape[1], both)
    m = members_of(both, left, near.name)
    for k in range(m):
        near.of[k] = number(draft.lot[near.name[k]], mine)
    keep_named(near.of, near.name, m, near, draft.title[c], draft.score[c])
    end_row(draft, c, row, best, spec.least)
    return n
