"""Guess the mapping of a file from the names of its columns and the values of its first rows."""

import re
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, Final

import numpy as np
import pyarrow as pa

from streams.errors import ImportFileError
from streams.ops.imports.columns import as_numbers, as_times, is_clock, is_iso, plain_text, slash_order
from streams.ops.imports.faults import Faults
from streams.ops.imports.fields import FIELDS, OPTIONS
from streams.ops.imports.mapping import ColumnMapping
from streams.ops.imports.sources import Block, SourceFile

__all__ = ["guess", "sample"]

LATEST_S, LATEST_MS, LATEST_US = 1e11, 1e14, 1e17
"""Times below are seconds, milliseconds, microseconds: as seconds the first is the year 5138."""
LONGEST_FILM_MIN, LONGEST_FILM_S = 500, 1e5
"""Median lengths up to the first are minutes, up to the second seconds, above it milliseconds."""
SAMPLE_ROWS: Final = 10_000
"""Rows from whose values is guessed."""
_SUFFIX: Final = re.compile(r":\w+$")
"""RecBole's types: ``user_id:token``."""
_NOTES: Final = re.compile(r"[(\[].*?[)\]]| / .*$")
"""Units, languages, further words: ``Watched (min)``, ``Title [EN]``, ``Genre / Sub-genres``."""
_LISTS: Final = ("genre", "cast", "countries", "languages", "theme", "mood", "director", "subtitles")
"""Fields that are lists; the first that a file has says what usually stands between items."""
NEARLY: Final = 1.1
"""Separators that leave a tenth more different items are as good as the best: fewer characters win."""


def sample(source: SourceFile) -> Block:
    """Return the first rows of a file.

    Raises
    ------
    ImportFileError
        There are none.
    """
    for block in source.blocks(source.names, Faults()):
        if block.lines.size:
            columns = {name: column.slice(0, SAMPLE_ROWS) for name, column in block.columns.items()}
            return Block(columns, block.lines[:SAMPLE_ROWS])
    what = f"{source.path} has no rows"
    raise ImportFileError(what, next_step="give a file with rows")


def guess(kind: str, source: SourceFile, rows: Block, chosen: Mapping[str, str]) -> ColumnMapping:
    """Guess the mapping of a file.

    Parameters
    ----------
    kind
        ``history`` or ``catalog``.
    source
        Its columns.
    rows
        Its first rows.
    chosen
        Columns that the user named, by field.
    """
    columns = {name: column for name, column in chosen.items() if column}
    known = {
        word: name
        for name in reversed(source.names)
        for word in (_normal(_NOTES.sub("", name)), _normal(name))
    }
    for name, one in FIELDS[kind].items():
        column = next((known[word] for word in one.names if word in known), None)
        if name not in chosen and column is not None and column not in columns.values():
            columns[name] = column
    if kind == "history" and "time" not in chosen and "time" not in columns:
        column = _only_times(rows, set(columns.values()))
        columns |= {"time": column} if column else {}
    ordered = {name: columns[name] for name in FIELDS[kind] if name in columns}
    ordered |= {name: column for name, column in columns.items() if name not in ordered}
    options = _guess_options(ordered, rows)
    separators = _guess_separators(ordered, rows) if kind == "catalog" else {}
    if separators:
        options["list_separator"] = usual = next(iter(separators.values()))
        separators = {name: found for name, found in separators.items() if found != usual}
    return ColumnMapping(kind, ordered, options, _ages(ordered, kind), separators)


def _normal(name: str) -> str:
    """Reduce a column's name to letters and digits.

    Examples
    --------
    >>> _normal("user_id:token"), _normal("movieId"), _normal("Watched (s)")
    ('userid', 'movieid', 'watcheds')
    """
    return re.sub(r"[^a-z0-9]", "", _SUFFIX.sub("", name.strip()).lower())


def _only_times(rows: Block, taken: set[str]) -> str | None:
    """Return the column whose values are all times since 1990, if there is exactly one."""
    found = []
    for name, column in rows.columns.items():
        if name not in taken:
            times = as_times(column, _time_unit(column))
            if len(column) and not times.bad.any() and column.null_count == 0:
                found.append(name)
    return found[0] if len(found) == 1 else None


