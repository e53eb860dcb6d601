"""What the doctor asks of the machine: folders, databases, a worker, a server, Java."""

import fcntl
from importlib.metadata import version
from pathlib import Path

import pytest

from online_models.shipped_kernels import KernelChoice
from streams.config.settings import ServeSettings, Settings
from streams.engine.state import Store, StoreMemory
from streams.ops.doctor import (
    Finding,
    Installation,
    Status,
    databases,
    kernels,
    local_broker,
    metrics,
    server,
    state_folder,
    worker,
)
from streams.telemetry.exposition import merged
from streams.telemetry.health import Health
from streams.telemetry.metrics import Exposition, Metrics, SupervisorMetrics


def test_the_state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a folder, no room, in use, and free are told apart."""
    (tmp_path / "file").touch()
    assert state_folder(Installation(Settings(state_dir=tmp_path / "file" / "state"))).status is Status.FAIL
    installation = Installation(Settings(state_dir=tmp_path))
    with (tmp_path / "LOCK").open("w") as lock:
        assert "is not in use" in state_folder(installation).cause
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "running worker" in state_folder(installation).cause
    monkeypatch.setattr("streams.ops.doctor.LEAST_FREE", 10**18)
    assert state_folder(installation).status is Status.WARN


def test_the_kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a wheel, those of a checkout, and a wheel's that do not run here, with the cause."""

    def found(folder: Path, decision: KernelChoice) -> Finding:
        monkeypatch.setattr("streams.ops.doctor.shipped_kernels.FOLDER", folder)
        monkeypatch.setattr("streams.ops.doctor.shipped_kernels.decided", lambda: decision)
        return kernels(Installation(Settings()))

    assert found(tmp_path, KernelChoice(tmp_path, "those shipped")).status is Status.OK
    assert found(tmp_path / "none", KernelChoice(None, "none were shipped")).status is Status.OK
    left = found(tmp_path, KernelChoice(None, "this processor has no avx2"))
    assert (left.status, left.cause) == (Status.WARN, "this processor has no avx2")
    assert "python -m online_models.compile" in left.next_step


@pytest.mark.parametrize(("ready", "status"), [(True, Status.OK), (False, Status.WARN)])
def test_the_worker(ready: bool, status: Status) -> None:
    """Ready is well, restoring is a matter of waiting, silence means that none runs."""
    health = Health("127.0.0.1", 0, lambda: [] if ready else ["viewers partition 2: 5 of 9 left"], Metrics())
    health.start()
    installation = Installation(Settings(http_port=health.port))
    try:
        assert worker(installation).status is status
    finally:
        health.stop()
    assert "nothing answers" in worker(installation).cause
    assert worker(Installation(Settings(http_port=0))).status is Status.UNKNOWN


def test_metrics_of_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """At work, standing still, of another version, no worker at all: told apart."""
    shown = Metrics(version=version("nearline"))
    clock = iter(range(10**6)).__next__  # so that no text is served twice
    health = Health("127.0.0.1", 0, list, shown, clock=clock)
    health.start()

    def found() -> Finding:
        return metrics(Installation(Settings(http_port=health.port)))  # it reads the metrics once

    try:
        assert found().status is Status.OK
        monkeypatch.setattr("streams.ops.doctor.version", lambda _: "9.9.9")
        assert (found().status, "9.9.9" in found().cause) == (Status.WARN, True)
        shown.stalled_seconds.set(31)
        assert (found().status, "31 s" in found().cause) == (Status.FAIL, True)
        monkeypatch.setattr("streams.ops.doctor.fetch", lambda _: Exposition("other 1"))
        assert "not those of a worker" in found().cause
    finally:
        health.stop()
    monkeypatch.undo()
    assert found().status is Status.UNKNOWN


def test_metrics_of_a_worker_of_several_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """How many there are, and the longest stall of one of them: two short ones are no long one."""
    one, supervisor = Metrics(version=version("nearline")), SupervisorMetrics()
    supervisor.processes.labels("ready").set(2)
    one.stalled_seconds.set(20)

    def found() -> Finding:
        text = one.exposition().decode()
        whole = merged({"0": text, "1": text, "supervisor": supervisor.exposition().decode()}).decode()
        monkeypatch.setattr("streams.ops.doctor.fetch", lambda _: Exposition(whole))
        return metrics(Installation(Settings()))

    assert (found().status, "in 2 processes" in found().cause) == (Status.OK, True)
    one.stalled_seconds.set(31)
    assert (found().status, "31 s" in found().cause) == (Status.FAIL, True)


def test_the_server() -> None:
    """Ready, not ready, absent."""
    waits: list[str] = []
    health = Health("127.0.0.1", 0, lambda: waits, Metrics())
    health.start()
    installation = Installation(Settings(serve=ServeSettings(port=health.port)))
    try:
        assert server(installation).status is Status.OK
        waits.append("catalog: 5 of 9 left")
        assert server(installation).status is Status.WARN
    finally:
        health.stop()
    assert server(installation).status is Status.UNKNOWN


def test_local_databases(tmp_path: Path) -> None:
    """None, readable ones, and one that was found damaged."""
    installation = Installation(Settings(state_dir=tmp_path))
    assert databases(installation).cause == "none on this machine yet"
    for partition in (0, 1):
        store = Store(tmp_path / "viewers" / str(partition), StoreMemory(open_files=-1))
        store.write([(b"v", b"row")], applied=5, changelog_position=7)
        store.close()
    assert (databases(installation).status, databases(installation).cause[:15]) == (
        Status.OK,
        "2 are readable;",
    )
    (next((tmp_path / "viewers/1").glob("MANIFEST*"))).write_bytes(b"garbage")
    found = databases(installation)
    assert found.status is Status.FAIL
    assert "1 of 2 are not usable; viewers partition 1" in found.cause


def test_java_and_maven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Java a warning that the embedded broker needs none."""
    monkeypatch.setenv("PATH", str(tmp_path))
    found = local_broker(Installation(Settings(cache_dir=tmp_path)))
    assert found.status is Status.WARN
    assert "embedded" in found.next_step
