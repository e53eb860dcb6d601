"""Catalog index: titles by tag, in the arrays of the kernels, and the pools of a moment.

One index serves all partitions of a worker. It is built again when the catalog or the number of titles have
changed; what it says of everybody's watches also when these have (together with the prior of the blend: by a
fiftieth). Two steps that find it out of date at once both build it, with the same result.

A viewer belongs to two *segments*: their country, and the cohort whose centre is nearest to their taste
vector now. The title side counts what segments watch (:mod:`online_models.ranking.segment_boost`,
:mod:`online_models.learners.cohorts`). A viewer without a liked title has no cohort.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.catalog.catalog import Catalog
from online_models.catalog.vocabulary import canonical_keys
from online_models.jit import jit, jit_no_alloc
from online_models.learners.cohorts import CohortTable
from online_models.page.config import PageConfig
from online_models.page.layout import SEGMENTS, WORD, CatalogIndexArrays, Pools
from online_models.page.most_watched import MostWatched, most_watched
from online_models.page.selection import ONE
from online_models.page.shelf_kinds import CATEGORIES, TAG_KINDS
from online_models.ranking.exploration import deal
from online_models.ranking.segment_boost import MIN_WATCHES, SegmentBoost
from online_models.ranking.tag_table import index_titles
from online_models.tables.layout import DAY_MS, F4, F8, I4, I8, U1, U8, Titles, Viewers
from online_models.tables.titles import TitleTable
from online_models.tables.top_k import sift, sort_heap

__all__ = ["NAMELESS", "CatalogIndex", "SegmentPools", "ViewerSegments"]


_COUNTRY, _COHORT = range(SEGMENTS)


class SegmentPools(NamedTuple):
    """What some segments watch, end to end (`online_models.page.layout.Pools`)."""

    segment_start: I4
    segment_title: I4
    segment_heat: F4


class ViewerSegments:
    """What countries and cohorts watch.

    Parameters
    ----------
    titles
        Table of titles.
    boost
        What countries watch. Default: no data.

    Attributes
    ----------
    cohorts
        Cohorts and what they watch. It is replaced as a whole, as pages may be reading it.
    """

    def __init__(self, titles: TitleTable, boost: SegmentBoost | None = None) -> None:
        self.boost = boost or SegmentBoost(titles, ())
        self.cohorts: CohortTable | None = None
        self._cached: tuple[CohortTable, list[tuple[I4, F4]]] | None = None

    def of(self, viewers: Viewers, slots: I4, now_ms: int, watches: float) -> tuple[SegmentPools, I4]:
        """Return what the segments of some viewers watch, and the segments of each viewer.

        Parameters
        ----------
        viewers, slots
            [n] slots of the viewers.
        now_ms
            Time.
        watches
            Minimum watches of a segment; others are left out.

        Returns
        -------
        pools, segments
            Pools of the segments; [n, SEGMENTS] numbers of each viewer's, -1 for none.
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
        """Return what each cohort watches more than everybody, computed once per table."""
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


@jit
def most_trending(trend: F8, trend_at: I8, half_life_ms: float, now: int, title: I4, heat: F4) -> None:
    """Write the titles with the highest decayed watch counts, highest first, ties in ascending order.

    Parameters
    ----------
    trend, trend_at
        [T] decayed counters, and the event time that they refer to, ms.
    half_life_ms
        Their half-life.
    now
        Event time to decay to; a counter from later counts in full.
    title, heat
        [n] receive titles, -1 where there are no more, and decayed counts.
    """
    title[:] = -1
    heat[:] = 0.0
    for t in range(trend.size):
        # Counts only decay: one below the heap's minimum needs no power.
        if trend[t] > heat[0]:
            value = np.float32(trend[t] * 2.0 ** (min(trend_at[t] - now, 0) / half_life_ms))
            if value > heat[0]:
                sift(heat, title, title.size, value, t)
    sort_heap(heat, title)


NAMELESS = 255
"""Kind of a tag that names no shelf."""
GENRES = 64
"""Genres that have a bit, the first ones."""
CATEGORY_NUMBERS = [TAG_KINDS.index(kind) for kind in CATEGORIES]
MANY = 100_000
"""Titles from which what is trending and new is kept: of a million it takes 8 ms."""
KEPT_MS = 1_000
"""Time for which it is kept, ms: the shortest half-life of trending is an hour, titles are new for days."""
LEAST_HEAT = 1e-9
"""Minimum decayed count of a trending title: a watch thirty half-lives ago."""


