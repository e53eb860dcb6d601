"""Pages of viewers: the kernels' door."""

from typing import Any

import numpy as np

from online_models.jit import jit, jit_no_alloc
from online_models.page.calibration import GENRES, calibrate, genre_shares
from online_models.page.candidates import (
    Known,
    draft_again,
    draft_continue,
    draft_crowds,
    draft_explore,
    draft_listed,
    draft_my_list,
    draft_pins,
    draft_seeds,
    explain_pins,
    gather,
)
from online_models.page.catalog_index import CatalogIndex
from online_models.page.config import PageConfig
from online_models.page.headings import Wording, messages
from online_models.page.layout import WORDS, CatalogIndexArrays, Pages, PageSpec, Pools
from online_models.page.order import arrange
from online_models.page.scratch import ShelfDrafts, begin_row, blank_draft, end_row
from online_models.page.selection import keep_best, mark_reaching, usual_bound
from online_models.page.tag_shelves import draft_tags, order_categories
from online_models.ranking.exploration import deal
from online_models.ranking.scorer import add_cowatch, explain, hide_known, sparse_scratch, subtract_rejected
from online_models.ranking.viewer_side import ViewerSide
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
from online_models.tables.layout import F4, F8, I4, Lists, Params, Shared, Sparse, Titles, Viewers
from schemas.pages import Row

__all__ = [
    "REASON_OF",
    "Pages",
    "best_new",
    "blank_pages",
    "build",
    "build_pages",
    "count_above",
    "draft_rows",
    "draft_top",
    "find_alerts",
    "give_reasons",
    "listed",
    "page_of",
    "score_row",
]


def blank_pages(n: int, rows: int, length: int, categories: int = 0, alerts: int = 0) -> Pages:
    """Allocate pages without a row."""
    return Pages(
        np.full((n, rows), NO_ROW, np.uint8),
        np.full((n, rows, WORDS), -1, np.int32),
        np.full((n, rows, length), -1, np.int32),
        np.zeros((n, rows, length), np.float32),
        np.zeros((n, rows, length), np.uint8),
        np.zeros(n, np.int32),
        np.full((n, categories), -1, np.int32),
        np.zeros((n, categories), np.float32),
        np.full((n, alerts), -1, np.int32),
        np.zeros((n, alerts), np.float32),
        np.zeros((n, alerts), np.float32),
        np.zeros((n, alerts), np.uint8),
    )


def listed(lists: Lists) -> Pages:
    """Return lists as pages of one row, top picks; none where a list is empty.

    Examples
    --------
    >>> lists = Lists(*(np.array(column) for column in ([[3], [-1]], [[0.5], [0]], [[1], [0]], [0, 0])))
    >>> listed(lists).kind.tolist(), listed(lists).title[0].tolist()
    ([[0], [255]], [[3]])
    """
    n, length = lists.title.shape
    out = blank_pages(n, 1, length)
    if length:
        out.kind[lists.title[:, 0] >= 0] = TOP
    return out._replace(
        title=lists.title[:, None],
        score=lists.score[:, None],
        reason=lists.reason[:, None],
        candidates=lists.drawn,
    )


