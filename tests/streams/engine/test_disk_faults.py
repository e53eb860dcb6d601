"""What a disk can do to a partition's database: afterwards the state is what the log says, byte for byte."""

import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from streams.engine.context import WorkerContext
from streams.engine.folder_lock import locked_folder
from streams.engine.partition import Partition
from streams.engine.state import Store, StoreMemory
from streams.errors import StateDamagedError, StateError
from tests.streams.doubles import Fold, Log, fold_spec, record, worker_context

EVENTS, VIEWERS = 400, 37
CROWD = 2_000
"""Viewers whose rows fill many blocks of a table file."""
Fault = Callable[[Path], None]


@pytest.fixture
def log() -> Log:
    """Give a log whose source has events of 37 viewers."""
    log = Log()
    for number in range(EVENTS):
        log.append("in", 0, b"v%d" % (number % VIEWERS), b"event number %d" % number)
    return log


@pytest.fixture
def context(log: Log, tmp_path: Path) -> WorkerContext:
    """Give the context of a worker on it."""
    return roomy(log, tmp_path)


def roomy(log: Log, folder: Path) -> WorkerContext:
    """Return a context in which only a test writes table files: rows stay in RocksDB's log."""
    return replace(worker_context(log, folder), memory=StoreMemory())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the database's folder."""
    return tmp_path / "fold" / "0"


def opened(context: WorkerContext) -> Partition:
    """Open the partition."""
    partition = Partition(fold_spec(), 0, context)
    partition.open()
    return partition


def worked(partition: Partition, log: Log, end: int) -> None:
    """Apply events up to an offset, a few at a time."""
    for start in range(partition.position, end, 20):
        upto = min(end, start + 20)
        partition.process([record(offset, *log.topics["in", 0][offset]) for offset in range(start, upto)])


def left(context: WorkerContext, log: Log, *ends: int) -> None:
    """Work up to each of some offsets, writing a table file after each, and leave."""
    for end in ends:
        partition = opened(context)
        worked(partition, log, end)
        assert partition._store is not None
        partition._store._db.flush()
        partition.close()


def killed(partition: Partition, folder: Path) -> None:
    """Leave the files as a killed process does: what closing would write is not written."""
    copy = folder.with_suffix(".killed")
    copy.mkdir()
    for file in folder.iterdir():
        with suppress(FileNotFoundError):  # RocksDB takes away what it no longer needs, meanwhile
            shutil.copy(file, copy)
    partition.close()
    shutil.rmtree(folder)
    copy.rename(folder)


def truth(log: Log, end: int) -> list[tuple[bytes, bytes]]:
    """Return what the rows are after a number of events, from the events alone."""
    rows: dict[bytes, bytes] = {}

    class View:
        """The rows so far."""

        def get(self, key: bytes) -> bytes | None:
            """Return a row."""
            return rows.get(key)

    step = Fold(View())  # type: ignore[arg-type]
    for offset in range(end):
        outcome = step([record(offset, *log.topics["in", 0][offset])])
        rows.update((key, value or b"") for key, value in outcome.rows)
    return sorted(rows.items())


def is_exact(context: WorkerContext, log: Log) -> bool:
    """Open, go on to the end, and compare with the truth."""
    partition, end = opened(context), len(log.topics["in", 0])
    worked(partition, log, end)
    assert partition._store is not None
    rows = list(partition._store.scan())
    applied = partition.applied
    partition.close()
    return applied == end - 1 and rows == truth(log, end)


def _only(folder: Path, pattern: str) -> Path:
    """Return the newest file of a pattern."""
    return max(folder.glob(pattern))


def _cut(pattern: str, share: float) -> Fault:
    """Truncate the newest file of a pattern to a share of its size."""

    def fault(folder: Path) -> None:
        file = _only(folder, pattern)
        file.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])

    return fault


FAULTS: dict[str, Fault] = {
    "folder deleted": shutil.rmtree,
    "folder emptied": lambda folder: [file.unlink() for file in folder.iterdir()] and None,
    "CURRENT missing": lambda folder: (folder / "CURRENT").unlink(),
    "CURRENT empty": lambda folder: (folder / "CURRENT").write_bytes(b"") and None,
    "CURRENT nonsense": lambda folder: (folder / "CURRENT").write_text("nonsense") and None,
    "MANIFEST missing": lambda folder: _only(folder, "MANIFEST-*").unlink(),
    "MANIFEST empty": _cut("MANIFEST-*", 0.0),
    "MANIFEST cut in half": _cut("MANIFEST-*", 0.5),
    "MANIFEST cut at its tail": _cut("MANIFEST-*", 0.95),
    "log empty": _cut("*.log", 0.0),
    "log cut in half": _cut("*.log", 0.5),
    "log cut at its tail": _cut("*.log", 0.97),
    "log missing": lambda folder: _only(folder, "*.log").unlink(),
    "table missing": lambda folder: _only(folder, "*.sst").unlink(),
    "table empty": _cut("*.sst", 0.0),
    "table cut in half": _cut("*.sst", 0.5),
    "options missing": lambda folder: _only(folder, "OPTIONS-*").unlink(),
}


