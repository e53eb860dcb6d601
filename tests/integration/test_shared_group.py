"""Two deployments that share a group by mistake: both are told, by name."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from streams.config.settings import Settings
from streams.kafka.produce import EventProducer
from streams.ops.local_kafka.cluster import KafkaCluster
from streams.ops.runs.worker_process import WorkerProcess, make_topics
from tests.streams.steps import watch
from tests.waiting import until


@pytest.mark.slow
def test_two_deployments_with_one_group_are_told(
    kafka: KafkaCluster, topic_prefix: str, tmp_path: Path
) -> None:
    """The leader names the topics of both; who is fenced ends with the group's name and the next step."""
    group = f"{topic_prefix}shared"
    workers, settings = [], list[Settings]()
    for name in ("blue", "green"):
        own = Settings.load(
            brokers=kafka.bootstrap_servers, topic_prefix=f"{topic_prefix}{name}.", group=group
        )
        make_topics(own)
        settings.append(own)
        workers.append(WorkerProcess(own, tmp_path / name))
    blue, green = workers
    with blue:
        blue.wait_ready()
        with green:
            (said,) = until(lambda: _lines(workers, "group_shared")[:1])
            named = [topic for topics in said["topics"] for topic in topics]
            assert any(f"{topic_prefix}blue." in topic for topic in named)
            assert any(f"{topic_prefix}green." in topic for topic in named)
            assert "NEARLINE_GROUP" in said["next"]
            (fenced,) = until(lambda: _sent(settings) and _lines(workers, "worker_dies")[:1])
    assert fenced["code"] == 4
    assert group in fenced["why"]
    assert "NEARLINE_GROUP" in fenced["why"]


def _sent(settings: Sequence[Settings]) -> bool:
    """Send an event to each partition of each deployment, more or less."""
    for own in settings:
        with EventProducer(own) as producer:
            producer.send([watch(f"v{n}", "t1", time.time_ns() % 10**9) for n in range(20)])
    return True


def _lines(workers: Sequence[WorkerProcess], event: str) -> list[dict[str, Any]]:
    """Return the log lines of an event."""
    texts = [line for worker in workers for line in worker.log.read_text().splitlines()]
    return [line for text in texts if text.startswith("{") and (line := json.loads(text))["event"] == event]