def build(
    side: ViewerSide,
    shelves: CatalogIndex,
    slots: I4,
    now_ms: int,
    length: int,
    *,
    config: PageConfig | None = None,
) -> Pages:
    """Build the pages of viewers.

    Parameters
    ----------
    side
        The viewers, before the titles.
    shelves
        The titles by what they are about, and what a page shall be.
    slots
        [n] whose pages.
    now_ms
        The moment they speak of: decides what is available, new, trending and long ago.
    length
        Titles of a row at most.
    config
        What these pages shall be, where that is not what the shelves say.

    Returns
    -------
    Pages
        [n]; without rows where no title may be shown.
    """
    config = config or shelves.config
    if config.plain:
        return listed(side.rank(slots, now_ms, length, drawn=config.drawn(length)))
    out = blank_pages(slots.size, config.rows, length, config.categories, config.alerts)
    spec = config.spec(length, now_ms, side.titles.seed)
    if side.row_worth is not None:
        spec = spec._replace(prior=spec.prior * side.row_worth)
    shelf, (pools, crowds) = shelves.shelf(), shelves.pools(side.viewers.arrays, slots, now_ms)
    told = shelves.told(side.viewers.arrays.stated[slots])
    for a, b, rows, shared in side.ranker.blocks(slots, now_ms):
        columns: list[Any] = [column[a:b] for column in out]
        pages = Pages(*columns)
        build_pages(
            side.titles.arrays,
            side.viewers.arrays,
            side.params,
            spec,
            shelf,
            pools,
            slots[a:b],
            told[a:b],
            crowds[a:b],
            rows,
            shared,
            now_ms,
            pages,
        )
    explain_top(side, slots, out)
    return out


def explain_top(side: ViewerSide, slots: I4, pages: Pages) -> None:
    """Say of top picks what they owe to a viewer's words (`ListRanker.explain_stated`)."""
    told = np.flatnonzero(side.viewers.arrays.stated[slots, 0])
    at, top = np.nonzero(pages.kind[told] == TOP)
    at = told[at]
    before = pages.reason[at, top]
    reasons = before.copy()
    side.ranker.explain_stated(slots[at], pages.title[at, top], reasons)
    pages.reason[at, top] = np.where(before == PINNED, before, reasons)


def page_of(
    side: ViewerSide, shelves: CatalogIndex, slot: int, now_ms: int, *, length: int, language: str
) -> tuple[Row, ...]:
    """Return one viewer's page in words."""
    pages = build(side, shelves, np.array([slot], np.int32), now_ms, length)
    wording = Wording(side.titles.ids, shelves.catalog.facts.names, shelves.tag_names)
    share = shelves.config.drawn(length) if shelves.config.plain else 1.0
    return wording.rows(pages, 0, messages(language), share)


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
    work, hidden, share = sparse_scratch(params, size), np.zeros(size, np.float32), np.zeros(GENRES)
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


@jit_no_alloc
def best_new(candidates: I4, row: F4, title: I4, score: F4) -> int:
    """Write the candidates of the highest scores, best first, equal ones in order; return how many."""
    n, most = 0, title.size
    for k in range(candidates.size):
        t = candidates[k]
        if t >= row.size or row[t] == -np.inf:
            continue
        at = n
        while at > 0 and score[at - 1] < row[t]:
            at -= 1
        if at < most:
            for s in range(min(n, most - 1), at, -1):
                title[s], score[s] = title[s - 1], score[s - 1]
            title[at], score[at] = t, row[t]
            n = min(n + 1, most)
    return n


@jit_no_alloc
def count_above(row: F4, least: float) -> int:
    """Count the scores above one; in 32 bits, so that eight are compared at once."""
    n, bound = np.int32(0), np.float32(least)
    for t in range(row.size):
        n = np.int32(n + np.int32(row[t] > bound))
    return int(n)


@jit_no_alloc
def find_alerts(spec: PageSpec, candidates: I4, row: F4, pages: Pages, q: int) -> int:
    """Write what is worth an alert to the ``q``-th page; return how many.

    ``row`` is -inf where a guard forbids a title and where the viewer knows it. Of the n titles left, at most
    (1 - quantile) n score above one that is worth an alert.
    """
    n: int = best_new(candidates, row, pages.alert[q], pages.alert_score[q])
    shown = count_above(row, -np.inf) if n > 0 else 0
    for k in range(n):
        better = count_above(row, pages.alert_score[q, k])
        if better > (1.0 - spec.alert_quantile) * shown:
            pages.alert[q, k:] = -1
            return k
        pages.alert_above[q, k] = 1.0 - better / shown
    return n
