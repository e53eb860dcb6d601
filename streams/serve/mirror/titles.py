"""What the server knows of titles in memory: names by key, guards, and the search index; the rest is on disk.

A guard says whether a title may be shown: to whom (maturity, country) and when (its window), as
:mod:`online_models.catalog.catalog` has it, with one difference: where there is a catalogue, a title that is not in
it is shown to nobody, because nobody here knows whether it was withdrawn. Business rules exclude titles, too.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import structlog

from online_models.catalog.business_rules import RuleSet
from online_models.tables.titles import title_key
from schemas import DecodeError, Title
from schemas.codec import decode_title
from streams.serve.mirror.rules import RuleAudience, RuleFilter
from streams.serve.mirror.table import Change
from streams.serve.mirror.title_index import Hit, TitleIndex
from streams.stages.wire.partition_rows import is_reserved

__all__ = ["RuleAudience", "TitleDirectory"]

_LOG = structlog.get_logger(__name__)


class _Guard(NamedTuple):
    maturity: int
    start_ms: float
    end_ms: float
    countries: frozenset[str]
    release_ms: int
    labels: frozenset[str]

    def allows(self, audience: RuleAudience) -> bool:
        """Whether somebody may see the title."""
        return (
            self.start_ms <= audience.now_ms < self.end_ms
            and (audience.maturity is None or self.maturity <= audience.maturity)
            and (not self.countries or (audience.country or "") in self.countries)
        )


class TitleDirectory:
    """Names, guards and words of titles. Written by the readers' threads, read by the server's.

    Examples
    --------
    >>> from schemas.codec import encode
    >>> book = TitleBook()
    >>> book.catalogue([(b"a", encode(Title(title_id="a", name="Paper Tide", maturity=16)))])
    >>> book.allowed("a", Audience(0)), book.allowed("a", Audience(0, maturity=12))
    (True, False)
    >>> [hit.title_id for hit in book.find("tide", 5)]
    ['a']
    """

    def __init__(self) -> None:
        self._guards: dict[str, _Guard] = {}
        self._names: dict[int, str] = {}
        self._index = TitleIndex()
        self._ruling = RuleFilter(RuleSet())

    def __len__(self) -> int:
        """Return the number of titles in the catalogue."""
        return len(self._guards)

    def __contains__(self, title_id: str) -> bool:
        """Say whether the catalogue or the model has a title."""
        return title_key(title_id) in self._names

    def catalogue(self, changes: Sequence[Change]) -> None:
        """Take records of the catalogue."""
        for key, value in changes:
            title_id = key.decode(errors="replace")
            if value is None:
                self._guards.pop(title_id, None)
                self._index.withdraw(title_id)
                continue
            try:
                self._put(decode_title(value))
            except DecodeError as error:
                _LOG.warning("catalogue_record_unusable", reason=error.reason, field=error.field)

    def model(self, changes: Sequence[Change]) -> None:
        """Take the keys of the title model."""
        for key, _ in changes:
            if not is_reserved(key):
                title_id = key.decode(errors="replace")
                self._names[title_key(title_id)] = title_id

    def named(self, keys: Iterable[int]) -> list[str | None]:
        """Return the titles behind keys of the model."""
        return [self._names.get(key) for key in keys]

    def obey(self, rules: RuleSet) -> None:
        """Take business rules over, in place of those before."""
        self._ruling = RuleFilter(rules)

    def allowed(self, title_id: str, audience: RuleAudience) -> bool:
        """Say whether a title may be shown to somebody."""
        guard = self._guards.get(title_id)
        if guard is None:
            free = not self._guards and audience.maturity is None
            return free and not self._ruling.excludes(title_id, (), audience)
        return guard.allows(audience) and not self._ruling.excludes(title_id, guard.labels, audience)

    def featured(self, audience: RuleAudience) -> Iterator[str]:
        """Yield the titles that rules put above all others, as far as they may be shown."""
        return (title for title in self._ruling.featured(audience) if self.allowed(title, audience))

    def newest(self, audience: RuleAudience) -> Iterator[str]:
        """Yield the titles that came out last, newest first; none that is still to come out."""
        out = [(g.release_ms, t) for t, g in list(self._guards.items()) if g.release_ms <= audience.now_ms]
        yield from (title for _, title in sorted(out, reverse=True) if self.allowed(title, audience))

    def find(self, query: str, limit: int) -> list[Hit]:
        """Return the titles that a query may mean."""
        return self._index.find(query, limit)

    def meant(self, query: str) -> str | None:
        """Return what a query was probably meant to be, None for what it is."""
        return self._index.meant(query)

    def _put(self, title: Title) -> None:
        window = title.availability
        self._guards[title.title_id] = _Guard(
            title.maturity,
            -math.inf if window.start_ms is None else window.start_ms,
            math.inf if window.end_ms is None else window.end_ms,
            frozenset(window.countries),
            title.release_ms or 0,
            frozenset(title.tag_labels()),
        )
        self._names[title_key(title.title_id)] = title.title_id
        self._index.put(title)
