"""Columns of a file into numbers, times, ids and lists, a block at a time; what is no such value is marked.

Arrow's own casts stop at the first bad value; here each has its mark, so that one row is left out and the
others go on.
"""

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import compute as pc

from schemas.fields import MAX_TIME_MS, MIN_TIME_MS

__all__ = [
    "SECONDS", "Numbers", "Texts", "Times", "as_ids", "as_numbers", "as_seconds", "as_times", "is_clock",
    "is_iso", "plain_text", "slash_order",
]  # fmt: skip

MAX_ID: Final = 64  # characters (`schemas.fields.Id`)
SECONDS: Final = {"s": 1.0, "min": 60.0, "ms": 1e-3}
"""Seconds in a unit of lengths."""
_NUMBER: Final = r"^\s*[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?\s*%?\s*$"
_CLOCK: Final = r"^\s*(?P<h>\d{1,3}):(?P<m>[0-5]\d):(?P<s>[0-5]\d)\s*$"
_LOCAL: Final = r"^\s*(?P<a>\d{1,2})(?P<mark>[./])(?P<b>\d{1,2})[./](?P<year>\d{4})(?P<time>(?:[ T].*)?)$"
"""A date as people write it, and perhaps a time: ``13.10.2026``, ``10/13/2026 4:46``."""
_ISO: Final = r"^\s*\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?)?\s*(Z|[+-]\d{2}:?\d{2})?\s*$"
_ZONED: Final = r"[T ].*(Z|[+-]\d{2}:?\d{2})\s*$"
_CONTROL: Final = "[\x00-\x1f\x7f]"
_PER_MS: Final = {"s": 1_000.0, "ms": 1.0, "us": 1e-3, "ns": 1e-6}
_NS_PER_MS: Final = 1_000_000

Bools = npt.NDArray[np.bool_]


class Numbers(NamedTuple):
    """A column of numbers."""

    values: npt.NDArray[np.float64]
    """[n]; NaN where there is none."""
    bad: Bools
    """[n] whether there is something else."""


class Times(NamedTuple):
    """A column of times."""

    values: npt.NDArray[np.int64]
    """[n] ms since 1970; 0 where there is none."""
    missing: Bools
    bad: Bools
    """[n] no time, or outside of 1990 to 2100, the contract's range."""


class Texts(NamedTuple):
    """A column of ids or labels."""

    values: pa.Array
    """[n] text, null where there is none."""
    missing: Bools
    bad: Bools
    """[n] longer than 64 characters, or with control characters."""


def as_numbers(column: pa.Array) -> Numbers:
    """Read a column as numbers; a per cent sign is no part of them.

    Examples
    --------
    >>> found = as_numbers(pa.array(["1.5", None, "x", "40 %"]))
    >>> found.values.tolist(), found.bad.tolist()
    ([1.5, nan, nan, 40.0], [False, False, True, False])
    """
    if pa.types.is_timestamp(column.type):
        return Numbers(np.full(len(column), np.nan), np.ones(len(column), bool))
    if pa.types.is_string(column.type):
        fits = pc.match_substring_regex(column, _NUMBER)
        bad = _mask(pc.invert(fits))
        column = pc.utf8_trim(pc.if_else(fits, column, pa.scalar(None, pa.string())), " \t\r\n%")
    else:
        bad = np.zeros(len(column), bool)
    values = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False).astype(np.float64)
    return Numbers(values, bad | np.isinf(values))


def as_seconds(column: pa.Array, unit: str) -> Numbers:
    """Read a column as lengths: numbers of a unit, or hours, minutes and seconds.

    Examples
    --------
    >>> as_seconds(pa.array(["95", "01:35:00", "soon"]), "min").values.tolist()
    [5700.0, 5700.0, nan]
    """
    clock = np.full(len(column), np.nan)
    if pa.types.is_string(column.type):
        found = pc.extract_regex(column, _CLOCK)
        if found.null_count < len(found):
            parts = (pc.struct_field(found, name).cast(pa.float64()) for name in "hms")
            hours, minutes, seconds = (part.to_numpy(zero_copy_only=False) for part in parts)
            clock = hours * 3_600 + minutes * 60 + seconds
            column = pc.if_else(pc.is_valid(found), pa.scalar(None, pa.string()), column)
    plain = as_numbers(column)
    return Numbers(np.where(np.isnan(clock), plain.values * SECONDS[unit], clock), plain.bad)


def is_clock(column: pa.Array) -> bool:
    """Whether there are hours, minutes and seconds in a column."""
    return pa.types.is_string(column.type) and bool(pc.any(pc.match_substring_regex(column, _CLOCK)).as_py())


