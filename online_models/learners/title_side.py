"""What the titles' side does with signals: learn those of its shard's titles, and say which rows changed."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

import numpy as np
from numpy.typing import NDArray

from online_models.learners.title_updates import absorb
from online_models.tables.hashing import fill_shards
from online_models.tables.layout import F8, I4, I8, U8, Signals
from online_models.tables.titles import TitleTable, title_key

__all__ = ["MOST_DRIFTED", "TitleSide", "decayed", "shard_of"]

MOST_DRIFTED = 500
"""Rows that are written at a time for drift alone, or as many as signals name if that is more. A row is 2.6
kB, and a few hundred events move all of 10,000 titles by ``publish_drift``. Lists hardly depend on it:
MovieLens-100K in batches of 100 has, through a replica, HR@10 .2426 where every title is written that drifted
by .05 (3.7 rows an event), .2427 where only those are that drifted by 1 (1.6)."""


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
        self._named: NDArray[np.bool_] = np.zeros(0, np.bool_)

    def owned(self) -> I4:
        """1 for each row of the shard, 0 for the others: [number of titles]."""
        fresh = self.titles.arrays.key[self._owned.size : len(self.titles)]
        if fresh.size:
            mine = (shard_of(fresh, self.shards) == self.shard).astype(np.int32)
            self._owned = np.concatenate((self._owned, mine))
        return self._owned

    def absorb(self, signals: Signals) -> None:
        """Learn."""
        absorb(self.titles.arrays, self.titles.params, self.owned(), signals)
        self.titles.lengths.forget()
        paired = signals.history[:, : self.titles.params.window]
        met = paired[np.arange(paired.shape[1]) < signals.depth[:, None]]
        self._name(signals.title)
        self._name(np.where(met < 0, ~met, met))

    def take_changed(self) -> I4:
        """Return the rows to write: what signals or labels name, and of the rest what drifted the farthest.

        What is left over comes another time: it drifts on, until it is among the farthest.
        """
        a, changed = self.titles.arrays, self.titles.changed()
        self._name(changed[:0])
        named, drifted = changed[self._named[changed]], changed[~self._named[changed]]
        self._named[:] = False
        most = max(MOST_DRIFTED, named.size)
        if drifted.size > most:
            drifted = drifted[np.argsort(-a.drift[drifted], kind="stable")[:most]]
        out: I4 = np.sort(np.concatenate((named, drifted)))
        return out

    def label(self, labels: Mapping[str, Sequence[str]], *, stored: AbstractSet[str] = frozenset()) -> None:
        """Say what tags titles have; those of other shards are passed over.

        Parameters
        ----------
        labels
            Tags by title id.
        stored
            Titles whose vectors were loaded and have their tags' part already.
        """
        keys = np.array([title_key(title) for title in labels], np.uint64)
        mine = shard_of(keys, self.shards) == self.shard
        titles = [title for title, own in zip(labels, mine.tolist(), strict=True) if own]
        rows = self.titles.intern(titles)
        known = [title for title, row in zip(titles, rows.tolist(), strict=True) if row >= 0]
        rows = rows[rows >= 0]
        self.titles.label(rows, [labels[title] for title in known], told=[one in stored for one in known])
        self._name(rows)

    def _name(self, rows: I4) -> None:
        """Note that something was said of rows."""
        more = len(self.titles) - self._named.size
        if more > 0:
            self._named = np.concatenate((self._named, np.zeros(more + self._named.size, np.bool_)))
        self._named[rows] = True

    def trending(self, half_life: int, n: int) -> list[tuple[str, float]]:
        """Return the ``n`` titles of the highest decayed count, highest first, then by id.

        Parameters
        ----------
        half_life
            Which of the configured half-lives: 0, 1 or 2.
        n
            Length of the list; shorter where fewer titles were watched.
        """
        a, size = self.titles.arrays, len(self.titles)
        half_life_ms = float(self.titles.params.half_lives[half_life])
        value: F8 = decayed(a.trend[:size, half_life], a.trend_at[:size], half_life_ms)
        best = np.argsort(-value, kind="stable")[: 2 * n]
        named = [(self.titles.ids[r], float(value[r])) for r in best.tolist() if value[r] > 0]
        return sorted(((t, v) for t, v in named if t), key=lambda pair: (-pair[1], pair[0]))[:n]


def decayed(value: F8, at: I8, half_life_ms: float) -> F8:
    """Bring event-time counters to their newest moment: c * 2 ** (-(t_newest - t) / half-life).

    Examples
    --------
    >>> decayed(np.array([8.0, 1.0]), np.array([0, 2_000]), half_life_ms=1_000.0).tolist()
    [2.0, 1.0]
    """
    out: F8 = value * np.exp2((at - at.max(initial=0)) / half_life_ms)
    return out
