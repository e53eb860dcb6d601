"""One process of a worker: what is done when it ends, hangs or never starts."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.supervisor.child import (
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    SILENT_S,
    START_S,
    STEADY_S,
    Child,
    ProcessState,
)
from tests.waiting import until

STUB = Path(__file__).with_name("stub.py")


class Scene:
    """A process, the folder that says what it does, and the time."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now = folder, 1_000.0
        self.child = Child(
            3, [sys.executable, str(STUB), str(folder)], dict(os.environ), clock=lambda: self.now
        )

    def say(self, name: str, text: str = "") -> None:
        """Let the process do something."""
        (self.folder / name).write_text(text)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.child.look()
        until(self.answers)

    def answers(self) -> bool:
        """Return whether it answers a probe."""
        self.child.probe()
        return self.child._seen.answered

    def end(self) -> str:
        """Wait until its end is noticed; return what is said then."""

        def ended() -> bool:
            self.child.look()
            return self.child.state is ProcessState.ENDED

        until(ended)
        return "".join(self.child.waiting())


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Give a process that is not started."""
    scene = Scene(tmp_path)
    yield scene
    if scene.child.pid:
        os.kill(scene.child.pid, signal.SIGKILL)
        scene.child.wait(10)


def test_it_says_what_it_waits_for(scene: Scene) -> None:
    """Before it answers, while it restores, and when it is ready."""
    assert scene.child.waiting() == ["process 3: not started"]
    scene.child.look()
    assert scene.child.waiting() == ["process 3: starting"]
    scene.start()
    assert scene.child.waiting() == ["process 3: viewers partition 2: 5 of 9 left"]
    assert scene.child.state is ProcessState.NOT_READY
    scene.say("ready")
    scene.child.probe()
    assert (scene.child.waiting(), scene.child.state) == ([], ProcessState.READY)


def test_it_is_started_again_after_longer_and_longer_pauses(scene: Scene) -> None:
    """One second, two, four, at most a minute; nothing is started before."""
    scene.say("code", "4")
    pauses: list[float] = []
    for _ in range(8):
        scene.child.look()
        assert "ended with code 4" in scene.end()
        pauses.append(scene.child._start_at - scene.now)
        scene.now += pauses[-1] - 0.5
        scene.child.look()
        assert scene.child.state is ProcessState.ENDED
        scene.now += 0.5
    assert pauses == [1, 2, 4, 8, 16, 32, LONGEST_PAUSE_S, LONGEST_PAUSE_S]
    assert (scene.child.restarts, scene.child.final_code) == (7, None)


def test_a_minute_of_being_ready_forgets_earlier_ends(scene: Scene) -> None:
    """Then the pause begins anew."""
    scene.child._ends_in_a_row = 5
    scene.say("ready")
    scene.start()
    scene.now += STEADY_S
    os.kill(scene.child.pid, signal.SIGKILL)
    assert "ended with code -9, starts again in 1 s" in scene.end()
    assert scene.child._start_at == scene.now + FIRST_PAUSE_S


@pytest.mark.parametrize("code", [1, 2, 3])
def test_what_fails_at_its_first_start_is_not_started_again(scene: Scene, code: int) -> None:
    """A wrong setting, missing topics, no broker: the next start would fail, too."""
    scene.say("code", str(code))
    scene.child.look()
    scene.end()
    scene.now += LONGEST_PAUSE_S
    scene.child.look()
    assert (scene.child.pid, scene.child.final_code) == (0, code)


def test_what_was_ready_once_is_started_again_after_any_code(scene: Scene) -> None:
    """Its settings are right: the disk or the broker will be back."""
    scene.say("ready")
    scene.start()
    scene.say("code", "1")
    os.kill(scene.child.pid, signal.SIGKILL)
    scene.end()
    scene.now += FIRST_PAUSE_S
    scene.child.look()
    assert "ended with code 1, starts again in 2 s" in scene.end()
    assert scene.child.final_code is None


def test_a_silent_process_is_killed_and_started_again(scene: Scene) -> None:
    """Stopped or hung, it holds partitions that others could take."""
    scene.start()
    os.kill(scene.child.pid, signal.SIGSTOP)
    scene.now += SILENT_S
    scene.child.look()
    assert scene.child.state is not ProcessState.ENDED
    scene.now += 1
    assert "ended with code -9" in scene.end()


def test_a_start_may_take_longer(scene: Scene) -> None:
    """It may compile kernels."""
    scene.child.look()
    scene.now += START_S
    scene.child.look()
    assert scene.child.pid
    scene.now += 1
    assert "ended with code -9" in scene.end()


def test_each_start_has_a_port_that_is_free_then(scene: Scene) -> None:
    """Another program may have taken the last one."""
    scene.start()
    before = scene.child._port
    os.kill(scene.child.pid, signal.SIGKILL)
    scene.end()
    scene.now += FIRST_PAUSE_S
    scene.start()
    assert scene.child._port != before
    assert f"nearline_lists_total {scene.child.pid}" in scene.child.metrics()


def test_a_process_that_does_not_stop_is_killed(scene: Scene) -> None:
    """After the time that is left."""
    scene.say("deaf")
    scene.start()
    scene.child.terminate()
    began = time.monotonic()
    assert scene.child.wait(0.2) == -signal.SIGKILL
    assert time.monotonic() - began >= 0.2
