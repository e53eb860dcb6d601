r"""Boosts for cold-start viewers, and trends of countries, from the counts of `learners.segments`.

The score of a title for a cold-start viewer grows by :math:`a \log(1 + n\, s_j)`: :math:`s_j` is the mean of
its shares of the watches in the country all day, in the country at this part of the day, and on the kind of
device, as far as each is known; n is the number of watched titles. This is the form of the blend's
log-shares.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from online_models.learners.segments import (
    HALF_LIFE_S,
    KEPT,
    Segments,
    country_scope,
    daypart,
    daypart_scope,
    device_scope,
)
from online_models.tables.layout import F4, F8, I4
from online_models.tables.titles import TitleTable

__all__ = ["LIFT", "MIN_WATCHES", "Lift", "SegmentBoost", "Trend"]

LIFT = 0.5
"""Weight of the log-share: about the first weights of the blend's two log-shares of all watches (.2, .4)."""
MIN_WATCHES = 2.0
"""Watches that a title of a trend needs: one watch may be one viewer's."""


class Lift(NamedTuple):
    """Additions to the scores of a cold-start viewer; other titles get none."""

    titles: I4
    """By row."""
    more: F4


class Trend(NamedTuple):
    """Recent watches of a country."""

    titles: I4
    """By row, the most watched first."""
    heat: F4
    """Logarithm of each title's watches as a share of the first one's."""
    watches: float
    """Sum of the counts, decayed to the newest watch."""
    newest_ms: int
    """Time of the newest watch."""

    def now(self, now_ms: int) -> float:
        """Return the sum of the counts, decayed to a time.

        Examples
        --------
        >>> nothing = np.zeros(0, np.int32), np.zeros(0, np.float32)
        >>> Trend(*nothing, 8.0, 0).now(2 * 86_400_000)
        2.0
        """
        return float(self.watches * 2.0 ** (min(self.newest_ms - now_ms, 0) / (1000.0 * HALF_LIFE_S)))


class SegmentBoost:
    """Boosts and trends of segments, over the titles of a table.

    Parameters
    ----------
    titles
        The table.
    segments
        One for each title shard; each counts titles of its own.
    """

    def __init__(self, titles: TitleTable, segments: Sequence[Segments]) -> None:
        self._titles, self._segments = titles, segments
        self._kept: dict[tuple[int, int, int], Lift] = {}
        self._state: tuple[int, ...] = ()
        self._trends: dict[str, tuple[tuple[int, ...], Trend]] = {}

    def lift(self, now_ms: int, size: int, *, country: int = 0, device: int = 0) -> Lift:
        """Return the additions to the scores of the first ``size`` titles.

        Country and kind of device are codes, 0 if unknown. A segment that is unknown or has no watches is
        left out of the mean.
        """
        state = (size, *(one.version for one in self._segments))
        if state != self._state:
            self._state = state
            self._kept.clear()
        key = country, daypart(now_ms), device
        if key not in self._kept:
            scopes = [country_scope(country), daypart_scope(country, now_ms)] if country else []
            self._kept[key] = self._boost([*scopes, device_scope(device)] if device else scopes, size)
        return self._kept[key]

    def trend(self, country: int) -> Trend:
        """Return the recent watches of a country; nothing if it is unknown.

        Titles have at least `MIN_WATCHES` watches, decayed to the newest watch of the country.
        """
        scope = country_scope(country)
        state = tuple(one.changes(scope) for one in self._segments)
        kept = self._trends.get(scope)
        if kept is None or kept[0] != state:
            kept = self._trends[scope] = state, self._trend(scope)
        return kept[1]

    def _trend(self, scope: str) -> Trend:
        rows, counts = self._watched(scope)
        at = np.flatnonzero((rows >= 0) & (counts >= MIN_WATCHES))
        at = at[np.lexsort((rows[at], -counts[at]))]
        newest = max((one.newest_ms(scope) for one in self._segments if one.changes(scope)), default=0)
        heat = np.log(counts[at] / counts[at[:1]]).astype(np.float32)
        return Trend(rows[at], heat, float(counts.sum()), newest)

    def _boost(self, scopes: Sequence[str], size: int) -> Lift:
        shares = [share for share in (self._share(scope, size) for scope in scopes) if share is not None]
        share: F8 = np.mean(shares, axis=0) if shares else np.zeros(0)
        at = np.flatnonzero(share).astype(np.int32)
        more = LIFT * np.log1p(int(self._titles.arrays.size[1]) * share[at])
        return Lift(at, more.astype(np.float32))

    def _share(self, scope: str, size: int) -> F8 | None:
        """Return each title's share of a scope's watches: [size]; None without watches."""
        rows, counts = self._watched(scope)
        fits = (rows >= 0) & (rows < size)
        out: F8 = np.zeros(size)
        np.add.at(out, rows[fits], counts[fits])
        total = float(out.sum())
        return out / total if total > 0 else None

    def _watched(self, scope: str) -> tuple[I4, F8]:
        """Return the titles of a scope by row, -1 if not in the table, and their counts."""
        pairs = [pair for one in self._segments for pair in one.top(scope, 2 * KEPT)]
        rows = self._titles.by_key(np.array([key for key, _ in pairs], np.uint64))
        return rows, np.array([count for _, count in pairs], np.float64)
