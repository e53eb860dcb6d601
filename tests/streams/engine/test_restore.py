"""Stores that are of no use, and sources that lost records."""

from dataclasses import fields, replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from streams.engine.context import WorkerContext
from streams.engine.partition import Partition
from streams.engine.state import Store
from streams.engine.store_identity import StoreIdentity
from tests.streams.doubles import ROW, Log, fold_spec, record, worker_context


@pytest.fixture
def log() -> Log:
    """Give a log whose source has nine events."""
    log = Log()
    for number in range(9):
        log.append("in", 0, b"v%d" % (number % 3), b"e%d" % number)
    return log


@pytest.fixture
def context(log: Log, tmp_path: Path) -> WorkerContext:
    """Give the context of a worker on it."""
    return worker_context(log, tmp_path)


def opened(context: WorkerContext) -> Partition:
    """Open the partition."""
    partition = Partition(fold_spec(), 0, context)
    partition.open()
    return partition


def applied_to(context: WorkerContext, log: Log, end: int) -> None:
    """Apply the first events and leave."""
    partition = opened(context)
    partition.process([record(offset, *log.topics["in", 0][offset]) for offset in range(end)])
    partition.close()


def test_gap_in_the_source_is_counted(context: WorkerContext, log: Log) -> None:
    """What retention deleted unread is counted, and reading goes on at the first record there is."""
    applied_to(context, log, 3)
    log.first["in"] = 7
    partition = opened(context)
    assert (partition.applied, partition.position) == (2, 7)
    assert b'nearline_gap_records_total{stage="fold"} 4.0' in context.metrics.exposition()
    partition.close()


def test_new_partition_begins_at_the_first_record(context: WorkerContext, log: Log) -> None:
    """Without state nothing was promised, so nothing is missing."""
    log.first["in"] = 7
    partition = opened(context)
    assert partition.position == 7
    assert b"nearline_gap_records_total{" not in context.metrics.exposition()
    partition.close()


def test_damaged_store_is_rebuilt_at_once(context: WorkerContext, log: Log, tmp_path: Path) -> None:
    """A database that cannot be opened is wiped, loudly, and comes back whole from the changelog."""
    applied_to(context, log, 9)
    folder = tmp_path / "fold" / "0"
    (folder / "CURRENT").write_text("nonsense")
    partition = opened(context)
    assert partition.applied == 8
    assert partition.read_progress.rows == 3
    assert b'nearline_state_rebuilds_total{stage="fold"} 1.0' in context.metrics.exposition()
    partition.close()


def test_store_ahead_of_its_changelog_is_rebuilt(context: WorkerContext, log: Log, tmp_path: Path) -> None:
    """Rows that no log explains are not served: the log decides, and the events come again."""
    applied_to(context, log, 3)
    store = Store(tmp_path / "fold" / "0", context.memory)
    store.write([(b"ghost", b"row")], applied=8, changelog_position=1_000)
    store.close()
    partition = opened(context)
    assert partition.applied == 2
    assert partition._store is not None
    assert partition._store.get(b"ghost") is None
    partition.close()


def state_of(partition: Partition) -> dict[bytes, int]:
    """Return how many events each key of the state has."""
    assert partition._store is not None
    return {key: ROW.unpack(row)[0] for key, row in partition._store.scan()}


def test_state_of_another_installation_is_wiped(tmp_path: Path) -> None:
    """A folder that was left over brings no foreign row in and takes none of the own rows away."""
    old, new = Log(), Log()
    new.topic_id = "9c01"
    for log, names in ((old, (b"alice", b"bob") * 3), (new, (b"zoe", b"dave") * 9)):
        for name in names:
            log.append("in", 0, name, b"e")
    left = worker_context(old, tmp_path / "left")
    applied_to(left, old, 6)
    applied_to(worker_context(new, tmp_path / "first"), new, 4)
    context = worker_context(new, tmp_path / "second")
    for begin in range(4, 18):  # the log is longer now than the position of the folder that was left over
        partition = opened(context)
        partition.process([record(begin, *new.topics["in", 0][begin])])
        partition.close()
    moved = worker_context(new, tmp_path / "left")
    with capture_logs() as lines:
        partition = opened(moved)
    assert (partition.applied, state_of(partition)) == (17, {b"zoe": 9, b"dave": 9})
    partition.close()
    wiped = [line for line in lines if line["event"] == "state_wiped"]
    assert [line["why"] for line in wiped] == ["it belongs to topic id 7f3a, not to topic id 9c01"]
    assert b'nearline_state_rebuilds_total{stage="fold"} 1.0' in moved.metrics.exposition()
    opened(moved).close()
    assert b'nearline_state_rebuilds_total{stage="fold"} 1.0' in moved.metrics.exposition()


@pytest.mark.parametrize("name", [one.name for one in fields(StoreIdentity)])
def test_every_part_of_an_identity_binds(context: WorkerContext, log: Log, name: str) -> None:
    """Whatever differs, the database is wiped, and both values are said."""
    applied_to(context, log, 9)
    here = context.identity(fold_spec(), 0)
    there = replace(here, **{name: 7 if name == "partition" else "elsewhere"})
    with capture_logs() as lines:
        partition = opened(replace(context, identity=lambda *_: there))
    assert (partition.applied, partition.read_progress.rows) == (8, 3)
    partition.close()
    told = next(line["why"] for line in lines if line["event"] == "state_wiped")
    assert f"{getattr(here, name)}" in told
    assert f"{getattr(there, name)}" in told


def test_database_without_an_identity_is_wiped(context: WorkerContext, tmp_path: Path) -> None:
    """Rows of unknown origin are not served."""
    store = Store(tmp_path / "fold" / "0", context.memory)
    store.write([(b"ghost", ROW.pack(1, 1))], applied=-1, changelog_position=0)
    store.close()
    partition = opened(context)
    assert state_of(partition) == {}
    partition.close()
