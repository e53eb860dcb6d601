"""Which titles of a very large catalog may be on the pages of some viewers (`page.catalog_part`)."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.jit import jit, jit_inline, jit_no_alloc
from online_models.page.catalog_index import CatalogIndex
from online_models.page.layout import STRONG, Batch, CatalogIndexArrays, Pools
from online_models.page.most_watched import MostWatched, largest
from online_models.page.scratch import CandidateShelves, allocate_scratch
from online_models.page.tag_shelves import strong_tags, weight_of_stated
from online_models.passed_by_pointer import PassedByPointer
from online_models.ranking.lists import Prepared
from online_models.ranking.tag_table import TagTable
from online_models.ranking.viewer_side import ViewerSide
from online_models.tables.feedback_layout import INTERACTIONS
from online_models.tables.history import recent_items, recent_likes, title_of
from online_models.tables.layout import F4, I4, Int, Params, Shared, Titles, Viewers
from online_models.tables.neighbours import neighbours_of
from online_models.tables.top_k import sift
from online_models.tables.working_memory import kept_by_thread

__all__ = ["Members", "draw_titles", "fewer_new", "find_members"]

MOST_NEW = 2_048
"""New titles, the most watched ones where there are more; as many may have an alert."""
NEAR = 32
"""What is watched most with each of the newest titles: a shelf of twenty, and what other shelves took."""
ABSENT, MEMBER, HEAD = -1, -2, -3
"""What is no member yet, what is one, and one whose neighbours count; then members have their numbers."""


class PartScratch(PassedByPointer):
    """Working memory of a part."""

    place: I4
    """[T] number of each title in the part, or below 0."""
    found: I4
    """[T] rows of the members."""
    history: I4
    near: I4
    """[NEAR] a heap of neighbours, and their weights."""
    near_weight: F4
    strong: I4
    """[STRONG] tags of a viewer."""


@kept_by_thread
def _part_scratch(size: int, history: int, strong: int) -> PartScratch:
    return PartScratch(
        np.full(size, ABSENT, np.int32),
        np.empty(size, np.int32),
        np.empty(history, np.int32),
        np.empty(NEAR, np.int32),
        np.empty(NEAR, np.float32),
        np.empty(strong, np.int32),
    )


_tag_scratch = kept_by_thread(allocate_scratch)


@jit_inline
def _add(t: Int, kind: int, n: int, at: PartScratch) -> int:
    """Make a title a member, unless it is none or one already; return the number of members."""
    if 0 <= t < at.place.size:
        if at.place[t] == ABSENT:
            at.found[n] = t
            n += 1
            at.place[t] = kind
        elif kind == HEAD:
            at.place[t] = kind
    return n


@jit_no_alloc
def _add_all(titles: I4, n: int, at: PartScratch) -> int:
    for t in titles:
        n = _add(t, MEMBER, n, at)
    return n


@jit_no_alloc
def _add_near(titles: Titles, h: int, n: int, at: PartScratch) -> int:
    """Add what is watched most with a title."""
    at.near[:] = -1
    at.near_weight[:] = 0.0
    for s in neighbours_of(titles, h):
        j = titles.nbr[s]
        if 0 <= j < at.place.size:
            weight = titles.nbr_w[s] * titles.norm[j]
            if weight > at.near_weight[0]:
                sift(at.near_weight, at.near, NEAR, weight, j)
    return int(_add_all(at.near, n, at))


@jit
def _add_own(
    titles: Titles,
    viewers: Viewers,
    params: Params,
    index: CatalogIndexArrays,
    slots: I4,
    stated: I4,
    of_tag: I4,
    previous: I4,
    tags: TagTable,
    shelves: CandidateShelves,
    n: int,
    at: PartScratch,
) -> int:
    """Add each viewer's own titles, and those of the tags that they prefer; return the number of members.

    With each episode comes the one before it, ``previous``: it tells whose pages may have it.
    """
    for q in range(slots.size):
        v = slots[q]
        for step in range(recent_items(viewers, params, v, at.history)):
            n = _add(title_of(at.history[step]), HEAD, n, at)
        for t in viewers.rejected[v]:
            n = _add(t, HEAD, n, at)
        n = _add_all(viewers.my_list[v], n, at)
        n = _add_all(viewers.finished[v], n, at)
        for s in range(INTERACTIONS):
            t = viewers.interaction_title[v, s]
            n = _add(t, HEAD, n, at)
            if 0 <= t < index.next_episode.size:
                n = _add(index.next_episode[t], MEMBER, n, at)
                n = _add_near(titles, t, n, at)
        for s in range(viewers.intent.shape[1]):
            key = viewers.intent[v, s]
            k = np.searchsorted(tags.half, key) if key != 0 else tags.half.size
            if k < tags.half.size and tags.half[k] == key:
                n = _add(tags.having[k], MEMBER, n, at)
        depth = recent_likes(viewers, v, at.history)
        said = weight_of_stated(depth)
        strong, _ = strong_tags(index, at.history, depth, stated[q], said, shelves, at.strong)
        for k in range(strong):
            n = _add_all(of_tag[at.strong[k]], n, at)
    for k in range(n):
        t = at.found[k]
        if t < previous.size:
            n = _add(previous[t], MEMBER, n, at)
    return n


@jit_no_alloc
def _number(members: I4, at: PartScratch, heads: I4) -> int:
    """Give the members their numbers, in order; write the heads, and return how many there are."""
    n = 0
    for k in range(members.size):
        heads[n] = members[k]
        n += at.place[members[k]] == HEAD
        at.place[members[k]] = k
    return n


class Members(NamedTuple):
    """The titles of a part; rows are those of the whole catalog, numbers those of the part."""

    rows: I4
    """Rows of its titles, ascending."""
    heads: I4
    """Rows of those whose neighbours count: what viewers have watched or rejected."""
    place: I4
    """[T] number of each title in the part, below 0 where it has none; the next part overwrites it."""


def find_members(
    side: ViewerSide, index: CatalogIndex, batch: Batch, prepared: Prepared, best: I4
) -> Members:
    """Find the titles that may be on the pages of some viewers.

    Parameters
    ----------
    side, index
        Viewers, titles and their tags.
    batch
        The viewers; its pools name the titles for their explore shelves.
    prepared
        Their shared scores.
    best
        Titles that have to be there, -1 for none.
    """
    arrays = batch.arrays
    most, tags = index.most_watched(arrays), side.ranker.tagged.table()
    size = min(arrays.series.size, prepared.shared.dense.shape[1])
    at = _part_scratch(size, side.params.history, STRONG)
    at.place.fill(ABSENT)
    found = _add_all(_of_all(most, batch, prepared.shared, best), 0, at)
    found = _add_own(
        side.titles.arrays,
        side.viewers.arrays,
        side.params,
        arrays,
        batch.slots,
        batch.stated,
        most.of_tag,
        prepared.shared.previous,
        tags,
        _tag_scratch(1, arrays.tag_kind.size, 0, 0),
        found,
        at,
    )
    rows, heads = np.sort(at.found[:found]), np.empty(found + 1, np.int32)
    n = _number(rows, at, heads)
    return Members(rows, heads[:n], at.place)


def _of_all(most: MostWatched, batch: Batch, shared: Shared, best: I4) -> I4:
    """Return the titles that all viewers of a batch may see."""
    pools = batch.pools
    return np.concatenate(
        (
            most.titles,
            most.gems,
            most.of_tag[batch.arrays.categories].ravel(),
            pools.trending,
            pools.new_releases,
            pools.alertable,
            pools.segment_title,
            pools.drawn.ravel(),
            shared.pins[np.unique(shared.group), :, 0].ravel(),
            best.ravel(),
        )
    )


def draw_titles(dealt: I4, keys: NDArray[np.uint64], n: int) -> I4:
    """Return titles [viewers, n] for explore shelves: a part of the day's order, anywhere in it.

    Each title is as likely, and a viewer's titles stay the same for the day.

    Examples
    --------
    >>> draw_titles(np.array([2, 0, 1], np.int32), np.array([0, 1 << 63], np.uint64), 2).tolist()
    [[2, 0], [0, 1]]
    """
    first = ((keys >> np.uint64(32)) * np.uint64(dealt.size)) >> np.uint64(32)
    drawn: I4 = dealt[(first.astype(np.int64)[:, None] + np.arange(min(n, dealt.size))) % max(dealt.size, 1)]
    return drawn


def fewer_new(pools: Pools, arrays: CatalogIndexArrays) -> Pools:
    """Return pools with the most watched ones of many new titles."""
    new = pools.new_releases[pools.new_releases < arrays.watches.size]
    alertable = pools.alertable[pools.alertable < arrays.watches.size]
    return pools.replace(
        new_releases=largest(new, arrays.watches, MOST_NEW),
        alertable=largest(alertable, arrays.watches, MOST_NEW),
    )
