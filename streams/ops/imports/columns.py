"""Columns of a file into numbers, times, ids and lists, a block at a time; what is no such value is marked.

Arrow's own casts stop at the first bad value; here each has its mark, so that one row is left out and the
others go on.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import compute as pc

from schemas.fields import MAX_TIME_MS, MIN_TIME_MS

__all__ = ["Numbers", "Texts", "Times", "as_ids", "as_numbers", "as_times", "is_iso", "plain_text"]

MAX_ID: Final = 64  # characters (`schemas.fields.Id`)
_NUMBER: Final = r"^\s*[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?\s*$"
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
    """Read a column as numbers.

    Examples
    --------
    >>> found = as_numbers(pa.array(["1.5", None, "x"]))
    >>> found.values.tolist(), found.bad.tolist()
    ([1.5, nan, nan], [False, False, True])
    """
    if pa.types.is_timestamp(column.type):
        return Numbers(np.full(len(column), np.nan), np.ones(len(column), bool))
    if pa.types.is_string(column.type):
        fits = pc.match_substring_regex(column, _NUMBER)
        bad = _mask(pc.invert(fits))
        column = pc.utf8_trim_whitespace(pc.if_else(fits, column, pa.scalar(None, pa.string())))
    else:
        bad = np.zeros(len(column), bool)
    values = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False).astype(np.float64)
    return Numbers(values, bad | np.isinf(values))


def as_times(column: pa.Array, unit: str, low: int = MIN_TIME_MS) -> Times:
    """Read a column as times.

    Parameters
    ----------
    column
        Text, numbers or timestamps.
    unit
        ``s``, ``ms``, ``us`` or ``ns`` since 1970, or ``iso``.
    low
        Earliest time, ms.

    Examples
    --------
    >>> as_times(pa.array(["1764015324", "soon"]), "s").values.tolist()
    [1764015324000, 0]
    >>> as_times(pa.array(["2025-11-24T20:15:24Z", "2025-11-24 21:15:24+01:00"]), "iso").values.tolist()
    [1764015324000, 1764015324000]
    """
    missing = _mask(pc.is_null(column))
    if pa.types.is_timestamp(column.type):
        values = pc.fill_null(column.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
        bad = np.zeros(values.size, bool)
    elif unit == "iso":
        values, bad = _iso(plain_text(column))
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
    """Whether nearly all values of a text column look like ISO 8601; years alone do not."""
    fits = pc.match_substring_regex(column.drop_null(), _ISO)
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
