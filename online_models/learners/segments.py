r"""Segments: recent watches in a country, in a country at a part of the day, and on a kind of device.

Each segment (its name is its scope) keeps a bounded, exponentially decayed count of its titles. Decay is
forward: a watch at t adds :math:`w\,2^{(t - t_0) / H}`, so that no count has to be decayed until numbers grow
large (Cormode et al., ICDE 2009). When a segment has twice the titles that it keeps, the half of the lower
counts is dropped.

A segment of fewer than twenty distinct viewers is counted and not shown: its list would be what these few
watch (:mod:`online_models.learners.k_anonymity`). Viewers are told apart by 16 bits of a hash, which name
nobody and make a segment look smaller, never larger.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.feedback.devices import device_of
from online_models.jit import jit_no_alloc
from online_models.learners.k_anonymity import LEAST, DistinctViewers
from online_models.tables.layout import F4, F8, I8, U8

__all__ = [
    "KEPT",
    "Segment",
    "Segments",
    "country_scope",
    "daypart",
    "daypart_scope",
    "device_scope",
]

KEPT = 64
"""Titles that a segment keeps at least: more than three shelves of a page."""
MOST_SCOPES = 512
"""Segments kept: a hundred countries, each with its four parts of the day. Countries come from events and may
be invented: when there are too many, an eighth is dropped, those of the fewest recent watches. The few kinds
of device (`feedback.devices.KINDS`) are always kept."""
HALF_LIFE_S = 86_400.0
"""Half-life of all-day segments: a day, the middle one of the trending counters."""
DAYPART_HALF_LIFE_S = 7 * 86_400.0
"""Half-life of a part of the day, which comes once a day: a week."""
DAYPARTS = 4
"""Parts of a day of six hours each, in UTC: a country's morning is the same part every day."""
Codes = NDArray[Any]
Rows = NDArray[np.intp]
_DEVICE = "device:"
_FADED = 1e-9  # watches below which a title is dropped when counts are rescaled
_RESCALE = 40.0  # half-lives after which counts are rescaled: float64 still adds 1 to 2 ** 40 exactly


class Segment(NamedTuple):
    """Counts of one segment, as they are stored."""

    keys: U8
    """Titles."""
    counts: F8
    """Watches of each title, decayed to ``since_ms``."""
    since_ms: int
    newest_ms: int
    viewers: list[int] | None = []  # noqa: RUF012 - a field's default, never changed
    """Distinct viewers by 16 bits of the hashes of their ids; None: enough to be shown."""


