"""Facts of titles from the catalog: names, series and their order, durations, and when they are available."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from online_models.tables.growing import grown
from online_models.tables.layout import F8, I4, I8
from online_models.tables.numbering import Numbering, spans_of
from online_models.tables.texts import TextColumn
from schemas import Title

__all__ = ["NEVER", "TitleFacts"]

_SEASON = 1 << 20
"""Between the orders of two seasons: more than an episode's number (``schemas.fields.Ordinal``)."""
_SERIES = 1 << 40
"""Between those of two series."""

NEVER = int(np.iinfo(np.int64).min)
"""Available since, for titles without a time."""


class TitleFacts:
    """Facts of every row of a table of titles: 32 bytes a title, and its name.

    Attributes
    ----------
    names
        Names by row, "" for titles without one.

    Examples
    --------
    >>> from schemas import Availability
    >>> facts = TitleFacts()
    >>> facts.put(np.array([1]), [Title(title_id="a", name="Alien", series_id="s", release_ms=5)])
    >>> [*facts.names], facts.series(3).tolist(), facts.available_since(2)[1]
    (['', 'Alien'], [-1, 0, -1], np.int64(5))
    """

    def __init__(self) -> None:
        self.names = TextColumn()
        self._numbering = Numbering()  # of series
        self._series: I4 = np.zeros(0, np.int32)
        self._order: I8 = np.zeros(0, np.int64)  # in its series, -1: unknown
        self._since: I8 = np.zeros(0, np.int64)
        self._seconds: F8 = np.zeros(0)
        self._renamed: I4 = np.zeros(0, np.int32)

    def put(self, rows: I4, titles: Sequence[Title]) -> None:
        """Apply the newest records of titles, each row once."""
        self._fit(int(rows.max(initial=-1)) + 1)
        self._put_names(rows, [title.name for title in titles])
        held = self._series[rows]
        series = [title.series_id for title in titles]
        having = np.array([one is not None for one in series], np.bool_)
        former, start = (
            (spans_of((held >= 0).astype(np.int32)), held[held >= 0]),
            spans_of(having.astype(np.int32)),
        )
        self._series[rows] = -1
        self._series[rows[having]] = self._numbering.replace_all(former, start, [*filter(None, series)])
        self._order[rows] = [
            -1 if title.episode is None else (title.season or 0) * _SEASON + title.episode for title in titles
        ]
        released = [NEVER if title.release_ms is None else title.release_ms for title in titles]
        licensed = [title.availability.start_ms for title in titles]
        self._since[rows] = np.maximum(released, [NEVER if at is None else at for at in licensed])
        self._seconds[rows] = [title.duration_s or 0.0 for title in titles]

    def _put_names(self, rows: I4, names: Sequence[str | None]) -> None:
        held = map(self.names.find, rows.tolist())
        new = [n for n, (former, name) in enumerate(zip(held, names, strict=True)) if former != name]
        self._renamed[rows[new]] += 1
        self.names.put(rows[new], [names[n] for n in new])

    def _fit(self, size: int) -> None:
        self.names.extend(size)
        self._series = grown(self._series, size, -1)
        self._order = grown(self._order, size, -1)
        self._since = grown(self._since, size, NEVER)
        self._seconds = grown(self._seconds, size)
        self._renamed = grown(self._renamed, size)

    def name(self, row: int) -> str | None:
        """Return the name of a title, None without one."""
        return self.names.find(row) if row < len(self.names) else None

    def name_changes(self, rows: I4) -> I4:
        """Return how often the name of each row has changed in this process, 0 for unknown rows: [m]."""
        out = np.zeros(rows.size, np.int32)
        known = (rows >= 0) & (rows < self._renamed.size)
        out[known] = self._renamed[rows[known]]
        return out

    def series(self, size: int) -> I4:
        """Return the number of each row's series, -1 for none: [size]."""
        out = np.full(size, -1, np.int32)
        n = min(size, self._series.size)
        out[:n] = self._series[:n]
        return out

    def _in_order(self, n: int) -> tuple[I4, I8]:
        """Return those of the first rows that have a place in a series, in order, and their places."""
        ordered = np.flatnonzero((self._series[:n] >= 0) & (self._order[:n] >= 0)).astype(np.int32)
        at = self._series[ordered].astype(np.int64) * _SERIES + self._order[ordered]
        place = np.argsort(at, kind="stable")
        return ordered[place], at[place]

    def next_episodes(self, size: int) -> I4:
        """Return the next episode of each row's series by season and number, -1 for none: [size].

        Examples
        --------
        >>> facts = TitleFacts()
        >>> places = [(1, 1), (2, 1), (1, 2), (1, None)]
        >>> one = [Title(title_id="t", series_id="s", season=s, episode=n) for s, n in places]
        >>> facts.put(np.arange(4), one)
        >>> facts.next_episodes(5).tolist()
        [2, -1, 1, -1, -1]
        """
        out, n = np.full(size, -1, np.int32), min(size, self._series.size)
        ordered, at = self._in_order(n)
        following = np.searchsorted(at, at, side="right")  # a number may be there twice: another cut
        last = following == at.size
        following[last] = 0
        same = ~last & (at[following] // _SERIES == at // _SERIES)
        out[ordered[same]] = ordered[following[same]]
        return out

    def episode_order(self) -> tuple[I4, I4]:
        """Return the episode before each row, -1 for none, and the rows with one, the last of a series first.

        Nothing is before the first season, nor before a special (season 0 of a series that has others), nor
        behind a number that is there more than once: of two cuts a viewer knows one. Without any episode the
        first array is empty.

        Examples
        --------
        >>> facts = TitleFacts()
        >>> places = [(1, 1), (2, 1), (1, 2), (0, 1)]
        >>> one = [Title(title_id="t", series_id="s", season=s, episode=n) for s, n in places]
        >>> facts.put(np.arange(4), one)
        >>> [rows[:4].tolist() for rows in facts.episode_order()]
        [[-1, 2, 0, -1], [1, 2]]
        """
        ordered, at = self._in_order(self._series.size)
        if not ordered.size:
            return np.empty(0, np.int32), np.empty(0, np.int32)
        before = np.searchsorted(at, at, side="left") - 1
        series, season = at // _SERIES, at % _SERIES // _SEASON
        has_seasons = season[np.searchsorted(series, series, side="right") - 1] > 0
        known = (before >= 0) & (series[before] == series) & ((season[before] > 0) | ~has_seasons)
        known &= (before < 1) | (at[before] != at[np.maximum(before - 1, 0)])
        previous = np.full(self._series.size, -1, np.int32)
        previous[ordered[known]] = ordered[before[known]]
        return previous, ordered[known][::-1].copy()

    def available_since(self, size: int) -> I8:
        """Return since when each row is both released and licensed, ms; `NEVER` if unknown: [size]."""
        out = np.full(size, NEVER, np.int64)
        n = min(size, self._since.size)
        out[:n] = self._since[:n]
        return out

    def durations_s(self, size: int) -> F8:
        """Return the duration of each row in seconds, 0 if unknown: [size]."""
        out = np.zeros(size)
        n = min(size, self._seconds.size)
        out[:n] = self._seconds[:n]
        return out

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray[Any, Any]]]:
        """Return names and arrays for :meth:`from_state`."""
        named = [(row, name) for row, name in enumerate(self.names) if name]
        names = {"title_names": named, "series_names": self._numbering.names}
        arrays: dict[str, np.ndarray[Any, Any]] = {
            "title_series": self._series,
            "title_order": self._order,
            "title_since": self._since,
            "title_seconds": self._seconds,
        }
        return names, arrays

    @classmethod
    def from_state(cls, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray[Any, Any]]) -> Self:
        """Return the facts of a state; none if it was stored without facts."""
        out = cls()
        if "title_series" in arrays:
            out.names.extend(arrays["title_series"].size)
            named = facts["title_names"]
            out.names.put(np.array([row for row, _ in named], np.int32), [name for _, name in named])
            out._series, out._since = arrays["title_series"].copy(), arrays["title_since"].copy()
            out._numbering = Numbering.of(facts["series_names"], out._series[out._series >= 0])
            out._seconds = arrays.get("title_seconds", np.zeros(out._series.size)).copy()
            out._order = arrays.get("title_order", np.full(out._series.size, -1, np.int64)).copy()
            out._renamed = np.zeros(out._series.size, np.int32)
        return out
