r"""Audiences: what a country watches of late, and at this time of the day; for viewers nothing is known of.

A scope keeps a bounded, exponentially decayed count of its titles. Counts are kept forward: a watch at t adds
:math:`w\,2^{(t - t_0) / H}`, so that nothing has to be decayed until numbers grow large (Cormode et al., ICDE
2009, forward decay). When a scope has twice the titles that it keeps, the lesser half is forgotten.

A stranger's titles are lifted by :math:`a \log(1 + n\, s_j)`, with :math:`s_j` the share of the country's
watches, half of it of all day and half of this part of it, and n the titles that anybody watches: the form of
the blend's own log-shares.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from online_models.kernels.layout import F4, F8, I4, U8
from online_models.titles import TitleTable

__all__ = [
    "KEPT",
    "LIFT",
    "SHARED",
    "Audience",
    "Audiences",
    "Local",
    "Trend",
    "country_scope",
    "daypart",
    "daypart_scope",
]

KEPT = 64
"""Titles of a scope that are surely kept: more than three rows of a page."""
MOST_SCOPES = 512
"""Scopes kept: a hundred countries, each with its four parts of the day. Those met first stay."""
HALF_LIFE_S = 86_400.0
"""Of all-day scopes: a day, the middle one of the trending counters."""
DAYPART_HALF_LIFE_S = 7 * 86_400.0
"""Of a part of the day, which comes once a day: a week."""
DAYPARTS = 4
"""Parts of a day of six hours each, in UTC: a country's morning is the same part every day."""
LIFT = 0.5
"""Weight of the log-share: about what the blend's two log-shares of all watches begin with (.2 and .4)."""
SHARED = 2.0
"""Watches from which a title is a crowd's: one alone is somebody's."""
_FADED = 1e-9  # watches that are none any more
_RESCALE = 40.0  # half-lives after which counts are brought down: 2 ** 40 still adds up exactly enough


class Audience(NamedTuple):
    """One scope's counts, as they are stored."""

    keys: U8
    """Titles."""
    counts: F8
    """What they are watched, as of ``since_ms``."""
    since_ms: int
    newest_ms: int


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


def country_scope(code: int) -> str:
    """Return the scope of a country's code (:func:`online_models.catalogue.country_code`).

    Examples
    --------
    >>> country_scope(20041)
    'country:IN'
    """
    return f"country:{code.to_bytes(2, 'little').decode('ascii', 'replace')}"


def daypart(at_ms: int) -> int:
    """Return the part of the day (UTC) of a time: 0 to 3.

    Examples
    --------
    >>> daypart(0), daypart(13 * 3_600_000)
    (0, 2)
    """
    return int(at_ms // 3_600_000 % 24 * DAYPARTS // 24)


def daypart_scope(code: int, at_ms: int) -> str:
    """Return the scope of a country at a part of the day.

    Examples
    --------
    >>> daypart_scope(20041, 13 * 3_600_000)
    'country:IN@2'
    """
    return f"{country_scope(code)}@{daypart(at_ms)}"


class _Scope:
    """Forward-decayed counts of one scope."""

    def __init__(self, half_life_s: float) -> None:
        self.half_life_ms = 1000.0 * half_life_s
        self.counts: dict[int, float] = {}
        self.since_ms = self.newest_ms = self.changes = 0

    def add(self, key: int, weight: float, at_ms: int) -> None:
        """Count a watch."""
        if not self.counts:
            self.since_ms = at_ms
        self.newest_ms = max(self.newest_ms, at_ms)
        if at_ms - self.since_ms > _RESCALE * self.half_life_ms:
            self._rescale(at_ms)
        worth = weight * 2.0 ** ((at_ms - self.since_ms) / self.half_life_ms)
        self.counts[key] = self.counts.get(key, 0.0) + worth
        if len(self.counts) > 2 * KEPT:
            best = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))[:KEPT]
            self.counts = dict(best)

    def _rescale(self, at_ms: int) -> None:
        factor = 2.0 ** ((self.since_ms - at_ms) / self.half_life_ms)
        self.counts = {key: count * factor for key, count in self.counts.items() if count * factor > _FADED}
        self.since_ms = at_ms


