"""Builds pages: of all titles, or of the part of a very large catalog that may be on them.

A viewer's blended score row is computed once, as for a list (`online_models.ranking.scorer`); every shelf
is a selection out of it (`online_models.page.assembly`).
"""

import numpy as np
from numpy.typing import NDArray

from online_models.page.assembly import build_pages, build_scratch
from online_models.page.catalog_index import CatalogIndex
from online_models.page.catalog_part import LARGE, CatalogPart, can_have_part
from online_models.page.config import PageConfig
from online_models.page.headings import PageDecoder
from online_models.page.layout import MOST_ARGUMENTS, Batch, Pages, PageSpec
from online_models.page.messages import messages
from online_models.page.reasons import SAMPLE, average
from online_models.ranking.lists import BLOCK, Prepared
from online_models.ranking.viewer_side import ViewerSide
from online_models.tables.codes import NO_SHELF, TOP_PICKS
from online_models.tables.layout import F4, F8, I4, Lists
from schemas.pages import Row

__all__ = ["batch_of", "blank_pages", "build", "build_from_part", "page_of", "pages_of_lists"]


def blank_pages(n: int, rows: int, length: int, categories: int = 0, alerts: int = 0) -> Pages:
    """Allocate pages without shelves."""
    return Pages(
        np.full((n, rows), NO_SHELF, np.uint8),
        np.full((n, rows, MOST_ARGUMENTS), -1, np.int32),
        np.full((n, rows, length), -1, np.int32),
        np.zeros((n, rows, length), np.float32),
        np.zeros((n, rows, length), np.uint8),
        np.full((n, rows, length), -1, np.int32),
        np.full((n, length), -1.0, np.float32),
        np.zeros((n, length), np.int32),
        np.zeros(n, np.int32),
        np.full((n, categories), -1, np.int32),
        np.zeros((n, categories), np.float32),
        np.full((n, alerts), -1, np.int32),
        np.zeros((n, alerts), np.float32),
        np.zeros((n, alerts), np.float32),
        np.zeros((n, alerts), np.uint8),
    )


def pages_of_lists(lists: Lists) -> Pages:
    """Return lists as pages of one shelf, top picks; without a shelf where a list is empty.

    Examples
    --------
    >>> lists = Lists(*(np.array(column) for column in ([[3], [-1]], [[0.5], [0]], [[1], [0]], [0, 0])))
    >>> pages_of_lists(lists).kind.tolist(), pages_of_lists(lists).title[0].tolist()
    ([[0], [255]], [[3]])
    """
    n, length = lists.title.shape
    out = blank_pages(n, 1, length)
    if length:
        out.kind[lists.title[:, 0] >= 0] = TOP_PICKS
    return out.replace(
        title=lists.title[:, None],
        score=lists.score[:, None],
        reason=lists.reason[:, None],
        candidates=lists.drawn,
    )


def build(
    side: ViewerSide,
    index: CatalogIndex,
    slots: I4,
    now_ms: int,
    length: int,
    *,
    config: PageConfig | None = None,
    large: int = LARGE,
) -> Pages:
    """Build the pages of viewers.

    Parameters
    ----------
    side
        Viewers, scorer and titles.
    index
        Titles by tag, and the default settings.
    slots
        [n] slots of the viewers.
    now_ms
        Time of the pages: decides what is available, new, trending and long ago.
    length
        Maximum number of titles of a shelf.
    config
        Settings, if not the default ones.
    large
        Titles from which pages are made of a part of them.

    Returns
    -------
    Pages
        [n]; a page has no shelves if no title may be shown.
    """
    config = config or index.config
    if config.is_list:
        return pages_of_lists(side.rank(slots, now_ms, length, drawn=config.explore_share(length)))
    out = blank_pages(slots.size, config.rows, length, config.categories, config.alerts)
    spec = config.spec(length, now_ms, side.titles.seed)
    if side.shelf_value is not None:
        spec = spec.replace(prior=spec.prior * side.shelf_value)
    batch = batch_of(side, index, slots, now_ms, spec)
    prepared, whole = side.ranker.prepare(slots, now_ms), np.arange(slots.size, dtype=np.int32)
    if batch.arrays.series.size >= large:
        in_part = can_have_part(side, index, batch.arrays, prepared)
        whole, some = _places(~in_part), _places(in_part)
        for a in range(0, some.size, BLOCK):
            few = some[a : a + BLOCK]
            _put(out, few, build_from_part(side, index, batch.of(few), prepared.of(few), out.part(few)))
    if whole.size == slots.size:
        build_from_all(side, batch, prepared, out)
    elif whole.size:
        made = out.part(whole)
        build_from_all(side, batch.of(whole), prepared.of(whole), made)
        _put(out, whole, made)
    return out


