"""The catalog: what may be shown to whom, and when (the guards), and what titles are about (their tags).

A title may be listed when it is in the catalog or has been watched, was not withdrawn, is inside its
availability window and countries, and its maturity is within the viewer's limit. A watched title that the
catalog does not know is taken as free for everyone without a limit, and never shown to a viewer who has
one. Business rules (:mod:`online_models.catalog.business_rules`) come on top: what they exclude may not be listed either.
"""

from dataclasses import dataclass, field
from functools import cache
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from online_models.catalog.business_rules import NO_PINS, Matched, RuleSet, lift, matching, pins
from online_models.catalog.title_facts import TitleFacts
from online_models.catalog.title_tags import TitleTags, labels_of, year_of
from online_models.tables import snapshots
from online_models.tables.layout import F4, I4, I8, U1
from online_models.tables.titles import TitleTable
from online_models.tables.viewers import NO_LIMIT
from schemas import Title
from schemas.rules import RuleKind

_UNKNOWN_MATURITY = 254
_COLUMNS = ("_maturity", "_start", "_end", "_listed")
_FOREVER = int(np.iinfo(np.int64).max)

__all__ = ["Catalog", "country_code"]


@cache
def country_code(country: str | None) -> int:
    """Two ASCII letters as one number, 0 for none.

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
    """Guards worked out for one state of catalog and titles, valid for a span of time."""

    state: tuple[int, int, int] = (-1, 0, 0)
    since: int = 0
    until: int = 0
    rows: dict[tuple[int, int], tuple[F4, int, I4]] = field(default_factory=dict)
    matched: list[Matched] = field(default_factory=list)
    """Business rules in force."""


class Catalog:
    """Guards and tags of every title, row by row beside a :class:`TitleTable`.

    Parameters
    ----------
    titles
        The table whose rows are guarded; titles of the catalog get rows in it.

    Attributes
    ----------
    tags, facts
        What titles are about, and their names, series and times of release; a title that was withdrawn keeps
        them, since some have watched it.
    lock
        Held while these, rules and the version are written; who reads all of them holds it, too.
    labelled
        Every title with its tags, in the order in which they were said; the last word counts. It only grows,
        so that others can follow it.

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
        self.labelled: list[tuple[str, tuple[str, ...]]] = []
        self._rules = RuleSet()
        self._version = 0
        self._guards = _Guards()

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__ | {"_guards": _Guards()}  # no state: worked out again where it is needed
        del state["lock"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, lock=Lock())

    def put(self, title: Title) -> None:
        """Take a title's newest record over."""
        row = int(self.titles.intern([title.title_id])[0])
        if row < 0:
            return
        self._fit(row + 1)
        window = title.availability
        self._maturity[row] = min(title.maturity or 0, _UNKNOWN_MATURITY)
        self._start[row] = -_FOREVER if window.start_ms is None else window.start_ms
        self._end[row] = _FOREVER if window.end_ms is None else window.end_ms
        self._listed[row] = 1
        labels = (*labels_of(title), *year_of(title))
        if labels:
            self.labelled.append((title.title_id, labels))
            self.titles.label(np.array([row], np.int32), [labels])
        self._countries.pop(row, None)
        if window.countries:
            self._countries[row] = frozenset(map(country_code, window.countries))
        with self.lock:
            self.tags.put(row, title)
            self.facts.put(row, title)
            self._version += 1

    @property
    def version(self) -> int:
        """Number that grows whenever the catalog changes."""
        return self._version

    @property
    def tag_names(self) -> list[str]:
        """Every tag by its id, as ``kind:value``."""
        return self.tags.names

    def tags_of(self, rows: NDArray[Any]) -> tuple[I4, I4]:
        """Return the tags of rows as a CSR: see :meth:`TitleTags.of`."""
        return self.tags.of(rows)

    def withdraw(self, title_id: str) -> None:
        """Never list a title again, watched or not (a tombstone in the catalog)."""
        row = int(self.titles.intern([title_id])[0])
        if row >= 0:
            self._fit(row + 1)
            self._listed[row] = -1
            with self.lock:
                self._version += 1

    def obey(self, rules: RuleSet) -> None:
        """Let business rules say what may be listed, and how high, in place of those before.

        Examples
        --------
        >>> from online_models.config import ModelConfig
        >>> from schemas.rules import BusinessRule
        >>> guards = Catalog(TitleTable(ModelConfig()))
        >>> guards.put(Title(title_id="a")); guards.put(Title(title_id="b"))
        >>> guards.obey(RuleSet([BusinessRule(rule_id="r", kind=RuleKind.EXCLUDE, titles=("a",))]))
        >>> guards.allowed(limit=NO_LIMIT, country=0, now_ms=0).tolist()
        [False, True]
        """
        with self.lock:
            self._rules = rules
            self._version += 1

    def allowed(self, *, limit: int, country: int, now_ms: int) -> NDArray[np.bool_]:
        """Which rows may be listed for a maturity limit and a country at a time."""
        n = len(self.titles)
        met = min(n, self._listed.size)
        active = self.titles.arrays.counts[:n, 0] > 0
        out: NDArray[np.bool_] = active & (limit >= _UNKNOWN_MATURITY)
        listed = self._listed[:met]
        out[:met] = (listed > 0) | ((listed == 0) & active[:met])
        out[:met] &= (self._start[:met] <= now_ms) & (now_ms < self._end[:met])
        out[:met] &= self._maturity[:met] <= limit
        for row, countries in list(self._countries.items()):
            if row < n and country not in countries:
                out[row] = False
        for one in self._ruling(limit=limit, country=country, now_ms=now_ms):
            if one.rule.kind is RuleKind.EXCLUDE:
                out[one.below(n)] = False
        return out

    def guard(self, *, limit: int, country: int, now_ms: int) -> tuple[F4, int]:
        """Return :meth:`allowed` as something to add to scores, and how many titles are allowed.

        What is added is -inf where a title is not allowed, else what rules add to its score: 0 without any.
        It is worked out anew only when the catalog, the titles met, the rules or the windows that are open
        have changed.
        """
        row, count, _ = self._found(limit, country, now_ms)
        return row, count

    def pins(self, *, limit: int, country: int, now_ms: int) -> I4:
        """Return what rules pin: [P, 3] row of the title, kind of row (`page.layout`), place."""
        return self._found(limit, country, now_ms)[2] if self._rules.rules else NO_PINS

    def snapshot(self) -> bytes:
        """Return guards and tags as bytes (:mod:`online_models.tables.snapshots`), without the titles."""
        countries = {row: sorted(codes) for row, codes in sorted(self._countries.items())}
        facts, arrays = self.tags.state()
        more_facts, more_arrays = self.facts.state()
        arrays |= {name: getattr(self, name) for name in _COLUMNS} | more_arrays
        facts |= more_facts
        return snapshots.pack("Catalog", {"countries": countries, **facts}, arrays)

    @classmethod
    def from_snapshot(cls, data: bytes, titles: TitleTable) -> "Catalog":
        """Return the catalog that a snapshot was made of, over the titles that it referred to."""
        facts, arrays = snapshots.unpack("Catalog", data)
        out = cls(titles)
        for name in _COLUMNS:
            setattr(out, name, arrays[name])
        out._countries = {int(row): frozenset(codes) for row, codes in facts["countries"].items()}
        out.tags = TitleTags.from_state(facts, arrays)
        out.facts = TitleFacts.from_state(facts, arrays)
        return out

    def _found(self, limit: int, country: int, now_ms: int) -> tuple[F4, int, I4]:
        """Return what to add to scores, how many titles are allowed, and pins."""
        guards = self._guards_at(now_ms)
        found = guards.rows.get((limit, country))
        if found is None:
            allowed = self.allowed(limit=limit, country=country, now_ms=now_ms)
            row = np.where(allowed, np.float32(0.0), np.float32(-np.inf))
            ruling = self._ruling(limit=limit, country=country, now_ms=now_ms)
            if ruling:
                row += lift(ruling, row.size)
            found = guards.rows[limit, country] = (row, int(np.count_nonzero(allowed)), pins(ruling))
        return found

    def _ruling(self, *, limit: int, country: int, now_ms: int) -> list[Matched]:
        """Return the rules in force about viewers of a maturity limit and a country."""
        if not self._rules.rules:
            return []
        where, age = country_of(country), None if limit == NO_LIMIT else limit
        return [one for one in self._guards_at(now_ms).matched if one.concerns(where, age)]

    def _guards_at(self, now_ms: int) -> _Guards:
        """Return the guards of the present state; without rows where it has changed.

        They are good from the last opening or closing of a window or a campaign to the next.
        """
        guards = self._guards
        state = (self._version, len(self.titles), int(self.titles.arrays.size[1]))
        if guards.state != state or not guards.since <= now_ms < guards.until:
            moments = np.concatenate((self._start, self._end, np.array(self._rules.moments, np.int64)))
            since = int(moments.max(where=moments <= now_ms, initial=-_FOREVER))
            until = int(moments.min(where=moments > now_ms, initial=_FOREVER))
            guards = self._guards = _Guards(state, since, until, matched=self._matched(now_ms))
        return guards

    def _matched(self, now_ms: int) -> list[Matched]:
        rules = self._rules.at(now_ms)
        if not rules:
            return []
        with self.lock:
            tags = self.tags.of(np.arange(len(self.titles)))
            return matching(rules, self.titles.row, tags, self.tags.names)

    def _fit(self, n: int) -> None:
        have = self._listed.size
        if n > have:
            more = max(n, 2 * have) - have
            self._maturity = np.concatenate((self._maturity, np.full(more, _UNKNOWN_MATURITY, np.uint8)))
            self._start = np.concatenate((self._start, np.full(more, -_FOREVER, np.int64)))
            self._end = np.concatenate((self._end, np.full(more, _FOREVER, np.int64)))
            self._listed = np.concatenate((self._listed, np.zeros(more, np.int8)))