class Audiences:
    """Counts of many scopes.

    Examples
    --------
    >>> crowd = Audiences()
    >>> for title, at in ((2, 0), (4, 1_000), (4, 2_000)):
    ...     crowd.watch(title, 1.0, at, country=20041)
    >>> crowd.top("country:IN", 2)
    [(4, 2.0), (2, 1.0)]
    >>> sorted(crowd.take_moved())
    ['country:IN', 'country:IN@0']
    """

    def __init__(self) -> None:
        self._scopes: dict[str, _Scope] = {}
        self._moved: dict[str, None] = {}
        self.version = 0

    def __len__(self) -> int:
        """Return the number of scopes."""
        return len(self._scopes)

    def watch(self, key: int, weight: float, at_ms: int, *, country: int) -> None:
        """Count a watch of a title in a country, and there at its part of the day."""
        for name, half_life_s in (
            (country_scope(country), HALF_LIFE_S),
            (daypart_scope(country, at_ms), DAYPART_HALF_LIFE_S),
        ):
            scope = self._scopes.get(name)
            if scope is None:
                if len(self._scopes) >= MOST_SCOPES:
                    continue
                scope = self._scopes[name] = _Scope(half_life_s)
            scope.add(key, weight, at_ms)
            self._moved[name] = None
            self.version += 1
            scope.changes = self.version

    def top(self, scope: str, n: int) -> list[tuple[int, float]]:
        """Return the ``n`` titles of the highest count, by key, with their counts as of the newest watch."""
        found = self._scopes.get(scope)
        if found is None:
            return []
        now = 2.0 ** ((found.since_ms - found.newest_ms) / found.half_life_ms)
        best = sorted(found.counts.items(), key=lambda item: (-item[1], item[0]))[:n]
        return [(key, count * now) for key, count in best]

    def newest_ms(self, scope: str) -> int:
        """Return the time of a scope's newest watch."""
        return self._scopes[scope].newest_ms

    def changes(self, scope: str) -> int:
        """Return a number that grows with every change of a scope; 0 where there is none."""
        found = self._scopes.get(scope)
        return 0 if found is None else found.changes

    def take_moved(self) -> list[str]:
        """Return the scopes that changed since this was last asked, in the order of their first change."""
        out = list(self._moved)
        self._moved.clear()
        return out

    def state(self, scope: str) -> Audience:
        """Return a scope's counts as they are stored."""
        one = self._scopes[scope]
        keys = np.fromiter(one.counts, np.uint64, len(one.counts))
        counts = np.fromiter(one.counts.values(), np.float64, len(one.counts))
        return Audience(keys, counts, one.since_ms, one.newest_ms)

    def load(self, scope: str, stored: Audience) -> None:
        """Take a stored scope over."""
        one = _Scope(DAYPART_HALF_LIFE_S if "@" in scope else HALF_LIFE_S)
        one.counts = dict(zip(stored.keys.tolist(), stored.counts.tolist(), strict=True))
        one.since_ms, one.newest_ms = stored.since_ms, stored.newest_ms
        self.version += 1
        one.changes = self.version
        self._scopes[scope] = one


class Local:
    """What countries watch, over the titles of a table, and what strangers' titles are lifted by for it.

    Parameters
    ----------
    titles
        The table.
    audiences
        One for each title shard: their titles are not the same.
    """

    def __init__(self, titles: TitleTable, audiences: Sequence[Audiences]) -> None:
        self._titles, self._audiences = titles, audiences
        self._kept: dict[tuple[int, int], F4] = {}
        self._state: tuple[int, ...] = ()
        self._trends: dict[str, tuple[tuple[int, ...], Trend]] = {}

    def lift(self, country: int, now_ms: int, size: int) -> F4 | None:
        """Return what is added to the scores of the first ``size`` titles; None where nothing is known."""
        state = (size, *(one.version for one in self._audiences))
        if state != self._state:
            self._state = state
            self._kept.clear()
        asked = country, daypart(now_ms)
        if asked not in self._kept:
            self._kept[asked] = self._fresh(country, now_ms, size)
        lift = self._kept[asked]
        return lift if lift.size else None

    def trend(self, country: int) -> Trend:
        """Return what a country watches of late; nothing where unknown.

        A title has at least `SHARED` watches, as of the country's newest.
        """
        scope = country_scope(country)
        state = tuple(one.changes(scope) for one in self._audiences)
        kept = self._trends.get(scope)
        if kept is None or kept[0] != state:
            kept = self._trends[scope] = state, self._trend(scope)
        return kept[1]

    def _trend(self, scope: str) -> Trend:
        pairs = [pair for one in self._audiences for pair in one.top(scope, 2 * KEPT)]
        keys = np.array([key for key, _ in pairs], np.uint64)
        counts, rows = np.array([count for _, count in pairs]), self._titles.by_key(keys)
        at = np.flatnonzero((rows >= 0) & (counts >= SHARED))
        at = at[np.lexsort((rows[at], -counts[at]))]
        newest = max((one.newest_ms(scope) for one in self._audiences if one.changes(scope)), default=0)
        heat = np.log(counts[at] / counts[at[:1]]).astype(np.float32)
        return Trend(rows[at], heat, float(counts.sum()), newest)

    def _fresh(self, country: int, now_ms: int, size: int) -> F4:
        shares = [
            self._share(name, size) for name in (country_scope(country), daypart_scope(country, now_ms))
        ]
        known = [share for share in shares if share is not None]
        if not known:
            return np.zeros(0, np.float32)
        share = np.mean(known, axis=0)
        out: F4 = (LIFT * np.log1p(int(self._titles.arrays.size[1]) * share)).astype(np.float32)
        return out

    def _share(self, scope: str, size: int) -> F8 | None:
        """Return the share of a scope's watches that each title has: [size]."""
        pairs: Iterable[tuple[int, float]] = (p for one in self._audiences for p in one.top(scope, 2 * KEPT))
        keys, counts = zip(*pairs, strict=True) if (pairs := list(pairs)) else ((), ())
        if not keys:
            return None
        rows = self._titles.by_key(np.array(keys, np.uint64))
        fits = (rows >= 0) & (rows < size)
        out: F8 = np.zeros(size)
        np.add.at(out, rows[fits], np.array(counts)[fits])
        total = float(out.sum())
        return out / total if total > 0 else None
