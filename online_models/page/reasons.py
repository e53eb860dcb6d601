"""Why a title is on a page: the strongest cause of its score, and what of the viewer's it refers to.

A score is a sum (:mod:`online_models.ranking.scorer`). Its parts, each above what an average title has,
compete for the reason. The largest wins, the co-watch also with half of it:

==========  =================================  ===============================================
part        reason                             refers to
==========  =================================  ===============================================
co-watch    `co_watch`                         the liked title that is watched most with it
own taste   `taste`                            the viewer's strongest tag that the title has
everybody   `country`, `trending`, `popular`   nothing: the first of the three that is true
==========  =================================  ===============================================

Top picks, rows of tags and hidden gems are mixed, so each of their titles has a reason of its own. The titles
of the other rows have the row's. Continue watching says how far each title was watched.
"""

import numpy as np

from online_models.jit import jit_inline, jit_no_alloc
from online_models.page.candidates import explain_pins
from online_models.page.layout import CatalogIndexArrays, Pages, Pools
from online_models.page.scratch import CandidateShelves, TagShelfScratch
from online_models.page.selection import contains
from online_models.passed_by_pointer import PassedByPointer
from online_models.tables.codes import (
    CO_WATCH,
    COHORT,
    CONTINUE_WATCHING,
    COUNTRY,
    EXPLORED,
    HIDDEN_GEMS,
    LOVED,
    NEW,
    NO_SHELF,
    PINNED,
    POPULAR,
    RESUME,
    TAG_SHELF,
    TASTE,
    TOP_PICKS,
    TREND,
)
from online_models.tables.feedback_layout import INTERACTIONS
from online_models.tables.layout import F4, I4, Params, Titles, Viewers
from online_models.tables.neighbours import neighbours_of
from online_models.tables.working_memory import kept_by_thread

__all__ = ["REASON_OF", "CauseScratch", "average", "find_causes", "give_reasons", "new_causes", "save_own"]

REASON_OF = (
    TASTE,
    RESUME,
    RESUME,
    CO_WATCH,
    CO_WATCH,
    TREND,
    NEW,
    TASTE,
    LOVED,
    TASTE,
    EXPLORED,
    COUNTRY,
    COHORT,
    PINNED,
)
"""Reason of the titles of each kind of shelf, in order of the kinds."""
MIXED = (TOP_PICKS, TAG_SHELF, HIDDEN_GEMS)
"""Kinds of shelves whose titles are there for different reasons."""
NOTHING = -1
NAMED = 0.5
"""Share of the largest part from which the co-watch is the reason: it names a title, which says more than a
tag or a trend."""
SAMPLE = 1_000
"""Titles of which the taste's part is averaged: the error is a thirtieth of its spread."""


class CauseScratch(PassedByPointer):
    """Parts of one viewer's scores, and the liked title that each title is watched most with."""

    own: F4
    """[T] the part of the viewer's taste."""
    seed: I4
    """[T] the liked title."""
    weight: F4
    """[T] how strongly it is watched with this one."""
    stamp: I4
    """[T] stamp of the last viewer for whom ``seed`` and ``weight`` were written; minus the stamp of the last
    viewer on one of whose mixed shelves the title is, while they are not."""


@kept_by_thread
def new_causes(size: int) -> CauseScratch:
    """Return the working memory of a block of viewers; all stamps have to be cleared."""
    return CauseScratch(
        np.empty(size, np.float32),
        np.empty(size, np.int32),
        np.empty(size, np.float32),
        np.zeros(size, np.int32),
    )


