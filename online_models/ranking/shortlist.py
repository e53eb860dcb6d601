"""Lists from few products of vectors: titles whose vector is too short to reach the list are skipped.

A title's score is the part that groups of viewers share, plus the part of the neighbours of the viewer's own
titles, plus the product of two vectors, which is at most the product of their lengths (Cauchy and Schwarz):

    s_j = dense_j + extra_j + x . q_j <= dense_j + extra_j + |x| |q_j|

A title whose bound is below the last title on the list is skipped, and the list is the same. The titles of
the highest ``dense`` and the neighbours of the viewer's own titles come first: they fill the list, so that
one pass of additions skips most of the others. Of 10,000 titles (``tests.benchmarks.core``) 36 are
multiplied, of 100,000 43; of MovieLens-100K's 1,447, where popularity decides little and taste much, 262.
There the product of whole matrices (``ranking.scorer.rank_block``) is faster: ``MAX_SHARE`` decides.
"""

from threading import local

import numpy as np

from online_models.jit import jit, jit_inline, jit_no_alloc
from online_models.passed_by_pointer import PassedByPointer
from online_models.ranking.episode_order import hide_ahead, is_ahead, show_again
from online_models.ranking.exploration import chance, deal, draw_one, number_of
from online_models.ranking.scorer import (
    add_cowatch,
    explain,
    hide_known,
    new_sparse_scratch,
    subtract_rejected,
)
from online_models.ranking.tag_table import TagTable
from online_models.ranking.tag_votes import TagVotes, count_votes
from online_models.ranking.title_blocks import in_reach, in_reach_of_blocks, keep_best_of_blocks
from online_models.tables.codes import EXPLORED, NOT_DRAWN
from online_models.tables.history import mark_known, recent_items, session_items_at, streak_items_at
from online_models.tables.layout import (
    DAY_MS,
    F4,
    I4,
    U1,
    U4,
    CoWatchScratch,
    Int,
    Params,
    Shared,
    Titles,
    Viewers,
)
from online_models.tables.prefetch import prefetch_row
from online_models.tables.top_k import NO_TITLE, end_list, enter, keep_best
from online_models.tables.vector_norms import NORM_MARGIN, Norms

PROBED = 32
"""Viewers of a batch after whom the share of multiplied titles is checked."""
MAX_SHARE = 0.1
"""Largest share of titles multiplied one by one. At MovieLens-100K's .18 this costs more than all of them at
once (26 us a list, against 23), at .026 of 1,700 titles less (7 us, against 11)."""
ROUNDING = np.float32(1e-6)
"""Relative rounding error of a sum of three float32."""


class ShortlistScratch(PassedByPointer):
    """Working memory of a batch."""

    near: CoWatchScratch
    away: CoWatchScratch
    """Shares the arrays of ``near`` except for ``touched``: the titles changed by rejections."""
    extra: F4
    """[T] added to ``dense`` for the viewer; -inf if known or already multiplied; all 0 between viewers."""
    far: I4
    """[T + 1] titles that may reach the list."""
    head: I4
    """[C, H] titles of about the highest ``dense`` of each group, then -1: they fill the list first, and
    which they are changes no list. Those of the former batch, at first."""
    best: F4
    """[C, H] their scores when they were looked for; NaN first where this batch has not looked yet."""
    blocks: I4
    """[B + 1] working memory."""
    lot: U4
    """[T] random numbers of the day (`ranking.exploration.deal`)."""


class ShortlistMemory(local):
    """Working memory of a thread, kept from batch to batch: of a million titles it is 24 MB of new pages.

    What is zero between viewers is zero between batches, too.
    """

    def __init__(self) -> None:
        self._at: ShortlistScratch | None = None

    def of(self, params: Params, shared: Shared, n: int) -> ShortlistScratch:
        """Return working memory for lists of ``n``."""
        groups, size = shared.dense.shape
        blocks, at = shared.most.shape[1] + 1, self._at
        if at is None or at.extra.size != size or at.near.history.size != params.history:
            at = _new_scratch(params.history, size, groups, n, blocks)
        elif at.head.shape != (groups, 2 * n) or at.blocks.size != blocks:
            head, best = _heads(groups, n)
            at = at.replace(head=head, best=best, blocks=np.empty(blocks, np.int32))
        self._at = at
        at.best[:, 0] = np.nan
        return at


def _new_scratch(history: int, size: int, groups: int, n: int, blocks: int) -> ShortlistScratch:
    near = new_sparse_scratch(history, size)
    return ShortlistScratch(
        near,
        CoWatchScratch(near.score, np.empty(size + 1, np.int32), near.history),
        np.zeros(size, np.float32),
        np.empty(size + 1, np.int32),
        *_heads(groups, n),
        blocks=np.empty(blocks, np.int32),
        lot=np.empty(size, np.uint32),
    )


