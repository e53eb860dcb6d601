"""The catalog: which titles may be listed for whom and when (guards), and their tags and facts.

A title may be listed if it is in the catalog or has been watched, was not withdrawn, is within its
availability window and countries, and its maturity is within the viewer's limit. A watched title that is
missing from the catalog may be listed for viewers without a limit only. Titles that business rules exclude
(:mod:`online_models.catalog.business_rules`) may not be listed either.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import pairwise
from threading import Lock
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from online_models.catalog.business_rules import (
    NO_PINS,
    MatchedRule,
    RuleSet,
    match_rules,
    pins_of,
    score_changes,
)
from online_models.catalog.title_facts import TitleFacts
from online_models.catalog.title_tags import NO_YEAR, TitleTags, labels_of, year_label, year_of
from online_models.tables import snapshots
from online_models.tables.growing import grown
from online_models.tables.layout import F4, I4, I8, U1, U8
from online_models.tables.titles import TitleTable
from online_models.tables.viewers import NO_LIMIT
from schemas import Title
from schemas.rules import RuleKind

_UNKNOWN_MATURITY = 254
_COLUMNS = ("_maturity", "_start", "_end", "_listed")
_FOREVER = int(np.iinfo(np.int64).max)
_NOT_COUNTED = ((-1, 0, 0), 0)
"""`Catalog._watched` before the first count."""
_NO_ORDER: tuple[int, tuple[I4, I4]] = (-1, (np.empty(0, np.int32), np.empty(0, np.int32)))
"""`Catalog._order` before it was asked for."""

__all__ = ["Catalog", "country_code"]


@cache
def country_code(country: str | None) -> int:
    """Return a country's two letters as one number, 0 for none.

    Examples
    --------
    >>> country_code("IN"), country_code(None)
    (20041, 0)
    """
    return int.from_bytes(country.encode("ascii")[:2], "little") if country else 0


def country_of(code: int) -> str | None:
    """Return the two letters of a country's code; None for 0.

    Examples
    --------
    >>> country_of(20041), country_of(0)
    ('IN', None)
    """
    return int(code).to_bytes(2, "little").decode("ascii") if code else None


@dataclass(slots=True)
class _Guards:
    """Guards computed for one state of catalog and titles, valid for a span of time."""

    state: tuple[int, int, int] = (-1, 0, 0)
    since: int = 0
    until: int = 0
    rows: dict[tuple[int, int], tuple[F4, int, I4]] = field(default_factory=dict)
    matched: list[MatchedRule] = field(default_factory=list)
    """Business rules in force."""


@lru_cache(4_096)
def _codes_of(countries: tuple[str, ...]) -> frozenset[int]:
    """Return the codes of countries: titles are licensed for the same ones by the hundred."""
    return frozenset(map(country_code, countries))


AT_ONCE: Final = 1_000
"""Records that are applied at once: pages wait for the catalog's lock meanwhile, some 5 ms."""


def _ends_without_repeats(rows: I4) -> list[int]:
    """Return the ends of the longest parts in which no row is twice.

    Examples
    --------
    >>> _ends_without_repeats(np.array([1, 2, 1, 3, 3]))
    [2, 4, 5]
    """
    ends: list[int] = []
    if np.unique(rows).size < rows.size:
        seen: set[int] = set()
        for n, row in enumerate(rows.tolist()):
            if row in seen:
                ends.append(n)
                seen.clear()
            seen.add(row)
    return [*ends, rows.size]


