"""Titles in memory: ids by key, guards, and the search index; their records are on disk.

A guard decides whether a title may be shown: to whom (maturity, country) and when (its window), as in
:mod:`online_models.catalog.catalog`, with one difference: where there is a catalog, a title that is not in it
is not shown, because it may have been withdrawn. Business rules exclude titles, too.

A record that cannot be used changes nothing: a title keeps its last guard, and one that has none stays
hidden.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from threading import Lock
from typing import NamedTuple

from online_models.catalog.business_rules import RuleSet
from online_models.tables.titles import title_key
from schemas import Title, topics
from schemas.codec import check_title_key, decode_title
from streams.engine.table_records import UnusableRecords
from streams.serve.mirror.rules import RuleAudience, RuleFilter
from streams.serve.mirror.table import Change, take_changes
from streams.serve.mirror.title_index import Hit, TitleIndex
from streams.stages.wire.partition_rows import is_reserved
from streams.telemetry.metrics import Metrics

__all__ = ["TitleDirectory"]


class _Guard(NamedTuple):
    maturity: int
    start_ms: float
    end_ms: float
    countries: frozenset[str]
    release_ms: int
    labels: frozenset[str]

    def allows(self, audience: RuleAudience) -> bool:
        """Return whether an audience may see the title."""
        return (
            self.start_ms <= audience.now_ms < self.end_ms
            and (audience.maturity is None or self.maturity <= audience.maturity)
            and (not self.countries or (audience.country or "") in self.countries)
        )


class TitleDirectory:
    """Ids, guards and search index of titles. Reader threads write it, the server's threads read it.

    Parameters
    ----------
    unusable
        Receives records of the catalog that cannot be used. Default: one of its own.

    Examples
    --------
    >>> from schemas.codec import encode
    >>> titles = TitleDirectory()
    >>> titles.on_catalog([(b"a", encode(Title(title_id="a", name="Paper Tide", maturity=16)))])
    >>> titles.allowed("a", RuleAudience(0)), titles.allowed("a", RuleAudience(0, maturity=12))
    (True, False)
    >>> [hit.title_id for hit in titles.find("tide", 5)]
    ['a']
    """

    def __init__(self, unusable: UnusableRecords | None = None) -> None:
        self._unusable = unusable or UnusableRecords(Metrics())
        self._lock = Lock()  # held while guards or ids are written, or read as a whole
        self._guards: dict[str, _Guard] = {}
        self._ids: dict[int, str] = {}
        self._in_model: set[str] = set()
        self._index = TitleIndex()
        self._rules = RuleFilter(RuleSet())
        self._genres: Counter[str] = Counter()

    def __len__(self) -> int:
        """Return the number of titles in the catalog."""
        return len(self._guards)

    def __contains__(self, title_id: str) -> bool:
        """Return whether the catalog or the model has a title."""
        return title_key(title_id) in self._ids

    def on_catalog(self, changes: Sequence[Change]) -> None:
        """Apply changes of the catalog, each by itself."""
        take_changes(topics.CATALOG, changes, self._take_change, self._unusable)

    def on_model(self, changes: Sequence[Change]) -> None:
        """Add the keys of the title model."""
        for key, value in changes:
            if is_reserved(key):
                continue
            title_id = key.decode(errors="replace")
            with self._lock:
                if value is not None:
                    self._in_model.add(title_id)
                    self._ids[title_key(title_id)] = title_id
                else:  # evicted
                    self._in_model.discard(title_id)
                    self._forget(title_id)

    def ids_of(self, keys: Iterable[int]) -> list[str | None]:
        """Return the title ids of the model's hashed keys, None for unknown ones."""
        return [self._ids.get(key) for key in keys]

    def set_rules(self, rules: RuleSet) -> None:
        """Replace the business rules."""
        self._rules = RuleFilter(rules)

    def allowed(self, title_id: str, audience: RuleAudience) -> bool:
        """Return whether a title may be shown to an audience."""
        guard = self._guards.get(title_id)
        if guard is None:
            no_catalog = not self._guards and not self._unusable.count(topics.CATALOG)
            free = no_catalog and audience.maturity is None
            return free and not self._rules.excludes(title_id, (), audience)
        return guard.allows(audience) and not self._rules.excludes(title_id, guard.labels, audience)

    def featured(self, audience: RuleAudience) -> Iterator[str]:
        """Yield the titles that rules feature and that may be shown."""
        return (title for title in self._rules.featured(audience) if self.allowed(title, audience))

    def newest(self, audience: RuleAudience) -> Iterator[str]:
        """Yield the released titles that may be shown, newest first."""
        with self._lock:
            out = [(g.release_ms, t) for t, g in self._guards.items() if g.release_ms <= audience.now_ms]
        yield from (title for _, title in sorted(out, reverse=True) if self.allowed(title, audience))

    def genres(self) -> list[str]:
        """Return the genres of the titles in the catalog, in order."""
        with self._lock:
            return sorted(self._genres)

    def labelled(self) -> list[tuple[str, frozenset[str]]]:
        """Return the titles in the catalog with their tags as ``kind:value``."""
        with self._lock:
            return [(title_id, guard.labels) for title_id, guard in self._guards.items()]

    def find(self, query: str, limit: int) -> list[Hit]:
        """Return the titles that match a query."""
        return self._index.find(query, limit)

    def corrected(self, query: str) -> str | None:
        """Return a query without its typing errors, None if it has none."""
        return self._index.corrected(query)

    def _take_change(self, change: Change) -> None:
        """Apply one change of the catalog; raise `DecodeError` on a bad one."""
        key, value = change
        if value is None:
            title_id = key.decode(errors="replace")
            with self._lock:
                self._count_genres(self._guards.pop(title_id, None), -1)
                self._forget(title_id)
            self._index.remove(title_id)
            return
        title = decode_title(value)
        check_title_key(title, key)
        self._put(title)

    def _forget(self, title_id: str) -> None:
        """Forget the id of a title that neither the catalog nor the model has."""
        if title_id not in self._guards and title_id not in self._in_model:
            self._ids.pop(title_key(title_id), None)

    def _count_genres(self, guard: _Guard | None, by: int) -> None:
        for label in guard.labels if guard else ():
            kind, _, value = label.partition(":")
            if kind == "genre":
                self._genres[value] += by
                if self._genres[value] <= 0:
                    del self._genres[value]

    def _put(self, title: Title) -> None:
        window = title.availability
        guard = _Guard(
            title.maturity,
            -math.inf if window.start_ms is None else window.start_ms,
            math.inf if window.end_ms is None else window.end_ms,
            frozenset(window.countries),
            title.release_ms or 0,
            frozenset(title.tag_labels()),
        )
        with self._lock:
            self._count_genres(self._guards.get(title.title_id), -1)
            self._count_genres(guard, 1)
            self._guards[title.title_id] = guard
            self._ids[title_key(title.title_id)] = title.title_id
        self._index.put(title)
