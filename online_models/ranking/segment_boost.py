r"""What audiences (:mod:`online_models.learners.segments`) watch, as pages ask for it; what it lifts for strangers.

A stranger's titles are lifted by :math:`a \log(1 + n\, s_j)`, with :math:`s_j` the mean of the title's shares
of what is watched in the country all day, there at this part of the day, and on the kind of device, as far as
each is known; and n the titles that anybody watches: the form of the blend's own log-shares.
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
"""Weight of the log-share: about what the blend's two log-shares of all watches begin with (.2 and .4)."""
MIN_WATCHES = 2.0
"""Watches from which a title is a crowd's: one alone is somebody's."""


class Lift(NamedTuple):
    """What is added to a stranger's scores; nothing to those of the other titles."""

    titles: I4
    """By row."""
    more: F4


class Trend(NamedTuple):
    """What a country watches of late."""

    titles: I4
    """By row, the most watched first."""
    heat: F4
    """Logarithm of each one's watches as a share of the first's."""
    watches: float
    """All that is counted there, as of its newest watch."""
    newest_ms: int
    """When that was."""

    def now(self, now_ms: int) -> float:
        """Return what the watches count by now.

        Examples
        --------
        >>> nothing = np.zeros(0, np.int32), np.zeros(0, np.float32)
        >>> Trend(*nothing, 8.0, 0).now(2 * 86_400_000)
        2.0
        """
        return float(self.watches * 2.0 ** (min(self.newest_ms - now_ms, 0) / (1000.0 * HALF_LIFE_S)))


class SegmentBoost:
    """What audiences watch, over the titles of a table, and what strangers' titles are lifted by for it.

    Parameters
    ----------
    titles
        The table.
    audiences
        One for each title shard: their titles are not the same.
    """

    def __init__(self, titles: TitleTable, audiences: Sequence[Segments]) -> None:
        self._titles, self._audiences = titles, audiences
        self._kept: dict[tuple[int, int, int], Lift] = {}
        self._state: tuple[int, ...] = ()
        self._trends: dict[str, tuple[tuple[int, ...], Trend]] = {}

    def lift(self, now_ms: int, size: int, *, country: int = 0, device: int = 0) -> Lift:
        """Return what is added to scores of the first ``size`` titles.

        Country and kind of device are codes, 0 where unknown. What is unknown, or not watched in, counts
        neither for nor against.
        """
        state = (size, *(one.version for one in self._audiences))
        if state != self._state:
            self._state = state
            self._kept.clear()
        asked = country, daypart(now_ms), device
        if asked not in self._kept:
            scopes = [country_scope(country), daypart_scope(country, now_ms)] if country else []
            self._kept[asked] = self._fresh([*scopes, device_scope(device)] if device else scopes, size)
        return self._kept[asked]

    def trend(self, country: int) -> Trend:
        """Return what a country watches of late; nothing where unknown.

        A title has at least `MIN_WATCHES` watches, as of the country's newest.
        """
        scope = country_scope(country)
        state = tuple(one.changes(scope) for one in self._audiences)
        kept = self._trends.get(scope)
        if kept is None or kept[0] != state:
            kept = self._trends[scope] = state, self._trend(scope)
        return kept[1]

    def _trend(self, scope: str) -> Trend:
        rows, counts = self._watched(scope)
        at = np.flatnonzero((rows >= 0) & (counts >= MIN_WATCHES))
        at = at[np.lexsort((rows[at], -counts[at]))]
        newest = max((one.newest_ms(scope) for one in self._audiences if one.changes(scope)), default=0)
        heat = np.log(counts[at] / counts[at[:1]]).astype(np.float32)
        return Trend(rows[at], heat, float(counts.sum()), newest)

    def _fresh(self, scopes: Sequence[str], size: int) -> Lift:
        shares = [share for share in (self._share(scope, size) for scope in scopes) if share is not None]
        share: F8 = np.mean(shares, axis=0) if shares else np.zeros(0)
        at = np.flatnonzero(share).astype(np.int32)
        more = LIFT * np.log1p(int(self._titles.arrays.size[1]) * share[at])
        return Lift(at, more.astype(np.float32))

    def _share(self, scope: str, size: int) -> F8 | None:
        """Return the share of a scope's watches that each title has: [size]."""
        rows, counts = self._watched(scope)
        fits = (rows >= 0) & (rows < size)
        out: F8 = np.zeros(size)
        np.add.at(out, rows[fits], counts[fits])
        total = float(out.sum())
        return out / total if total > 0 else None

    def _watched(self, scope: str) -> tuple[I4, F8]:
        """Return what is watched in a scope, by row, -1 for titles not met here, and how much."""
        pairs = [pair for one in self._audiences for pair in one.top(scope, 2 * KEPT)]
        rows = self._titles.by_key(np.array([key for key, _ in pairs], np.uint64))
        return rows, np.array([count for _, count in pairs], np.float64)
