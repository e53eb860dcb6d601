"""The titles that are watched most now, kept from call to call: no pass over all to list the first fifty."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from online_models.tables.layout import F8, I4
from online_models.tables.titles import TitleTable

__all__ = ["MostTrending"]

KEPT: Final = 2
"""Titles that are kept for each one that is listed, after a pass over all: those that fall behind are
replaced for a while."""
MOST_KEPT: Final = 2 * KEPT
"""And at most, until those behind the first ones are let go."""
SHARE: Final = 4
"""One in so many titles may have been touched between two calls: else all are looked at."""


class MostTrending:
    r"""The titles with the highest decayed counters.

    All counters decay alike, so titles that nobody watches stay in order. A few titles are kept, and the
    counter c that none of the others exceeds; of the others only those that were touched since are looked at.
    With half-life H a counter that was last changed at t_0 counts

    .. math:: c \, 2^{-(t - t_0) / H}

    Parameters
    ----------
    titles
        The table.
    half_life
        Index of the half-life in `TrendingConfig.half_lives_s`: 0, 1 or 2.
    n
        Titles to list.
    belongs
        Returns which of some rows may be listed: [m]. Default: all.

    Examples
    --------
    >>> from online_models.config import ModelConfig
    >>> table = TitleTable(ModelConfig())
    >>> rows, most = table.intern(["a", "b"]), MostTrending(table, 0, 1)
    >>> table.arrays.trend[rows, 0] = 2, 3
    >>> most.top(0)
    [('b', 3.0)]
    >>> table.arrays.trend[rows[:1], 0] = 4; most.touch(rows[:1])
    >>> most.top(0)
    [('a', 4.0)]
    """

    def __init__(
        self,
        titles: TitleTable,
        half_life: int,
        n: int,
        belongs: Callable[[I4], NDArray[np.bool_]] | None = None,
    ) -> None:
        self._titles, self._half_life, self._n = titles, half_life, n
        self._belongs = belongs or (lambda rows: np.ones(rows.size, np.bool_))
        self._kept: I4 | None = None
        self._floor = 0.0, 0  # counter and its time: others have at most this
        self._touched: list[I4] = []
        self._number = 0

    def touch(self, rows: I4) -> None:
        """Note titles whose counters have changed, or that may be listed now."""
        self._touched.append(rows)
        self._number += rows.size
        if self._number * SHARE > len(self._titles):
            self._kept, self._touched, self._number = None, [], 0

    def top(self, newest_ms: int) -> list[tuple[str, float]]:
        """Return the titles with a name and their counters: the highest first, then by id.

        Parameters
        ----------
        newest_ms
            Time to which counters decay: the newest of any title.
        """
        rows, counts = self._first(newest_ms)
        self._kept, self._touched, self._number = rows, [], 0
        order = np.argsort(-counts)
        out: list[tuple[str, float]] = []
        for row, count in zip(rows[order].tolist(), counts[order].tolist(), strict=True):
            if len(out) >= self._n and (not self._n or count < out[self._n - 1][1]):
                break  # only titles that are level with the last one may still have its place
            if title := self._titles.ids[row]:
                out.append((title, count))
        return sorted(out, key=lambda one: (-one[1], one[0]))[: self._n]

    def _first(self, newest_ms: int) -> tuple[I4, F8]:
        """Return the titles to keep and their counters, after a look at all where too few are kept."""
        if self._kept is not None:
            rows = np.unique(np.concatenate((self._kept, *self._touched)))
            first, value = self._above(rows, newest_ms)
            if first.size > MOST_KEPT * self._n:
                return self._cut(first, value)
            if first.size >= self._n or not self._floor[0]:
                return first, value
        self._floor = 0.0, 0
        return self._cut(*self._above(np.arange(len(self._titles), dtype=np.int32), newest_ms))

    def _above(self, rows: I4, newest_ms: int) -> tuple[I4, F8]:
        """Return those of some titles that may be listed and are not below the floor, and their counters."""
        rows = rows[self._belongs(rows)]
        value, (floor, at) = self._decayed(rows, newest_ms), self._floor
        above = (value > 0) & (value >= floor * np.exp2((at - newest_ms) / self._half_life_ms))
        return rows[above], value[above]

    def _cut(self, rows: I4, value: F8) -> tuple[I4, F8]:
        """Keep the first titles, and all that are level with the last of them."""
        kept = KEPT * self._n
        if rows.size > kept > 0:
            last = np.argpartition(-value, kept - 1)[kept - 1]
            a = self._titles.arrays
            self._floor = float(a.trend[rows[last], self._half_life]), int(a.trend_at[rows[last]])
            first = value >= value[last]
            rows, value = rows[first], value[first]
        return rows, value

    def _decayed(self, rows: I4, newest_ms: int) -> F8:
        a = self._titles.arrays
        left = np.exp2((a.trend_at[rows] - newest_ms) / self._half_life_ms)
        out: F8 = a.trend[rows, self._half_life] * left
        return out

    @property
    def _half_life_ms(self) -> float:
        return float(self._titles.params.half_lives_ms[self._half_life])
