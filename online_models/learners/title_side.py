"""The titles of one shard: learns signals, and says which rows to write and which titles to evict.

The kernels are in `learners.title_updates`.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet

import numpy as np
from numpy.typing import NDArray

from online_models.learners.decayed_counts import decayed
from online_models.learners.factorization import moved_rows, scratch
from online_models.learners.stale_steps import StaleSteps
from online_models.learners.title_updates import absorb
from online_models.tables.growing import grown
from online_models.tables.hashing import fill_shards
from online_models.tables.layout import F8, I4, U8, Signals
from online_models.tables.titles import TitleTable, title_key

__all__ = ["DRIFTED_SHARE", "MOST_DRIFTED", "TitleSide", "shard_of"]

MOST_DRIFTED = 100
"""Most rows written at a time for drift alone, or `DRIFTED_SHARE` of the named ones if that is more. A row is
.5 to 2.6 kB, and a few hundred events move all of 10,000 titles by ``publish_drift``. Lists hardly depend
on it: MovieLens-100K in batches of 100, through a replica, has HR@10 .2336 with up to 500 such rows or as
many as named ones, .2334 with up to 100 or a quarter of them (standard error .0018)."""

DRIFTED_SHARE = 0.25
"""Rows written for drift alone for each one that signals name."""


def shard_of(keys: U8, shards: int) -> I4:
    """Return the shard of each title key: every shard reads every signal and learns its own titles from it.

    Examples
    --------
    >>> shard_of(np.array([2, 4, 6, 8], np.uint64), 3).tolist()
    [1, 1, 2, 1]
    """
    out = np.zeros(keys.size, np.int32)
    if shards > 1:
        fill_shards(keys, shards, out)
    return out


class TitleSide:
    """The titles of one shard.

    Parameters
    ----------
    titles
        The shard's table; titles of other shards appear in it by key only.
    shard, shards
        Which of how many.
    """

    def __init__(self, titles: TitleTable, *, shard: int = 0, shards: int = 1) -> None:
        self.titles = titles
        self.shard = shard
        self.shards = shards
        self._owned: I4 = np.zeros(0, np.int32)
        self._reused = 0
        self._newest_ms: int | None = None
        self._stale = StaleSteps(titles.params.horizons.size)
        self._named: NDArray[np.bool_] = np.zeros(0, np.bool_)
        most = titles.config.title_capacity
        self._most_owned, self._most_others = max(1, most // (2 * shards)), max(1, most // 4)

    def owned(self) -> I4:
        """Return 1 for each row of the shard, 0 for the others: [number of titles]."""
        if self._reused != self.titles.reused:
            self._owned, self._reused = np.zeros(0, np.int32), self.titles.reused
        new = self.titles.arrays.key[self._owned.size : len(self.titles)]
        if new.size:
            mine = (shard_of(new, self.shards) == self.shard).astype(np.int32)
            self._owned = np.concatenate((self._owned, mine))
        return self._owned

    def absorb(self, signals: Signals, *, seen: int = 0, learned: int = 0) -> None:
        """Learn a batch of signals.

        Parameters
        ----------
        signals
            The batch.
        seen, learned
            Signals that the replica of the sender had learned, and this side has. Default: equally many.
        """
        self.titles.reserve_pairs(int(np.minimum(signals.depth, self.titles.params.window).sum()))
        titles = self.titles.arrays
        stale = self._stale.before(seen, learned, titles.bias.size)
        work, published = scratch(titles, self.titles.params), titles.size[4]
        absorb(titles, self.titles.params, self.owned(), signals, stale, work)
        self.titles.mark_learned(moved_rows(titles, published, work))
        if self._newest_ms is not None:
            self._newest_ms = int(titles.trend_at[signals.title].max(initial=self._newest_ms))
        paired = signals.history[:, : self.titles.params.window]
        entries = paired[np.arange(paired.shape[1]) < signals.depth[:, None]]
        self._mark_named(signals.title)
        self._mark_named(np.where(entries < 0, ~entries, entries))

    def name(self, rows: I4) -> None:
        """Have the shard's own of these titles written, though nothing was learned of them."""
        own = rows[self.owned()[rows] > 0]
        self.titles.arrays.changed[own] = 1
        self._mark_named(own)

    def newest_ms(self) -> int:
        """Return the newest event time that a counter has seen; 0 before the first."""
        if self._newest_ms is None:
            self._newest_ms = int(self.titles.arrays.trend_at[: len(self.titles)].max(initial=0))
        return self._newest_ms

    def take_changed(self) -> I4:
        """Return the rows to write: those that signals or labels name, and those of the largest drift.

        The rest waits: its drift grows until it is among the largest.
        """
        a, changed = self.titles.arrays, self.titles.changed()
        self._mark_named(changed[:0])
        named, drifted = changed[self._named[changed]], changed[~self._named[changed]]
        self._named[:] = False
        most = max(MOST_DRIFTED, int(DRIFTED_SHARE * named.size))
        if drifted.size > most:
            drifted = drifted[np.argsort(-a.drift[drifted], kind="stable")[:most]]
        out: I4 = np.sort(np.concatenate((named, drifted)))
        return out

    def label(
        self,
        labels: Mapping[str, Sequence[str]],
        *,
        stored: AbstractSet[str] = frozenset(),
        all_labelled: bool = True,
    ) -> I4:
        """Set the tags of titles, and return their rows; those of other shards are skipped.

        Parameters
        ----------
        labels
            Tags by title id.
        stored
            Titles whose loaded vectors already include the part of their tags.
        all_labelled
            As for `TitleTable.label`.
        """
        keys = np.array([title_key(title) for title in labels], np.uint64)
        mine = shard_of(keys, self.shards) == self.shard
        titles = [title for title, own in zip(labels, mine.tolist(), strict=True) if own]
        rows = self.titles.intern(titles, admit=True)
        self.titles.mark_in_catalog(rows)
        self.titles.label(
            rows,
            [labels[one] for one in titles],
            included=[one in stored for one in titles],
            all_labelled=all_labelled,
        )
        self._mark_named(rows)
        return rows

    def surplus(self, in_catalog: Callable[[U8], NDArray[np.bool_]]) -> I4:
        """Return the rows of titles to evict, so that an eighth of the room outside of the catalog is free.

        Those are the least watched of the last weeks; of other shards' titles, those that the fewest have as
        neighbours. Half of the capacity is for the shard's own titles, a quarter for those of others, and the
        rest is room for what the next signals bring.

        Parameters
        ----------
        in_catalog
            Returns which titles, by key, the catalog has.
        """
        titles, a, n = self.titles, self.titles.arrays, len(self.titles)
        least = self._most_owned if self.shards == 1 else min(self._most_owned, self._most_others)
        if titles.outside <= least:
            return np.zeros(0, np.int32)
        titles.mark_in_catalog(np.arange(n, dtype=np.int32), in_catalog(a.key[:n]))
        outside, is_owned = titles.rows_outside(), self.owned() > 0
        own, others = outside[is_owned[outside]], outside[~is_owned[outside]]
        watched = decayed(a.trend[own, 2], a.trend_at[own], float(titles.params.half_lives_ms[2]))
        out = _least(own, watched, self._most_owned)
        if others.size > self._most_others:
            used = a.nbr[: a.pool[0]]
            named = np.bincount(used[used >= 0], minlength=n)[others]
            out = np.concatenate((out, _least(others, named.astype(np.float64), self._most_others)))
        return out

    def evict(self, rows: I4) -> None:
        """Evict titles."""
        self._newest_ms = None
        self._mark_named(self.titles.evict(rows))
        self._named[rows] = False

    def _mark_named(self, rows: I4) -> None:
        """Mark rows as named by a signal or a label."""
        self._named = grown(self._named, len(self.titles))
        self._named[rows] = True


def _least(rows: I4, activity: F8, most: int) -> I4:
    """Return the least active rows if there are too many: then an eighth of `most` becomes free."""
    if rows.size <= most:
        return rows[:0]
    order = np.argsort(activity, kind="stable")
    return rows[order][: rows.size - (most - most // 8)]