def _guess_options(columns: dict[str, str], rows: Block) -> dict[str, Any]:
    """Guess units and scales from the values of the first rows."""
    found: dict[str, Any] = {}
    for name, option in (("watched_s", "watched_unit"), ("duration_s", "duration_unit")):
        if name in columns:
            found[option] = _length_unit(columns[name], rows)
    if "time" in columns:
        found["time_unit"] = _time_unit(rows.columns[columns["time"]])
    if "rating" in columns:
        found["rating_scale"] = _scale(rows.columns[columns["rating"]], (5, 10, 100))
    if "progress" in columns:
        found["progress_scale"] = _scale(rows.columns[columns["progress"]], (1, 100))
    dates = ("time", "release", "available_from", "available_until")
    if order := slash_order(rows.columns[columns[name]] for name in dates if name in columns):
        found["slashes"] = order
    return {name: found[name] for name in OPTIONS if name in found}


def _time_unit(column: pa.Array) -> str:
    if pa.types.is_timestamp(column.type):
        return "ms"
    values = as_numbers(column).values
    known = values[np.isfinite(values)]
    if known.size == 0 or (pa.types.is_string(column.type) and is_iso(column)):
        return "iso"
    middle = float(np.median(np.abs(known)))
    return next(
        (unit for unit, end in (("s", LATEST_S), ("ms", LATEST_MS), ("us", LATEST_US)) if middle < end), "ns"
    )


def _length_unit(name: str, rows: Block) -> str:
    """By the column's name where it says so, else by its median."""
    text = _normal(name)
    if "min" in text:
        return "min"
    if text.endswith("ms") or "milli" in text:
        return "ms"
    if "sec" in text or text.endswith(("durations", "watcheds")) or is_clock(rows.columns[name]):
        return "s"
    values = as_numbers(rows.columns[name]).values
    known = values[np.isfinite(values)]
    middle = float(np.median(known)) if known.size else 0.0
    return "min" if middle <= LONGEST_FILM_MIN else "s" if middle <= LONGEST_FILM_S else "ms"


def _scale(column: pa.Array, scales: tuple[int, ...]) -> int:
    values = as_numbers(column).values
    top = float(np.nanmax(values)) if np.isfinite(values).any() else 0.0
    return next((scale for scale in scales if top <= scale), scales[-1])


def _guess_separators(columns: dict[str, str], rows: Block) -> dict[str, str]:
    """Return what stands between the items of each list of a catalog."""
    return {
        name: " "
        if columns[name].endswith(":token_seq")  # RecBole's lists
        else _separator(plain_text(rows.columns[columns[name]]).drop_null().slice(0, 1_000).to_pylist())
        for name in _LISTS
        if name in columns
    }


def _separator(lists: Sequence[str]) -> str:
    """Return the characters that leave few different items: people who type lists mix them.

    Items come again, names that are cut in two or not cut at all do so less.

    Examples
    --------
    >>> _separator(["Drama, Crime", "Crime/Drama", "Horror, Drama / Crime"])
    ',/'
    >>> _separator(["Li, Ann; Ek, Bo", "Ek, Bo", "Ek, Bo; Li, Ann"])
    ';'
    >>> _separator(["Drama"])
    '|'
    """
    counts = {mark: sum(text.count(mark) for text in lists) for mark in "|,;/"}
    present = sorted((mark for mark in counts if counts[mark]), key=counts.__getitem__, reverse=True)
    candidates = ["".join(some) for size in (1, 2) for some in combinations(present, size)]
    if not candidates:
        return "|"
    distinct = {}
    for marks in candidates:
        items = [item.strip() for text in lists for item in re.split(f"[{re.escape(marks)}]", text)]
        distinct[marks] = len(set(items)) / len(items)
    best = NEARLY * min(distinct.values())
    return next(marks for marks in candidates if distinct[marks] <= best)


def _ages(columns: dict[str, str], kind: str) -> dict[str, int]:
    """Return words that say their age themselves; others are left to the user: a guard depends on them."""
    if kind != "catalog" or "maturity" not in columns:
        return {}
    return {
        "G": 0,
        "TV-G": 0,
        "TV-Y": 0,
        "TV-Y7": 7,
        "PG-13": 13,
        "TV-14": 14,
        "R": 17,
        "TV-MA": 17,
        "NC-17": 18,
    }
