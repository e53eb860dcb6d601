"""Files of rows: CSV, Parquet and JSON lines, read in blocks of Arrow columns.

Nothing is interpreted here but what the format itself says: CSV and JSON lines give text, Parquet its own
types. A row that the format does not allow (too many columns, no JSON, not UTF-8) is a fault with its line,
and reading goes on. Compressed files (``.gz``, ``.bz2``, ``.zst``) are unpacked on the way.
"""

import csv as python_csv
import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import compute as pc
from pyarrow import csv, parquet

from streams.errors import ImportFileError
from streams.ops.imports.faults import Faults
from streams.ops.ratings.reader import is_number

__all__ = ["LIST_MARK", "Block", "SourceFile", "open_file"]

BLOCK_BYTES: Final = 8 << 20
"""Of CSV and JSON lines that are read at once: some 100,000 rows of history."""
BLOCK_ROWS: Final = 65_536
"""Of Parquet that are read at once."""
LIST_MARK: Final = "\x1f"
"""Between the items of a list in a text column: ASCII's unit separator, which no label may have."""
DELIMITERS: Final = ",\t;|"
SUFFIXES: Final = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".inter": "csv", ".item": "csv", ".data": "csv",
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
    ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip
PACKED: Final = frozenset({".gz", ".bz2", ".zst"})
_DECODER: Final = msgspec.json.Decoder(dict[str, Any])


class Block(NamedTuple):
    """Some rows."""

    columns: dict[str, pa.Array]
    """By the file's names: text, numbers, or times."""
    lines: npt.NDArray[np.int64]
    """[n] line of each row in the file, from 1; in Parquet its row."""


