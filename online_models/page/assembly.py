"""The kernel of pages: finishes the scores of each viewer, adds candidate shelves, arranges them."""

import numpy as np

from online_models.jit import jit, jit_no_alloc
from online_models.page.alerts import find_alerts
from online_models.page.calibration import GENRES, genre_shares, mix_genres
from online_models.page.candidates import (
    KnownScores,
    add_because_you,
    add_continue_watching,
    add_explore,
    add_hidden_gems,
    add_my_list,
    add_pins,
    add_pool,
    add_trending,
    add_watch_again,
    save_known_scores,
)
from online_models.page.layout import CatalogIndexArrays, Pages, PageSpec, Pools
from online_models.page.order import arrange
from online_models.page.reasons import (
    CauseScratch,
    average,
    find_causes,
    give_reasons,
    new_causes,
    save_own,
)
from online_models.page.scratch import CandidateShelves, begin_shelf, end_shelf, new_scratch
from online_models.page.selection import select_top
from online_models.page.tag_shelves import add_tag_shelves, order_categories
from online_models.passed_by_pointer import PassedByPointer
from online_models.ranking.episode_order import hide_ahead, show_again
from online_models.ranking.exploration import deal
from online_models.ranking.scorer import add_cowatch, explain, hide_known, sparse_scratch, subtract_rejected
from online_models.ranking.tag_places import VoteScratch, apply_votes, vote_scratch
from online_models.ranking.tag_table import TagTable
from online_models.ranking.tag_votes import count_votes
from online_models.tables.codes import NEW_RELEASES, TOP_PICKS
from online_models.tables.feedback_layout import FINISHED_TITLES, INTERACTIONS, MY_LIST_SIZE
from online_models.tables.history import (
    mark_known,
    recent_items,
    recent_likes,
    session_items_at,
    streak_items_at,
)
from online_models.tables.layout import (
    F4,
    F8,
    I4,
    CoWatchScratch,
    Params,
    Shared,
    Titles,
    Viewers,
)
from online_models.tables.working_memory import kept_by_thread

__all__ = ["build_pages", "build_scratch"]


@jit
def finish_scores(
    titles: Titles,
    viewers: Viewers,
    params: Params,
    v: int,
    shared: Shared,
    group: int,
    now: int,
    work: CoWatchScratch,
    tags: TagTable,
    votes: VoteScratch,
    hidden: F4,
    row: F4,
) -> int:
    """Turn the factorization's part of a score row into the blend, known titles included.

    ``hidden`` [T] is 0 between viewers. Returns the number of likes in the history.
    """
    depth, n = (
        recent_items(viewers, params, v, work.history),
        max(1, shared.candidates[group] - viewers.known[v]),
    )
    hide_known(viewers, v, hidden)
    if params.seeds > 0:
        fresh, streak = session_items_at(viewers, params, v, now), streak_items_at(viewers, params, v, now)
        weights, backoff = shared.weights[group], shared.backoff
        add_cowatch(titles, params, work, depth, fresh, streak, n, weights, backoff, hidden, row)
        if params.rejection > 0:
            subtract_rejected(titles, viewers, params, v, now, n, work, row)
    dense = shared.dense[group]
    for t in range(row.size):
        row[t] += dense[t]
    if count_votes(viewers, params, v, now, tags, votes.votes):
        hide_ahead(shared.episodes, shared.previous, dense, hidden)
        apply_votes(params, tags, hidden, row, votes)
        show_again(shared.episodes, hidden)
    mark_known(viewers, v, hidden, 0.0)
    return int(recent_likes(viewers, v, work.history))


@jit_no_alloc
def hide_ahead_of(viewers: Viewers, v: int, shared: Shared, group: int, asked: F4, row: F4) -> None:
    """Hide the episodes that are ahead of a viewer, but for those that somebody asks for by name.

    That is the viewer, by the own list, or the operator, by a pin. ``asked`` [MY_LIST_SIZE + P] is working
    memory.
    """
    if shared.episodes.size == 0:
        return
    listed, pins = viewers.my_list[v], shared.pins[group]
    for k in range(asked.size):
        t = listed[k] if k < listed.size else pins[k - listed.size, 0]
        asked[k] = row[t] if 0 <= t < row.size else np.float32(-np.inf)
    hide_ahead(shared.episodes, shared.previous, shared.dense[group], row)
    for k in range(asked.size):
        t = listed[k] if k < listed.size else pins[k - listed.size, 0]
        if 0 <= t < row.size:
            row[t] = asked[k]


@jit
def add_top_picks(
    index: CatalogIndexArrays,
    spec: PageSpec,
    history: I4,
    depth: int,
    row: F4,
    share: F8,
    shelves: CandidateShelves,
) -> float:
    """Add top picks, their genres calibrated and varied; return the best score, -inf for none."""
    c = begin_shelf(shelves, TOP_PICKS, -1)
    tags = shelves.tags
    select_top(row, shelves.selection, shelves.title[c], shelves.score[c], tags.left, tags.high)
    best = shelves.score[c, 0]
    end_shelf(shelves, c, row, best, 1)
    calibration = spec.calibration
    if shelves.size[0] > c and calibration > 0 and genre_shares(index, history, depth, share) == 0:
        calibration = 0.0
    if shelves.size[0] > c and (calibration > 0 or spec.variety > 0):
        mix_genres(
            index,
            share,
            calibration,
            spec.variety,
            spec.length,
            shelves.title[c],
            shelves.score[c],
            shelves.relevance[c],
        )
    return float(best)


