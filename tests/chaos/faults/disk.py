"""State that is lost, old, cut or corrupt, and disks that are read-only, full or slow."""

import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from streams.engine.state import Store, StoreMemory
from streams.errors import StateDamagedError
from tests.chaos.audit import STAGES
from tests.chaos.faults.workers import DEATH_S
from tests.chaos.rig import FaultError, Rig, UnavailableError
from tests.chaos.workers import ChaosWorker

SIZE_MB = 48
"""Of the small disk: the state of a run is a few MB, RocksDB's logs included."""


def delete_state(rig: Rig) -> str:
    """Kill -9 a worker and delete its databases."""
    return _meddle(rig, lambda worker: empty(worker.state))


def old_state(rig: Rig) -> str:
    """Kill -9 a worker and give it the databases that it had when it was started the last time."""

    def copy_back(worker: ChaosWorker) -> None:
        empty(worker.state)
        if worker.former.is_dir():
            shutil.copytree(worker.former, worker.state, dirs_exist_ok=True)

    return _meddle(rig, copy_back)


def foreign_state(rig: Rig) -> str:
    """Kill -9 a worker and leave it the databases of another installation on the same brokers.

    They look as good as its own: the same layout, partitions and configuration, and the positions of the
    present ends of its changelogs, so no replayed row puts a foreign one right. The worker must notice.
    """
    foreign, ledger = rig.foreign_state(), rig.ledger

    def replace(worker: ChaosWorker) -> None:
        empty(worker.state)
        shutil.copytree(foreign, worker.state, dirs_exist_ok=True)
        for changelog, stage, _ in STAGES:
            for partition, last in ledger.lasts(changelog).items():
                store = Store(worker.state / stage / str(partition), StoreMemory())
                applied = ledger.applied.get((changelog, partition), -1)
                store.write([], applied=applied, changelog_position=last + 1)
                store.close()

    name = _meddle(rig, replace)
    rig.until(lambda: rig.crew.at_rest(rig.partitions), 2 * DEATH_S, f"{name} has partitions")
    (worker,) = (one for one in rig.crew.workers if one.name == name)
    if "state_wiped" not in worker.told():
        msg = f"{name} took the databases of another installation for its own"
        raise FaultError(msg)
    return name


def truncate(rig: Rig, file: str, keep: float = 0.5) -> str:
    """Kill -9 a worker and cut a file of each of its databases.

    Parameters
    ----------
    rig
        The system.
    file
        Pattern of the file's name, such as ``MANIFEST-*``.
    keep
        Share of the file that is left.
    """

    def cut(worker: ChaosWorker) -> None:
        files = [found for found in _files(worker, file) if found.stat().st_size]
        if not files:
            msg = f"{worker.name} has no {file}"
            raise FaultError(msg)
        for found in files:
            with found.open("r+b") as handle:
                handle.truncate(int(found.stat().st_size * keep))

    return _meddle(rig, cut)


def flip_byte(rig: Rig) -> str:
    """Kill -9 a worker and flip a byte in the middle of its largest table files."""

    def flip(worker: ChaosWorker) -> None:
        for folder in worker.state.glob("*/*/"):  # opened after a kill, RocksDB turns its log into tables
            with suppress(StateDamagedError):  # by an earlier fault; the partition was another's since then
                Store(folder, StoreMemory()).close()
        tables = sorted(_files(worker, "*.sst"), key=lambda file: file.stat().st_size)[-3:]
        if not tables:
            msg = f"{worker.name} has no table file"
            raise FaultError(msg)
        for table in tables:
            data = bytearray(table.read_bytes())
            data[len(data) // 3] ^= 0x10
            table.write_bytes(data)

    return _meddle(rig, flip)


def read_only_disk(rig: Rig, seconds: float = 5.0) -> str:
    """Start a worker on a read-only disk: it must refuse. Recovery counts from when it is writable."""
    worker = _on_small_disk(rig)
    _mount("-o", "remount,ro", str(worker.state))
    worker.start()
    _endure(rig, worker, seconds)
    _mount("-o", "remount,rw", str(worker.state))
    rig.hurt()
    return worker.name


def full_disk(rig: Rig, seconds: float = 5.0) -> str:
    """Fill the disk of a worker at work: it must end. Recovery counts from when there is room again."""
    worker = _on_small_disk(rig)
    worker.start()
    rig.until(lambda: rig.crew.at_rest(rig.partitions), 2 * DEATH_S, "every worker has partitions")
    ballast = worker.state / "ballast"
    _fill(ballast)
    _endure(rig, worker, seconds)
    ballast.unlink()
    rig.hurt()
    return worker.name


def slow_disk(rig: Rig, write_s: float = 0.4, seconds: float = 8.0) -> str:
    """Have every write of every store take long. Recovery counts from when they are quick again."""
    workers = rig.crew.up()
    for worker in workers:
        worker.arm("after_commit", "slow", write_s)
    rig.wait(seconds)
    for worker in workers:
        worker.disarm()
    rig.hurt()
    return f"{len(workers)} workers, {write_s:g} s a write"


def _meddle(rig: Rig, harm: Callable[[ChaosWorker], None]) -> str:
    """Kill -9 a worker, harm its databases, and let it start again."""
    worker = rig.victim()
    worker.wanted = False
    worker.kill()
    rig.hurt()
    rig.crew.note(worker)
    try:
        harm(worker)
    finally:
        worker.start()
    return worker.name


def empty(folder: Path) -> None:
    """Delete what is in a folder, which may be a disk of its own."""
    for found in folder.iterdir():
        shutil.rmtree(found) if found.is_dir() else found.unlink()


def _files(worker: ChaosWorker, pattern: str) -> list[Path]:
    return sorted(worker.state.glob(f"*/*/{pattern}"))


def _endure(rig: Rig, worker: ChaosWorker, seconds: float) -> None:
    """Wait until the worker has ended because of its disk, and for some seconds of vain restarts more."""
    before = len(rig.crew.exits)
    rig.until(
        lambda: any(one.worker == worker.name for one in rig.crew.exits[before:]),
        DEATH_S,
        f"{worker.name} ends",
    )
    rig.wait(seconds)


def _on_small_disk(rig: Rig) -> ChaosWorker:
    """Kill -9 a worker and move its databases to a small disk of their own; it is not started again."""
    worker = rig.victim()
    worker.wanted = False
    worker.kill()
    rig.crew.note(worker)
    if worker.state.is_mount():
        return worker
    content = worker.state.rename(worker.folder / "moving")
    worker.state.mkdir()
    try:
        _mount("-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", str(worker.state))
    except UnavailableError:
        _move(content, worker.state)
        worker.start()
        raise
    rig.stack.callback(subprocess.run, ["umount", "--lazy", str(worker.state)], check=False)
    _move(content, worker.state)
    return worker


def _move(content: Path, folder: Path) -> None:
    shutil.copytree(content, folder, dirs_exist_ok=True)
    shutil.rmtree(content)


def _fill(file: Path) -> None:
    """Write until the disk is full to the last page."""
    with suppress(OSError), file.open("wb", buffering=0) as handle:
        for size in (1 << 20, 1 << 12):
            with suppress(OSError):
                while handle.write(bytes(size)):
                    pass


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        msg = f"mounting is not allowed here: {done.stderr.strip()}"
        raise UnavailableError(msg)
