"""Starting and ending a worker: what is checked before, what the exit codes are."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Timer
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs
from threadpoolctl import ThreadpoolController, threadpool_limits

from streams.config.settings import Settings
from streams.engine import disk_space
from streams.engine.app import App, build_app, run_worker, use_one_blas_thread
from streams.engine.exits import die, exit_code
from streams.engine.folder_lock import locked_folder
from streams.errors import (
    BrokerUnreachableError,
    DiskFullError,
    OutcomeInDoubtError,
    SettingsError,
    StateError,
    StateLockedError,
    TopicError,
)
from streams.kafka.clients import consumer, producer
from streams.kafka.security import aiokafka_options
from streams.ops.local_kafka.embedded import EmbeddedCluster
from streams.telemetry.metrics import Metrics
from tests.conftest import Nearline
from tests.forks import run_in_fork
from tests.streams.doubles import fold_spec
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.slow


def made(brokers: str, folder: Path) -> App:
    """Return a worker that is not running."""
    settings = Settings(brokers=brokers, state_dir=folder, http_port=0)
    return build_app(settings, [fold_spec()], Metrics())


@pytest.fixture
def topics(embedded: EmbeddedCluster) -> str:
    """Give an embedded cluster with the topics of the folding stage."""
    embedded.create(["in", "log", "out", "dead"])
    return embedded.bootstrap_servers


def test_importing_does_nothing() -> None:
    """Import starts no thread, opens no socket and makes no app."""
    code = "import streams.engine.app, threading; assert threading.active_count() == 1"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_products_of_matrices_have_one_thread() -> None:
    """Whatever the libraries chose by the number of cores."""
    with threadpool_limits(2, user_api="blas"):
        use_one_blas_thread()
        libraries = ThreadpoolController().select(user_api="blas").info()
    assert libraries
    assert {one["num_threads"] for one in libraries} == {1}


def test_broker_that_does_not_answer(tmp_path: Path, nowhere: str) -> None:
    """The first thing that is said is that nobody answers, with exit code 3."""
    with pytest.raises(BrokerUnreachableError) as caught:
        run_worker(made(nowhere, tmp_path))
    assert exit_code(caught.value) == 3


def test_missing_topic_is_named(embedded: EmbeddedCluster, tmp_path: Path) -> None:
    """No topic is created by accident: the missing one is named."""
    embedded.create(["in"])
    with pytest.raises(TopicError, match="topic log of stage fold does not exist"):
        run_worker(made(embedded.bootstrap_servers, tmp_path))


def test_state_folder_in_use(topics: str, tmp_path: Path) -> None:
    """A second worker on the same folder ends at once and says what to change."""
    with locked_folder(tmp_path), pytest.raises(StateLockedError, match="NEARLINE_STATE_DIR"):
        run_worker(made(topics, tmp_path))


def test_state_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """A file where the folder should be is explained."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="cannot be written"), locked_folder(tmp_path / "file"):
        pass


class Witness:
    """A companion that notes its life, and lets a test act when the worker runs."""

    def __init__(self, app: App, brokers: str) -> None:
        self._app, self._brokers = app, brokers
        self.notes: list[str] = []

    def start(self) -> None:
        """Begin to wait for the worker in a thread."""
        self.notes.append("start")
        threading.Thread(target=self._feed, daemon=True).start()

    def stop(self) -> None:
        """Note whether everything was closed before."""
        self.notes.append("stop, closed" if self._app.task_manager.waiting() else "stop")

    def waiting(self) -> list[str]:
        """Hold up nobody."""
        return []

    def _feed(self) -> None:
        client = producer(self._brokers)
        for number in range(500):
            client.produce("in", key=f"v{number % 7}", value=f"e{number}")
        client.flush()
        while sum(self._app.task_manager.positions().values()) < 500:
            time.sleep(0.02)
        self.notes.append("worked")
        os.kill(os.getpid(), signal.SIGTERM)


def test_a_worker_works_and_ends_cleanly_on_sigterm(topics: str, tmp_path: Path) -> None:
    """On the embedded cluster every event comes out once; SIGTERM drains and is code 0."""
    app = made(topics, tmp_path)
    witness = Witness(app, topics)
    assert run_worker(app, [witness]) == 0
    assert witness.notes[:2] == ["start", "worked"]
    reader = consumer(topics, {"group.id": "reader"})
    reader.subscribe(["out"])
    found: list[bytes | None] = []
    deadline = time.monotonic() + PATIENCE_S
    while len(found) < 500 and time.monotonic() < deadline:
        found += [message.value() for message in reader.consume(1_000, 0.5) if message.error() is None]
    reader.close()
    assert sorted(found, key=str) == sorted((b"e%d" % number for number in range(500)), key=str)
    with locked_folder(tmp_path):
        pass


