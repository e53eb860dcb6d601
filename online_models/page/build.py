"""Pages of viewers: the kernels' door."""

from typing import Any

import numpy as np

from online_models.page.build_kernels import build_pages
from online_models.page.catalog_index import CatalogIndex
from online_models.page.config import PageConfig
from online_models.page.decoding import Wording
from online_models.page.headings import messages
from online_models.page.layout import WORDS, Pages
from online_models.ranking.viewer_side import ViewerSide
from online_models.tables.codes import NO_ROW, PINNED, TOP
from online_models.tables.layout import I4, Lists
from schemas.pages import Row

__all__ = ["Pages", "blank_pages", "build", "listed", "page_of"]


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
    for a, b, rows, shared in side.blocks(slots, now_ms):
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
    """Say of top picks what they owe to a viewer's words (`ViewerSide.explain_stated`)."""
    told = np.flatnonzero(side.viewers.arrays.stated[slots, 0])
    at, top = np.nonzero(pages.kind[told] == TOP)
    at = told[at]
    before = pages.reason[at, top]
    reasons = before.copy()
    side.explain_stated(slots[at], pages.title[at, top], reasons)
    pages.reason[at, top] = np.where(before == PINNED, before, reasons)


def page_of(
    side: ViewerSide, shelves: CatalogIndex, slot: int, now_ms: int, *, length: int, language: str
) -> tuple[Row, ...]:
    """Return one viewer's page in words."""
    pages = build(side, shelves, np.array([slot], np.int32), now_ms, length)
    wording = Wording(side.titles.ids, shelves.catalog.facts.names, shelves.tag_names)
    share = shelves.config.drawn(length) if shelves.config.plain else 1.0
    return wording.rows(pages, 0, messages(language), share)
