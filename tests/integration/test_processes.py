"""`nearline worker --processes 2`: real processes that share partitions, and are one to those who ask."""

import json
import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from online_models.simulation import World
from schemas import topics
from streams.config.settings import Settings
from streams.kafka.produce import EventProducer
from streams.ops.local_kafka.cluster import KafkaCluster
from streams.ops.runs.worker_process import WorkerProcess, make_topics
from tests.integration import oracle
from tests.waiting import until

EVENTS = 1_000
TOGETHER = {"NEARLINE_PROCESSES": "2"}


class SeveralProcesses(WorkerProcess):
    """A worker of several processes."""

    def pids(self) -> dict[int, int]:
        """Return the process id of each process, as the log has it."""
        started = (json.loads(line) for line in self.log.read_text().splitlines() if "process_starts" in line)
        return {line["number"]: line["pid"] for line in started}


def alive(pid: int) -> bool:
    """Return whether a process exists and has not ended."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.fixture
def settings(kafka: KafkaCluster, topic_prefix: str) -> Settings:
    """Make topics; on a real Kafka: the embedded one refuses a member that syncs behind its leader."""
    settings = Settings.load(
        brokers=kafka.bootstrap_servers, topic_prefix=topic_prefix, group=f"{topic_prefix}n"
    )
    make_topics(settings)
    return settings


@pytest.fixture
def world(settings: Settings) -> World:
    """Give viewers and titles that the catalog has."""
    world = World(seed=9, viewers=60, titles=120, rate=1_000.0)
    with EventProducer(settings) as producer:
        producer.send_titles(world.titles)
    return world


@pytest.mark.slow
def test_two_processes_are_one_worker(settings: Settings, world: World, tmp_path: Path) -> None:
    """Partitions are shared, all viewers get pages, metrics are one page, SIGTERM ends all."""
    _feed(settings, world)
    with SeveralProcesses(settings, tmp_path, TOGETHER) as worker:
        worker.wait_ready()
        oracle.await_answers(settings, [worker])
        shown = worker.exposition()
        of_each = shown.by("nearline_partitions", "process", stage="viewers", state="ready")
        assert of_each == {"0": 2, "1": 2}
        assert shown.by("nearline_processes", "state")["ready"] == 2
        assert shown.value("nearline_events_total", stage="viewers") >= EVENTS
        pids = worker.pids()
        assert worker.stop() == 0
    assert not any(map(alive, pids.values()))
    pages = oracle.read(settings, topics.HOME)
    assert {page.partition() for page in pages} == set(range(oracle.PARTITIONS))
    folders = {folder.parent.name for folder in (tmp_path / "state").glob("process-*/viewers")}
    assert folders == {"process-0", "process-1"}
    lines = [json.loads(line) for line in worker.log.read_text().splitlines()]
    assert {line["process"] for line in lines if line["event"] == "worker_starts"} == {0, 1}


@pytest.mark.slow
def test_killed_processes_and_a_killed_supervisor_lose_nothing(
    settings: Settings, world: World, tmp_path: Path
) -> None:
    """A killed process is started again in its place; when the supervisor is killed, its processes end."""
    with SeveralProcesses(settings, tmp_path, TOGETHER) as worker:
        worker.wait_ready()
        first = worker.pids()
        _feed(settings, world)
        os.kill(first[0], signal.SIGKILL)
        until(lambda: worker.pids()[0] != first[0], worker)
        worker.wait_ready()
        _feed(settings, world)
        oracle.await_answers(settings, [worker])
        second = worker.pids()
        assert second[1] == first[1]
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait_dead()
        until(lambda: not any(map(alive, second.values())))
    with SeveralProcesses(settings, tmp_path, TOGETHER) as worker:
        worker.wait_ready()
        _feed(settings, world)
        oracle.await_answers(settings, [worker])
        assert worker.stop() == 0
    events = oracle.read(settings, topics.EVENTS)
    seen = oracle.observed(settings)
    wanted = oracle.replayed(settings, events, oracle.read(settings, topics.SIGNALS))
    assert len(events) == 3 * EVENTS
    assert seen.viewers == wanted.viewers
    assert seen.titles == wanted.titles


def _feed(settings: Settings, world: World) -> None:
    """Produce the next part of the world's events."""
    with EventProducer(settings) as producer:
        producer.send(world.take(EVENTS))