def _heads(groups: int, n: int) -> tuple[I4, F4]:
    return np.full((groups, 2 * n), -1, np.int32), np.empty((groups, 2 * n), np.float32)


@jit_no_alloc
def is_still_good(dense: F4, most: F4, head: I4) -> bool:
    """Return whether the head of a former batch is about that of these scores.

    The best titles are in at most so many blocks as they are; a few more may have a title as good.
    """
    least, better = np.float32(np.inf), 0
    for t in head:
        least = min(least, dense[t] if t >= 0 else np.float32(-np.inf))
    for b in range(most.size):
        better += most[b] > least
    return bool(least > -np.inf and better <= 2 * head.size)


@jit_no_alloc
def find_head(shared: Shared, group: int, at: ShortlistScratch) -> None:
    """Find the best titles of a group, unless they were found before.

    Of 100,000 titles that takes a third of a list.
    """
    head, best = at.head[group], at.best[group]
    if not np.isnan(best[0]):
        return
    if shared.most.shape[1] > 0 and is_still_good(shared.dense[group], shared.most[group], head):
        best[0] = 0.0
    else:
        head[:] = -1
        best[:] = -np.inf
        if shared.most.shape[1] > 0:
            keep_best_of_blocks(shared.dense[group], shared.most[group], head, best)
        else:
            keep_best(shared.dense[group], head, best)


@jit_inline
def least_so_far(score: F4) -> np.float32:
    """Return the score that a title needs to enter a list, less the rounding error."""
    least: np.float32 = score[0] - ROUNDING * abs(score[0])
    return least


@jit_no_alloc
def offer(
    titles: Titles,
    viewers: Viewers,
    v: int,
    previous: I4,
    x: F4,
    length: float,
    norm: F4,
    dense: F4,
    extra: F4,
    some: I4,
    n: int,
    title: I4,
    score: F4,
) -> int:
    """Score those of ``n`` titles that may enter a list, and enter them; return the number of products.

    Not episodes that are ahead of the viewer. ``extra`` of a title that was looked at becomes -inf, so that
    none is twice.
    """
    done = 0
    for k in range(n):
        t = some[k]
        base = dense[t] + extra[t] if t >= 0 else np.float32(-np.inf)
        if base > -np.inf and base + length * norm[t] >= least_so_far(score):
            if is_ahead(viewers, v, previous, dense, t):
                extra[t] = -np.inf
                continue
            s = base
            for f in range(x.size):
                s += x[f] * titles.out[t, f]
            enter(score, title, s, t)
            extra[t] = -np.inf
            done += 1
    return done


@jit_no_alloc
def best_of_few(
    titles: Titles,
    viewers: Viewers,
    v: int,
    x: F4,
    norms: Norms,
    shared: Shared,
    group: int,
    m: int,
    at: ShortlistScratch,
    title: I4,
    score: F4,
) -> tuple[int, int]:
    """Make a viewer's list; return the number of products, and the number of titles in ``at.far``."""
    length, extra, head = np.float32(0.0), at.extra, at.head[group]
    norm, dense, most = norms.norm, shared.dense[group], shared.most[group]
    for f in range(x.size):
        length += x[f] * x[f]
    length = NORM_MARGIN * np.sqrt(length)
    score[:] = -np.inf
    title[:] = NO_TITLE
    before = shared.previous
    done = offer(titles, viewers, v, before, x, length, norm, dense, extra, head, head.size, title, score)
    done += offer(titles, viewers, v, before, x, length, norm, dense, extra, at.near.touched, m, title, score)
    least = least_so_far(score)
    if most.size > 0:
        n = in_reach_of_blocks(dense, length, norm, least, most, norms.longest, at.blocks, at.far)
    else:
        n = in_reach(dense, length, norm, least, at.far)
    # The bound leaves out ``extra``: if it is above 0 the title was scored above, if below the bound still
    # holds
    done += offer(titles, viewers, v, before, x, length, norm, dense, extra, at.far, n, title, score)
    end_list(title, score)
    return done, n


@jit_no_alloc
def clear(viewers: Viewers, v: int, head: I4, m: int, less: int, n: int, at: ShortlistScratch) -> None:
    """Set ``extra`` to zero again: only where this viewer's list changed it, not all of it."""
    extra = at.extra
    mark_known(viewers, v, extra, 0)
    for k in range(m):
        extra[at.near.touched[k]] = 0.0
    for k in range(less):
        extra[at.away.touched[k]] = 0.0
    for k in range(n):
        extra[at.far[k]] = 0.0
    for t in head:
        if t >= 0:
            extra[t] = 0.0


