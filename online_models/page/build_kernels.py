"""Pages of a block of viewers, out of their score rows: draft, arrange, explain.

A viewer's blended score row is computed once, as for a list (``rank``); every row of the page is a selection
out of it. What a row may hold:

=====================  ==========================================================================
kind                   candidates
=====================  ==========================================================================
top picks              everything that the guards allow and the viewer does not know
continue watching      begun, not finished, not turned down (`judged`)
my list                put there and not known yet (`wished`)
because you ...        neighbours of one title that was watched, or liked by the viewer's word
trending, new          the moment's pools (`Pools`)
nearby, alike          what the viewer's country watches, and their cohort (`Pools`)
tags                   titles that have all of a combination of strong tags
watch again            finished and loved long ago (`loved`)
hidden gems            what few have watched
explore                drawn out of everything, each title as likely
featured               what rules pin there
=====================  ==========================================================================
"""

import numpy as np

from online_models.jit import jit, jit_no_alloc
from online_models.page.alerts import find_alerts
from online_models.page.best_of import keep_best, usual_bound
from online_models.page.calibration import GENRES, calibrate, genre_shares
from online_models.page.candidates import (
    Known,
    begin_row,
    draft_again,
    draft_continue,
    draft_crowds,
    draft_listed,
    draft_my_list,
    draft_seeds,
    end_row,
    gather,
)
from online_models.page.exploration import draft_explore
from online_models.page.layout import CatalogIndexArrays, Pages, PageSpec, Pools
from online_models.page.order import arrange
from online_models.page.pins import draft_pins, explain_pins
from online_models.page.scratch import ShelfDrafts, blank_draft
from online_models.page.tag_shelves import draft_tags, order_categories
from online_models.page.title_sets import mark_reaching
from online_models.ranking.exploration import deal
from online_models.ranking.scorer import add_cowatch, explain, hide_known, sparse, subtract_rejected
from online_models.tables.codes import (
    CO_WATCH,
    COHORT,
    COUNTRY,
    EXPLORED,
    FRESH,
    GEMS,
    LOVED,
    NEW,
    NO_ROW,
    PINNED,
    RESUME,
    TASTE,
    TOP,
    TREND,
)
from online_models.tables.feedback_layout import JUDGEMENTS, LOVED_TITLES
from online_models.tables.history import fresh_at, lately, mark_known, recent
from online_models.tables.layout import F4, F8, I4, Params, Shared, Sparse, Titles, Viewers

REASON_OF = (
    TASTE, RESUME, RESUME, CO_WATCH, CO_WATCH, TREND, NEW, TASTE, LOVED, TASTE, EXPLORED, COUNTRY, COHORT,
    PINNED,
)  # fmt: skip
"""Why the titles of each kind of row are there."""


@jit
def score_row(
    titles: Titles, viewers: Viewers, params: Params, v: int, shared: Shared, group: int, now: int,
    work: Sparse, hidden: F4, row: F4,
) -> int:  # fmt: skip
    """Turn the factorization's part of a row into the blend, known titles included; return the likes.

    ``hidden`` [T] is 0 between viewers.
    """
    depth, n = lately(viewers, params, v, work.history), max(1, shared.candidates[group] - viewers.known[v])
    if params.seeds > 0:
        hide_known(viewers, v, hidden)
        fresh, weights = fresh_at(viewers, params, v, now), shared.weights[group]
        add_cowatch(titles, params, work, depth, fresh, n, weights, shared.backoff, hidden, row)
        mark_known(viewers, v, hidden, 0.0)
        if params.rejection > 0:
            subtract_rejected(titles, viewers, params, v, now, n, work, row)
    dense = shared.dense[group]
    for t in range(row.size):
        row[t] += dense[t]
    return int(recent(viewers, v, work.history))


@jit
def draft_top(
    shelf: CatalogIndexArrays, spec: PageSpec, history: I4, depth: int, row: F4, share: F8, draft: ShelfDrafts
) -> float:
    """Draft top picks, calibrated to the history's genres; return the best score, -inf for none."""
    c = begin_row(draft, TOP, -1)
    keep_best(row, draft.near, draft.title[c], draft.score[c])
    mark_reaching(row, usual_bound(row.size, draft.title.shape[1], draft.near), draft.naming.high)
    best = draft.score[c, 0]
    end_row(draft, c, row, best, 1)
    if draft.drafted[0] > c and spec.calibration > 0 and genre_shares(shelf, history, depth, share) > 0:
        calibrate(shelf, share, spec.calibration, spec.length, draft.title[c], draft.score[c], draft.worth[c])
    return float(best)