class CatalogIndex:
    """Titles by tag.

    Parameters
    ----------
    titles
        Table of titles.
    catalog
        Facts and tags of the titles.
    config
        Settings of pages: what is new, trending and rare.
    segments
        What countries and cohorts watch. Default: no data.

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
        self._moment: tuple[I8, int, tuple[I4, F4, I4, I4]] | None = None
        self._dealt: tuple[tuple[int, int], I4] | None = None
        self._most_watched: tuple[CatalogIndexArrays, MostWatched] | None = None
        self._keys: dict[int, int] = {}
        self._numbered = (0, 0)

    @property
    def tag_names(self) -> list[str]:
        """All tags by number, as ``kind:value``."""
        return self.catalog.tag_names

    def arrays(self) -> CatalogIndexArrays:
        """Return the index for the kernels, built again if it is out of date."""
        return self._current()[0]

    def most_watched(self, arrays: CatalogIndexArrays) -> MostWatched:
        """Return the titles of an index that are watched most, found once."""
        found = self._most_watched
        if found is None or found[0] is not arrays:
            found = self._most_watched = arrays, most_watched(arrays)
        return found[1]

    def dealt(self, day: int) -> I4:
        """Return all titles in the random order of a day (`ranking.exploration.deal`), dealt once."""
        arrays, state = self.titles.arrays, (len(self.titles), day)
        found = self._dealt
        if found is None or found[0] != state:
            lot = np.empty(min(state[0], arrays.key.size), np.uint32)
            deal(arrays, self.titles.seed, day, lot)
            found = self._dealt = state, np.argsort(lot, kind="stable").astype(np.int32)
        return found[1]

    def pools(self, viewers: Viewers, slots: I4, now_ms: int) -> tuple[Pools, I4]:
        """Return the trending and new titles of a moment, and what the viewers' segments watch.

        Returns
        -------
        pools, segments
            Pools; [n, SEGMENTS] numbers of each viewer's segments in the pools, -1 for none.
        """
        moment = self._moment_of(now_ms)
        pools, mine = self.segments.of(viewers, slots, now_ms, self.config.segment_watches)
        return Pools(*moment, *pools, np.empty((slots.size, 0), np.int32)), mine

    def _moment_of(self, now_ms: int) -> tuple[I4, F4, I4, I4]:
        """Return trending titles and their heat, new titles, and those new enough for an alert.

        They are passes over all titles; those of a catalog of ``MANY`` are kept for ``KEPT_MS``.
        """
        (_, since), kept = self._current(), self._moment
        if kept is not None and kept[0] is since and 0 <= now_ms - kept[1] < KEPT_MS:
            return kept[2]
        a, alert_days = self.titles.arrays, self.config.alert_days if self.config.alerts else 0.0
        found = (
            *self._trending(a, min(len(self.titles), a.bias.size), now_ms),
            self._newer(since, now_ms, self.config.new_release_days),
            self._newer(since, now_ms, alert_days),
        )
        self._moment = (since, now_ms, found) if since.size >= MANY else None
        return found

    @staticmethod
    def _newer(since: I8, now_ms: int, days: float) -> I4:
        """Return the titles that have been available for at most so many days."""
        return np.flatnonzero((since <= now_ms) & (since > now_ms - int(days * DAY_MS))).astype(np.int32)

    def stated_tags(self, stated: NDArray[np.uint32]) -> I4:
        """Translate keys of stated tags [n, STATED_TAGS] (0: none) into tags, known ones first; -1: none.

        Examples
        --------
        >>> from online_models.config import ModelConfig
        >>> from schemas import Tags, Title
        >>> titles = TitleTable(ModelConfig()); catalog = Catalog(titles)
        >>> catalog.put(Title(title_id="a", tags=Tags(genre=("Drama", "Crime"))))
        >>> keys = canonical_keys(["genre:opera", "genre:Crime"])
        >>> CatalogIndex(titles, catalog, PageConfig()).stated_tags(keys[None]).tolist()
        [[1, -1]]
        """
        out = np.full(stated.shape, -1, np.int32)
        who = np.flatnonzero(stated[:, 0])
        names = self.catalog.tag_names
        numbered = (len(names), self.catalog.tags.reused)
        if who.size and numbered != self._numbered:
            self._numbered = numbered
            keys = canonical_keys(names).tolist()
            self._keys = {key: tag for tag, key in reversed([*enumerate(keys)])}  # of equal ones the first
        for q in who.tolist():
            known = [self._keys[key] for key in stated[q].tolist() if key in self._keys]
            out[q, : len(known)] = known
        return out

    def _current(self) -> tuple[CatalogIndexArrays, I8]:
        a = self.titles.arrays
        state = (self.catalog.version, len(self.titles), int(a.size[3]))
        cached = self._cached
        if cached is None or cached[0] != state:
            if cached is None or cached[0][:2] != state[:2]:
                size = min(len(self.titles), a.bias.size)
                with self.catalog.lock:
                    arrays, since = self._set_up(size), self.catalog.facts.available_since(size)
            else:
                arrays, since = cached[1:]
            cached = self._cached = (state, self._with_watches(arrays, a), since)
        return cached[1], cached[2]

    def _with_watches(self, arrays: CatalogIndexArrays, a: Titles) -> CatalogIndexArrays:
        """Return the index with everybody's watches of now."""
        watches = a.watches[: arrays.series.size].copy()
        total, tags = float(watches.sum()), arrays.tag_kind.size
        of_each = np.bincount(arrays.tag, np.repeat(watches, np.diff(arrays.tag_start)), minlength=tags)
        return arrays.replace(
            tag_share=of_each / max(total, 1e-30),
            watches=watches,
            total_watches=total,
            mean_watches=total / max(watches.size, 1),
            hidden_gems=_rare(watches, self.config.rare),
        )

    def _set_up(self, size: int) -> CatalogIndexArrays:
        """Return the index of titles that nobody has watched."""
        names = list(self.catalog.tag_names)
        indptr, ids = self.catalog.tags_of(np.arange(size))
        row = np.repeat(np.arange(size, dtype=np.int32), np.diff(indptr))
        first, having = index_titles(indptr, ids, len(names))
        kind = _kinds(names)
        common, bits = bits_of(first, having, size)
        return CatalogIndexArrays(
            tag_start=indptr,
            tag=ids,
            tagged_start=first,
            tagged=having,
            bitset_of=common,
            bitsets=bits,
            tag_share=np.zeros(len(names)),
            tag_kind=kind,
            genres=_genres(names, row, ids, size),
            series=self.catalog.facts.series(size),
            next_episode=self.catalog.facts.next_episodes(size),
            watches=np.zeros(size),
            total_watches=0.0,
            mean_watches=0.0,
            hidden_gems=np.zeros(size, np.float32),
            categories=np.flatnonzero(np.isin(kind, CATEGORY_NUMBERS) & (first[1:] > first[:-1])).astype(
                np.int32
            ),
            duration=self.catalog.facts.durations_s(size).astype(np.float32),
        )

    def _trending(self, a: Titles, size: int, now_ms: int) -> tuple[I4, F4]:
        """Return the trending titles, and the logarithm of each one's count as a share of the first one's."""
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