@jit
def add_extra(
    titles: Titles,
    viewers: Viewers,
    params: Params,
    v: int,
    shared: Shared,
    group: int,
    now: int,
    depth: int,
    at: ShortlistScratch,
) -> tuple[int, int]:
    """Write what is added to ``dense`` for a viewer, with ``depth`` titles in ``at.near.history``.

    Returns the numbers of titles in ``at.near.touched`` and ``at.away.touched``.
    """
    m, less, n = 0, 0, max(1, shared.candidates[group] - viewers.known[v])
    hide_known(viewers, v, at.extra)
    if params.seeds > 0:
        w, fresh = shared.weights[group], session_items_at(viewers, params, v, now)
        streak, backoff = streak_items_at(viewers, params, v, now), shared.backoff
        m = add_cowatch(titles, params, at.near, depth, fresh, streak, n, w, backoff, at.extra, at.extra)
        if params.rejection > 0:
            less = subtract_rejected(titles, viewers, params, v, now, n, at.away, at.extra)
    return m, less


@jit_no_alloc
def is_left(viewers: Viewers, v: int, previous: I4, dense: F4, extra: F4) -> bool:
    """Return whether any title is left that is neither listed nor ahead of the viewer."""
    for t in range(dense.size):
        if dense[t] > -np.inf and extra[t] > -np.inf and not is_ahead(viewers, v, previous, dense, t):
            return True
    return False


@jit_no_alloc
def draw_last_of_few(
    titles: Titles, x: F4, dense: F4, mine: Int, at: ShortlistScratch, listed: I4, score: F4, reason: U1
) -> int:
    """Replace the last title of a full list by a drawn one, as `ranking.exploration.draw_last` does.

    Returns the number of titles that it was drawn from.
    """
    end = listed.size - 1
    for t in listed:
        at.extra[t] = -np.inf
    title, drawn = draw_one(at.extra, dense, at.lot, mine)
    if title >= 0:
        s = dense[title] + at.extra[title]
        for f in range(x.size):
            s += x[f] * titles.out[title, f]
        listed[end], score[end], reason[end] = title, s, EXPLORED
    return int(drawn)


@jit
def rank_shortlists(
    titles: Titles,
    viewers: Viewers,
    params: Params,
    slots: I4,
    x: F4,
    norms: Norms,
    shared: Shared,
    now: int,
    seed: int,
    share: float,
    at: ShortlistScratch,
    tags: TagTable,
    votes: TagVotes,
    apart: U1,
    listed: I4,
    scores: F4,
    reasons: U1,
    drawn: I4,
) -> int:
    """Make the lists of a batch's viewers, as ``ranking.scorer.rank_block`` does; return how many are left.

    Not of those with a 1 in ``apart`` [n], nor of viewers who voted on tags, who get one; after ``PROBED``
    lists all others get one if whole matrices are faster. ``x`` [n, D] are the representations
    (``ranking.scorer.look_up``), ``norms`` those of the titles' vectors. A ``share`` of the lists ends in a
    drawn title (``ranking.exploration.draw_last``). The last four are the columns of `tables.layout.Lists`.
    """
    total, made, left, day, dealt = 0, 0, 0, now // DAY_MS, False
    for q in range(slots.size):
        if apart[q] or count_votes(viewers, params, slots[q], now, tags, votes):
            apart[q] = 1
            left += 1
            continue
        if made == PROBED and total > PROBED * MAX_SHARE * norms.norm.size:
            apart[q:] = 1
            return left + slots.size - q
        made += 1
        v, group, title = slots[q], shared.group[q], listed[q]
        dense, head = shared.dense[group], at.head[group]
        find_head(shared, group, at)
        for t in head:
            if t >= 0:
                prefetch_row(titles.out, t)  # nearly all that are multiplied
        depth = recent_items(viewers, params, v, at.near.history)
        m, less = add_extra(titles, viewers, params, v, shared, group, now, depth, at)
        done, far = best_of_few(titles, viewers, v, x[q], norms, shared, group, m, at, title, scores[q])
        explain(titles, at.near.history, min(depth, params.seeds), title, reasons[q])
        if share > 0 and title[title.size - 1] >= 0:
            if chance(viewers.key[v], seed, day) < share:
                if not dealt:
                    deal(titles, seed, day, at.lot)
                    dealt = True
                # ``extra`` is lost where titles were multiplied: once more, for one list in some
                clear(viewers, v, head, m, less, far, at)
                m, less = add_extra(titles, viewers, params, v, shared, group, now, depth, at)
                hide_ahead(shared.episodes, shared.previous, dense, at.extra)
                mine = number_of(viewers.key[v])
                drawn[q] = draw_last_of_few(titles, x[q], dense, mine, at, title, scores[q], reasons[q])
                show_again(shared.episodes, at.extra)
            elif done > title.size or is_left(viewers, v, shared.previous, dense, at.extra):
                drawn[q] = NOT_DRAWN
        clear(viewers, v, head, m, less, far, at)
        total += done
    return left
