"""Candidate shelves: the titles of each kind, selected from one viewer's score row, best first.

A candidate shelf is a kind, a set of titles and a sort key. ``row`` [T] is the viewer's blended score of
every title, -inf where a guard forbids the title or the viewer knows it. Known titles that may be on a page
all the same (started, finished and liked) have their scores in ``KnownScores``. ``best`` is the viewer's
highest score.

=====================  ==========================================================================
kind                   titles
=====================  ==========================================================================
continue watching      started, not finished, not rejected; the next episode of finished ones
my list                on the viewer's list, neither started nor known
because you ...        neighbours of one title that was watched, or liked by an explicit rating
trending, new          pools of the moment (`Pools`)
country, cohort        what the viewer's country and cohort watch (`Pools`)
watch again            finished and liked, long ago
hidden gems            rarely watched
explore                drawn from all remaining titles, each as likely
featured               pinned by rules
=====================  ==========================================================================

Top picks and the assembly of the page are in :mod:`online_models.page.assembly`, shelves named by tags in
:mod:`online_models.page.tag_shelves`.
"""

from typing import NamedTuple

import numpy as np

from online_models.feedback.interaction_state import COMPLETED, STARTED, weight_of
from online_models.feedback.interaction_state import LIKED as PAST_A_QUARTER
from online_models.jit import jit_inline, jit_no_alloc
from online_models.page.layout import MOST_PINS, SEGMENTS, WORD, PageSpec, Pools
from online_models.page.scratch import CandidateShelves, begin_shelf, end_shelf
from online_models.page.selection import (
    count_common,
    list_common,
    select_best_of_many,
    select_from_pool,
    select_named,
    select_popular,
)
from online_models.ranking.exploration import number, scrambled
from online_models.ranking.logarithms import log_all
from online_models.tables.codes import (
    BECAUSE_LIKED,
    BECAUSE_WATCHED,
    CONTINUE_WATCHING,
    EXPLORE,
    FEATURED,
    HIDDEN_GEMS,
    MY_LIST,
    PEOPLE_LIKE_YOU,
    PINNED,
    TRENDING,
    TRENDING_IN_COUNTRY,
    WATCH_AGAIN,
)
from online_models.tables.feedback_layout import FINISHED_TITLES, INTERACTIONS, MY_LIST_SIZE
from online_models.tables.hashing import mix
from online_models.tables.history import opinion_of
from online_models.tables.layout import F4, I4, U1, U4, U8, Int, Params, Titles, Viewers
from online_models.tables.neighbours import neighbours_of

HALF_LIFE_MS = 3 * 86_400_000.0
"""Half-life of the key of continue watching: few titles are resumed after a week."""
SEED_DECAY = 0.8
"""Factor of a seed's weight per later watch: the short horizon of the co-watch
(``CoWatchConfig.seed_decay``)."""
EVIDENCE = 5.0
"""Watches of a seed at which half of its weight counts: the weights of its pairs are noisy before."""


class KnownScores(NamedTuple):
    """Scores of known titles that may be on the page again; -inf where a guard forbids them."""

    judged: F4
    """[INTERACTIONS] of ``Viewers.judged``."""
    loved: F4
    """[FINISHED_TITLES] of ``Viewers.loved``."""


@jit_inline
def save_known_scores(viewers: Viewers, v: int, row: F4, known: KnownScores) -> None:
    """Save the scores of known titles before the score row hides them."""
    for s in range(INTERACTIONS):
        t = viewers.interaction_title[v, s]
        known.judged[s] = row[t] if 0 <= t < row.size else -np.inf
    for s in range(FINISHED_TITLES):
        t = viewers.finished[v, s]
        known.loved[s] = row[t] if 0 <= t < row.size else -np.inf


@jit_no_alloc
def add_pool(shelves: CandidateShelves, kind: int, candidates: I4, row: F4, best: float, least: int) -> None:
    """Add the titles of a pool that have the highest scores."""
    c = begin_shelf(shelves, kind, -1)
    select_from_pool(candidates, row, shelves.selection, shelves.title[c], shelves.score[c])
    end_shelf(shelves, c, row, best, least)


