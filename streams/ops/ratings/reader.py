"""Detect the format of a file of ratings, and read it."""

import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import compute, csv, parquet

from online_models.evaluation import Ratings
from streams.errors import RatingsError
from streams.ops.ratings.dataset import Dataset
from streams.ops.ratings.sources import RatingsSource, open_source
from streams.ops.ratings.titles import read_titles

__all__ = ["LineFault", "first_fault", "is_number", "read_ratings"]

ROLES: Final = ("viewer", "title", "rating", "time")
NAMES: Final[dict[str, tuple[str, ...]]] = {
    "viewer": ("user_id", "userid", "user", "viewer_id"),
    "title": ("item_id", "itemid", "movie_id", "movieid", "item", "title_id"),
    "rating": ("rating", "stars", "score"),
    "time": ("timestamp", "time", "ts", "datetime"),
}
"""Header names by role, lower case, without RecBole's ``:type``."""

SECONDS_END: Final = 1e11
"""Larger times are milliseconds: in seconds this is the year 5138."""


@dataclass(frozen=True, slots=True)
class ColumnLayout:
    """Layout of a text file: delimiter, number of header lines, column of each role, number of columns."""

    delimiter: str
    header_lines: int
    columns: dict[str, int]
    width: int


def read_ratings(path: Path) -> Dataset:
    """Read a file of ratings, and the file of titles in the same folder.

    Parameters
    ----------
    path
        ``u.data``, ``ratings.dat``, ``ratings.csv``, ``*.inter``, Parquet, a zip of a text format, or a
        folder that holds one.

    Raises
    ------
    RatingsError There is no file, the format is unknown, a column is missing, or a line cannot be read; the
        message names the line and what is expected there.
    """
    source = open_source(path)
    data = source.read()
    is_parquet = data[:4] == b"PAR1"
    table = _parquet(source, data) if is_parquet else _text(source, data)
    return Dataset(_ratings(source, table), read_titles(source, parquet_file=is_parquet))


def _parquet(source: RatingsSource, data: bytes) -> dict[str, pa.ChunkedArray]:
    try:
        table = parquet.read_table(io.BytesIO(data))
    except (pa.ArrowException, OSError) as error:
        what = f"{source.name} is not readable as Parquet"
        raise RatingsError(what, why=str(error), next_step="fetch the file again") from None
    columns = _roles(source, table.column_names)
    try:
        return {role: _typed(table.column(at), role) for role, at in columns.items()}
    except pa.ArrowException as error:
        what = f"a column of {source.name} has a wrong type"
        raise RatingsError(what, why=str(error), next_step="ratings and times have to be numbers") from None


def _typed(column: pa.ChunkedArray, role: str) -> pa.ChunkedArray:
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("ms")).cast(pa.int64()).cast(pa.float64())
    return column.cast(pa.string() if role in {"viewer", "title"} else pa.float64())


def _text(source: RatingsSource, data: bytes) -> dict[str, pa.ChunkedArray]:
    layout = _sniff(source, data.split(b"\n", 1)[0].decode("utf-8", "replace").rstrip("\r"))
    names = [f"column {number}" for number in range(layout.width)]
    kept = {
        names[at]: pa.string() if role in {"viewer", "title"} else pa.float64()
        for role, at in layout.columns.items()
    }
    # Arrow takes a delimiter of one character; no id, rating or time of a .dat file contains a tab
    body = data.replace(b"::", b"\t") if layout.delimiter == "::" else data
    delimiter = "\t" if layout.delimiter == "::" else layout.delimiter
    try:
        table = csv.read_csv(
            io.BytesIO(body),
            csv.ReadOptions(column_names=names, skip_rows=layout.header_lines),
            csv.ParseOptions(delimiter=delimiter),
            csv.ConvertOptions(
                column_types=kept, include_columns=list(kept), null_values=[""], strings_can_be_null=True
            ),
        )
    except pa.ArrowInvalid as error:
        raise _line_fault(source, data, layout) or _unreadable(source, error) from None
    columns = {role: table.column(names[at]) for role, at in layout.columns.items()}
    if any(column.null_count for column in columns.values()) or not _finite(columns):
        raise _line_fault(source, data, layout) or _unreadable(source, None)
    return columns