@jit_no_alloc
def add_discovery_shelves(
    titles: Titles,
    viewers: Viewers,
    index: CatalogIndexArrays,
    pools: Pools,
    spec: PageSpec,
    v: int,
    known: KnownScores,
    history: I4,
    depth: int,
    stated: I4,
    segments: I4,
    drawn: I4,
    row: F4,
    best: float,
    shelves: CandidateShelves,
) -> int:
    """Add the shelves of unknown titles; return how many titles the explore shelf was drawn from."""
    add_because_you(titles, viewers, spec, v, known, row, best, shelves)
    add_trending(shelves, pools, segments, row, best, spec.least)
    add_pool(shelves, NEW_RELEASES, pools.new_releases, row, best, 1)
    if depth > 0 or stated[0] >= 0:
        add_tag_shelves(index, spec, history, depth, stated, row, best, shelves)
    if depth > 0:
        add_hidden_gems(shelves, index.hidden_gems, row, best, spec.least)
    return add_explore(viewers, drawn, spec, v, row, best, shelves) if spec.explore else 0


class BuildScratch(PassedByPointer):
    """Working memory of a block of viewers."""

    work: CoWatchScratch
    votes: VoteScratch
    shelves: CandidateShelves
    causes: CauseScratch


def build_scratch(
    params: Params, index: CatalogIndexArrays, spec: PageSpec, tags: TagTable, size: int
) -> BuildScratch:
    """Return working memory for viewers of ``size`` titles."""
    shelves = new_scratch(size, index.tag_share.size, index.categories.size, 2 * spec.length)
    return _build_scratch(sparse_scratch(params.history, size), vote_scratch(tags), shelves, new_causes(size))


_build_scratch = kept_by_thread(BuildScratch)


@jit_no_alloc
def begin_block(memory: BuildScratch) -> None:
    """Clear what one block leaves to the next: its stamps begin at 1."""
    memory.causes.stamp[:] = 0
    memory.shelves.seen[:] = 0


@jit
def build_pages(
    titles: Titles,
    viewers: Viewers,
    params: Params,
    spec: PageSpec,
    index: CatalogIndexArrays,
    pools: Pools,
    slots: I4,
    stated: I4,
    segments: I4,
    rows: F4,
    shared: Shared,
    averages: F8,
    now: int,
    tags: TagTable,
    memory: BuildScratch,
    pages: Pages,
) -> None:
    """Turn the score rows [n, T] of a block of viewers (from the GEMM) into pages.

    ``averages`` [n, 2] are those of the viewer's own scores and of the shared ones of all titles, NaN where
    the titles here are all. ``stated`` [n, STATED_TAGS] are tags, ``segments`` [n, SEGMENTS] segments of the
    pools; -1: none. ``q + 1`` is the stamp of the viewer in arrays that are not cleared between viewers.
    """
    work, votes, shelves, causes = memory.work, memory.votes, memory.shelves, memory.causes
    begin_block(memory)
    hidden, share = np.zeros(rows.shape[1], np.float32), np.zeros(GENRES)
    deal(titles, spec.seed, spec.day, shelves.day_number)
    known = KnownScores(np.empty(INTERACTIONS, np.float32), np.empty(FINISHED_TITLES, np.float32))
    asked = np.empty(MY_LIST_SIZE + shared.pins.shape[1], np.float32)
    everybody = np.full(shared.dense.shape[0], np.nan)  # of the shared scores of each group
    for q in range(slots.size):
        v, row, group = slots[q], rows[q], shared.group[q]
        if np.isnan(everybody[group]):
            everybody[group] = average(shared.dense[group])
        taste = save_own(row, causes.own)
        given = not np.isnan(averages[q, 0])
        average_own, average_shared = (averages[q, 0], averages[q, 1]) if given else (taste, everybody[group])
        depth = finish_scores(titles, viewers, params, v, shared, group, now, work, tags, votes, hidden, row)
        save_known_scores(viewers, v, row, known)
        hide_known(viewers, v, row)
        hide_ahead_of(viewers, v, shared, group, asked, row)
        shelves.size[0] = shelves.tags.strong_count[0] = 0
        drawn = 0
        best = add_top_picks(index, spec, work.history, depth, row, share, shelves)
        add_pins(shared.pins[group], spec, row, best, q + 1, shelves)
        add_continue_watching(viewers, params, spec, index.next_episode, v, now, known, row, q + 1, shelves)
        add_watch_again(viewers, spec, v, now, known, q + 1, shelves)
        if best > -np.inf:
            add_my_list(viewers, spec, v, row, best, q + 1, shelves)
            drawn = add_discovery_shelves(
                titles,
                viewers,
                index,
                pools,
                spec,
                v,
                known,
                work.history,
                depth,
                stated[q],
                segments[q],
                pools.drawn[q],
                row,
                best,
                shelves,
            )
        order_categories(index, spec, work.history, depth, stated[q], row, shelves, pages, q)
        liked = min(depth, params.seeds)
        deserves = viewers.positives[v] >= spec.alert_likes
        if shelves.tags.strong_count[0] == 0:
            shelves.tags.tagged[0] = 0
        tagged, left = shelves.tags.tagged[0], shelves.tags.left
        if deserves and find_alerts(spec, pools.alertable, causes.own, row, left, tagged, pages, q) > 0:
            explain(titles, work.history, liked, pages.alert[q], pages.alert_reason[q])
        arrange(index, spec, shelves, q + 1, row, drawn, pages, q)
        find_causes(titles, params, work.history, liked, q + 1, pages, q, causes)
        give_reasons(
            index,
            pools,
            segments[q],
            stated[q],
            viewers,
            v,
            liked,
            row,
            shared.dense[group],
            (average_own, average_shared),
            causes,
            q + 1,
            shelves,
            pages,
            q,
        )