def country_scope(code: int) -> str:
    """Return the scope of a country's code (:func:`online_models.catalog.catalog.country_code`).

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


def device_scope(code: int) -> str:
    """Return the scope of a kind of device's code (:func:`online_models.feedback.devices.device_code`).

    Examples
    --------
    >>> device_scope(1)
    'device:tv'
    """
    return f"{_DEVICE}{device_of(code)}"


@jit_no_alloc
def add_counts(titles: U8, counts: F8, n: int, kept: int, keys: U8, worth: F8) -> int:
    """Add to the counts of titles, in order; new ones go behind the ``n`` that are there.

    When there are more than ``2 * kept``, the ``kept`` of the highest counts stay, by count and then by key.
    Returns how many there are then.
    """
    for i in range(keys.size):
        place = n
        for k in range(n):  # no early exit: without a branch the loop becomes vector instructions
            place = k if titles[k] == keys[i] else place
        if place == n:
            titles[n], counts[n] = keys[i], 0.0
            n += 1
        counts[place] += worth[i]
        if n > 2 * kept:
            for k in range(1, n):  # by insertion: nearly half of them were in order the last time
                title, count, at = titles[k], counts[k], k
                while at > 0 and (
                    counts[at - 1] < count or (counts[at - 1] == count and titles[at - 1] > title)
                ):
                    titles[at], counts[at] = titles[at - 1], counts[at - 1]
                    at -= 1
                titles[at], counts[at] = title, count
            n = kept
    return n


class _Scope:
    """Forward-decayed counts of one segment."""

    def __init__(self, half_life_s: float) -> None:
        self.half_life_ms = 1000.0 * half_life_s
        self.viewers = DistinctViewers()
        self.size = self.since_ms = self.newest_ms = self.changes = 0
        self._keys, self._counts = np.zeros(2 * KEPT + 1, np.uint64), np.zeros(2 * KEPT + 1)

    @property
    def keys(self) -> U8:
        """The titles."""
        return self._keys[: self.size]

    @property
    def counts(self) -> F8:
        """The watches of each title, as of ``since_ms``."""
        return self._counts[: self.size]

    def add(self, keys: U8, weights: F8, at_ms: I8) -> None:
        """Count watches in their order."""
        if not self.size:
            self.since_ms = int(at_ms[0])
        self.newest_ms = max(self.newest_ms, int(at_ms.max()))
        start, longest = 0, _RESCALE * self.half_life_ms
        while start < keys.size:
            late = at_ms[start:] - self.since_ms > longest
            if late[0]:
                self._rescale(int(at_ms[start]))
                late = at_ms[start:] - self.since_ms > longest
            stop = start + int(late.argmax()) if late.any() else keys.size
            self._add(keys[start:stop], weights[start:stop], at_ms[start:stop])
            start = stop

    def load(self, counts: Mapping[int, float]) -> None:
        """Replace the counts."""
        self.size, room = len(counts), max(2 * KEPT, len(counts)) + 1
        self._keys, self._counts = np.zeros(room, np.uint64), np.zeros(room)
        self._keys[: self.size], self._counts[: self.size] = [*counts], [*counts.values()]

    def _add(self, keys: U8, weights: F8, at_ms: I8) -> None:
        worth = weights * np.power(2.0, (at_ms - self.since_ms) / self.half_life_ms)
        self.size = add_counts(self._keys, self._counts, self.size, KEPT, keys, worth)

    def _rescale(self, at_ms: int) -> None:
        counts = self.counts * 2.0 ** ((self.since_ms - at_ms) / self.half_life_ms)
        left = counts > _FADED
        self.load(dict(zip(self.keys[left].tolist(), counts[left].tolist(), strict=True)))
        self.since_ms = at_ms


class Segments:
    """Counts of many segments.

    Parameters
    ----------
    least
        Distinct viewers of a segment that is shown. Default: `k_anonymity.LEAST`.

    Examples
    --------
    >>> segments = Segments()
    >>> for viewer in range(10):
    ...     segments.watch(4, 1.0, 0, country=20041, viewer=viewer)
    >>> segments.top("country:IN", 2)
    []
    >>> segments = Segments(least=1)
    >>> for title, at in ((2, 0), (4, 1_000), (4, 2_000)):
    ...     segments.watch(title, 1.0, at, country=20041, device=1)
    >>> segments.top("country:IN", 2)
    [(4, 2.0), (2, 1.0)]
    >>> sorted(segments.take_moved())
    ['country:IN', 'country:IN@0', 'device:tv']
    """

    def __init__(self, least: int | None = None) -> None:
        self._least = LEAST if least is None else least
        self._scopes: dict[str, _Scope] = {}
        self._moved: dict[str, None] = {}
        self._dropped: dict[str, None] = {}
        self.version = 0

    def __len__(self) -> int:
        """Return the number of segments."""
        return len(self._scopes)

    def watch(
        self, key: int, weight: float, at_ms: int, *, country: int = 0, device: int = 0, viewer: int = 0
    ) -> None:
        """Count a watch of a title in a country, in it at this part of the day, and on a kind of device.

        Country and device are codes, 0 if unknown.
        """
        columns = (
            np.array([key], np.uint64), np.array([weight], np.float64), np.array([at_ms], np.int64),
            np.array([viewer]),
        )  # fmt: skip
        if country:
            self._count(country_scope(country), HALF_LIFE_S, *columns)
            self._count(daypart_scope(country, at_ms), DAYPART_HALF_LIFE_S, *columns)
        if device:
            self._count(device_scope(device), HALF_LIFE_S, *columns)

    def meet(self, scope: str, viewers: Iterable[int]) -> None:
        """Count the distinct viewers of a scope that has no counts of its own, as a genre."""
        found = self._scopes.setdefault(scope, _Scope(HALF_LIFE_S))
        known = len(found.viewers)
        found.viewers.add(viewers, self._least)
        if len(found.viewers) > known:
            self._changed(scope, found)

    def is_shown(self, scope: str) -> bool:
        """Return whether a scope has enough distinct viewers."""
        found = self._scopes.get(scope)
        return found is not None and found.viewers.enough

    def watch_many(
        self, keys: U8, weights: F4, at_ms: I8, *, countries: Codes, devices: Codes, viewers: Codes
    ) -> None:
        """Count watches as :meth:`watch` does one by one, but segment by segment, in a third of the time."""
        parts, exact = at_ms // 3_600_000 % 24 * DAYPARTS // 24, weights.astype(np.float64)
        groups: list[tuple[int, str, float, Rows]] = []
        for first, code, rows in _groups(countries.astype(np.int64)):
            groups.append((first, country_scope(code), HALF_LIFE_S, rows))
            for at, part, among in _groups(1 + parts[rows]):
                scope = f"{country_scope(code)}@{part - 1}"
                groups.append((int(rows[at]), scope, DAYPART_HALF_LIFE_S, rows[among]))
        for first, code, rows in _groups(devices.astype(np.int64)):
            groups.append((first, device_scope(code), HALF_LIFE_S, rows))
        for _, scope, half_life_s, rows in sorted(groups, key=lambda group: group[0]):
            self._count(scope, half_life_s, keys[rows], exact[rows], at_ms[rows], viewers[rows])

    def _count(
        self,
        name: str,
        half_life_s: float,
        keys: U8,
        weights: F8,
        at_ms: I8,
        viewers: Codes,
    ) -> None:
        scope = self._scopes.get(name)
        if scope is None:
            if len(self._scopes) >= MOST_SCOPES and not name.startswith(_DEVICE):
                self._drop_least()
            self._dropped.pop(name, None)
            scope = self._scopes[name] = _Scope(half_life_s)
        scope.add(keys, weights, at_ms)
        if not scope.viewers.enough:
            scope.viewers.add(viewers.tolist(), self._least)
        self._changed(name, scope)

    def _changed(self, name: str, scope: _Scope) -> None:
        self._moved[name] = None
        self.version += 1
        scope.changes = self.version

    def _drop_least(self) -> None:
        """Drop an eighth of the segments: those whose watches have decayed to the least."""
        newest = max(scope.newest_ms for scope in self._scopes.values())

        def watches(name: str) -> tuple[float, str]:
            scope = self._scopes[name]
            return sum(scope.counts.tolist()) * 2.0 ** ((scope.since_ms - newest) / scope.half_life_ms), name

        countries = [name for name in self._scopes if not name.startswith(_DEVICE)]
        for name in sorted(countries, key=watches)[: MOST_SCOPES // 8]:
            self.drop(name)
            self._dropped[name] = None

    def drop(self, scope: str) -> None:
        """Forget a segment."""
        self._scopes.pop(scope, None)
        self._moved.pop(scope, None)
        self.version += 1

    def take_dropped(self) -> list[str]:
        """Return the scopes that were dropped since the last call to make room."""
        out = list(self._dropped)
        self._dropped.clear()
        return out

    def top(self, scope: str, n: int) -> list[tuple[int, float]]:
        """Return the ``n`` titles of the highest count, by key, with the counts as of the newest watch.

        Nothing if the scope has too few viewers.
        """
        found = self._scopes.get(scope)
        if found is None or not found.viewers.enough:
            return []
        now = 2.0 ** ((found.since_ms - found.newest_ms) / found.half_life_ms)
        best = np.lexsort((found.keys, -found.counts))[:n]
        return [*zip(found.keys[best].tolist(), (found.counts[best] * now).tolist(), strict=True)]

    def newest_ms(self, scope: str) -> int:
        """Return the time of a segment's newest watch."""
        return self._scopes[scope].newest_ms

    def changes(self, scope: str) -> int:
        """Return a number that grows with every change of a segment; 0 if there is none."""
        found = self._scopes.get(scope)
        return 0 if found is None else found.changes

    def take_moved(self) -> list[str]:
        """Return the scopes that changed since the last call, in the order of their first change."""
        out = list(self._moved)
        self._moved.clear()
        return out

    def state(self, scope: str) -> Segment:
        """Return a segment's counts as they are stored."""
        one = self._scopes[scope]
        viewers = None if one.viewers.enough else sorted(one.viewers.members)
        return Segment(one.keys.copy(), one.counts.copy(), one.since_ms, one.newest_ms, viewers)

    def load(self, scope: str, stored: Segment) -> None:
        """Load a stored segment."""
        one = _Scope(DAYPART_HALF_LIFE_S if "@" in scope else HALF_LIFE_S)
        one.load(dict(zip(stored.keys.tolist(), stored.counts.tolist(), strict=True)))
        one.since_ms, one.newest_ms = stored.since_ms, stored.newest_ms
        one.viewers = DistinctViewers(set(stored.viewers or ()), enough=stored.viewers is None)
        self.version += 1
        one.changes = self.version
        self._scopes[scope] = one


def _groups(codes: I8) -> Iterator[tuple[int, int, Rows]]:
    """Yield every code but 0: the index of its first row, the code, the indices of its rows."""
    for code in sorted({*codes.tolist()} - {0}):  # a set of few codes costs a tenth of `numpy.unique`
        rows = np.flatnonzero(codes == code)
        yield int(rows[0]), code, rows
