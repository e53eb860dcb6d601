"""What a title shard learns besides its titles' vectors: artwork, searches, cohorts."""

from collections.abc import Sequence

import numpy as np

from online_models.artwork.gallery import Gallery
from online_models.feedback.reward_function import Action
from online_models.learners.cohorts import SHELVED, CohortTable
from online_models.learners.search import SearchModel
from online_models.learners.title_side import shard_of
from online_models.tables.layout import I4, Signals
from online_models.tables.titles import TitleTable, title_key
from streams.engine.stage import Row, StateView
from streams.stages.wire import attribution, cohort_rows

__all__ = ["AttributionLearner", "CohortLearner"]


class AttributionLearner:
    """Learns artwork bandits and searches from attribution updates.

    Parameters
    ----------
    store
        The shard's rows.
    shard, shards
        Number of the shard, and of all shards.
    """

    def __init__(self, store: StateView, *, shard: int, shards: int) -> None:
        self._shard, self._shards = shard, shards
        self._gallery, self._searches = Gallery(), SearchModel()
        self._changed: dict[str, None] = {}
        for key, value in store.scan(attribution.ARTWORK):
            attribution.load_artwork(self._gallery, key, value)
        for key, value in store.scan(attribution.QUERY):
            self._searches.load(key[1:].decode(), attribution.QUERY_CODEC.unpack(value))

    def learn(self, packed: bytes, latest_ms: int) -> None:
        """Learn the updates of the shard's own titles and queries, none as later than a time."""
        if not packed:
            return
        updates = attribution.unpack_updates(packed)
        own = self._own([title for title, *_ in updates.artwork])
        for (title, artwork, fit, trials, wins, at_ms), is_own in zip(updates.artwork, own, strict=True):
            if is_own:
                bandit = self._gallery.bandit(title)
                bandit.learn(fit, artwork, trials=trials, wins=wins, at_ms=min(at_ms, latest_ms))
                self._changed[title] = None
        own = self._own([query for query, *_ in updates.queries])
        for (query, title, at_ms), is_own in zip(updates.queries, own, strict=True):
            if is_own:
                self._searches.watched(query, title, min(at_ms, latest_ms))

    def evict(self, titles: Sequence[str]) -> list[Row]:
        """Forget the artwork of titles; return the deletions of their rows."""
        learned = [title for title in titles if self._gallery.drop_bandit(title)]
        for title in learned:
            self._changed.pop(title, None)
        return [(attribution.ARTWORK + title.encode(), None) for title in learned]

    def take_rows(self) -> list[Row]:
        """Return the rows that changed since the last call."""
        changed, self._changed = self._changed, {}
        return [attribution.artwork_row(self._gallery, title) for title in changed] + [
            attribution.query_row(query, self._searches.state(query)) for query in self._searches.take_moved()
        ]

    def _own(self, names: Sequence[str]) -> list[bool]:
        """Return which titles or queries are the shard's."""
        keys = np.array([title_key(name) for name in names], np.uint64)
        return (shard_of(keys, self._shards) == self._shard).tolist() if names else []


class CohortLearner:
    """Learns the cohorts, in shard 0 alone.

    Parameters
    ----------
    store
        The shard's rows.
    titles
        Its titles.
    shard
        Number of the shard.
    """

    def __init__(self, store: StateView, titles: TitleTable, shard: int) -> None:
        self._titles, self._learns = titles, shard == 0
        value = store.get(cohort_rows.KEY) if self._learns else None
        factors = titles.config.factorization.factors
        self._table = CohortTable(factors, SHELVED) if value is None else cohort_rows.load(value, titles)
        self._changed = False

    def learn(self, signals: Signals) -> None:
        """Learn the watches of a batch."""
        if self._learns and (signals.action == Action.POSITIVE).any():
            self._table.absorb(signals, Action.POSITIVE)
            self._changed = True

    def evict(self, rows: I4) -> None:
        """Forget titles, whose rows others will use."""
        found = np.isin(self._table.arrays.title, rows)
        if found.any():
            self._table.arrays.title[found], self._table.arrays.watched[found] = -1, 0.0
            self._changed = self._learns

    def take_rows(self) -> list[Row]:
        """Return the row, if it changed since the last call."""
        changed, self._changed = self._changed, False
        return [cohort_rows.pack(self._table, self._titles)] if changed else []