def as_times(
    column: pa.Array, unit: str, low: int = MIN_TIME_MS, slashes: Literal["day", "month"] | None = None
) -> Times:
    """Read a column as times.

    Parameters
    ----------
    column
        Text, numbers or timestamps.
    unit
        ``s``, ``ms``, ``us`` or ``ns`` since 1970, or ``iso``: ISO 8601, or ``13.10.2026`` and so on.
    low
        Earliest time, ms.
    slashes
        Which comes first in dates with slashes; without it these are no times.

    Examples
    --------
    >>> as_times(pa.array(["1764015324", "soon"]), "s").values.tolist()
    [1764015324000, 0]
    >>> as_times(pa.array(["2025-11-24T20:15:24Z", "2025-11-24 21:15:24+01:00"]), "iso").values.tolist()
    [1764015324000, 1764015324000]
    >>> as_times(pa.array(["24.11.2025 20:15", "11/24/2025 20:15"]), "iso", slashes="month").values.tolist()
    [1764015300000, 1764015300000]
    """
    missing = _mask(pc.is_null(column))
    if pa.types.is_timestamp(column.type):
        values = pc.fill_null(column.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
        bad = np.zeros(values.size, bool)
    elif unit == "iso":
        values, bad = _iso(_as_iso(plain_text(column), slashes))
    else:
        numbers = as_numbers(column)
        bad = numbers.bad
        scaled = np.nan_to_num(numbers.values * _PER_MS[unit], nan=0.0, posinf=0.0, neginf=0.0)
        values = np.floor(np.clip(scaled, -9e18, 9e18)).astype(np.int64)
    bad = bad | (~missing & ((values < low) | (values >= MAX_TIME_MS)))
    return Times(np.where(missing | bad, 0, values), missing, bad)


def _iso(text: pa.Array) -> tuple[npt.NDArray[np.int64], Bools]:
    fits = pc.match_substring_regex(text, _ISO)
    bad = _mask(pc.invert(fits))
    clean = pc.utf8_trim_whitespace(pc.if_else(fits, text, pa.scalar(None, pa.string())))
    zoned = pc.fill_null(pc.match_substring_regex(clean, _ZONED), fill_value=False)
    none = pa.scalar(None, pa.string())
    values = np.zeros(len(text), np.int64)
    for mask, kind in ((zoned, pa.timestamp("ns", "UTC")), (pc.invert(zoned), pa.timestamp("ns"))):
        part, wrong = _cast_times(pc.if_else(mask, clean, none), kind)
        values += pc.fill_null(part.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
        bad |= wrong
    return values // _NS_PER_MS, bad


def _as_iso(text: pa.Array, slashes: Literal["day", "month"] | None) -> pa.Array:
    """Write dates with dots, and those with slashes if their order is known, in the order of ISO 8601."""
    found = pc.extract_regex(text, _LOCAL)
    if found.null_count == len(found):
        return text
    first, mark, second, year, time = (pc.struct_field(found, n) for n in ("a", "mark", "b", "year", "time"))
    dots = pc.equal(mark, ".")
    month_first = pc.and_(pc.invert(dots), slashes == "month")
    month, day = pc.if_else(month_first, first, second), pc.if_else(month_first, second, first)
    time = pc.replace_substring_regex(time, r"^(.)(\d:)", r"\10\2")
    date = pc.binary_join_element_wise(year, pc.utf8_lpad(month, 2, "0"), pc.utf8_lpad(day, 2, "0"), "-")
    known = pc.fill_null(pc.or_(dots, slashes is not None), fill_value=False)
    return pc.if_else(known, pc.binary_join_element_wise(date, time, ""), text)


def slash_order(columns: Iterable[pa.Array]) -> Literal["day", "month"] | None:
    """Return what comes first in dates with slashes, if they tell: one of the numbers is above 12.

    Examples
    --------
    >>> slash_order([pa.array(["01/02/2026", "10/13/2026"])]), slash_order([pa.array(["01/02/2026"])])
    ('month', None)
    """
    above = [False, False]
    for column in columns:
        found = pc.extract_regex(plain_text(column), _LOCAL)
        slash = pc.equal(pc.struct_field(found, "mark"), "/")
        for place, name in enumerate("ab"):
            large = pc.greater(pc.struct_field(found, name).cast(pa.int64()), 12)
            above[place] |= bool(pc.any(pc.and_(large, slash)).as_py())
    return None if above[0] == above[1] else "day" if above[0] else "month"


def _cast_times(text: pa.Array, kind: pa.DataType) -> tuple[pa.Array, Bools]:
    """Cast text of the form of a time; days that no calendar has (February 30) are marked one by one."""
    try:
        return text.cast(kind), np.zeros(len(text), bool)
    except pa.ArrowInvalid:
        pass
    bad = np.zeros(len(text), bool)
    kept = []
    for n, one in enumerate(text.to_pylist()):
        try:
            kept.append(pa.scalar(one, pa.string()).cast(kind).cast(pa.int64()).as_py())
        except pa.ArrowInvalid:
            kept.append(None)
            bad[n] = True
    return pa.array(kept, pa.int64()).cast(kind), bad


def is_iso(column: pa.Array) -> bool:
    """Whether most values of a text column look like dates; years alone do not."""
    fits = pc.match_substring_regex(column.drop_null(), f"({_ISO})|({_LOCAL})")
    return len(fits) > 0 and (pc.sum(fits).as_py() or 0) >= len(fits) / 2


def plain_text(column: pa.Array) -> pa.Array:
    """Return a column as text; whole numbers without a decimal point, as ids have it.

    Examples
    --------
    >>> plain_text(pa.array([7.0, None])).to_pylist()
    ['7', None]
    """
    if pa.types.is_string(column.type):
        return column
    if pa.types.is_floating(column.type):
        try:
            column = column.cast(pa.int64())
        except pa.ArrowInvalid:
            return column.cast(pa.string())
    return column.cast(pa.string())


def as_ids(column: pa.Array) -> Texts:
    """Read a column as ids or labels of 1 to 64 characters.

    Examples
    --------
    >>> found = as_ids(pa.array([" ada ", "", "x" * 65]))
    >>> found.values.to_pylist()[0], found.missing.tolist(), found.bad.tolist()
    ('ada', [False, True, False], [False, False, True])
    """
    text = pc.utf8_trim_whitespace(plain_text(column))
    text = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    long = _mask(pc.greater(pc.utf8_length(text), MAX_ID))
    return Texts(text, _mask(pc.is_null(text)), long | _mask(pc.match_substring_regex(text, _CONTROL)))


def _mask(found: pa.Array) -> Bools:
    """Return a mask; null is false."""
    mask: Bools = pc.fill_null(found, fill_value=False).to_numpy(zero_copy_only=False)
    return mask.astype(bool)