@jit_no_alloc
def draft_rows(
    titles: Titles, viewers: Viewers, shelf: CatalogIndexArrays, pools: Pools, spec: PageSpec, v: int, known: Known,
    history: I4, depth: int, told: I4, crowds: I4, row: F4, best: float, draft: ShelfDrafts,
) -> int:  # fmt: skip
    """Draft what is not known; return how many titles the exploring row was drawn from."""
    draft_seeds(titles, viewers, spec, v, known, row, best, draft)
    draft_crowds(draft, pools, crowds, row, best, spec.least)
    draft_listed(draft, FRESH, pools.fresh, row, best, spec.least)
    if depth > 0 or told[0] >= 0:
        draft_tags(shelf, spec, history, depth, told, row, best, draft)
    if depth > 0:
        draft_listed(draft, GEMS, shelf.gems, row, best, spec.least)
    return draft_explore(viewers, spec, v, row, best, draft) if spec.explore else 0


@jit_no_alloc
def give_reasons(
    titles: Titles, work: Sparse, depth: int, stamp: int, draft: ShelfDrafts, pages: Pages, q: int
) -> None:
    """Say of every title why it is there."""
    for r in range(pages.kind.shape[1]):
        kind = pages.kind[q, r]
        if kind == NO_ROW:
            break
        if kind == TOP:
            explain(titles, work, depth, stamp, pages.title[q, r], pages.reason[q, r])
            explain_pins(draft, pages.title[q, r], pages.reason[q, r])
        else:
            pages.reason[q, r] = REASON_OF[kind]


@jit
def build_pages(
    titles: Titles, viewers: Viewers, params: Params, spec: PageSpec, shelf: CatalogIndexArrays, pools: Pools, slots: I4,
    told: I4, crowds: I4, rows: F4, shared: Shared, now: int, pages: Pages,
) -> None:  # fmt: skip
    """Turn a block's score rows [n, T] (the GEMM) into pages.

    ``told`` [n, STATED] are stated tags, ``crowds`` [n, CROWDS] the viewers' crowds in the pools; -1: none.
    """
    size = rows.shape[1]
    work, hidden, share = sparse(params, size), np.zeros(size, np.float32), np.zeros(GENRES)
    draft = blank_draft(size, shelf.share.size, shelf.categories.size, 2 * spec.length)
    deal(titles, spec.seed, spec.day, draft.lot)
    known = Known(np.empty(JUDGEMENTS, np.float32), np.empty(LOVED_TITLES, np.float32))
    for q in range(slots.size):
        v, row = slots[q], rows[q]
        depth = score_row(titles, viewers, params, v, shared, shared.group[q], now, work, hidden, row)
        gather(viewers, v, row, known)
        hide_known(viewers, v, row)
        draft.drafted[0] = 0
        mark_reaching(row, np.float32(-np.inf), draft.naming.left)
        drawn = 0
        best = draft_top(shelf, spec, work.history, depth, row, share, draft)
        draft_pins(shared.pins[shared.group[q]], spec, row, best, q + 1, draft)
        draft_continue(viewers, params, spec, v, now, known, q + 1, draft)
        draft_again(viewers, spec, v, now, known, q + 1, draft)
        if best > -np.inf:
            draft_my_list(viewers, spec, v, row, best, q + 1, draft)
            drawn = draft_rows(
                titles, viewers, shelf, pools, spec, v, known, work.history, depth, told[q], crowds[q], row,
                best, draft,
            )  # fmt: skip
        order_categories(shelf, spec, work.history, depth, told[q], row, draft, pages, q)
        if viewers.positives[v] >= spec.alert_likes and find_alerts(spec, pools.alertable, row, pages, q) > 0:
            liked = min(depth, params.seeds)
            explain(titles, work, liked, q + 1, pages.alert[q], pages.alert_reason[q])
        arrange(shelf, spec, draft, q + 1, row, drawn, pages, q)
        give_reasons(titles, work, min(depth, params.seeds), q + 1, draft, pages, q)