@dataclass(slots=True)
class SourceFile:
    """A file of rows.

    Attributes
    ----------
    path
        The file.
    form
        ``csv``, ``jsonl`` or ``parquet``.
    names
        Its columns.
    delimiter
        Of CSV.
    header
        Whether the first line of CSV has names; without it they are ``column 1`` and so on.
    bytes_read
        So far, for progress: of the file as it is stored.
    """

    path: Path
    form: str
    names: list[str] = field(default_factory=list)
    delimiter: str = ","
    header: bool = True
    bytes_read: int = 0

    def digest(self) -> str:
        """Return the content's hash: event ids begin with it, so the same file gives the same ids."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]

    def blocks(self, wanted: Sequence[str], faults: Faults) -> Iterator[Block]:
        """Yield the rows in the file's order.

        Parameters
        ----------
        wanted
            Columns to read.
        faults
            Gets rows that the format does not allow.

        Raises
        ------
        ImportFileError
            The file cannot be read any further.
        """
        read = {"csv": self._csv, "jsonl": self._jsonl, "parquet": self._parquet}[self.form]
        self.bytes_read = 0
        try:
            yield from read(list(wanted), faults)
        except (pa.ArrowException, OSError, EOFError) as error:
            raise _unreadable(self.path, error) from None
        self.bytes_read = self.path.stat().st_size

    def _csv(self, wanted: list[str], faults: Faults) -> Iterator[Block]:
        invalid: list[int] = []

        def refuse(row: Any) -> str:  # noqa: ANN401 - Arrow does not name this type in public
            invalid.append(row.number or 0)
            if row.text:
                cause = f"expected {row.expected_columns} columns, found {row.actual_columns}"
                faults.add([row.number or 0], "", cause)
            return "skip"

        with self._stored() as stored, _unpacked(self.path, stored) as stream:
            reader = csv.open_csv(
                stream,
                csv.ReadOptions(
                    column_names=self.names,
                    skip_rows=int(self.header),
                    use_threads=False,  # else rows that are refused have no numbers
                    block_size=BLOCK_BYTES,
                ),
                csv.ParseOptions(
                    delimiter=self.delimiter, newlines_in_values=True, ignore_empty_lines=False,
                    invalid_row_handler=refuse,
                ),
                csv.ConvertOptions(
                    column_types=dict.fromkeys(wanted, pa.binary()), include_columns=wanted,
                    strings_can_be_null=True, null_values=[""],
                ),
            )  # fmt: skip
            rows = newlines = 0
            for batch in reader:
                self.bytes_read = stored.tell()
                columns = dict(zip(wanted, batch.columns, strict=True))
                numbers = _numbers(rows, batch.num_rows, np.array(invalid, np.int64) - int(self.header))
                inside = _newlines(columns, batch.num_rows)
                lines = numbers + int(self.header) + newlines + np.cumsum(inside) - inside
                rows, newlines = rows + batch.num_rows, newlines + int(inside.sum())
                yield _as_text(*_without_blank_lines(columns, lines), faults)

    def _jsonl(self, wanted: list[str], faults: Faults) -> Iterator[Block]:
        line = 0
        with self._stored() as stored, _unpacked(self.path, stored) as stream:
            text = io.BufferedReader(stream, BLOCK_BYTES)
            while found := text.readlines(BLOCK_BYTES):
                self.bytes_read = stored.tell()
                objects, lines, bad = [], [], []
                for data in found:
                    line += 1
                    if not data.strip():
                        continue
                    try:
                        objects.append(_DECODER.decode(data))
                    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                        bad.append(line)
                    else:
                        lines.append(line)
                faults.add(bad, "", "expected one JSON object on the line")
                columns = {
                    name: pa.array([_text(one.get(name)) for one in objects], pa.string()) for name in wanted
                }
                yield Block(columns, np.array(lines, np.int64))

    def _parquet(self, wanted: list[str], _: Faults) -> Iterator[Block]:
        rows, size = 0, self.path.stat().st_size
        with parquet.ParquetFile(self.path) as file:
            total = max(file.metadata.num_rows, 1)
            for batch in file.iter_batches(BLOCK_ROWS, columns=wanted):
                lines = np.arange(rows + 1, rows + batch.num_rows + 1)
                rows += batch.num_rows
                self.bytes_read = size * rows // total
                yield Block({name: _plain(batch.column(name)) for name in wanted}, lines)

    def _stored(self) -> Any:  # noqa: ANN401 - Arrow's files have no types
        return pa.OSFile(str(self.path), "rb")


def open_file(path: Path) -> SourceFile:
    """Detect a file's format by its name, and read its columns.

    Raises
    ------
    ImportFileError
        There is no such file, or its format is unknown.
    """
    if not path.is_file():
        what = f"{path} is no file"
        raise ImportFileError(what, next_step="give the path of a CSV, Parquet or JSON lines file")
    stem = path.with_suffix("") if path.suffix in PACKED else path
    form = SUFFIXES.get(stem.suffix.lower())
    if form is None:
        what, why = f"the format of {path} is unknown", f"its name ends in {stem.suffix or 'nothing'}"
        raise ImportFileError(what, why=why, next_step="name it .csv, .tsv, .jsonl or .parquet")
    found = SourceFile(path, form)
    try:
        if form == "parquet":
            found.names = list(parquet.read_schema(path).names)
        else:
            with pa.OSFile(str(path), "rb") as stored, _unpacked(path, stored) as stream:
                _read_names(found, io.BufferedReader(stream, BLOCK_BYTES))
    except (pa.ArrowException, OSError, EOFError) as error:
        raise _unreadable(path, error) from None
    return found


def _read_names(found: SourceFile, text: io.BufferedReader) -> None:
    """Take the columns of CSV from the first line, of JSON lines from the first thousand."""
    if found.form == "jsonl":
        names: dict[str, None] = {}
        for _, data in zip(range(1_000), text, strict=False):
            try:
                names |= dict.fromkeys(_DECODER.decode(data))
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                continue
        found.names = list(names)
    else:
        first = text.readline().decode("utf-8-sig", "replace").rstrip("\r\n")
        found.delimiter = max(DELIMITERS, key=first.count)
        fields = next(python_csv.reader([first], delimiter=found.delimiter), [])
        found.header = not all(map(is_number, fields))
        found.names = fields if found.header else [f"column {n}" for n in range(1, len(fields) + 1)]
    twice = next((name for name in found.names if found.names.count(name) > 1), None)
    if not found.names or twice is not None:
        what = f"{found.path} has no columns" if twice is None else f"{found.path} has two columns {twice!r}"
        raise ImportFileError(what, next_step="write the names of the columns into the first line")


def _unpacked(path: Path, stored: Any) -> Any:  # noqa: ANN401 - Arrow's files have no types
    codec = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}.get(path.suffix)
    return pa.CompressedInputStream(stored, codec) if codec else stored


def _unreadable(path: Path, error: Exception) -> ImportFileError:
    what = f"{path} cannot be read"
    return ImportFileError(what, why=str(error).splitlines()[0], next_step="write the file again")


def _numbers(before: int, count: int, invalid: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the numbers of valid rows, from 1, where refused ones have numbers, too.

    Examples
    --------
    >>> _numbers(0, 3, np.array([2])).tolist()
    [1, 3, 4]
    """
    rows = np.arange(before + 1, before + count + 1)
    return rows + np.searchsorted(invalid - np.arange(invalid.size), rows, side="right")


