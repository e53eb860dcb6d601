"""Fixtures of the integration tests."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.brokers.kafka import KafkaCluster
from tests.integration.arena import Arena


@pytest.fixture
def arena(kafka: KafkaCluster, topic_prefix: str, tmp_path: Path) -> Iterator[Arena]:
    """Give fresh topics on the real broker; end whatever still runs afterwards."""
    arena = Arena(kafka.bootstrap_servers, topic_prefix, tmp_path, random.Random(7))
    arena.create_topics()
    yield arena
    for process in arena.workers.values():
        if process.poll() is None:
            process.kill()
            process.wait()