@jit_no_alloc
def save_own(row: F4, own: F4) -> float:
    """Save the part of the taste before others are added to it; return its average."""
    for t in range(row.size):  # the compiler makes a copy of it
        own[t] = row[t]
    # Additions of floats wait for each other: of 10,000 titles all take 14 us, a sample a tenth of it.
    step = max(row.size // SAMPLE, 1)
    total, n = 0.0, 0
    for t in range(0, row.size, step):
        total += row[t]
        n += 1
    return total / max(n, 1)


@jit_no_alloc
def average(row: F4) -> float:
    """Return the average of the scores of the titles that no guard forbids."""
    total, n = 0.0, 0
    for t in range(0, row.size, max(row.size // SAMPLE, 1)):
        if row[t] > -np.inf:
            total += row[t]
            n += 1
    return total / max(n, 1)


@jit_no_alloc
def find_causes(
    titles: Titles,
    params: Params,
    history: I4,
    depth: int,
    stamp: int,
    pages: Pages,
    q: int,
    causes: CauseScratch,
) -> None:
    """Write for the titles of mixed shelves which of the newest liked titles they are watched most with.

    Later titles count more, as in the co-watch's score.
    """
    for r in range(pages.kind.shape[1]):
        if pages.kind[q, r] in MIXED:
            for k in range(pages.title.shape[2]):
                if pages.title[q, r, k] >= 0:
                    causes.stamp[pages.title[q, r, k]] = -stamp
    decay = 1.0
    for step in range(depth):
        h = history[step]
        factor = np.float32(decay * titles.norm[h])
        for s in neighbours_of(titles, h):
            j = titles.nbr[s]
            # Most neighbours are on no shelf: they cost this comparison alone.
            if j < 0 or j >= causes.stamp.size or abs(causes.stamp[j]) != stamp:
                continue
            w = factor * titles.nbr_w[s]
            if w > 0 and (causes.stamp[j] < 0 or w > causes.weight[j]):
                causes.stamp[j], causes.seed[j], causes.weight[j] = stamp, h, w
        decay *= params.seed_decay


@jit_inline
def strongest_tag(index: CatalogIndexArrays, tags: TagShelfScratch, stated: I4, t: int) -> int:
    """Return the rarest of the viewer's strongest tags that a title has, or a stated one; -1: none.

    The strongest tag of all is mostly a genre that a whole row has; a rarer one says more.
    """
    found = NOTHING
    for k in range(tags.strong_count[0]):
        g = tags.strong[k]
        rarer = found < 0 or index.tag_share[g] < index.tag_share[found]
        if rarer and contains(tags.tagged[k], t):
            found = int(g)
    if found >= 0:
        return found
    for k in range(stated.size if t < index.tag_start.size - 1 else 0):
        for a in range(index.tag_start[t], index.tag_start[t + 1]):
            if index.tag[a] == stated[k]:
                return int(stated[k])
    return NOTHING


@jit_inline
def is_among(pool: I4, t: int) -> bool:
    """Return whether a title is in a pool: a few dozen titles."""
    found = False  # no early exit: without a branch the compiler makes vector instructions of the loop
    for k in range(pool.size):
        found |= pool[k] == t
    return found


@jit_inline
def crowd_reason(index: CatalogIndexArrays, pools: Pools, segments: I4, t: int) -> int:
    """Return the reason of a title that everybody's watches have lifted; taste if none would be true."""
    here = segments[0]
    if here >= 0 and is_among(
        pools.segment_title[pools.segment_start[here] : pools.segment_start[here + 1]], t
    ):
        return COUNTRY
    if is_among(pools.trending, t):
        return TREND
    above = t < index.watches.size and index.watches[t] > index.mean_watches
    return POPULAR if above else TASTE


@jit_inline
def cause_of(
    index: CatalogIndexArrays,
    pools: Pools,
    segments: I4,
    stated: I4,
    tags: TagShelfScratch,
    causes: CauseScratch,
    parts: tuple[float, float, float],
    stamp: int,
    t: int,
) -> tuple[int, int]:
    """Return the reason of a title, and what it refers to: a title, ``-2 - tag``, or -1.

    ``parts`` are those of the taste, the co-watch and everybody, each above the average.
    """
    own, near, crowd = parts
    if near >= NAMED * max(own, crowd) and near > 0 and causes.stamp[t] == stamp:
        return CO_WATCH, int(causes.seed[t])
    reason = crowd_reason(index, pools, segments, t) if crowd > own else TASTE
    if reason != TASTE:
        return reason, NOTHING
    tag: int = strongest_tag(index, tags, stated, t)
    return TASTE, -2 - tag if tag >= 0 else NOTHING


@jit_no_alloc
def give_reasons(
    index: CatalogIndexArrays,
    pools: Pools,
    segments: I4,
    stated: I4,
    viewers: Viewers,
    v: int,
    depth: int,
    row: F4,
    dense: F4,
    averages: tuple[float, float],
    causes: CauseScratch,
    stamp: int,
    shelves: CandidateShelves,
    pages: Pages,
    q: int,
) -> None:
    """Write the reason of every title of a page, and how far titles of continue watching were watched.

    Parameters
    ----------
    index, pools
        The catalog.
    segments, stated
        Segments of the viewer in the pools, and stated tags.
    viewers, v
        The viewer.
    depth
        Liked titles whose neighbours are causes (:func:`find_causes`); 0: the viewer has liked nothing.
    row, dense
        [T] scores of the viewer, and their part that the viewer's group shares.
    averages
        Of the parts of the taste and of everybody.
    causes
        Parts of the scores.
    stamp
        Stamp of the viewer.
    shelves
        Pins, and the viewer's strongest tags.
    pages, q
        The page.
    """
    for r in range(pages.kind.shape[1]):
        kind = pages.kind[q, r]
        if kind == NO_SHELF:
            break
        pages.reason[q, r] = REASON_OF[kind]
        if kind == CONTINUE_WATCHING:
            say_progress(index, viewers, v, pages.title[q, r], pages.progress[q], pages.left[q])
        if kind not in MIXED:
            continue
        for k in range(pages.title.shape[2]):
            t = pages.title[q, r, k]
            if t < 0:
                break
            own = causes.own[t] - averages[0]
            near = row[t] - dense[t] - causes.own[t] if depth > 0 else -np.inf
            tag = strongest_tag(index, shelves.tags, stated, t) if depth == 0 else NOTHING
            if tag >= 0:  # a cold-start viewer who has stated the tag
                pages.reason[q, r, k], pages.because[q, r, k] = TASTE, -2 - tag
                continue
            crowd = dense[t] - averages[1] if depth > 0 else np.inf
            reason, because = cause_of(
                index, pools, segments, stated, shelves.tags, causes, (own, near, crowd), stamp, t
            )
            # Of a viewer of whom nothing is known, everybody's watches are the only evidence.
            pages.reason[q, r, k] = TREND if depth == 0 and reason == TASTE else reason
            pages.because[q, r, k] = because
        if kind == TOP_PICKS:
            explain_pins(shelves, pages.title[q, r], pages.reason[q, r])
            for k in range(pages.title.shape[2]):
                if pages.reason[q, r, k] == PINNED:
                    pages.because[q, r, k] = NOTHING


@jit_no_alloc
def say_progress(
    index: CatalogIndexArrays, viewers: Viewers, v: int, listed: I4, progress: F4, left: I4
) -> None:
    """Write the share watched of each title, and the seconds that are left; nothing without a duration."""
    for k in range(listed.size):
        t = listed[k]
        if t < 0:
            break
        seconds = index.duration[t] if t < index.duration.size else np.float32(0.0)
        for s in range(INTERACTIONS):
            if viewers.interaction_title[v, s] == t and seconds > 0:
                e = viewers.interaction[v, s]
                watched = min(float(e.watched_before + e.watched_now), float(seconds))
                progress[k], left[k] = watched / seconds, np.int32(seconds - watched)
