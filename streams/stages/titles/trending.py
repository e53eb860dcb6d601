"""Trending lists (``trending.v1``): most watched titles everywhere, by country, device and genre.

A country, kind of device or genre has a list once twenty distinct viewers have watched something there. The
list of everywhere names no group, and a young installation has nothing else to show: it has no such bound.

Lists are made by a shard that has all titles. With several title shards each has its own titles only, and
there are no lists; countries and devices still boost titles for cold-start viewers, since replicas read all
shards.
"""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from online_models.feedback.reward_function import Action
from online_models.learners.most_trending import MostTrending
from online_models.learners.segments import HALF_LIFE_S, Segments
from online_models.learners.title_side import TitleSide
from online_models.tables.layout import DAY_MS, I4
from schemas.codec import encode
from schemas.pages import Trending, TrendingItem
from streams.config.settings import Settings
from streams.engine.stage import Message, Row
from streams.stages.wire import segment_rows
from streams.stages.wire.signals import SignalBatch

__all__ = ["GENRES", "SCOPED_ITEMS", "TRENDING_ITEMS", "TrendingLists"]

TRENDING_ITEMS = 50
"""Titles on the global list: two screens."""
SCOPED_ITEMS = 20
"""Titles on the list of a country, a kind of device or a genre: a shelf of a page."""
GENRES = 32
"""Most genres that have a list: catalogs have some twenty. A new one takes the place of one that nobody has
watched for `STALE_MS`."""
STALE_MS = 7 * DAY_MS
"""Event time after which the list of a genre makes room: a week, the longest half-life of the counters."""
INTERVAL_MS = 1_000
"""Least event time between two lists of a country, device or genre: a burst of watches repeats no list."""
TRENDING_HALF_LIFE = 1
"""Index of one day in the configured half-lives."""
_GENRE = "genre:"