def bits_of(first: I4, having: I4, size: int) -> tuple[I4, U8]:
    """Return bit sets of frequent tags, and the bit set of each tag: those that take less space as bits.

    Examples
    --------
    >>> where, bits = bits_of(np.array([0, 5, 6], np.int32), np.array([0, 2, 3, 4, 65, 1], np.int32), 66)
    >>> where.tolist(), [hex(word) for word in bits[0].tolist()]
    ([0, -1], ['0x1d', '0x2'])
    """
    words = -(-size // WORD)
    many = np.flatnonzero(np.diff(first) * having.itemsize > words * 8)
    where, bits = np.full(first.size - 1, -1, np.int32), np.zeros((many.size, words), np.uint64)
    where[many] = np.arange(many.size)
    _set_bits(first, having, where, bits)
    return where, bits


@jit_no_alloc
def _set_bits(first: I4, having: I4, where: I4, bits: U8) -> None:
    for g in range(where.size):
        if where[g] >= 0:
            for a in range(first[g], first[g + 1]):
                bits[where[g], having[a] // WORD] |= ONE << np.uint64(having[a] % WORD)


def _genres(names: list[str], row: I4, ids: I4, size: int) -> U8:
    """Return the genres of each title, one bit each."""
    bit = np.zeros(len(names), np.uint64)
    genres = [tag for tag, name in enumerate(names) if name.startswith("genre:")][:GENRES]
    bit[genres] = np.uint64(1) << np.arange(len(genres), dtype=np.uint64)
    out = np.zeros(size, np.uint64)
    np.bitwise_or.at(out, row, bit[ids])
    return out


def _rare(watches: F8, share: float) -> F4:
    """Return 0 for the least watched of the watched titles, -inf for others."""
    watched = watches[watches > 0]
    most = np.quantile(watched, share) if watched.size and share > 0 else 0.0
    return np.where((watches > 0) & (watches <= most), np.float32(0.0), np.float32(-np.inf))
