"""Texts of which pages are put together."""

import numba

from streams.viewers.texts import Texts


def test_kernels_are_given_one_kind_of_array() -> None:
    """Whether there is a text or not: of another kind a worker's first page would wait for a compiler."""
    texts = Texts([b"a"])
    empty, _ = texts.flat()
    assert texts.many(["x"], str.encode) == [1]
    flat, at = texts.flat()
    assert bytes(flat[at[1] : at[2]]) == b"x"
    assert numba.typeof(empty) == numba.typeof(flat)
