"""A worker as a child process: started, watched, stopped, and what is said when it dies."""

import json
import os
import signal
import socket
from collections import deque
from contextlib import ExitStack
from pathlib import Path

import pytest

from schemas.topics import TOPICS
from streams.config.settings import Settings
from streams.errors import WorkerDiedError
from streams.kafka.clients import admin
from streams.ops.local_kafka.embedded import EmbeddedCluster
from streams.ops.runs.worker_process import WorkerProcess, cluster_port, free_port, make_topics


@pytest.fixture
def settings(embedded: EmbeddedCluster) -> Settings:
    """Give settings for the embedded cluster."""
    return Settings(brokers=embedded.bootstrap_servers, topic_prefix="s.", check_crcs=False)


@pytest.mark.cold
def test_a_worker_lives_from_start_to_stop(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is ready, shows its metrics, has a port of its own whatever ours is, drains and ends with 0."""
    monkeypatch.setenv("NEARLINE_HTTP_PORT", "1")
    make_topics(settings)
    worker = WorkerProcess(settings, tmp_path / "w", {"NEARLINE_THREADS": "1"})
    assert worker.pid == 0
    assert worker.exposition().value("nearline_build_info") == 0
    assert worker.stop() == 0
    with worker:
        worker.wait_ready()
        worker.check()
        assert worker.exposition().value("nearline_build_info") == 1
        assert worker.exposition().value("nearline_partitions", state="ready") >= 4
        assert worker.stop() == 0
    assert (tmp_path / "w" / "state").is_dir()
    assert all(json.loads(row) for row in worker.log.read_text().splitlines())


def test_a_worker_that_cannot_start_says_why(settings: Settings, tmp_path: Path) -> None:
    """Without topics it ends at once; the error has its code, its last words and the place of its log."""
    worker = WorkerProcess(settings, tmp_path)
    with worker, pytest.raises(WorkerDiedError, match="ended with code 1") as caught:
        worker.wait_ready()
    assert "nearline topics apply" in caught.value.why
    assert str(worker.log) in caught.value.next_step


def test_a_killed_worker_is_noticed(settings: Settings, tmp_path: Path) -> None:
    """Whoever looks is told the signal; stopping what is dead returns its code."""
    with WorkerProcess(settings, tmp_path) as worker:
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait_dead()
        with pytest.raises(WorkerDiedError, match="code -9"):
            worker.check()
        assert worker.stop() == -9


def test_waiting_has_an_end(settings: Settings, tmp_path: Path) -> None:
    """A worker that is not ready in time is told; the wait is the caller's choice."""
    make_topics(settings)
    with (
        WorkerProcess(settings, tmp_path) as worker,
        pytest.raises(WorkerDiedError, match=r"not ready after 0\.01 s"),
    ):
        worker.wait_ready(0.01)


def test_topics_are_made_once(settings: Settings) -> None:
    """Every topic with the prefix; a second time changes nothing."""
    for _ in range(2):
        make_topics(settings)
    assert {f"s.{name}" for name in TOPICS} <= set(admin(settings).list_topics(timeout=10).topics)


def test_free_ports_can_be_taken_and_taken_ones_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens there, nor beside it; of two ports, one of them taken, it is the other."""
    first, other = cluster_port(3), free_port()
    with ExitStack() as stack:
        for offset in (0, 1, 2, 100, 101, 102):
            stack.enter_context(socket.create_server(("127.0.0.1", first + offset)))
        monkeypatch.setattr("streams.ops.runs.worker_process.PORTS", [first, other])
        monkeypatch.setattr("streams.ops.runs.worker_process._RETURNED", deque())
        assert free_port() == other
        monkeypatch.setattr("streams.ops.runs.worker_process.PORTS", [first, first - 100])
        with pytest.raises(OSError, match="no free ports"):
            free_port(100)
