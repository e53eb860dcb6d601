"""Copies columns of a table into the fixed parts of packed rows, and back: all fields in one call.

With numpy each field takes a gather and a strided copy, some sixty calls for viewers' rows: 0.1 ms however
few rows there are. A row is copied as a whole, not a column of all rows: its fields are in as many cache
lines, which are asked for a few rows before.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.core import cgutils, config
from numba.extending import intrinsic
from numpy.typing import NDArray

from online_models.jit import jit_no_alloc
from online_models.tables.layout import F4, F8, I4, I8, U1
from online_models.tables.prefetch import prefetch

__all__ = ["PackedFields", "are_finite", "offsets", "read_fields", "write_fields", "write_keys"]

KEY = 8
"""Bytes of a key."""
LINE = 64
"""Bytes of a cache line."""
AHEAD = 4
"""Rows for which memory is asked ahead. A row of 1.3 kB takes .31 us with 4, .53 with 2, .35 with 8; a column
of all rows at a time, byte by byte, takes 2.1 (measured)."""


class PackedFields(NamedTuple):
    """Where columns are in memory, and their values in a row. Whoever uses it keeps the columns.

    Examples
    --------
    >>> row = np.dtype([("version", "u1"), ("n", "<u2"), ("pair", "u1", (2,))])
    >>> columns = {"n": np.array([7, 8], np.uint16), "pair": np.array([[1, 2], [3, 4]], np.uint8)}
    >>> fields = PackedFields.of(columns, row)
    >>> rows = np.zeros((1, row.itemsize), np.uint8)
    >>> write_fields(*fields, np.array([1], np.int32), rows)
    >>> rows.tolist()
    [[0, 8, 0, 3, 4]]
    """

    memory: U1
    """The first column."""
    first: I8
    """[columns] where each column begins, counted from the first one."""
    width: I8
    """[columns] bytes of a value."""
    at: I8
    """[columns] first byte of the field in a row."""

    @classmethod
    def of(cls, columns: Mapping[str, NDArray[np.generic]], row: np.dtype[np.void]) -> "PackedFields":
        """Find the columns by name among the fields of a row; both have the same types."""
        some = [*columns.values()]
        first = [one.ctypes.data - some[0].ctypes.data for one in some]
        width = [math.prod(one.shape[1:]) * one.itemsize for one in some]  # strides of nothing are not 0
        memory = some[0].reshape(-1).view(np.uint8)
        return cls(memory, np.array(first, np.int64), np.array(width, np.int64), offsets(row, columns))


def _copy(_: Any, out: Any, at: Any, source: Any, start: Any, size: Any) -> Any:  # noqa: ANN401, ARG001 - numba's types
    """Copy bytes from a place of an array to one of another; places are counted without the shape."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ANN401
        to, of = (
            builder.gep(context.make_array(kind)(context, builder, array).data, [place])
            for kind, array, place in zip(signature.args[:4:2], args[:4:2], args[1:4:2], strict=True)
        )
        cgutils.raw_memcpy(builder, to, of, args[4], 1)
        return context.get_dummy_value()

    return types.void(out, types.int64, source, types.int64, types.int64), generate


def _copy_in_python(out: U1, at: int, source: U1, start: int, size: int) -> None:
    """Stand in where kernels run as Python."""
    out.reshape(-1)[at : at + size] = source.reshape(-1)[start : start + size]


copy_bytes: Any = _copy_in_python if config.DISABLE_JIT else intrinsic(_copy)  # type: ignore[attr-defined]


def offsets(row: np.dtype[np.void], names: Iterable[str]) -> I8:
    """Return the first byte of fields of a row."""
    fields: Any = row.fields
    return np.array([fields[name][1] for name in names], np.int64)


@jit_no_alloc
def write_fields(memory: U1, first: I8, width: I8, at: I8, slots: I4, rows: U1) -> None:
    """Write the values of slots [n] into rows [n, size]."""
    n, size = slots.size, rows.shape[1]
    for q in range(-AHEAD, n):
        if q + AHEAD < n:
            for c in range(first.size):
                begin = first[c] + width[c] * np.int64(slots[q + AHEAD])
                for b in range(0, width[c], LINE):
                    prefetch(memory, begin + b)
        for c in range(first.size if q >= 0 else 0):
            begin = first[c] + width[c] * np.int64(slots[q])
            copy_bytes(rows, q * size + at[c], memory, begin, width[c])


@jit_no_alloc
def read_fields(memory: U1, first: I8, width: I8, at: I8, slots: I4, rows: U1) -> None:
    """Read the values of slots [n] out of rows [n, size]."""
    for q in range(slots.size):
        for c in range(first.size):
            begin = first[c] + width[c] * np.int64(slots[q])
            copy_bytes(memory, begin, rows, q * rows.shape[1] + at[c], width[c])


@jit_no_alloc
def write_keys(columns: tuple[I4, ...], at: I8, keys: U1, slots: I4, rows: U1) -> None:
    """Write columns [slots, k] that hold rows of titles as their keys, 0 for none (-1).

    ``keys`` are the bytes of all keys.
    """
    for c in range(len(columns)):
        column, first = columns[c], at[c]
        for q in range(slots.size):
            begin = q * rows.shape[1] + first
            for k in range(column.shape[1]):
                title = np.int64(column[slots[q], k])
                if title >= 0:
                    copy_bytes(rows, begin + KEY * k, keys, KEY * title, KEY)
                else:
                    for b in range(KEY):
                        rows[q, first + KEY * k + b] = 0


@jit_no_alloc
def are_finite(columns: tuple[F4, ...] | tuple[F8, ...], slots: I4) -> bool:
    """Return whether all numbers of slots in columns [slots, k] are finite."""
    finite = True
    for c in range(len(columns)):
        column = columns[c]
        for q in range(slots.size):
            for k in range(column.shape[1]):  # no early exit: vector instructions
                finite &= np.isfinite(column[slots[q], k])
    return finite