class Catalog:
    """Guards, tags and facts of every title; its rows are those of a :class:`TitleTable`.

    Parameters
    ----------
    titles
        The table of titles; titles of the catalog get rows in it.

    Attributes
    ----------
    tags, facts
        Tags of titles, and their names, series, lengths and times of release. A withdrawn title keeps them,
        since it is in histories.
    lock
        Held while these, rules and the version are written; hold it to read several of them consistently.

    Examples
    --------
    >>> from online_models.config import ModelConfig
    >>> table = TitleTable(ModelConfig())
    >>> guards = Catalog(table)
    >>> guards.put(Title(title_id="a", maturity=16)); guards.put(Title(title_id="b"))
    >>> guards.allowed(limit=12, country=0, now_ms=0).tolist()
    [False, True]
    >>> from schemas import Tags
    >>> guards.put(Title(title_id="b", tags=Tags(mood=("dark",)), release_ms=0))
    >>> guards.tags_of(np.array([0, 1])), guards.tag_names
    ((array([0, 0, 2], dtype=int32), array([0, 1], dtype=int32)), ['mood:dark', 'decade:1970s'])
    """

    def __init__(self, titles: TitleTable) -> None:
        self.titles = titles
        self._maturity: U1 = np.zeros(0, np.uint8)
        self._start: I8 = np.zeros(0, np.int64)
        self._end: I8 = np.zeros(0, np.int64)
        self._listed: NDArray[np.int8] = np.zeros(0, np.int8)
        self._countries: dict[int, frozenset[int]] = {}
        self.tags = TitleTags()
        self.facts = TitleFacts()
        self.lock = Lock()
        self._year: I4 = np.zeros(0, np.int32)
        self._record_at: I8 = np.zeros(0, np.int64)  # version of the catalog with the newest record, 0: none
        self._rules = RuleSet()
        self._version = 0
        self._guards = _Guards()
        self._watched: tuple[tuple[int, int, int], int] = _NOT_COUNTED
        self._order = _NO_ORDER

    def __getstate__(self) -> dict[str, Any]:
        derived = {"_guards": _Guards(), "_watched": _NOT_COUNTED, "_order": _NO_ORDER}
        state = self.__dict__ | derived  # of which nothing is part of the state
        del state["lock"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, lock=Lock())

    def put(self, title: Title) -> None:
        """Apply the newest record of a title."""
        self.put_all([title])

    def put_all(self, titles: Sequence[Title]) -> None:
        """Apply the newest records of titles, in order: many at once, as each call has its cost."""
        for first in range(0, len(titles), AT_ONCE):
            some = titles[first : first + AT_ONCE]
            rows, begin = self._admitted([title.title_id for title in some]), 0
            for end in _ends_without_repeats(rows):
                self._put(rows[begin:end], some[begin:end])
                begin = end

    def _put(self, rows: I4, titles: Sequence[Title]) -> None:
        """Apply records of different titles."""
        self._fit(int(rows.max()) + 1)
        windows = [title.availability for title in titles]
        self._maturity[rows] = np.minimum([title.maturity or 0 for title in titles], _UNKNOWN_MATURITY)
        self._start[rows] = [-_FOREVER if one.start_ms is None else one.start_ms for one in windows]
        self._end[rows] = [_FOREVER if one.end_ms is None else one.end_ms for one in windows]
        self._listed[rows] = 1
        tags = [labels_of(title) for title in titles]
        years = [*map(year_of, titles)]
        labels = [(*theirs, *year_label(year)) for theirs, year in zip(tags, years, strict=True)]
        with self.lock:
            for row, one in zip(rows.tolist(), windows, strict=True):
                if one.countries:
                    self._countries[row] = _codes_of(one.countries)
                else:
                    self._countries.pop(row, None)
            self.tags.put(rows, tags)
            self.facts.put(rows, titles)
            self._year[rows] = years
            self._record_at[rows] = self._version + 1 + np.arange(len(titles))
            self._version += len(titles)
        self.titles.label(rows[[*map(bool, labels)]], [*filter(None, labels)])

    def _admitted(self, title_ids: Sequence[str]) -> I4:
        """Return the rows of titles; they have room however many titles outside of the catalog there are."""
        rows = self.titles.intern(title_ids, admit=True)
        self.titles.mark_in_catalog(rows)
        return rows

    def has_keys(self, keys: U8) -> NDArray[np.bool_]:
        """Return which titles, by key, the catalog has a record of, or has withdrawn: [keys]."""
        rows = self.titles.find(keys)
        known = (rows >= 0) & (rows < self._listed.size)
        known[known] = self._listed[rows[known]] != 0
        return known

    def has_record(self, title_id: str) -> bool:
        """Return whether the catalog has a record of a title, or has withdrawn it."""
        row = self.titles.row(title_id)
        return row is not None and row < self._listed.size and bool(self._listed[row])

    @property
    def version(self) -> int:
        """A number that grows with every change of the catalog."""
        return self._version

    @property
    def tag_names(self) -> list[str]:
        """Names of all tags by number, as ``kind:value``."""
        return self.tags.names

    def tags_of(self, rows: NDArray[Any]) -> tuple[I4, I4]:
        """Return the tags of rows as compressed sparse rows: see :meth:`TitleTags.of`."""
        return self.tags.of(rows)

    def labels_since(self, version: int) -> tuple[dict[str, tuple[str, ...]], int]:
        """Return the tags to learn by of titles with a record behind a version, and the newest version.

        Tags are those of the newest records, with the year of the first release; titles are in the order of
        these records. Version 0 is that before the first record.

        Examples
        --------
        >>> from online_models.config import ModelConfig
        >>> from schemas import Tags
        >>> guards = Catalog(TitleTable(ModelConfig()))
        >>> for name, genre in zip("aba", ("Drama", "Crime", "War")):
        ...     guards.put(Title(title_id=name, tags=Tags(genre=(genre,))))
        >>> guards.labels_since(0)
        ({'b': ('genre:Crime',), 'a': ('genre:War',)}, 3)
        >>> guards.labels_since(2), guards.labels_since(3)
        (({'a': ('genre:War',)}, 3), ({}, 3))
        """
        with self.lock:
            newest, at = self._version, self._record_at
            if newest <= version:
                return {}, version
            rows = np.flatnonzero(at > version)
            rows = rows[np.argsort(at[rows])]
            start, numbers = self.tags.of(rows)
            names, years = self.tags.names.copy(), self._year[rows].tolist()
        ids, tags, spans = self.titles.ids, [names[n] for n in numbers.tolist()], pairwise(start.tolist())
        found = zip(rows.tolist(), spans, years, strict=True)
        labels = {ids[row]: (*tags[a:b], *year_label(year)) for row, (a, b), year in found}
        return {title_id: theirs for title_id, theirs in labels.items() if theirs}, newest

    def withdraw(self, title_id: str) -> None:
        """Withdraw a title: never list it again, watched or not (a tombstone in the catalog)."""
        row = int(self._admitted([title_id])[0])
        self._fit(row + 1)
        self._listed[row] = -1
        with self.lock:
            self._version += 1

    def set_rules(self, rules: RuleSet) -> None:
        """Replace the business rules.

        Examples
        --------
        >>> from online_models.config import ModelConfig
        >>> from schemas.rules import BusinessRule
        >>> guards = Catalog(TitleTable(ModelConfig()))
        >>> guards.put(Title(title_id="a")); guards.put(Title(title_id="b"))
        >>> guards.set_rules(RuleSet([BusinessRule(rule_id="r", kind=RuleKind.EXCLUDE, titles=("a",))]))
        >>> guards.allowed(limit=NO_LIMIT, country=0, now_ms=0).tolist()
        [False, True]
        """
        with self.lock:
            self._rules = rules
            self._version += 1

    def allowed(self, *, limit: int, country: int, now_ms: int) -> NDArray[np.bool_]:
        """Return which rows may be listed for a maturity limit and a country at a time: [titles]."""
        n = len(self.titles)
        known = min(n, self._listed.size)
        active = self.titles.arrays.counts[:n, 0] > 0
        out: NDArray[np.bool_] = active & (limit >= _UNKNOWN_MATURITY)
        listed = self._listed[:known]
        out[:known] = (listed > 0) | ((listed == 0) & active[:known])
        out[:known] &= (self._start[:known] <= now_ms) & (now_ms < self._end[:known])
        out[:known] &= self._maturity[:known] <= limit
        with self.lock:
            elsewhere = [row for row, countries in self._countries.items() if country not in countries]
        out[[row for row in elsewhere if row < n]] = False
        for one in self._rules_for(limit=limit, country=country, now_ms=now_ms):
            if one.rule.kind is RuleKind.EXCLUDE:
                out[one.below(n)] = False
        return out

    def guard(self, *, limit: int, country: int, now_ms: int) -> tuple[F4, int]:
        """Return summands of scores [titles], and the number of titles allowed.

        A summand is -inf if the title is not :meth:`allowed`, else what rules add to its score, 0 without
        any. Cached until the catalog, the table of titles, the rules or the open windows change.
        """
        row, count, _ = self._guard_of(limit, country, now_ms)
        return row, count

    def pins(self, *, limit: int, country: int, now_ms: int) -> I4:
        """Return pins of rules: [P, 3] row of the title, kind of shelf (`tables.codes`), place."""
        return self._guard_of(limit, country, now_ms)[2] if self._rules.rules else NO_PINS

    def episode_order(self) -> tuple[I4, I4]:
        """Return the episode before each title, and the titles that have one: `TitleFacts.episode_order`."""
        if self._order[0] != self._version:
            with self.lock:
                self._order = self._version, self.facts.episode_order()
        return self._order[1]

    def snapshot(self) -> bytes:
        """Return the catalog as bytes (:mod:`online_models.tables.snapshots`), without rules and titles."""
        countries = {row: sorted(codes) for row, codes in sorted(self._countries.items())}
        facts, arrays = self.tags.state()
        more_facts, more_arrays = self.facts.state()
        arrays |= {name: getattr(self, name) for name in _COLUMNS} | more_arrays
        facts |= more_facts
        return snapshots.pack("Catalog", {"countries": countries, **facts}, arrays)

    @classmethod
    def from_snapshot(cls, data: bytes, titles: TitleTable) -> "Catalog":
        """Return the catalog of a snapshot, over the table of its titles."""
        facts, arrays = snapshots.unpack("Catalog", data)
        out = cls(titles)
        for name in _COLUMNS:
            setattr(out, name, arrays[name])
        out._countries = {int(row): frozenset(codes) for row, codes in facts["countries"].items()}
        titles.mark_in_catalog(np.flatnonzero(out._listed).astype(np.int32))
        out.tags = TitleTags.from_state(facts, arrays)
        out.facts = TitleFacts.from_state(facts, arrays)
        return out

    def _guard_of(self, limit: int, country: int, now_ms: int) -> tuple[F4, int, I4]:
        """Return summands of scores, the number of titles allowed, and pins; cached."""
        guards = self._guards_at(now_ms)
        found = guards.rows.get((limit, country))
        if found is None:
            allowed = self.allowed(limit=limit, country=country, now_ms=now_ms)
            row = np.where(allowed, np.float32(0.0), np.float32(-np.inf))
            applicable = self._rules_for(limit=limit, country=country, now_ms=now_ms)
            if applicable:
                row += score_changes(applicable, row.size)
            found = guards.rows[limit, country] = (row, int(np.count_nonzero(allowed)), pins_of(applicable))
        return found

    def _rules_for(self, *, limit: int, country: int, now_ms: int) -> list[MatchedRule]:
        """Return the rules in force whose audience includes a maturity limit and a country."""
        if not self._rules.rules:
            return []
        where, age = country_of(country), None if limit == NO_LIMIT else limit
        return [one for one in self._guards_at(now_ms).matched if one.applies_to(where, age)]

    def _guards_at(self, now_ms: int) -> _Guards:
        """Return the cache of guards, an empty one if the state has changed.

        It is valid from the last beginning or end of a window or rule to the next.
        """
        guards = self._guards
        state = self._state_of_guards()
        if guards.state != state or not guards.since <= now_ms < guards.until:
            moments = np.concatenate((self._start, self._end, np.array(self._rules.moments, np.int64)))
            since = int(moments.max(where=moments <= now_ms, initial=-_FOREVER))
            until = int(moments.min(where=moments > now_ms, initial=_FOREVER))
            guards = self._guards = _Guards(state, since, until, matched=self._matched(now_ms))
        return guards

    def _state_of_guards(self) -> tuple[int, int, int]:
        """Return version, number of titles, and how many watched titles have no record.

        Those with a record may be listed whether they are watched or not. So the first watch of one changes
        no guard: of 200,000 titles a guard takes 4 ms.
        """
        n, arrays = len(self.titles), self.titles.arrays
        watched = (self._version, n, int(arrays.size[1]))
        if self._watched[0] != watched:
            without = np.ones(n, np.bool_)
            without[: self._listed.size] = self._listed[:n] == 0
            self._watched = watched, int(np.count_nonzero(arrays.counts[np.flatnonzero(without), 0]))
        return self._version, n, self._watched[1]

    def _matched(self, now_ms: int) -> list[MatchedRule]:
        rules = self._rules.at(now_ms)
        if not rules:
            return []
        with self.lock:
            tags = self.tags.of(np.arange(len(self.titles)))
            return match_rules(rules, self.titles.row, tags, self.tags.names)

    def _fit(self, n: int) -> None:
        self._maturity = grown(self._maturity, n, _UNKNOWN_MATURITY)
        self._start = grown(self._start, n, -_FOREVER)
        self._end = grown(self._end, n, _FOREVER)
        self._listed = grown(self._listed, n)
        self._year, self._record_at = grown(self._year, n, NO_YEAR), grown(self._record_at, n)
