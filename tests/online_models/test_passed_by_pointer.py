"""Groups of arrays that kernels take as one pointer are, for kernels, what named tuples are."""

import copy
import pickle
from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba.core.errors import TypingError
from numpy.typing import NDArray

from online_models import passed_by_pointer
from online_models.jit import jit, jit_no_alloc
from online_models.passed_by_pointer import PassedByPointer

PAIR = np.dtype([("a", np.int16), ("b", np.float64)])


class Inner(PassedByPointer):
    """A group in a group."""

    weight: NDArray[np.float64]


class Group(PassedByPointer):
    """One field of each kind."""

    name: NDArray[np.int32]
    cube: NDArray[np.float32]
    pairs: NDArray[Any]
    inner: Inner
    count: int
    share: float
    small: np.float32
    is_on: bool


@jit_no_alloc
def read(group: Group, i: int, j: int, k: int) -> float:
    """Add up something of every field."""
    total = group.name[i] + group.cube[i, j, k] + group.pairs[i].b + group.inner.weight[k]
    total += group.count + group.share + group.small if group.is_on else -2 * total
    return float(total)


@jit
def write(group: Group) -> None:
    """Write through a slice and by place."""
    group.cube[1, :] = -7.0
    group.name[group.name.size - 1] = group.cube.shape[2]


def a_group(*, is_on: bool = True) -> Group:
    """Return a group of shape (3, 2, 4)."""
    cube = np.arange(24, dtype=np.float32).reshape(3, 2, 4)
    pairs = np.array([(k, k / 4) for k in range(3)], PAIR)
    inner = Inner(np.arange(4) / 2)
    return Group(np.arange(3, dtype=np.int32), cube, pairs, inner, 100, 0.5, np.float32(0.25), is_on)


@given(i=st.integers(0, 2), j=st.integers(0, 1), k=st.integers(0, 3), is_on=st.booleans())
def test_kernels_read_what_python_reads(i: int, j: int, k: int, *, is_on: bool) -> None:
    """Arrays of one and more dimensions, of structures, numbers, and the fields of a group within."""
    group = a_group(is_on=is_on)
    total = float(group.name[i] + group.cube[i, j, k] + group.pairs[i]["b"] + group.inner.weight[k])
    assert read(group, i, j, k) == (total + 100.75 if is_on else -total)


def test_kernels_write_into_the_arrays() -> None:
    """They are the arrays of Python, not copies."""
    group = a_group()
    write(group)
    assert (group.cube[1] == -7).all()
    assert (group.cube[[0, 2]] != -7).all()
    assert group.name.tolist() == [0, 1, 4]


def through_pickle(group: Group) -> Group:
    """Return what a pickle holds."""
    stored: Group = pickle.loads(pickle.dumps(group))  # noqa: S301 - made here
    return stored


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, through_pickle])
def test_copies_have_addresses_of_their_own(copied: Any) -> None:
    """A kernel that has seen the original writes into the copy's arrays."""
    group = a_group()
    read(group, 0, 0, 0)
    other = copied(group)
    before = group.cube.copy()
    write(other)
    assert (other.cube[1] == -7).all()
    assert np.array_equal(group.cube, before) == (other.cube is not group.cube)


def test_a_changed_field_makes_a_new_group() -> None:
    """Fields cannot be assigned: kernels would go on with the former address."""
    group = a_group()
    read(group, 0, 0, 0)
    with pytest.raises(FrozenInstanceError):
        group.count = 1  # type: ignore[misc]
    assert read(group.replace(count=101), 0, 0, 0) == read(group, 0, 0, 0) + 1
    with pytest.raises(TypeError, match="Group has no counts"):
        group.replace(counts=101)


def test_some_rows() -> None:
    """Slices and lists of rows of every array."""
    some = Inner(np.arange(4) / 2)
    assert some.part(slice(1, 3)).weight.tolist() == [0.5, 1.0]
    assert some.part(np.array([3, 0])).weight.tolist() == [1.5, 0.0]


def test_derived_arrays_are_refused() -> None:
    """Their memory may be laid out in another way."""
    with pytest.raises(TypingError, match=r"make one of a derived class with np.asarray"):
        read(a_group().replace(name=np.zeros(3, np.int32).view(np.recarray)), 0, 0, 0)


def test_arrays_with_gaps_are_refused() -> None:
    """Before a kernel reads beside them."""
    with pytest.raises(TypingError, match=r"copy this one with np.ascontiguousarray"):
        read(a_group().replace(name=np.arange(6, dtype=np.int32)[::2]), 0, 0, 0)


def test_words_that_a_kernel_may_read_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads describe a group at once: the words of the one that came first are not freed."""
    group, found, inside = a_group(), [], passed_by_pointer._others

    def other_thread(*about: Any) -> list[tuple[int, int]]:
        monkeypatch.setattr(passed_by_pointer, "_others", inside)
        found.append(group._address)
        return inside(*about)

    monkeypatch.setattr(passed_by_pointer, "_others", other_thread)
    assert group._address == found[0]
    assert group._words.ctypes.data == found[0]