@jit_no_alloc
def add_hidden_gems(shelves: CandidateShelves, gems: F4, row: F4, best: float, least: int) -> None:
    """Add those titles whose entry in ``gems`` is 0, not -inf, that have the highest scores."""
    # As a sum for all titles, since most titles of a long tail are rarely watched: no list of them.
    c, key, n = begin_shelf(shelves, HIDDEN_GEMS, -1), shelves.selection.key, min(gems.size, row.size)
    for t in range(n):
        key[t] = row[t] + gems[t]
    reach = shelves.tags.both[: -(-n // WORD)]
    select_best_of_many(key[:n], shelves.selection, shelves.title[c], shelves.score[c], reach)
    end_shelf(shelves, c, row, best, least)


@jit_no_alloc
def add_popular(
    shelves: CandidateShelves, kind: int, title: I4, heat: F4, row: F4, best: float, least: int
) -> None:
    """Add the titles of a pool that have the highest heat + score."""
    c = begin_shelf(shelves, kind, -1)
    select_popular(title, heat, row, shelves.selection, shelves.title[c], shelves.score[c])
    end_shelf(shelves, c, row, best, least)


@jit_no_alloc
def add_trending(
    shelves: CandidateShelves, pools: Pools, segments: I4, row: F4, best: float, least: int
) -> None:
    """Add what is trending: everywhere, in the viewer's country, and in their cohort (-1: none)."""
    add_popular(shelves, TRENDING, pools.trending, pools.heat, row, best, least)
    for k in range(SEGMENTS):
        if segments[k] >= 0:
            a, b = pools.segment_start[segments[k]], pools.segment_start[segments[k] + 1]
            kind = TRENDING_IN_COUNTRY if k == 0 else PEOPLE_LIKE_YOU
            add_popular(shelves, kind, pools.segment_title[a:b], pools.segment_heat[a:b], row, best, least)


@jit_inline
def insert_by_key(shelves: CandidateShelves, c: int, n: int, key: float, t: Int, score: float) -> int:
    """Insert a title into a short shelf by its key, ties in ascending order; return the new length."""
    if n == shelves.title.shape[1]:
        return n
    at = n
    while at > 0 and (
        shelves.relevance[c, at - 1] < key
        or (shelves.relevance[c, at - 1] == key and shelves.title[c, at - 1] > t)
    ):
        shelves.title[c, at] = shelves.title[c, at - 1]
        shelves.score[c, at] = shelves.score[c, at - 1]
        shelves.relevance[c, at] = shelves.relevance[c, at - 1]
        at -= 1
    shelves.title[c, at] = t
    shelves.score[c, at] = score
    shelves.relevance[c, at] = key
    return n + 1


@jit_inline
def end_own_shelf(spec: PageSpec, c: int, n: int, stamp: int, shelves: CandidateShelves) -> None:
    """Keep a shelf of the viewer's own if it has titles, and reserve its visible titles for it."""
    for k in range(min(n, spec.visible)):
        shelves.seen[shelves.title[c, k]] = stamp
    shelves.size[0] += int(n > 0)


@jit_no_alloc
def add_continue_watching(
    viewers: Viewers,
    params: Params,
    spec: PageSpec,
    next_episode: I4,
    v: int,
    now: int,
    known: KnownScores,
    row: F4,
    stamp: int,
    shelves: CandidateShelves,
) -> None:
    """Add started titles that are neither finished nor rejected, and episodes that follow finished ones.

    The newest are first. An episode that the viewer knows, or that a guard forbids, is -inf in ``row``.
    """
    c, n = begin_shelf(shelves, CONTINUE_WATCHING, -1), 0
    for s in range(INTERACTIONS):
        t, e = viewers.interaction_title[v, s], viewers.interaction[v, s]
        begun = e.flags & STARTED != 0 and (
            e.implicit > 0 or e.watched_before + e.watched_now > params.reward.quick_s
        )
        open_still = e.flags & COMPLETED == 0 and e.implicit >= 0 and e.explicit >= 0
        available = known.judged[s] > -np.inf and now - e.at <= spec.continue_ms
        if available and begun and open_still and opinion_of(viewers, v, t) >= 0:
            age = max(now - e.at, 0)
            n = insert_by_key(shelves, c, n, 0.5 ** (age / HALF_LIFE_MS), t, known.judged[s])
    for s in range(INTERACTIONS):
        t, e = viewers.interaction_title[v, s], viewers.interaction[v, s]
        following = next_episode[t] if 0 <= t < next_episode.size else np.int32(-1)
        if not 0 <= following < row.size or row[following] == -np.inf or now - e.at > spec.continue_ms:
            continue
        if e.flags & COMPLETED != 0 and e.implicit >= 0 and e.explicit >= 0:
            is_there = False
            for k in range(n):
                is_there |= shelves.title[c, k] == following
            if not is_there:
                age = max(now - e.at, 0)
                n = insert_by_key(shelves, c, n, 0.5 ** (age / HALF_LIFE_MS), following, row[following])
    end_own_shelf(spec, c, n, stamp, shelves)


@jit_no_alloc
def add_my_list(
    viewers: Viewers, spec: PageSpec, v: int, row: F4, best: float, stamp: int, shelves: CandidateShelves
) -> None:
    """Add the titles of the viewer's list that are neither started nor known, the newest first."""
    c, n = begin_shelf(shelves, MY_LIST, -1), 0
    for s in range(MY_LIST_SIZE):
        t = viewers.my_list[v, s]
        if 0 <= t < row.size and row[t] > -np.inf and shelves.seen[t] != stamp and n < shelves.title.shape[1]:
            shelves.title[c, n] = t
            shelves.score[c, n] = row[t]
            shelves.relevance[c, n] = np.exp(min(np.float32(0.0), row[t] - np.float32(best)))
            n += 1
    end_own_shelf(spec, c, n, stamp, shelves)


@jit_no_alloc
def add_watch_again(
    viewers: Viewers,
    spec: PageSpec,
    v: int,
    now: int,
    known: KnownScores,
    stamp: int,
    shelves: CandidateShelves,
) -> None:
    """Add titles that were finished and liked long enough ago, the most liked first."""
    c, n = begin_shelf(shelves, WATCH_AGAIN, -1), 0
    for s in range(FINISHED_TITLES):
        t = viewers.finished[v, s]
        past = now // 1_000 - np.int64(viewers.finished_at[v, s]) >= spec.again_s
        offered = known.loved[s] > -np.inf and shelves.seen[t] != stamp
        if past and offered and opinion_of(viewers, v, t) > 0:
            n = insert_by_key(shelves, c, n, viewers.finished_weight[v, s], t, known.loved[s])
    for k in range(n):  # the weight was the sort key; all are equally relevant to the page
        shelves.relevance[c, k] = 1.0
    end_own_shelf(spec, c, n, stamp, shelves)


@jit_no_alloc
def add_because_you(
    titles: Titles,
    viewers: Viewers,
    spec: PageSpec,
    v: int,
    known: KnownScores,
    row: F4,
    best: float,
    shelves: CandidateShelves,
) -> None:
    """Add one shelf for each of the strongest seeds.

    The weight of a seed is d**age * weight * n / (n + evidence), with n its watches by everybody. A seed
    was watched past a quarter or liked by an explicit rating, is still liked, and no guard forbids it, as
    the heading names it. Its neighbours are sorted by score + log similarity. The kind of the shelf tells
    the two sorts of seeds apart.
    """
    seed, strength, n = shelves.seed, shelves.seed_weight, 0
    for s in range(INTERACTIONS):
        t, e = viewers.interaction_title[v, s], viewers.interaction[v, s]
        watched = e.flags & PAST_A_QUARTER != 0
        if t < 0 or t >= row.size or e.explicit < 0 or e.implicit < 0 or not (watched or e.explicit > 0):
            continue
        if known.judged[s] == -np.inf:
            continue
        if not 0 < titles.watches[t] >= spec.seed_watches or opinion_of(viewers, v, t) <= 0:
            continue
        later = 0
        for other in range(INTERACTIONS):
            later += int(viewers.interaction_title[v, other] >= 0 and viewers.interaction[v, other].at > e.at)
        seed[n], shelves.seed_watched[n] = t, 1 if watched else 0
        strength[n] = SEED_DECAY**later * weight_of(e) * titles.watches[t] / (titles.watches[t] + EVIDENCE)
        n += 1
    for _ in range(min(spec.seeds, n)):  # selection sort: a few of a few
        k = 0
        for other in range(1, n):
            if strength[other] > strength[k] or (strength[other] == strength[k] and seed[other] < seed[k]):
                k = other
        if strength[k] <= 0:
            break
        add_neighbours(
            titles,
            seed[k],
            BECAUSE_WATCHED if shelves.seed_watched[k] else BECAUSE_LIKED,
            row,
            best,
            spec.least,
            shelves,
        )
        strength[k] = 0.0


@jit_no_alloc
def add_neighbours(
    titles: Titles, h: int, kind: int, row: F4, best: float, least: int, shelves: CandidateShelves
) -> None:
    """Add the neighbours of a seed."""
    c, n, key, name = begin_shelf(shelves, kind, h), 0, shelves.selection.key, shelves.selection.title
    for s in neighbours_of(titles, h):
        j, w = titles.nbr[s], titles.nbr_w[s]
        if w > 0 and 0 <= j < row.size and row[j] > -np.inf:
            key[n], name[n] = w * titles.norm[j], j
            n += 1
    log_all(key, n)  # one vectorised loop over all logarithms
    for k in range(n):
        key[k] += row[name[k]]
    select_named(key, name, n, shelves.selection, shelves.title[c], shelves.score[c])
    end_shelf(shelves, c, row, best, least)


@jit_no_alloc
def add_pins(pins: I4, spec: PageSpec, row: F4, best: float, stamp: int, shelves: CandidateShelves) -> None:
    """Add the featured shelf, and collect the pins of top picks.

    A pin is a title that a rule puts on a slot. Guards hold for it: a title that is known, withdrawn,
    excluded or above the maturity limit has a score of -inf and is left out. A pinned title is visible on no
    other shelf.

    Parameters
    ----------
    pins
        [P, 3] title, kind of shelf, slot; sorted by slot, -1 where there are no more.
    spec
        Number of visible titles, and of titles of a shelf.
    row
        [T] scores of the viewer.
    best
        Highest of them.
    stamp
        Stamp of the viewer, for ``CandidateShelves.seen``.
    shelves
        Receives shelf and pins.
    """
    shelves.pin_count[0] = 0
    if pins.shape[0] == 0:
        return
    c, featured, n, free = begin_shelf(shelves, FEATURED, -1), 0, 0, 0
    for p in range(pins.shape[0]):
        t, kind, slot = pins[p, 0], pins[p, 1], pins[p, 2]
        if t < 0:
            break
        if t >= row.size or row[t] == -np.inf or shelves.seen[t] == stamp:
            continue
        relevance = np.exp(min(np.float32(0.0), row[t] - np.float32(best)))
        if kind == FEATURED and featured < spec.visible:
            shelves.title[c, featured], shelves.score[c, featured] = t, row[t]
            shelves.relevance[c, featured] = relevance
            featured += 1
        elif kind != FEATURED and n < MOST_PINS and max(slot, free) < spec.length:
            free = max(slot, free)
            shelves.pin_title[n], shelves.pin_slot[n], shelves.pin_relevance[n] = t, free, relevance
            free += 1
            n += 1
        else:
            continue
        shelves.seen[t] = stamp
    shelves.pin_count[0] = n
    shelves.size[0] += int(featured > 0)


@jit_no_alloc
def explain_pins(shelves: CandidateShelves, title: I4, reason: U1) -> None:
    """Set the reason of pinned titles among top picks."""
    for p in range(shelves.pin_count[0]):
        for k in range(title.size):
            if title[k] == shelves.pin_title[p]:
                reason[k] = PINNED


SPARE = 1.5
"""Titles of the first cut for each title drawn. A cut with 60 expected titles has fewer than 40 once in
200 times; the cut is then doubled."""


@jit_no_alloc
def mark_drawn(lot: U4, mine: Int, share: float, out: U8) -> None:
    """Write the set of titles with the highest random numbers of the viewer: about a share of all.

    The number has 24 bits, and its upper 16 are those of the scrambled word, so a bound of 16 bits needs
    no last step.
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
    """Write a set with the ``most`` of ``n`` remaining titles whose numbers are highest; return its size."""
    share = SPARE * most / max(n, 1)
    while True:
        mark_drawn(lot, mine, share, out)
        m: int = count_common(out, left)
        if m >= most or share >= 1.0:
            return m
        share *= 2.0


@jit_no_alloc
def add_explore(
    viewers: Viewers, drawn: I4, spec: PageSpec, v: int, row: F4, best: float, shelves: CandidateShelves
) -> int:
    """Add titles drawn from all remaining titles, each as likely; return how many remain.

    The draw depends on seed, day, viewer and title: it is stable for a day, and independent of the order
    of rows. Where titles have been ``drawn`` for the viewer already, all that remain of them are added.
    """
    c, scratch, left, both = (
        begin_shelf(shelves, EXPLORE, -1),
        shelves.selection,
        shelves.tags.left,
        shelves.tags.both,
    )
    n: int = count_common(left, left)
    mine = np.uint32(mix(viewers.key[v]) >> np.uint64(32))
    if drawn.size > 0:
        m = 0
        for t in drawn:
            scratch.title[m] = t
            m += 0 <= t < row.size and row[t] > -np.inf
    else:
        draw(shelves.day_number, mine, left, n, shelves.title.shape[1], both)
        m = list_common(both, left, scratch.title)
    for k in range(m):
        scratch.key[k] = number(shelves.day_number[scratch.title[k]], mine)
    select_named(scratch.key, scratch.title, m, scratch, shelves.title[c], shelves.score[c])
    end_shelf(shelves, c, row, best, spec.least)
    return n