def _newlines(columns: dict[str, pa.Array], rows: int) -> npt.NDArray[np.int64]:
    """Count the line ends within the values of each row."""
    inside = np.zeros(rows, np.int64)
    for column in columns.values():
        counted = pc.fill_null(pc.count_substring(column, b"\n"), 0)
        inside += counted.to_numpy(zero_copy_only=False)
    return inside


def _without_blank_lines(
    columns: dict[str, pa.Array], lines: npt.NDArray[np.int64]
) -> tuple[dict[str, pa.Array], npt.NDArray[np.int64]]:
    """Leave out rows that have nothing in the columns that are read."""
    filled = np.zeros(lines.size, bool)
    for column in columns.values():
        filled |= pc.is_valid(column).to_numpy(zero_copy_only=False)
    if filled.all():
        return columns, lines
    return {name: column.filter(pa.array(filled)) for name, column in columns.items()}, lines[filled]


def _as_text(columns: dict[str, pa.Array], lines: npt.NDArray[np.int64], faults: Faults) -> Block:
    """Decode bytes; rows with bytes that are not UTF-8 are left out."""
    try:
        return Block({name: column.cast(pa.string()) for name, column in columns.items()}, lines)
    except pa.ArrowInvalid:
        pass
    good = np.ones(lines.size, bool)
    for name, column in columns.items():
        dirty = np.array([not _is_utf8(value) for value in column.to_pylist()])
        faults.add(lines[dirty & good].tolist(), name, "expected UTF-8: convert the file, say with iconv")
        good &= ~dirty
    kept = {name: column.filter(pa.array(good)).cast(pa.string()) for name, column in columns.items()}
    return Block(kept, lines[good])


def _is_utf8(value: bytes | None) -> bool:
    try:
        (value or b"").decode()
    except UnicodeDecodeError:
        return False
    return True


def _text(value: object) -> str | None:
    """Write a JSON value as a CSV file would."""
    match value:
        case None | "":
            return None
        case str():
            return value
        case bool():
            return str(value).lower()
        case list():
            return LIST_MARK.join(_text(one) or "" for one in value) or None
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value)


def _plain(column: pa.Array) -> pa.Array:
    """Return a column of Parquet as text, numbers or times in ms."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _plain(column.dictionary_decode())
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        items = column.cast(pa.list_(pa.string()))
        return pc.binary_join(items, LIST_MARK)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return column.cast(pa.timestamp("ms", getattr(kind, "tz", None)), safe=False)
    if pa.types.is_decimal(kind):
        return column.cast(pa.float64())
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return column
    return column.cast(pa.string())
