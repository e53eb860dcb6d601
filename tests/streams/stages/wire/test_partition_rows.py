"""Rows that are a partition's own."""

import numpy as np
import pytest
from numpy.typing import NDArray

from online_models.config import ModelConfig
from online_models.errors import NonFiniteRowError
from online_models.learners.blender import MAX_WEIGHT
from online_models.tables.row_versions import RowVersions
from streams.engine.stage import Outcome
from streams.errors import StateError, StateVersionError
from streams.ops.state.verify import _own
from streams.stages.wire.partition_rows import (
    ALL,
    BLEND,
    FORMAT,
    LEARNED,
    PENDING_PAGE,
    SENT,
    PartitionRow,
    is_reserved,
    owner_key,
    require_format,
)
from tests.streams.steps import MemoryStore

ROWS = RowVersions("a row")


def test_values_come_back() -> None:
    """A number and an array are read as they were written, and what is not there is empty."""
    key, value = SENT.row(2**40)
    assert (key, SENT.unpack(value), SENT.unpack(None)) == (b"\x01sent", 2**40, 0)
    assert LEARNED.unpack(LEARNED.row(np.array([5, 0, 7], np.int64))[1]).tolist() == [5, 0, 7]
    assert LEARNED.unpack(None).tolist() == []
    assert SENT.read(MemoryStore({key: value or b""})) == 2**40


def test_a_row_can_have_members() -> None:
    """Each has a row of its own, which is found without a look at others, and can be deleted."""
    rows = [
        PENDING_PAGE.row((7, 10**12, 0), "ada"),
        PENDING_PAGE.row((9, 10**12, 0), "é"),
        SENT.row(3),
        (b"ada", b"a viewer"),
    ]
    store = MemoryStore({key: value or b"" for key, value in rows})
    assert list(PENDING_PAGE.members(store)) == [("ada", (7, 10**12, 0)), ("é", (9, 10**12, 0))]  # type: ignore[arg-type]
    assert {owner_key(key) for key in store.rows} == {PENDING_PAGE.key, SENT.key, b"ada"}
    assert list(_own([(key, value) for key, value in store.rows.items() if is_reserved(key)])) == []
    store.commit(Outcome(rows=[PENDING_PAGE.no_row("ada")]))
    assert [name for name, _ in PENDING_PAGE.members(store)] == ["é"]  # type: ignore[arg-type]


def test_keys_are_no_ids() -> None:
    """Keys that begin with a control character are the stage's own, and no two rows share one."""
    assert len({row.key for row in ALL}) == len(ALL)
    assert all(is_reserved(row.key) for row in ALL)
    assert is_reserved(b"\0applied")
    assert not any(is_reserved(title.encode()) for title in (" ", "t1", "é"))


def test_a_newer_value_is_refused() -> None:
    """What a newer version wrote is not guessed at."""
    with pytest.raises(StateVersionError, match="knows 1 to 1") as caught:
        SENT.unpack(b"\x02" + bytes(8))
    assert "start the version" in caught.value.next_step


@pytest.mark.parametrize("value", [b"", b"\x01", b"\x01" + bytes(9)])
def test_a_damaged_value_is_refused(value: bytes) -> None:
    """A value of another size is an error that names the row."""
    with pytest.raises(StateError, match="sent"):
        SENT.unpack(value)


def test_what_is_not_finite_is_not_packed() -> None:
    """A NaN stops the batch before it is written."""
    with pytest.raises(NonFiniteRowError):
        PartitionRow("weights", NDArray[np.float32], empty=np.zeros(1)).row(np.array([np.nan]))


def test_weights_beyond_all_that_are_learned_are_refused() -> None:
    """The blend's weights are bounded, so that scores stay finite."""
    most = np.array([0.5, -MAX_WEIGHT])
    assert BLEND.unpack(BLEND.row(most)[1]).tolist() == most.tolist()
    with pytest.raises(StateError, match="a number is out of its range"):
        BLEND.unpack(BLEND.row(most * 1.001)[1])


def test_a_payload_can_change() -> None:
    """A second version reads the first one's values by its upgrade."""
    first = PartitionRow("toy", int, empty=0)
    twice = RowVersions("toy").then(
        upgrade=lambda rows, _: [b"\x02" + bytes([2 * row[1]]) + row[2:] for row in rows]
    )
    second = PartitionRow("toy", int, empty=0, versions=twice)
    assert second.unpack(first.row(21)[1]) == 42
    assert second.unpack(second.row(21)[1]) == 21


def test_a_partition_of_newer_rows_is_refused_when_it_is_opened() -> None:
    """The format is told once, and an older program does not begin to work on a newer one's partition."""
    newer = ROWS.then(upgrade=lambda rows, _: list(rows))
    store = MemoryStore()
    (told,) = require_format(store, newer)
    store.rows[told[0]] = told[1] or b""
    assert FORMAT.read(store) == 2
    assert require_format(store, newer) == []
    with pytest.raises(StateVersionError, match="has version 2, this program knows 1 to 1"):
        require_format(store, ROWS)


def test_an_older_partition_is_told_its_new_format() -> None:
    """Rows of version 1 are read by version 2, which then says so."""
    key, value = FORMAT.row(1)
    newer = ROWS.then(upgrade=lambda rows, _: list(rows))
    assert require_format(MemoryStore({key: value or b""}), newer) == [FORMAT.row(2)]
    assert ROWS.current([], ModelConfig()) == []


def test_what_no_worker_wrote_is_refused() -> None:
    """A member's name that is no text, and a type of numbers that numpy would parse as an expression."""
    store = MemoryStore()
    store.commit(Outcome(rows=[(PENDING_PAGE.key + b"\0guest\xeb", PENDING_PAGE.row((1, 2, 0))[1])]))
    with pytest.raises(StateError, match="no text"):
        list(PENDING_PAGE.members(store))
    value = LEARNED.row(np.array([7]))[1]
    assert value is not None
    with pytest.raises(StateError, match="no type of numbers"):
        LEARNED.unpack(value.replace(b"<i8", b",y8"))
