"""The shelves that rows are taken from: what titles are about, brought into the kernels' order.

One set of shelves serves every partition of a worker. It is set up anew when the catalog, the number of
titles or what everybody watches has changed (the last with the blend's prior: by a fiftieth); two steps that
find it old at once do so twice, with the same outcome.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.catalog.catalog import Catalog
from online_models.jit import jit
from online_models.learners.cohorts import CohortTable
from online_models.page.config import PageConfig
from online_models.page.layout import SEGMENTS, WORD, CatalogIndexArrays, Pools
from online_models.page.shelf_kinds import CATEGORIES, TAG_KINDS
from online_models.ranking.segment_boost import MIN_WATCHES, SegmentBoost
from online_models.tables.layout import DAY_MS, F4, F8, I4, I8, U1, U8, Titles, Viewers
from online_models.tables.titles import TitleTable
from online_models.tables.top_k import sift, sort_heap
from online_models.tables.viewers import tag_keys

__all__ = ["NAMELESS", "CatalogIndex", "SegmentPools", "ViewerSegments"]


_COUNTRY, _COHORT = range(SEGMENTS)


class SegmentPools(NamedTuple):
    """What some crowds watch, end to end (`page.layout.Pools`)."""

    segment_start: I4
    segment_title: I4
    segment_heat: F4


class ViewerSegments:
    """What countries and cohorts watch.

    Parameters
    ----------
    titles
        The titles, by row.
    local
        What countries watch. Default: nothing is known.

    Attributes
    ----------
    cohorts
        Cohorts and what they watch; replaced as a whole, since pages read while it is.
    """

    def __init__(self, titles: TitleTable, boost: SegmentBoost | None = None) -> None:
        self.boost = boost or SegmentBoost(titles, ())
        self.cohorts: CohortTable | None = None
        self._cached: tuple[CohortTable, list[tuple[I4, F4]]] | None = None

    def of(self, viewers: Viewers, slots: I4, now_ms: int, watches: float) -> tuple[SegmentPools, I4]:
        """Return what the crowds of some viewers watch, and which of them are each one's.

        Parameters
        ----------
        viewers, slots
            [n] whose.
        now_ms
            When.
        watches
            That a crowd has at least; others are none.

        Returns
        -------
        pools, crowds
            The crowds met; [n, CROWDS] their numbers, -1 for none.
        """
        pools: list[tuple[I4, F4]] = []
        mine = np.full((slots.size, SEGMENTS), -1, np.int32)
        countries = viewers.country[slots]
        for country in np.unique(countries[countries > 0]).tolist():
            trend = self.boost.trend(country)
            if trend.titles.size and trend.now(now_ms) >= watches:
                mine[countries == country, _COUNTRY] = len(pools)
                pools.append((trend.titles, trend.heat))
        if (table := self.cohorts) is not None:
            cohorts = table.cohorts_of(viewers.taste[slots])
            known = (viewers.positives[slots] > 0) & (cohorts >= 0) & (table.watches() >= watches)[cohorts]
            mine[known, _COHORT] = cohorts[known] + len(pools)
            pools += self._liked(table)
        return _flat(pools), mine

    def _liked(self, table: CohortTable) -> list[tuple[I4, F4]]:
        """Return what each cohort watches more than everybody, worked out once for each table."""
        if self._cached is None or self._cached[0] is not table:
            self._cached = table, table.liked_more(MIN_WATCHES)
        return self._cached[1]


def _flat(pools: list[tuple[I4, F4]]) -> SegmentPools:
    first = np.zeros(len(pools) + 1, np.int32)
    np.cumsum([titles.size for titles, _ in pools], out=first[1:])
    titles, heat = [np.zeros(0, np.int32)], [np.zeros(0, np.float32)]
    for some, theirs in pools:
        titles.append(some)
        heat.append(theirs)
    return SegmentPools(first, np.concatenate(titles), np.concatenate(heat))


# What everybody shares at a moment: the titles that are watched most right now.


@jit
def most_trending(trend: F8, trend_at: I8, half_life_ms: float, now: int, title: I4, heat: F4) -> None:
    """Write the titles of the highest decayed counts, highest first, equal ones in order of rows.

    A count only fades, so that one below the least kept needs no decay worked out.

    Parameters
    ----------
    trend, trend_at
        [T] decayed counters, and the event time that they are as of, ms.
    half_life_ms
        Their half-life.
    now
        Event time to bring them to; what was counted later counts in full.
    title, heat
        [n] receive rows, -1 where there are no more, and counts.
    """
    title[:] = -1
    heat[:] = 0.0
    for t in range(trend.size):
        if trend[t] > heat[0]:
            value = np.float32(trend[t] * 2.0 ** (min(trend_at[t] - now, 0) / half_life_ms))
            if value > heat[0]:
                sift(heat, title, title.size, value, t)
    sort_heap(heat, title)


NAMELESS = 255
"""Kind of a tag that names no row."""
GENRES = 64
CATEGORY_NUMBERS = [TAG_KINDS.index(kind) for kind in CATEGORIES]
LEAST_HEAT = 1e-9
"""A watch of thirty half-lives ago trends no more."""


class CatalogIndex:
    """Titles by what they are about.

    Parameters
    ----------
    titles
        The table of titles.
    catalog
        What is known about its rows.
    config
        What counts as new, as trending and as rare.
    crowds
        What countries and cohorts watch. Default: nothing is known of them.

    Examples
    --------
    >>> from online_models.config import ModelConfig
    >>> from schemas import Tags, Title
    >>> titles = TitleTable(ModelConfig()); catalog = Catalog(titles)
    >>> catalog.put(Title(title_id="a", tags=Tags(genre=("Drama",))))
    >>> index = CatalogIndex(titles, catalog, PageConfig()).arrays()
    >>> index.tagged.tolist(), index.genres.tolist()
    ([0], [1])
    """

    def __init__(
        self, titles: TitleTable, catalog: Catalog, config: PageConfig, segments: ViewerSegments | None = None
    ) -> None:
        self.titles, self.catalog, self.config = titles, catalog, config
        self.segments = segments or ViewerSegments(titles)
        self._cached: tuple[tuple[int, int, int], CatalogIndexArrays, I8] | None = None
        self._keys: dict[int, int] = {}

    @property
    def tag_names(self) -> list[str]:
        """Every tag by its number, as ``kind:value``."""
        return self.catalog.tag_names

    def arrays(self) -> CatalogIndexArrays:
        """Return what the kernels need, set up anew if it is old."""
        return self._current()[0]

    def pools(self, viewers: Viewers, slots: I4, now_ms: int) -> tuple[Pools, I4]:
        """Return what is trending and new at a time, and in whose crowds.

        Returns
        -------
        pools, crowds
            The pools; [n, CROWDS] which of their crowds are each viewer's, -1 for none.
        """
        _, since = self._current()
        a = self.titles.arrays
        trending, heat = self._trending(a, min(len(self.titles), a.bias.size), now_ms)
        new_releases = self._newer(since, now_ms, self.config.new_release_days)
        alertable = self._newer(since, now_ms, self.config.alert_days if self.config.alerts else 0.0)
        pools, mine = self.segments.of(viewers, slots, now_ms, self.config.segment_watches)
        return Pools(trending, heat, new_releases, alertable, *pools), mine

    @staticmethod
    def _newer(since: I8, now_ms: int, days: float) -> I4:
        """Return what is there for so many days at most."""
        return np.flatnonzero((since <= now_ms) & (since > now_ms - int(days * DAY_MS))).astype(np.int32)

    def stated_tags(self, stated: NDArray[np.uint32]) -> I4:
        """Return the numbers of stated tags [n, STATED] (keys; 0: none), the known ones first; -1: none.

        Examples
        --------
        >>> from online_models.config import ModelConfig
        >>> from schemas import Tags, Title
        >>> titles = TitleTable(ModelConfig()); catalog = Catalog(titles)
        >>> catalog.put(Title(title_id="a", tags=Tags(genre=("Drama", "Crime"))))
        >>> keys = tag_keys(["genre:Opera", "genre:Crime"])
        >>> CatalogIndex(titles, catalog, PageConfig().stated_tags(keys[None]).tolist()
        [[1, -1]]
        """
        out = np.full(stated.shape, -1, np.int32)
        who = np.flatnonzero(stated[:, 0])
        names = self.catalog.tag_names
        if who.size and len(self._keys) < len(names):
            self._keys = dict(zip(tag_keys(names).tolist(), range(len(names)), strict=False))
        for q in who.tolist():
            known = [self._keys[key] for key in stated[q].tolist() if key in self._keys]
            out[q, : len(known)] = known
        return out

    def _current(self) -> tuple[CatalogIndexArrays, I8]:
        a = self.titles.arrays
        state = (self.catalog.version, len(self.titles), int(a.size[3]))
        cached = self._cached
        if cached is None or cached[0] != state:
            size = min(len(self.titles), a.bias.size)
            with self.catalog.lock:
                shelf = self._set_up(a, size)
                cached = self._cached = (state, shelf, self.catalog.facts.since(size))
        return cached[1], cached[2]

    def _set_up(self, a: Titles, size: int) -> CatalogIndexArrays:
        names = list(self.catalog.tag_names)
        indptr, ids = self.catalog.tags_of(np.arange(size))
        watches = a.watches[:size].copy()
        row = np.repeat(np.arange(size, dtype=np.int32), np.diff(indptr))
        total = float(watches.sum())
        first = np.zeros(len(names) + 1, np.int32)
        np.cumsum(np.bincount(ids, minlength=len(names)), out=first[1:])
        kind = _kinds(names)
        having = row[np.argsort(ids, kind="stable")]
        common, bits = _bits(first, having, size)
        return CatalogIndexArrays(
            tag_start=indptr,
            tag=ids,
            tagged_start=first,
            tagged=having,
            bitset_of=common,
            bitsets=bits,
            tag_share=np.bincount(ids, watches[row], minlength=len(names)) / max(total, 1e-30),
            tag_kind=kind,
            genres=_genres(names, row, ids, size),
            series=self.catalog.facts.series(size),
            watches=watches,
            total_watches=total,
            hidden_gems=_rare(watches, self.config.rare),
            categories=np.flatnonzero(np.isin(kind, CATEGORY_NUMBERS) & (first[1:] > first[:-1])).astype(
                np.int32
            ),
        )

    def _trending(self, a: Titles, size: int, now_ms: int) -> tuple[I4, F4]:
        """Return the titles of the highest decayed count, and the logarithm of its share of the highest."""
        which = self.config.trending_half_life
        half_life_ms = float(self.titles.params.half_lives_ms[which])
        title, heat = np.empty(self.config.trending, np.int32), np.empty(self.config.trending, np.float32)
        most_trending(a.trend[:size, which], a.trend_at[:size], half_life_ms, now_ms, title, heat)
        n = int(np.count_nonzero(heat > LEAST_HEAT))
        return title[:n], np.log(heat[:n] / heat[:1])


def _kinds(names: list[str]) -> U1:
    """Return the number of each tag's kind."""
    numbers = {kind: number for number, kind in enumerate(TAG_KINDS)}
    return np.array([numbers.get(name.split(":", 1)[0], NAMELESS) for name in names], np.uint8)


def _bits(first: I4, having: I4, size: int) -> tuple[I4, U8]:
    """Return the titles of each tag that many have as bits, and where: as bits they take no more room.

    Examples
    --------
    >>> where, bits = _bits(np.array([0, 5, 6], np.int32), np.array([0, 2, 3, 4, 65, 1], np.int32), 66)
    >>> where.tolist(), [hex(word) for word in bits[0].tolist()]
    ([0, -1], ['0x1d', '0x2'])
    """
    words = -(-size // WORD)
    many = np.flatnonzero(np.diff(first) * having.itemsize > words * 8)
    where, bits = np.full(first.size - 1, -1, np.int32), np.zeros((many.size, words), np.uint64)
    where[many] = np.arange(many.size)
    for b, tag in enumerate(many.tolist()):
        there = np.zeros(words * WORD, np.bool_)
        there[having[first[tag] : first[tag + 1]]] = True
        bits[b] = np.packbits(there, bitorder="little").view(np.uint64)
    return where, bits


def _genres(names: list[str], row: I4, ids: I4, size: int) -> U8:
    """Return the genres of each title, a bit each."""
    bit = np.zeros(len(names), np.uint64)
    genres = [tag for tag, name in enumerate(names) if name.startswith("genre:")][:GENRES]
    bit[genres] = np.uint64(1) << np.arange(len(genres), dtype=np.uint64)
    out = np.zeros(size, np.uint64)
    np.bitwise_or.at(out, row, bit[ids])
    return out


def _rare(watches: F8, share: float) -> I4:
    """Return the least watched of the watched titles, in order of rows."""
    watched = watches[watches > 0]
    if watched.size == 0 or share == 0:
        return np.zeros(0, np.int32)
    most = np.quantile(watched, share)
    return np.flatnonzero((watches > 0) & (watches <= most)).astype(np.int32)
