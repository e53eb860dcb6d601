"""Several processes as one: readiness, metrics, and one end for all."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from schemas.topics import TOPICS
from streams.config.settings import Settings
from streams.errors import SettingsError
from streams.ops.local_kafka.embedded import EmbeddedCluster
from streams.ops.overview import Observer
from streams.supervisor.child import Child
from streams.supervisor.supervisor import Supervisor, number_of_processes, process_variables
from streams.telemetry.exposition import Exposition
from tests.waiting import PATIENCE_S, until

STUB = Path(__file__).with_name("stub.py")


class Scene:
    """A supervisor of two stubs, in a thread."""

    def __init__(self, folder: Path) -> None:
        self.folders = [folder / "0", folder / "1"]
        for one in self.folders:
            one.mkdir()
        self.children = [
            Child(n, [sys.executable, str(STUB), str(one)], dict(os.environ))
            for n, one in enumerate(self.folders)
        ]
        self.supervisor = Supervisor(self.children, "127.0.0.1", 0)
        self.codes: list[int] = []
        self.thread = Thread(target=lambda: self.codes.append(self.supervisor.run()))

    def ready(self, *numbers: int) -> None:
        """Make processes ready, and start all."""
        for n in numbers:
            (self.folders[n] / "ready").touch()
        self.thread.start()

    def get(self, path: str) -> tuple[int, str]:
        """Return status and body of the supervisor's answer; status 0 before it listens."""
        try:
            with urlopen(f"http://127.0.0.1:{self.supervisor.health.port}/{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def await_ready(self) -> None:
        """Wait until it says that all are ready."""
        until(lambda: self.get("readyz") == (200, "ready\n"))

    def code(self) -> int:
        """Wait for its end; return its exit code."""
        self.thread.join(PATIENCE_S)
        return self.codes[0]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Give a supervisor that is not started."""
    scene = Scene(tmp_path)
    yield scene
    scene.supervisor.stop()
    if scene.thread.ident:
        scene.thread.join(PATIENCE_S)


def alive(pid: int) -> bool:
    """Return whether a process exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_ready_is_when_all_are(scene: Scene) -> None:
    """What one waits for is said with its number; then all are ready."""
    scene.ready(0)
    until(lambda: scene.get("readyz") == (503, "process 1: viewers partition 2: 5 of 9 left\n"))
    assert scene.get("livez")[0] == 200
    (scene.folders[1] / "ready").touch()
    scene.await_ready()


def test_one_page_of_metrics(scene: Scene) -> None:
    """Each process has its label, and the supervisor counts them."""
    scene.ready(0, 1)
    scene.await_ready()
    text = scene.get("metrics")[1]
    assert text.count("# TYPE nearline_lists_total counter") == 1
    seen = Exposition(text)
    assert seen.by("nearline_lists_total", "process") == {str(c.number): c.pid for c in scene.children}
    assert seen.by("nearline_processes", "state") == {"ended": 0, "not_ready": 0, "ready": 2}
    assert seen.by("nearline_process_restarts_total", "process") == {"0": 0, "1": 0}
    assert seen.value("process_cpu_seconds_total", process="supervisor") > 0


def test_observers_count_processes_as_workers(scene: Scene) -> None:
    """One that does not answer is missing; counts add up."""
    scene.ready(0, 1)
    scene.await_ready()
    observer = Observer(
        [f"http://127.0.0.1:{scene.supervisor.health.port}/metrics", "http://127.0.0.1:1/metrics"]
    )
    found = observer.snapshot()
    assert (found.answering, found.asked) == (2, 3)
    os.kill(scene.children[1].pid, signal.SIGKILL)
    until(lambda: 'nearline_processes{process="supervisor",state="ended"} 1.0' in scene.get("metrics")[1])
    found = observer.snapshot()
    assert (found.answering, found.asked, found.compared) == (1, 3, 1)
    states = {one.address.partition("metrics")[2]: one.state for one in found.workers[:2]}
    assert states == {" process 0": "no partition", " process 1": "no answer"}


def test_all_end_together(scene: Scene) -> None:
    """Nobody is left, and the code is 0."""
    scene.ready(0, 1)
    scene.await_ready()
    pids = [child.pid for child in scene.children]
    scene.supervisor.stop()
    assert scene.code() == 0
    assert not any(map(alive, pids))


def test_one_that_ends_is_started_again_and_the_other_stays(scene: Scene) -> None:
    """Readiness says so meanwhile, and the metrics count it."""
    scene.ready(0, 1)
    scene.await_ready()
    other, before = scene.children[0].pid, scene.children[1].pid
    os.kill(before, signal.SIGKILL)
    until(lambda: "process 1: ended with code -9, starts again" in scene.get("readyz")[1])
    scene.await_ready()
    assert scene.children[0].pid == other
    assert scene.children[1].pid != before
    assert 'nearline_process_restarts_total{process="1"} 1.0' in scene.get("metrics")[1]


def test_a_start_that_fails_for_good_ends_all_with_its_code(scene: Scene) -> None:
    """As a worker of one process ends."""
    (scene.folders[1] / "code").write_text("2")
    scene.ready(0)
    assert scene.code() == 2
    assert not any(child.pid for child in scene.children)


def test_a_process_that_must_be_killed_is_code_4(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The outcome of its last transaction is unknown."""
    monkeypatch.setattr("streams.supervisor.supervisor.STOP_S", 0.3)
    (scene.folders[0] / "deaf").touch()
    scene.ready(0, 1)
    scene.await_ready()
    scene.supervisor.stop()
    assert scene.code() == 4


@pytest.mark.parametrize(
    ("asked", "cores", "found"), [("1", 9, 1), ("3", 1, 3), ("auto", 2, 2), ("auto", 9, 4)]
)
def test_how_many_processes(
    embedded: EmbeddedCluster, monkeypatch: pytest.MonkeyPatch, asked: str, cores: int, found: int
) -> None:
    """As many as asked for; with auto one a core, at most one a partition."""
    embedded.create(TOPICS)
    monkeypatch.setattr("streams.supervisor.supervisor.usable_cores", lambda: cores)
    settings = Settings.load(brokers=embedded.bootstrap_servers, processes=asked)
    assert number_of_processes(settings) == found


def test_more_processes_than_partitions_are_refused(embedded: EmbeddedCluster) -> None:
    """The others would do nothing, and cost memory."""
    embedded.create(TOPICS)
    with pytest.raises(SettingsError, match="has 4 partitions") as caught:
        number_of_processes(Settings.load(brokers=embedded.bootstrap_servers, processes="5"))
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("wrong", ["0", "many", "-1", "1.5"])
def test_a_wrong_number_is_refused(wrong: str) -> None:
    """The text says what is allowed."""
    with pytest.raises(SettingsError, match="auto"):
        Settings.load(processes=wrong)


def test_processes_have_places_and_folders_of_their_own(tmp_path: Path) -> None:
    """The places stay with the state folder, so that a restart moves no partition."""
    settings = Settings(state_dir=tmp_path, group="evening")
    first, second = process_variables(settings, 2), process_variables(settings, 2)
    assert first == second
    ids = [one["NEARLINE_GROUP_INSTANCE_ID"] for one in first]
    assert len(set(ids)) == 2
    assert {one["NEARLINE_GROUP"] for one in first} == {"evening"}
    elsewhere = process_variables(Settings(state_dir=tmp_path / "other"), 2)
    assert elsewhere[0]["NEARLINE_GROUP_INSTANCE_ID"] not in ids
    named = process_variables(Settings(state_dir=tmp_path, group_instance_id="worker-0"), 2)
    assert [one["NEARLINE_GROUP_INSTANCE_ID"] for one in named] == ["worker-0-0", "worker-0-1"]


def test_settings_of_a_process_of_a_tenant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process of a tenant's worker has the tenant's names once."""
    settings = Settings(state_dir=tmp_path, tenant="acme", model_version="blue")
    for name, value in process_variables(settings, 2)[1].items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NEARLINE_TENANT", "acme")
    monkeypatch.setenv("NEARLINE_MODEL_VERSION", "blue")
    own = Settings.load()
    assert own.state_folder == tmp_path / "tenant-acme" / "version-blue" / "process-1"
    assert (own.group, own.processes, own.process_number) == ("acme.nearline", "1", 1)


def test_a_process_ends_when_its_supervisor_is_gone() -> None:
    """Killed, it can tell nobody: the end of the pipe does."""
    program = (
        "import time; from streams.supervisor.lifeline import end_with_supervisor as f; f(); time.sleep(600)"
    )
    child = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE)
    assert child.stdin is not None
    assert child.poll() is None
    child.stdin.close()
    assert child.wait(PATIENCE_S) == -signal.SIGTERM
