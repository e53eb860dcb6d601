"""Columns are copied into packed rows and back, and nothing beside them is touched."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from online_models.tables.packed_fields import PackedFields, read_fields, write_fields

KINDS = ("u1", "<i2", "<f4", "<i8")
GAP = 8
"""Bytes between columns, which nobody may write."""


def columns_in(memory: NDArray[np.uint8], row: np.dtype[np.void], capacity: int) -> dict[str, NDArray]:
    """Return the columns of a table, one after the other in one allocation."""
    found, at = {}, GAP
    for name in row.names[1:]:
        kind, shape = row[name].base, (capacity, *row[name].shape)
        size = int(np.prod(shape)) * kind.itemsize
        found[name] = memory[at : at + size].view(kind).reshape(shape)
        at += -(-size // GAP) * GAP + GAP
    return found


@given(
    st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 3)), min_size=1, max_size=6),
    st.lists(st.integers(0, 6), unique=True, max_size=7),
    st.integers(0, 99),
)
def test_each_byte_is_that_of_an_assignment(
    fields: list[tuple[str, int]], slots: list[int], seed: int
) -> None:
    """Columns without values are not copied, either: a model without horizons has such input vectors."""
    row = np.dtype([("version", "u1"), *((f"c{n}", kind, (k,)) for n, (kind, k) in enumerate(fields))])
    random = np.random.default_rng(seed)
    memory = random.integers(0, 100, 2_000).astype(np.uint8)
    rows = random.integers(0, 100, (len(slots), row.itemsize)).astype(np.uint8)
    expected_rows, expected_memory = rows.copy(), memory.copy()
    columns, by_numpy = columns_in(memory, row, 7), columns_in(expected_memory, row, 7)
    at = np.array(slots, np.int32)

    write_fields(*PackedFields.of(columns, row), at, rows)
    for name, column in by_numpy.items():
        expected_rows.view(row).reshape(len(slots))[name] = column[at]
    assert np.array_equal(rows, expected_rows)

    rows[:, 1:] += 100
    read_fields(*PackedFields.of(columns, row), at, rows)
    for name, column in by_numpy.items():
        column[at] = rows.view(row).reshape(len(slots))[name]
    assert np.array_equal(memory, expected_memory)
