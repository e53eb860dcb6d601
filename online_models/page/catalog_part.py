"""Pages of a very large catalog are made of a part of it: the titles that may be on them.

A page scores every title and passes over the scores a dozen times: 3 ms for a million titles, nearly all for
titles that no shelf shows. So a batch of viewers gets a catalog of some ten thousands:

* what is watched most, of all titles and of each tag that the viewers prefer (`page.most_watched`);
* each viewer's best titles out of the whole catalog (`ranking.shortlist`), so that top picks stay the same;
* each viewer's own: history, begun and finished titles, their list, and what is watched most with the newest;
* what is trending, new, pinned; hidden gems;
* titles drawn from all of the catalog for each viewer's explore shelf.

Its titles have numbers of their own, in the order of the catalog's, and the kernels of pages run on it as on
any catalog. Scores are those of the whole catalog: the neighbours of a title that are not in the part become
one, that of no title, with the sum of their weights, since what is watched with a title shares its weight.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.config import WAYS
from online_models.jit import jit_no_alloc
from online_models.page.catalog_index import CatalogIndex, bits_of
from online_models.page.layout import Batch, CatalogIndexArrays, Pages, Pools
from online_models.page.part_members import Members, draw_titles, fewer_new, find_members
from online_models.ranking.lists import Prepared, multiply
from online_models.ranking.tag_table import TagTable, index_titles
from online_models.ranking.viewer_side import ViewerSide
from online_models.tables.codes import BECAUSE_LIKED, BECAUSE_WATCHED
from online_models.tables.history import title_of
from online_models.tables.layout import CHUNK, DAY_MS, F4, I4, I8, Shared, Titles, Viewers
from online_models.tables.neighbours import BITS, neighbours_of

__all__ = ["LARGE", "CatalogPart", "can_have_part"]

LARGE = 200_000
"""Titles from which pages are made of a part. Of 100,000 128 pages take 31 ms in place of 50, and a page
alone 6 ms in place of 2; of a million 46 in place of 430, and 8 in place of 18 (beside other work)."""
ALLOWED = 4_096
"""Titles of the most watched ones that the guards of a viewer allow, at least: where they are fewer the pages
are made of the whole catalog."""
ROUND = 4_096
"""A part has a multiple of so many titles, the last ones no titles: working memory is kept for a size."""


@jit_no_alloc
def _copy_neighbours(titles: Titles, heads: I4, place: I4, absent: int, span: I8, nbr: I4, nbr_w: F4) -> None:
    """Copy the neighbours of some titles; those outside of the part become ``absent``, whose norm is 1."""
    end = 0
    for h in heads:
        first, outside = end, np.float32(0.0)
        for s in neighbours_of(titles, h):
            j = titles.nbr[s]
            if 0 <= j < titles.norm.size and titles.nbr_w[s] > 0:
                if j < place.size and place[j] >= 0:
                    nbr[end], nbr_w[end] = place[j], titles.nbr_w[s]
                    end += 1
                else:
                    outside += titles.nbr_w[s] * titles.norm[j]
        if outside > 0:
            nbr[end], nbr_w[end] = absent, outside
            end += 1
        while (end - first) % WAYS:
            nbr[end], nbr_w[end] = -1, 0.0
            end += 1
        span[place[h]] = (first << BITS) + (end - first) // WAYS


@jit_no_alloc
def _copy_histories(
    viewers: Viewers, slots: I4, place: I4, absent: int, tail: I4, prev: I4, chunk: I4
) -> None:
    """Copy the known titles of viewers; those outside of the part become ``absent``."""
    n = 0
    for q in range(slots.size):
        c, newer = viewers.tail[slots[q]], np.int32(-1)
        tail[q] = n if c >= 0 else -1
        used = (viewers.known[slots[q]] - 1) % CHUNK + 1
        while c >= 0:
            for s in range(used):
                t = title_of(viewers.chunk[c, s])
                k = place[t] if t < place.size and place[t] >= 0 else absent
                chunk[n, s] = k if viewers.chunk[c, s] >= 0 else ~k
            if newer >= 0:
                prev[newer] = n
            newer, c, used = np.int32(n), viewers.prev[c], CHUNK
            n += 1
        if newer >= 0:
            prev[newer] = -1


@jit_no_alloc
def _copy_tags(start: I4, tag: I4, members: I4, out_start: I4, out_tag: I4) -> None:
    """Copy the tags of the members; other titles have none."""
    end = 0
    for k in range(out_start.size):
        out_start[k] = end
        if k < members.size and members[k] < start.size - 1:
            for a in range(start[members[k]], start[members[k] + 1]):
                out_tag[end] = tag[a]
                end += 1


def can_have_part(
    side: ViewerSide, index: CatalogIndex, arrays: CatalogIndexArrays, prepared: Prepared
) -> NDArray[np.bool_]:
    """Return for which viewers [n] pages can be made of a part of the catalog.

    Not where their guards leave little of what is watched most, nor where scores are added for all titles.
    """
    most, shared = index.most_watched(arrays).titles, prepared.shared
    if side.ranker.further is not None:
        return np.zeros(shared.group.size, np.bool_)
    groups, group = np.unique(shared.group, return_inverse=True)
    allowed = np.array([np.count_nonzero(shared.dense[g].take(most) > -np.inf) for g in groups.tolist()])
    out: NDArray[np.bool_] = (allowed >= min(ALLOWED, most.size))[group]
    return out


class CatalogPart(NamedTuple):
    """A part of a catalog, and all that pages of a batch of viewers are made of, in its numbers."""

    members: I4
    """Rows of its titles in the whole catalog, ascending."""
    titles: Titles
    viewers: Viewers
    arrays: CatalogIndexArrays
    pools: Pools
    shared: Shared
    tags: TagTable
    rows: F4
    """[n, S] scores of the factorization."""

    @classmethod
    def of(
        cls, side: ViewerSide, index: CatalogIndex, batch: Batch, prepared: Prepared, candidates: int
    ) -> "CatalogPart":
        """Find the part for a batch of viewers.

        Parameters
        ----------
        side, index
            Viewers, titles and their tags.
        batch
            The viewers.
        prepared
            Their representations and shared scores.
        candidates
            Candidates of a shelf.
        """
        slots, now_ms = batch.slots, batch.now_ms
        best = side.ranker.shortlists(slots, now_ms, candidates, prepared)
        drawn = draw_titles(index.dealt(now_ms // DAY_MS), side.viewers.arrays.key[slots], candidates)
        batch = batch._replace(pools=fewer_new(batch.pools, batch.arrays).replace(drawn=drawn))
        members = find_members(side, index, batch, prepared, best)
        return _Copier(members).part(side, batch, prepared)

    def give_back(self, pages: Pages) -> Pages:
        """Return pages of the part with the rows of the whole catalog."""
        seed = np.isin(pages.kind, (BECAUSE_WATCHED, BECAUSE_LIKED))
        pages.arg[..., 0][seed] = self._rows(pages.arg[..., 0][seed])
        return pages.replace(
            title=self._rows(pages.title), because=self._rows(pages.because), alert=self._rows(pages.alert)
        )

    def _rows(self, numbers: I4) -> I4:
        """Return the rows of titles; numbers below 0 stay."""
        out: I4 = np.where(numbers >= 0, self.members[np.maximum(numbers, 0)], numbers)
        return out


class _Copier:
    """Copies what the kernels of pages read, in the numbers of a part."""

    def __init__(self, members: Members) -> None:
        self.members, self.heads, self.place = members
        self.size = (self.members.size // ROUND + 1) * ROUND
        """Titles of the part, and at least one that is no title."""

    def part(self, side: ViewerSide, batch: Batch, prepared: Prepared) -> CatalogPart:
        """Return all of it."""
        slots, arrays = batch.slots, self._arrays(batch.arrays)
        titles, viewers = side.titles.arrays, side.viewers.arrays
        keys = titles.key if viewers.intent[slots].any() else titles.key[:0]
        return CatalogPart(
            self.members,
            self._titles(titles),
            self._viewers(viewers, slots),
            arrays,
            self._pools(batch.pools),
            self._shared(prepared.shared),
            self._tags(side.ranker.tagged.table(), arrays, keys),
            self._rows(side, slots, prepared),
        )

    def _column(self, values: NDArray[Any], blank: float) -> NDArray[Any]:
        """Return a column of the members, ``blank`` for what is no title or newer than the column."""
        out = np.full((self.size, *values.shape[1:]), blank, values.dtype)
        there = int(np.searchsorted(self.members, len(values)))
        out[:there] = values[self.members[:there]]
        return out

    def _placed(self, rows: I4) -> I4:
        """Return the numbers of titles; of none -1, of one outside of the part that of no title."""
        found = self.place[np.clip(rows, 0, self.place.size - 1)]
        outside = (found < 0) | (rows >= self.place.size)
        out: I4 = np.where(rows < 0, rows, np.where(outside, self.members.size, found)).astype(np.int32)
        return out

    def _titles(self, titles: Titles) -> Titles:
        sets = titles.pool.size - 1  # the most of a title, which may get them now, and one for the others
        span, nbr = np.zeros(self.size, np.int64), np.empty(self.heads.size * sets * WAYS, np.int32)
        nbr_w = np.empty(nbr.size, np.float32)
        _copy_neighbours(titles, self.heads, self.place, self.members.size, span, nbr, nbr_w)
        return titles.replace(
            span=span,
            nbr=nbr,
            nbr_w=nbr_w,
            norm=self._column(titles.norm, 1.0),
            watches=self._column(titles.watches, 0.0),
            key=self._column(titles.key, 0),
        )

    def _viewers(self, viewers: Viewers, slots: I4) -> Viewers:
        known, columns = viewers.known[slots], viewers.as_dict()
        chunks = int((-(-known // CHUNK)).sum())
        tail, prev = np.empty(slots.size, np.int32), np.empty(chunks, np.int32)
        chunk = np.empty((chunks, CHUNK), np.int32)
        _copy_histories(viewers, slots, self.place, self.members.size, tail, prev, chunk)
        own = {name: column[slots] for name, column in columns.items() if name not in _OF_ALL_VIEWERS}
        placed = {name: self._placed(own[name]) for name in _TITLES_OF_VIEWERS}
        return viewers.replace(**(own | placed | {"tail": tail, "prev": prev, "chunk": chunk}))

    def _arrays(self, index: CatalogIndexArrays) -> CatalogIndexArrays:
        members = self.members
        start = np.empty(self.size + 1, np.int32)
        own = np.empty(int((index.tag_start[members + 1] - index.tag_start[members]).sum()), np.int32)
        _copy_tags(index.tag_start, index.tag, members, start, own)
        first, having = index_titles(start, own, index.tag_kind.size)
        common, bits = bits_of(first, having, self.size)
        following = self._placed(self._column(index.next_episode, -1))
        return index.replace(
            tag_start=start,
            tag=own,
            tagged_start=first,
            tagged=having,
            bitset_of=common,
            bitsets=bits,
            genres=self._column(index.genres, 0),
            series=self._column(index.series, -1),
            next_episode=following,
            watches=self._column(index.watches, 0.0),
            hidden_gems=self._column(index.hidden_gems, -np.inf),
            duration=self._column(index.duration, 0.0),
        )

    def _pools(self, pools: Pools) -> Pools:
        return pools.replace(
            trending=self._placed(pools.trending),
            new_releases=self._placed(pools.new_releases),
            alertable=self._placed(pools.alertable),
            segment_title=self._placed(pools.segment_title),
            drawn=self._placed(pools.drawn),
        )

    def _shared(self, shared: Shared) -> Shared:
        groups, group = np.unique(shared.group, return_inverse=True)
        dense = np.full((groups.size, self.size), -np.inf, np.float32)
        for row, g in zip(dense, groups.tolist(), strict=True):
            row[: self.members.size] = shared.dense[g].take(self.members)
        pins = shared.pins[groups].copy()
        pins[..., 0] = self._placed(pins[..., 0])
        return Shared(
            dense,
            shared.candidates[groups],
            shared.weights[groups],
            self._column(shared.backoff, 0.0),
            group.astype(np.int32),
            pins,
            np.empty((groups.size, 0), np.float32),
            *self._episode_order(shared),
        )

    def _episode_order(self, shared: Shared) -> tuple[I4, I4]:
        """Return which title of the part is before which, and those that have one, the last ones first."""
        previous = self._placed(self._column(shared.previous, -1))
        there = shared.episodes[shared.episodes < self.place.size]
        return previous, self.place[there][self.place[there] >= 0]

    def _tags(self, tags: TagTable, index: CatalogIndexArrays, keys: NDArray[np.uint64]) -> TagTable:
        """Return the tags as votes read them; ``keys`` of all titles, or none if nobody has an intent."""
        halves = (keys[self.members] >> np.uint64(32)).astype(np.uint32) if keys.size else _NO_HALVES
        having = np.argsort(halves, kind="stable").astype(np.int32)
        newer = max(0, tags.rarity.size + 1 - index.tagged_start.size)  # tags than the index has
        return tags.replace(
            indptr=index.tag_start,
            ids=index.tag,
            starts=np.pad(index.tagged_start, (0, newer), mode="edge"),
            titles=index.tagged,
            genres=self._column(tags.genres, 0),
            half=halves[having],
            having=having,
        )

    def _rows(self, side: ViewerSide, slots: I4, prepared: Prepared) -> F4:
        rows = np.zeros((slots.size, self.size), np.float32)
        multiply(prepared.x, self._column(side.titles.arrays.out, 0.0), rows)
        if prepared.any_stated:
            there = rows[:, : self.members.size]
            side.ranker.stated.add_to(there, side.viewers.arrays, slots, self.members)
        return rows


_NO_HALVES = np.zeros(0, np.uint32)
_OF_ALL_VIEWERS = frozenset({"chunk", "prev", "free", "pool", "watch_time", "watch_moved"})
"""Columns of viewers that do not have a row each."""
_TITLES_OF_VIEWERS = ("rejected", "interaction_title", "my_list", "finished")
"""Columns with rows of titles."""
