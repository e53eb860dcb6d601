"""Copies columns of a table into the fixed parts of packed rows, and back: all fields in one call.

With numpy each field takes a gather and a strided copy, some sixty calls for viewers' rows: 0.1 ms however
few rows there are.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.jit import jit_no_alloc
from online_models.tables.layout import F4, I4, I8, U1, U8

__all__ = ["PackedFields", "are_finite", "offsets", "read_fields", "write_fields", "write_keys"]


class PackedFields(NamedTuple):
    """Columns, and where their values are in a row.

    Examples
    --------
    >>> row = np.dtype([("version", "u1"), ("n", "<u2"), ("pair", "u1", (2,))])
    >>> columns = {"n": np.array([7, 8], np.uint16), "pair": np.array([[1, 2], [3, 4]], np.uint8)}
    >>> fields = PackedFields.of(columns, row)
    >>> rows = np.zeros((1, row.itemsize), np.uint8)
    >>> write_fields(fields.columns, fields.at, np.array([1], np.int32), rows)
    >>> rows.tolist()
    [[0, 8, 0, 3, 4]]
    """

    columns: tuple[U1, ...]
    """[slots, bytes of the field] each."""
    at: I8
    """[columns] first byte of the field in a row."""

    @classmethod
    def of(cls, columns: dict[str, NDArray[np.generic]], row: np.dtype[np.void]) -> "PackedFields":
        """Find the columns by name among the fields of a row; both have the same types."""
        at = offsets(row, columns)
        views = [
            one.view(np.uint8).reshape(len(one), one.nbytes // max(1, len(one))) for one in columns.values()
        ]
        return cls(tuple(views), at)


def offsets(row: np.dtype[np.void], names: Iterable[str]) -> I8:
    """Return the first byte of fields of a row."""
    fields: Any = row.fields
    return np.array([fields[name][1] for name in names], np.int64)


@jit_no_alloc
def write_fields(columns: tuple[U1, ...], at: I8, slots: I4, rows: U1) -> None:
    """Write the values of slots [n] into rows [n, size]."""
    for c in range(len(columns)):
        column, first = columns[c], at[c]
        for q in range(slots.size):
            for b in range(column.shape[1]):
                rows[q, first + b] = column[slots[q], b]


@jit_no_alloc
def read_fields(columns: tuple[U1, ...], at: I8, slots: I4, rows: U1) -> None:
    """Read the values of slots [n] out of rows [n, size]."""
    for c in range(len(columns)):
        column, first = columns[c], at[c]
        for q in range(slots.size):
            for b in range(column.shape[1]):
                column[slots[q], b] = rows[q, first + b]


@jit_no_alloc
def write_keys(columns: tuple[I4, ...], at: I8, keys: U8, slots: I4, rows: U1) -> None:
    """Write columns [slots, k] that hold rows of titles as their keys, little-endian; 0 for none (-1)."""
    for c in range(len(columns)):
        column, first = columns[c], at[c]
        for q in range(slots.size):
            for k in range(column.shape[1]):
                title = column[slots[q], k]
                key = keys[title] if title >= 0 else np.uint64(0)
                for b in range(8):
                    rows[q, first + 8 * k + b] = np.uint8((key >> np.uint64(8 * b)) & np.uint64(0xFF))


@jit_no_alloc
def are_finite(columns: tuple[F4, ...], slots: I4) -> bool:
    """Return whether all numbers of slots in columns [slots, k] are finite."""
    for c in range(len(columns)):
        column = columns[c]
        for q in range(slots.size):
            for k in range(column.shape[1]):
                if not np.isfinite(column[slots[q], k]):
                    return False
    return True
