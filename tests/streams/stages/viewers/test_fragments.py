"""Texts of which pages are put together."""

import numba
import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from streams.stages.viewers.fragments import FragmentStore, ShelfFragments


def test_kernels_are_given_one_kind_of_array() -> None:
    """Whether there is a text or not: of another kind a worker's first page would wait for a compiler."""
    texts = FragmentStore([b"a"])
    empty, _ = texts.flat()
    assert texts.many(["x"], str.encode) == [1]
    flat, at = texts.flat()
    assert bytes(flat[at[1] : at[2]]) == b"x"
    assert numba.typeof(empty) == numba.typeof(flat)


@example([[(n % 60, n // 60) for n in range(m)] for m in (9, 1_500, 3_000)])
@given(st.lists(st.lists(st.tuples(st.integers(-1, 60), st.integers(0, 60)), max_size=900), max_size=4))
def test_rows_are_told_apart_however_many_there_are(batches: list[list[tuple[int, int]]]) -> None:
    """Each row has its own text, made once; the table grows below them."""
    texts, made = ShelfFragments([b"first"]), []

    def make(row: list[int]) -> bytes:
        made.append(tuple(row))
        return repr(row).encode()

    for batch in batches:
        numbers = texts.of_rows(np.array(batch, np.int32).reshape(-1, 2), make)
        flat, at = texts.flat()
        found = [bytes(flat[at[n] : at[n + 1]]) for n in numbers.tolist()]
        assert found == [repr([*row]).encode() for row in batch]
    assert len(made) == len({*made})