def _sniff(source: RatingsSource, first: str) -> ColumnLayout:
    """Detect the layout from the first line."""
    delimiter = next((mark for mark in ("::", "\t", ",") if mark in first), None)
    if delimiter is None:
        what = f"the format of {source.name} is unknown"
        raise RatingsError(
            what,
            why="line 1 contains neither ::, nor a tab, nor a comma",
            next_step="see `nearline evaluate --help`",
        )
    fields = first.split(delimiter)
    if is_number(fields[-1]) and len(fields) >= len(ROLES):
        return ColumnLayout(delimiter, 0, {role: at for at, role in enumerate(ROLES)}, len(fields))
    return ColumnLayout(delimiter, 1, _roles(source, fields), len(fields))


def _roles(source: RatingsSource, header: list[str]) -> dict[str, int]:
    """Find the column of each role by its header."""
    found = [name.strip().strip('"').lower().split(":", 1)[0] for name in header]
    columns = {}
    for role in ROLES:
        at = next((found.index(name) for name in NAMES[role] if name in found), None)
        if at is None:
            what = f"the header of {source.name} names no column for the {role}"
            raise RatingsError(what, next_step=f"call it one of {', '.join(NAMES[role])}")
        columns[role] = at
    return columns


def _finite(columns: dict[str, pa.ChunkedArray]) -> bool:
    return all(
        compute.all(compute.is_finite(columns[role])).as_py() is not False for role in ("rating", "time")
    )


def _ratings(source: RatingsSource, table: dict[str, pa.ChunkedArray]) -> Ratings:
    if any(column.null_count for column in table.values()) or not _finite(table):
        raise _unreadable(source, None)
    stamps: npt.NDArray[np.float64] = table["time"].to_numpy()
    times = np.where(np.abs(stamps) < SECONDS_END, stamps * 1000, stamps).round().astype(np.int64)
    viewers, titles = table["viewer"].to_pylist(), table["title"].to_pylist()
    return Ratings.from_columns(viewers, titles, table["rating"].to_numpy(), times)


def is_number(text: str) -> bool:
    """Return whether a field of a text file is a number, so that its line is no header."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _line_fault(source: RatingsSource, data: bytes, layout: ColumnLayout) -> RatingsError | None:
    fault = first_fault(data, layout.delimiter, layout.header_lines, layout.columns, layout.width)
    if fault is None:
        return None
    what, why = f"line {fault.line} of {source.name} is no rating", f"expected {fault.expected}"
    return RatingsError(what, why=why, next_step="correct the line, or delete it")


def _unreadable(source: RatingsSource, error: Exception | None) -> RatingsError:
    why = str(error) if error else "a rating or a time is missing or not finite"
    return RatingsError(
        f"{source.name} cannot be read", why=why, next_step="correct the file, or give another"
    )


@dataclass(frozen=True, slots=True)
class LineFault:
    """A line, counted from 1, and what is expected there."""

    line: int
    expected: str


def first_fault(
    data: bytes, delimiter: str, header_lines: int, columns: dict[str, int], width: int
) -> LineFault | None:
    """Return the first line that is not a rating, or None; slow, only called after an error.

    Examples
    --------
    >>> first_fault(b"1 2 five 9", " ", 0, {"rating": 2, "time": 3}, 4)
    LineFault(line=1, expected='a finite number as the rating')
    """
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        if number <= header_lines or not line.strip():
            continue
        fields = line.split(delimiter)
        if len(fields) != width:
            return LineFault(
                number, f"{width} columns with {_named(delimiter)} between them, found {len(fields)}"
            )
        wrong = next((role for role, at in columns.items() if not _fits(role, fields[at])), None)
        if wrong:
            kind = "an id" if wrong in {"viewer", "title"} else "a finite number"
            return LineFault(number, f"{kind} as the {wrong}")
    return None


def _fits(role: str, text: str) -> bool:
    if role in {"viewer", "title"}:
        return bool(text)
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _named(delimiter: str) -> str:
    return {"\t": "tabs", ",": "commas"}.get(delimiter, delimiter)