class TrendingLists:
    """Counts of one shard, and its lists.

    Parameters
    ----------
    side
        The shard's titles.
    settings
        Model version on the lists.
    segments
        Watches in countries and on devices.
    """

    def __init__(self, side: TitleSide, settings: Settings, segments: Segments) -> None:
        self._side, self._segments = side, segments
        self._provenance = settings.provenance
        self._most = MostTrending(side.titles, TRENDING_HALF_LIFE, TRENDING_ITEMS)
        self._most_of_genre: dict[str, MostTrending] = {}
        self._touched: set[int] = set()
        self._waiting: dict[str, None] = {}
        self._made: dict[str, int] = {}
        self._gone: list[str] = []

    def count(self, batch: SignalBatch) -> None:
        """Count the watches of a batch in their countries and on their devices."""
        signals, owned = batch.signals, self._side.owned()
        own = owned[signals.title] > 0
        self.touch(signals.title[own & (signals.change != 0)])
        watched = (signals.action == Action.POSITIVE) & own & (signals.change > 0)
        self._touched.update(signals.title[watched].tolist())
        at = np.flatnonzero(watched & ((batch.countries > 0) | (batch.devices > 0)))
        self._segments.watch_many(
            self._side.titles.arrays.key[signals.title[at]],
            signals.change[at],
            signals.at[at],
            countries=batch.countries[at],
            devices=batch.devices[at],
            viewers=batch.viewers[at],
        )
        self._count_genres(signals.title[watched], batch.viewers[watched])

    def touch(self, rows: I4) -> None:
        """Note titles whose counters or tags have changed."""
        if rows.size:
            for most in (self._most, *self._most_of_genre.values()):
                most.touch(rows)

    def _count_genres(self, rows: I4, viewers: NDArray[np.uint16]) -> None:
        """Count the distinct viewers of the genres that have too few so far."""
        titles = self._side.titles
        tags = titles.arrays.tags[rows]
        for number in np.unique(tags[tags >= 0]).tolist():
            scope = titles.tags[number]
            if scope.startswith(_GENRE) and not self._segments.is_shown(scope):
                self._segments.meet(scope, viewers[(tags == number).any(axis=1)].tolist())

    def evict(self, rows: I4) -> None:
        """Forget titles, whose rows others will use."""
        self._touched.difference_update(rows.tolist())

    def take_rows(self) -> list[Row]:
        """Return the rows of the scopes that changed."""
        moved = self._segments.take_moved()
        self._waiting.update(dict.fromkeys(scope for scope in moved if "@" not in scope))
        dropped = self._segments.take_dropped()
        for scope in dropped:
            self._forget(scope)
        rows: list[Row] = [segment_rows.pack(scope, self._segments.state(scope)) for scope in moved]
        return rows + [(segment_rows.PREFIX + scope.encode(), None) for scope in dropped]

    def _forget(self, scope: str) -> None:
        """Delete the list of a scope, if it was made."""
        self._waiting.pop(scope, None)
        self._most_of_genre.pop(scope, None)
        if self._made.pop(scope, None) is not None:
            self._gone.append(scope)

    def lists(self) -> list[Message]:
        """Return the lists that are due: the global one, and those of scopes with new watches."""
        titles = self._side.titles
        newest = self._side.newest_ms()
        if self._side.shards > 1 or not (top := self._most.top(newest)):
            return []
        half_life_s = titles.config.trending.half_lives_s[TRENDING_HALF_LIFE]
        out = [self._list("global", newest, half_life_s, top)]
        self._waiting.update(dict.fromkeys(self._genres(newest)))
        for scope in [scope for scope in self._waiting if self._due(scope, newest)]:
            del self._waiting[scope]
            self._made[scope] = newest
            if scope.startswith(_GENRE):
                if found := self._of_genre(scope, newest):
                    out.append(self._list(scope, newest, half_life_s, found))
                else:  # a genre that the catalog does not have any more
                    self._forget(scope)
            else:
                at = self._segments.newest_ms(scope)
                out.append(self._list(scope, at, HALF_LIFE_S, self._of_segment(scope)))
        gone = [scope for scope in self._gone if scope not in self._made]
        self._gone.clear()
        out += [{"key": scope.encode(), "value": None} for scope in gone]
        return [message for message in out if message]

    def _due(self, scope: str, newest: int) -> bool:
        is_time = newest >= self._made.get(scope, -INTERVAL_MS) + INTERVAL_MS
        return is_time and self._segments.is_shown(scope)

    def _genres(self, newest: int) -> list[str]:
        """Return the genres of the titles watched since the last call; drop stale ones for new ones."""
        titles = self._side.titles
        numbers = np.unique(titles.arrays.tags[sorted(self._touched)]) if self._touched else ()
        self._touched.clear()
        found = [titles.tags[n] for n in numbers if n >= 0 and titles.tags[n].startswith(_GENRE)]
        known = {scope for scope in (*self._made, *self._waiting) if scope.startswith(_GENRE)}
        new = [genre for genre in found if genre not in known]
        if len(known) + len(new) > GENRES:
            for scope in [genre for genre in known if self._made.get(genre, newest) < newest - STALE_MS]:
                known.discard(scope)
                self._forget(scope)
        room = GENRES - len(known)
        return [g for g in found if g in known] + [g for g in found if g not in known][: max(0, room)]

    def _of_genre(self, scope: str, newest: int) -> list[tuple[str, float]]:
        """Return the most watched titles of a genre."""
        most = self._most_of_genre.get(scope)
        if most is None:
            has = partial(self._have_tag, scope)
            most = MostTrending(self._side.titles, TRENDING_HALF_LIFE, SCOPED_ITEMS, has)
            self._most_of_genre[scope] = most
        return most.top(newest)

    def _have_tag(self, name: str, rows: I4) -> NDArray[np.bool_]:
        """Return which titles have a tag: none if another has taken its number."""
        titles = self._side.titles
        number = titles.tags.index(name) if name in titles.tags else len(titles.tags)
        found: NDArray[np.bool_] = (titles.arrays.tags[rows] == number).any(axis=1)
        return found

    def _of_segment(self, scope: str) -> list[tuple[str, float]]:
        """Return the most watched titles in a country or on a kind of device."""
        titles, top = self._side.titles, self._segments.top(scope, SCOPED_ITEMS)
        rows = titles.by_key(np.array([key for key, _ in top], np.uint64)).tolist()
        return [
            (titles.ids[row], n)
            for row, (_, n) in zip(rows, top, strict=True)
            if row >= 0 and titles.ids[row]
        ]

    def _list(self, scope: str, at_ms: int, half_life_s: float, top: list[tuple[str, float]]) -> Message:
        """Encode one list."""
        value = Trending(
            scope=scope,
            generated_at_ms=at_ms,
            half_life_s=half_life_s,
            items=tuple(TrendingItem(title_id=title, score=round(score, 4)) for title, score in top),
            model_version=self._provenance,
        )
        return {"key": scope.encode(), "value": encode(value)}