def test_a_worker_waits_for_space_on_its_disk(
    topics: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It starts by itself when there is some: no exit, no loop of restarts."""
    free = iter([0, 0])
    monkeypatch.setattr(disk_space, "PAUSE_S", 0.0)
    disk = {"f_frsize": 1, "f_favail": 1, "f_files": 1}
    monkeypatch.setattr(
        disk_space.os, "statvfs", lambda _: SimpleNamespace(f_bavail=next(free, 1 << 30), **disk)
    )
    app = made(topics, tmp_path)
    with capture_logs() as lines:
        assert run_worker(app, [Witness(app, topics)]) == 0
    events = [line["event"] for line in lines]
    assert (events.count("disk_full"), events.count("disk_has_space")) == (1, 1)
    assert events.index("disk_has_space") < events.index("worker_starts")


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a disk of 24 MB that takes neither a byte nor another file or folder."""
    place = tmp_path / "disk"
    place.mkdir()
    if not _mount("size=24m,nr_inodes=2", "tmpfs", place):
        pytest.skip("this user may not mount a file system")
    try:
        with contextlib.suppress(OSError), (place / "ballast").open("wb", buffering=0) as ballast:
            while True:
                ballast.write(bytes(1 << 16))
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def _mount(options: str, *places: str | Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", options, *map(str, places)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def test_a_worker_with_a_new_folder_on_a_full_disk_waits(topics: str, full_disk: Path) -> None:
    """A disk that is really full: neither folder nor lock can be made. It starts when there is space."""
    with pytest.raises(DiskFullError, match="No space left on device"), locked_folder(full_disk / "a"):
        pass
    app = made(topics, full_disk / "new" / "state")

    def make_room() -> None:
        (full_disk / "ballast").unlink()
        _mount("remount,nr_inodes=4096", full_disk)

    Timer(1.5, make_room).start()
    with capture_logs() as lines:
        assert run_worker(app, [Witness(app, topics)]) == 0
    events = [line["event"] for line in lines]
    assert (events.count("disk_full"), events.count("disk_has_space")) == (1, 1)
    assert events.index("disk_has_space") < events.index("worker_starts")


def fails_to_stop() -> int:
    """Be a worker whose end fails, as a process."""

    async def fails() -> None:
        msg = "the disk is gone"
        raise OSError(msg)

    with EmbeddedCluster() as cluster:
        cluster.create(["in", "log", "out", "dead"])
        app = made(cluster.bootstrap_servers, Path(sys.argv[1]))
        app.task_manager.close = fails  # type: ignore[method-assign]
        return run_worker(app, [Witness(app, cluster.bootstrap_servers)])


def test_a_worker_that_fails_to_stop_is_gone(nearline: Nearline, tmp_path: Path) -> None:
    """Code 4 at once; Faust's thread, left running, would keep the process and its place in the group."""
    process = nearline(str(tmp_path), log=tmp_path / "log", program=f"{__name__}:fails_to_stop")
    assert process.wait(PATIENCE_S) == 4
    assert "the disk is gone" in (tmp_path / "log").read_text()


def joins_forever() -> int:
    """Be a worker that is told to end while it joins the group, as a process."""

    async def joins() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(3_600)

    with EmbeddedCluster() as cluster:
        cluster.create(["in", "log", "out", "dead"])
        app = made(cluster.bootstrap_servers, Path(sys.argv[1]))
        app.start = joins  # type: ignore[method-assign]
        return run_worker(app)


def test_a_signal_before_the_group_is_joined_ends_the_worker(nearline: Nearline, tmp_path: Path) -> None:
    """Code 0 at once: without a broker the group cannot be joined, however long the worker tries."""
    process = nearline(str(tmp_path), log=tmp_path / "log", program=f"{__name__}:joins_forever")
    said = tmp_path / "log"
    assert process.wait(PATIENCE_S) == 0, said.read_text()
    assert "before it has joined the group" in said.read_text()


def test_exit_codes() -> None:
    """Doubt is 4, and so is whatever nobody foresaw."""
    assert exit_code(OutcomeInDoubtError("?")) == 4
    assert exit_code(ZeroDivisionError()) == 4
    assert exit_code(SettingsError("?")) == 2


def test_dying_ends_the_process_without_clean_up(tmp_path: Path) -> None:
    """No handler and no destructor runs: nothing may commit after a doubt."""

    def dies() -> None:
        try:
            die(OutcomeInDoubtError("who knows"))
        finally:
            sys.stdout.write("finally")

    code, said = run_in_fork(dies, tmp_path / "said")
    assert code == 4
    assert "who knows" in said
    assert "finally" not in said


def test_both_clients_are_secured_alike() -> None:
    """What the operator says to librdkafka is said to aiokafka; what it cannot do is refused."""
    options = aiokafka_options(
        {"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512", "sasl.password": "p"}
    )
    assert options.pop("ssl_context").check_hostname
    assert options == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_password": "p",
    }
    with pytest.raises(SettingsError, match="OAUTHBEARER"):
        aiokafka_options({"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER"})
