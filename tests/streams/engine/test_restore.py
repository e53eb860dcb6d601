"""Stores that are of no use, and sources that lost records."""

from pathlib import Path

import pytest

from streams.engine.context import WorkerContext
from streams.engine.partition import Partition
from streams.engine.state import Store
from tests.streams.doubles import Log, fold_spec, record, worker_context


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