def batch_of(side: ViewerSide, index: CatalogIndex, slots: I4, now_ms: int, spec: PageSpec) -> Batch:
    """Return viewers with what their pages are made of at a moment."""
    arrays, (pools, segments) = index.arrays(), index.pools(side.viewers.arrays, slots, now_ms)
    stated = index.stated_tags(side.viewers.arrays.stated_tags[slots])
    return Batch(slots, stated, segments, arrays, pools, spec, now_ms)


def _places(marked: NDArray[np.bool_]) -> I4:
    return np.flatnonzero(marked).astype(np.int32)


def _put(out: Pages, some: I4, made: Pages) -> None:
    """Write the pages of some of the viewers."""
    for name, column in out.as_dict().items():
        column[some] = getattr(made, name)


def build_from_all(side: ViewerSide, batch: Batch, prepared: Prepared, out: Pages) -> None:
    """Build pages from the scores of all titles, block by block."""
    tags = side.ranker.tagged.table()
    for a, b, rows, shared in side.ranker.blocks(batch.slots, batch.now_ms, prepared):
        build_pages(
            side.titles.arrays,
            side.viewers.arrays,
            side.params,
            batch.spec,
            batch.arrays,
            batch.pools,
            batch.slots[a:b],
            batch.stated[a:b],
            batch.segments[a:b],
            rows,
            shared,
            np.full((b - a, 2), np.nan),
            batch.now_ms,
            tags,
            build_scratch(side.params, batch.arrays, batch.spec, tags, rows.shape[1]),
            out.part(slice(a, b)),
        )


def averages_of(vectors: F4, prepared: Prepared) -> F8:
    """Return for each viewer [n, 2] the averages of the products with vectors, and of the shared scores."""
    size = prepared.shared.dense.shape[1]
    mean = vectors[: size : max(size // SAMPLE, 1)].mean(axis=0)
    groups, group = np.unique(prepared.shared.group, return_inverse=True)
    shared = np.array([average(prepared.shared.dense[g]) for g in groups.tolist()])
    return np.stack((prepared.x @ mean, shared[group]), axis=1).astype(np.float64)


def build_from_part(
    side: ViewerSide, index: CatalogIndex, batch: Batch, prepared: Prepared, out: Pages
) -> Pages:
    """Build pages from the scores of the titles that may be on them."""
    n, spec = batch.slots.size, batch.spec
    part = CatalogPart.of(side, index, batch, prepared, 2 * spec.length)
    build_pages(
        part.titles,
        part.viewers,
        side.params,
        spec,
        part.arrays,
        part.pools,
        np.arange(n, dtype=np.int32),
        batch.stated,
        batch.segments,
        part.rows,
        part.shared,
        averages_of(side.titles.arrays.out, prepared),
        batch.now_ms,
        part.tags,
        build_scratch(side.params, part.arrays, spec, part.tags, part.rows.shape[1]),
        out,
    )
    remaining = prepared.shared.candidates[prepared.shared.group] - side.viewers.arrays.known[batch.slots]
    out.candidates[:] = np.where(out.candidates > 0, np.maximum(remaining, out.candidates), 0)
    return part.give_back(out)


def page_of(
    side: ViewerSide, index: CatalogIndex, slot: int, now_ms: int, *, length: int, language: str
) -> tuple[Row, ...]:
    """Return the shelves of one viewer's page, as messages have them."""
    pages = build(side, index, np.array([slot], np.int32), now_ms, length)
    decoder = PageDecoder(side.titles.ids, index.catalog.facts.name, index.tag_names)
    share = index.config.explore_share(length) if index.config.is_list else 1.0
    return decoder.rows(pages, 0, messages(language), share)