@pytest.mark.parametrize("name", FAULTS)
def test_whatever_is_wrong_with_the_files_the_log_makes_it_good(
    name: str, context: WorkerContext, log: Log, folder: Path
) -> None:
    """Rows 36, 38, 39: after the fault the partition opens by itself, goes on, and is exact."""
    left(context, log, 100, 200)
    partition = opened(context)
    worked(partition, log, 300)  # these are in RocksDB's log alone
    killed(partition, folder)
    FAULTS[name](folder)
    assert is_exact(context, log)


def test_every_cut_of_the_log_is_made_good(log: Log, tmp_path: Path) -> None:
    """Row 39: wherever a power loss cut RocksDB's log, the store is behind and never torn."""
    context = roomy(log, tmp_path / "origin")
    left(context, log, 100)
    partition = opened(context)
    worked(partition, log, 160)
    killed(partition, tmp_path / "origin" / "fold" / "0")
    whole = _only(tmp_path / "origin" / "fold" / "0", "*.log").stat().st_size
    seen = set()
    for cut in range(0, whole, max(1, whole // 12)):
        copy = tmp_path / str(cut)
        shutil.copytree(tmp_path / "origin" / "fold" / "0", copy)
        file = _only(copy, "*.log")
        file.write_bytes(file.read_bytes()[:cut])
        store = Store(copy, context.memory)
        assert list(store.scan()) == truth(log, store.applied + 1)
        seen.add(store.applied)
        store.close()
    assert seen == {99, 119, 139}  # the batches of 20 that the cuts left whole


def test_a_flipped_byte_ends_the_worker_and_its_successor_is_exact(tmp_path: Path) -> None:
    """Row 37: the damage is met when a row is read; nothing is served from it; the next start begins anew."""
    log = Log()
    for number in range(2 * CROWD):
        log.append("in", 0, b"v%d" % (number % CROWD), b"%d" % number)
    context = roomy(log, tmp_path)
    left(context, log, CROWD)
    table = max((tmp_path / "fold" / "0").glob("*.sst"), key=lambda file: file.stat().st_size)
    content = bytearray(table.read_bytes())
    content[len(content) // 2] ^= 0xFF
    table.write_bytes(content)
    context = roomy(log, tmp_path)  # no block in the cache
    partition = opened(context)
    with pytest.raises(StateDamagedError):
        worked(partition, log, 2 * CROWD)
    partition.close()
    assert is_exact(context, log)


def test_an_old_backup_is_brought_up_to_date(
    context: WorkerContext, log: Log, folder: Path, tmp_path: Path
) -> None:
    """Row 40: copied back, the store is behind its changelog, which has the rest; no event counts twice."""
    left(context, log, 100)
    shutil.copytree(folder, tmp_path / "backup")
    left(context, log, 300)
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "backup", folder)
    assert is_exact(context, log)


@contextmanager
def _full_disk(limit: int) -> Iterator[None]:
    """Let no file grow beyond a size, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_ends_the_worker_and_its_successor_is_exact(
    context: WorkerContext, log: Log, folder: Path
) -> None:
    """Row 42: the batch is in the log, nothing is acknowledged; with room again the state is exact."""
    left(context, log, 100)
    partition = opened(context)
    worked(partition, log, 120)
    size = _only(folder, "*.log").stat().st_size
    with _full_disk(size + 300), pytest.raises(StateError, match="free space") as caught:
        worked(partition, log, EVENTS)
    assert not isinstance(caught.value, StateDamagedError)
    reached = partition.applied
    partition.close()
    assert reached < EVENTS - 1
    assert is_exact(context, log)


def test_a_read_only_folder_is_refused_at_the_start() -> None:
    """Row 44: Linux lets nobody write there, root neither; the error names folder and setting."""
    nowhere = Path("/sys/nearline")
    with pytest.raises(StateError, match="NEARLINE_STATE_DIR"), locked_folder(nowhere):
        pass
    with pytest.raises(StateError, match="cannot be read or written"):
        Store(nowhere / "0", StoreMemory())
