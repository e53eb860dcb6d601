"""Workers that come, go and come back: none serves before it knows the titles, none learns an event twice."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest

from online_models.simulation import World
from schemas import topics
from streams.config.settings import Settings
from streams.kafka.produce import EventProducer
from streams.ops.local_kafka.cluster import KafkaCluster
from streams.ops.runs.worker_process import WorkerProcess, make_topics
from tests.integration import oracle

EVENTS = 1_000
"""Of each part of a test."""


class LateWorker(WorkerProcess):
    """A worker whose replica is late."""

    @property
    def command(self) -> Sequence[str]:
        """Return programme and arguments."""
        return [sys.executable, "-m", "tests.integration.late_worker"]


class Scene:
    """Topics, a world, and one worker at a time."""

    def __init__(self, kafka: KafkaCluster, prefix: str, **options: int) -> None:
        self.settings = Settings.load(
            brokers=kafka.bootstrap_servers, topic_prefix=prefix, group=f"{prefix}n", **options
        )
        make_topics(self.settings)
        self.world = World(seed=9, viewers=60, titles=120, rate=1_000.0)
        with EventProducer(self.settings) as producer:
            producer.send_titles(self.world.titles)

    def feed(self) -> None:
        """Produce the next part of the world's events."""
        with EventProducer(self.settings) as producer:
            producer.send(self.world.take(EVENTS))

    def answer(self, worker: WorkerProcess) -> None:
        """Let a worker start, answer everything and leave."""
        with worker:
            worker.wait_ready()
            oracle.await_answers(self.settings, [worker])
            assert worker.stop() == 0


@pytest.mark.slow
def test_no_list_before_the_titles_are_known(kafka: KafkaCluster, topic_prefix: str, tmp_path: Path) -> None:
    """A worker with an empty disk and a late replica finds events waiting: pages come after the replica."""
    scene = Scene(kafka, topic_prefix)
    scene.feed()
    scene.answer(WorkerProcess(scene.settings, tmp_path / "first"))
    before = len(oracle.read(scene.settings, topics.HOME))
    scene.feed()
    late = LateWorker(scene.settings, tmp_path / "late")
    scene.answer(late)
    written = sorted(page.timestamp()[1] for page in oracle.read(scene.settings, topics.HOME))[before:]
    assert written
    assert min(written) >= _caught_up_ms(late.log)


def _caught_up_ms(log: Path) -> float:
    """Return when a worker knew the title model, as its log says."""
    lines = (json.loads(line) for line in log.read_text().splitlines() if "table_caught_up" in line)
    when = next(line["timestamp"] for line in lines if line["topic"].endswith(topics.TITLE_MODEL))
    return datetime.fromisoformat(when).timestamp() * 1000 - 1


@pytest.mark.slow
@pytest.mark.parametrize("shards", [pytest.param(1, marks=pytest.mark.nightly), 3])
def test_partitions_that_move_and_come_back(
    kafka: KafkaCluster, topic_prefix: str, tmp_path: Path, shards: int
) -> None:
    """From one worker to another and back to the first, whose disk is old by then: equal to one replay."""
    scene = Scene(kafka, topic_prefix, title_shards=shards)
    for name in ("first", "second", "first"):
        scene.feed()
        scene.answer(WorkerProcess(scene.settings, tmp_path / name))
    events = oracle.read(scene.settings, topics.EVENTS)
    seen = oracle.observed(scene.settings)
    wanted = oracle.replayed(scene.settings, events, oracle.read(scene.settings, topics.SIGNALS))
    assert len(events) == 3 * EVENTS
    assert seen.viewers == wanted.viewers
    assert seen.titles == wanted.titles
    assert Counter(seen.signals) == Counter(wanted.signals)
