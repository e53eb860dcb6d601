"""The codec of rows: what is packed is read, an old version is upgraded, anything else is refused."""

from collections.abc import Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from msgspec import Struct
from numpy.typing import NDArray

from online_models.config import ModelConfig
from online_models.errors import NonFiniteRowError
from online_models.tables.row_versions import RowVersions
from streams.errors import StateError, StateVersionError
from streams.stages.wire.row_codec import RowCodec


class Watches(Struct, array_like=True):
    """A row of this test."""

    name: str
    counts: NDArray[np.float32]
    keys: NDArray[np.uint64]


CODEC = RowCodec("watches", Watches)
FINITE = st.floats(-(2**20), 2**20, width=32)


@given(
    st.text(),
    arrays(np.float32, st.tuples(st.integers(0, 3), st.integers(0, 4)), elements=FINITE),
    arrays(np.uint64, st.integers(0, 5)),
)
def test_arrays_come_back_with_shape_and_dtype(
    name: str, counts: NDArray[np.float32], keys: NDArray[np.uint64]
) -> None:
    """Also empty ones, of several dimensions, and in columns' order; what is read can be written to."""
    row = CODEC.unpack(CODEC.pack(Watches(name, np.asfortranarray(counts), keys)))
    assert row.name == name
    assert (row.counts.dtype, row.counts.shape) == (np.float32, counts.shape)
    assert np.array_equal(row.counts, counts)
    assert np.array_equal(row.keys, keys)
    row.keys[:] = 7


def test_arrays_are_read_as_declared() -> None:
    """A writer's wider or big-endian numbers are no other numbers."""
    row = CODEC.unpack(CODEC.pack(Watches("a", np.array([1.5], np.float64), np.array([7], ">u8"))))  # type: ignore[arg-type]
    assert (row.counts.tolist(), row.counts.dtype, row.keys.tolist()) == ([1.5], np.float32, [7])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_not_packed(bad: float) -> None:
    """It stops the batch before it is written."""
    with pytest.raises(NonFiniteRowError):
        CODEC.pack(Watches("a", np.array([1, bad], np.float32), np.zeros(0, np.uint64)))


@pytest.mark.parametrize("bad", [np.nan, -np.inf])
def test_what_is_not_finite_is_not_read(bad: float) -> None:
    """No worker wrote it, and what is learned with it would not be finite either."""
    value = CODEC.pack(Watches("a", np.array([1, 2], np.float32), np.zeros(0, np.uint64)))
    damaged = value.replace(np.float32(2).tobytes(), np.float32(bad).tobytes())
    with pytest.raises(StateError, match="a number is not finite"):
        CODEC.unpack(damaged)


def test_a_row_of_an_old_version_is_upgraded() -> None:
    """Version 1 of this made-up row had no keys."""

    def with_keys(rows: Sequence[bytes], _: ModelConfig) -> list[bytes]:
        keys = ("<u8", (0,), b"")
        return [b"\x02" + msgspec.msgpack.encode([*msgspec.msgpack.decode(row[1:]), keys]) for row in rows]

    codec = RowCodec(RowVersions("watches").then(upgrade=with_keys), Watches)
    old = b"\x01" + msgspec.msgpack.encode(("a", ("<f4", (1,), np.array([2], "<f4").tobytes())))
    row = codec.unpack(old)
    assert (row.name, row.counts.tolist(), row.keys.tolist()) == ("a", [2.0], [])
    assert codec.pack(row)[0] == 2
    with pytest.raises(StateVersionError, match="watches has version 2, this program knows 1 to 1"):
        CODEC.unpack(codec.pack(row))


@pytest.mark.parametrize("cut", [0, 1, 5, -1])
def test_a_damaged_row_is_refused(cut: int) -> None:
    """The error names the row and what to do, and not its content."""
    value = CODEC.pack(Watches("secret", np.zeros(3, np.float32), np.zeros(2, np.uint64)))
    with pytest.raises(StateError) as caught:
        CODEC.unpack(value[:cut])
    assert "secret" not in str(caught.value)
    assert caught.value.next_step
