"""A catalog into titles: `nearline import catalog`.

Every title is read by the product's own decoder, so what a worker would refuse is in the report, with its
line, instead of on the topic.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

from msgspec import json

from schemas import DecodeError, Title
from schemas.catalog import TitleKind
from schemas.codec import decode_title
from streams.ops.imports.columns import Texts, as_ids, as_seconds, as_times, plain_text
from streams.ops.imports.faults import Faults
from streams.ops.imports.history import DATES
from streams.ops.imports.mapping import ColumnMapping
from streams.ops.imports.sources import LIST_MARK, Block
from streams.ops.ratings.dataset import FIRST_YEAR, LAST_YEAR
from streams.ops.ratings.titles import NO_GENRES, YEAR

__all__ = ["as_titles"]

TAGS: Final = ("genre", "mood", "theme", "cast", "director")
LISTS: Final = ("languages", "subtitles")
KINDS: Final[dict[str, TitleKind]] = {
    **dict.fromkeys(("film", "movie", "feature", "short", "tvmovie", "video"), TitleKind.FILM),
    **dict.fromkeys(
        ("series", "show", "tv", "tvshow", "tvseries", "miniseries", "tvminiseries"), TitleKind.SERIES
    ),
    **dict.fromkeys(("episode", "tvepisode"), TitleKind.EPISODE),
}
"""Words for kinds of titles, letters only."""
MAX_NAME: Final = 256  # characters (`schemas.fields.Text`)
MAX_ORDINAL: Final = 65_535
"""Largest number of a season or an episode (`schemas.fields.Ordinal`)."""
OLDEST_MS: Final = -2_840_140_800_000
"""1880 (`schemas.catalog.Title.release_ms`)."""
_AGE: Final = re.compile(r"^(?:FSK\s*)?(\d{1,2})\+?$", re.IGNORECASE)
_YEAR_ONLY: Final = re.compile(r"^\s*(\d{4})(\.0)?\s*$")


class _Fault(Exception):  # noqa: N818 - never leaves this module
    """A value that cannot be used: column and cause."""

    def __init__(self, field: str, cause: str) -> None:
        super().__init__(field, cause)
        self.field, self.cause = field, cause


def _refuse(field: str, cause: str) -> NoReturn:
    raise _Fault(field, cause)


def as_titles(block: Block, mapping: ColumnMapping, faults: Faults) -> Iterator[Title]:
    """Make the titles of rows; bad rows are reported and left out.

    Examples
    --------
    >>> import numpy as np, pyarrow as pa
    >>> columns = {"movieId": ["7"], "title": ["Glass Harbour (1996)"], "genres": ["Drama|Crime"]}
    >>> block = Block({name: pa.array(values) for name, values in columns.items()}, np.array([2]))
    >>> names = {"title_id": "movieId", "name": "title", "genre": "genres"}
    >>> for title in as_titles(block, ColumnMapping("catalog", names, {"list_separator": "|"}), Faults()):
    ...     print(title.title_id, title.name, title.release_ms, title.tags.genre)
    7 Glass Harbour 820454400000 ('Drama', 'Crime')
    """
    reader = _TitleReader(mapping, block)
    for row, line in enumerate(block.lines.tolist()):
        try:
            title = decode_title(json.encode(reader.document(row)))
        except _Fault as fault:
            faults.add([line], mapping.columns.get(fault.field, fault.field), fault.cause)
        except DecodeError as error:
            faults.add([line], error.field or "", error.message)
        else:
            yield title


class _TitleReader:
    """Reads the columns of a block once, and makes the document of each row."""

    def __init__(self, mapping: ColumnMapping, block: Block) -> None:
        self._mapping, self._columns = mapping, block.columns
        usual = mapping.options.get("list_separator", "|")
        self._separators = {
            field: re.compile(f"[{LIST_MARK}{re.escape(mapping.separators.get(field, usual))}]")
            for field in mapping.columns
        }
        slashes = mapping.options.get("slashes")
        self._texts = {
            field: plain_text(block.columns[name]).to_pylist() for field, name in mapping.columns.items()
        }
        self._ids: Texts = as_ids(block.columns[mapping.columns["title_id"]])
        self._id = self._ids.values.to_pylist()
        times = {
            field: as_times(self._columns[column], "iso", slashes=slashes)
            for field, column in mapping.columns.items()
            if field.startswith("avail")
        }
        self._times = times
        release = mapping.columns.get("release")
        self._release = (
            None if release is None else as_times(self._columns[release], "iso", OLDEST_MS, slashes)
        )
        length, unit = mapping.columns.get("duration_s"), mapping.options.get("duration_unit", "s")
        self._length = None if length is None else as_seconds(self._columns[length], unit)

    def document(self, row: int) -> dict[str, Any]:
        """Return the title of a row as it is on the wire."""
        found: dict[str, Any] = {"title_id": self._title_id(row)}
        if name := self._text("name", row):
            found["name"] = name[:MAX_NAME]
        if kind := self._text("kind", row):
            found["kind"] = self._kind(kind)
        if series := self._text("series_id", row):
            found["series_id"] = series
        found |= self._numbers(row)
        tags = {field: items for field in TAGS if (items := self._list(field, row))}
        if language := self._text("original_language", row):
            tags["language"] = [language]
        if tags:
            found["tags"] = tags
        found |= {field: items for field in LISTS if (items := self._list(field, row))}
        if availability := self._availability(row):
            found["availability"] = availability
        if artwork := self._text("artwork", row):
            found["artwork"] = [{"id": "a1", "uri": artwork}]
        if "release_ms" not in found and (year := YEAR.search(found.get("name", ""))):
            found["name"] = YEAR.sub("", found["name"]).strip()
            found |= _first_of(int(year[1]))
        return found

    def _text(self, field: str, row: int) -> str:
        values = self._texts.get(field)
        return "" if values is None else (values[row] or "").strip()

    def _list(self, field: str, row: int) -> list[str]:
        if not (text := self._text(field, row)):
            return []
        items = (one.strip() for one in self._separators[field].split(text))
        return [one for one in dict.fromkeys(items) if one not in NO_GENRES]

    def _title_id(self, row: int) -> str:
        if self._ids.missing[row]:
            _refuse("title_id", "expected an id, found none")
        if self._ids.bad[row]:
            _refuse("title_id", "expected 1 to 64 characters, none of them a control character")
        return str(self._id[row])

    def _kind(self, text: str) -> TitleKind:
        found = KINDS.get(re.sub(r"[^a-z]", "", text.lower()))
        if found is None:
            _refuse("kind", f"expected one of {', '.join(KINDS)}")
        return found

    def _numbers(self, row: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self._length is not None:
            if self._length.bad[row]:
                _refuse("duration_s", "expected a number, or h:mm:ss")
            length = float(self._length.values[row])
            if length > 0:
                found["duration_s"] = length
        for field in ("season", "episode"):
            if text := self._text(field, row):
                found[field] = self._ordinal(field, text)
        if maturity := self._text("maturity", row):
            found["maturity"] = self._age(maturity)
        if (released := self._text("release", row)) and self._release is not None:
            if year := _YEAR_ONLY.match(released):
                found |= _first_of(int(year[1]))
            elif self._release.bad[row]:
                _refuse("release", f"expected a year, or a date as {DATES}")
            else:
                found["release_ms"] = int(self._release.values[row])
        return found

    @staticmethod
    def _ordinal(field: str, text: str) -> int:
        digits = text.removesuffix(".0")
        if not digits.isdecimal() or int(digits) > MAX_ORDINAL:
            _refuse(field, f"expected a whole number from 0 to {MAX_ORDINAL}")
        return int(digits)

    def _age(self, text: str) -> int:
        if text in self._mapping.maturity:
            return self._mapping.maturity[text]
        found = _AGE.match(text.removesuffix(".0"))
        if found is None:
            _refuse("maturity", "expected an age from 0 to 18, or a word of the mapping's table `maturity`")
        return int(found[1])

    def _availability(self, row: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for field, name in (("available_from", "start_ms"), ("available_until", "end_ms")):
            times = self._times.get(field)
            if times is not None and not times.missing[row]:
                if times.bad[row]:
                    _refuse(field, f"expected a time from 1990 to 2099, as {DATES}")
                found[name] = int(times.values[row])
        if countries := self._list("countries", row):
            found["countries"] = countries
        return found


def _first_of(year: int) -> dict[str, int]:
    """Return the release at the first of January of a year; nothing for a year without films."""
    if not FIRST_YEAR <= year < LAST_YEAR:
        return {}
    return {"release_ms": int(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1_000)}
