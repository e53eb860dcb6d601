"""Fixtures of the integration tests."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.ops.local_kafka.cluster import KafkaCluster
from tests.conftest import Nearline, run_cluster
from tests.integration.arena import Arena
from tests.integration.proxy import Routed


@pytest.fixture
def arena(kafka: KafkaCluster, topic_prefix: str, tmp_path: Path, nearline: Nearline) -> Iterator[Arena]:
    """Give fresh topics on the real broker; end whatever still runs afterwards."""
    yield from _opened(Arena(kafka.bootstrap_servers, topic_prefix, tmp_path, random.Random(7), nearline))


@pytest.fixture(scope="session")
def routed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Routed]:
    """Give a broker that is reached through a proxy; no other test uses it meanwhile."""
    routed = Routed(tmp_path_factory.mktemp("routed"))
    with routed.proxy, run_cluster(routed.cluster):
        yield routed


@pytest.fixture
def far(routed: Routed, topic_prefix: str, tmp_path: Path, nearline: Nearline) -> Iterator[Arena]:
    """Give fresh topics on the broker behind the proxy: workers go through it, the test does not."""
    arena = Arena(routed.direct, topic_prefix, tmp_path, random.Random(7), nearline)
    arena.orders["brokers"] = routed.through
    yield from _opened(arena)
    routed.proxy.heal()


def _opened(arena: Arena) -> Iterator[Arena]:
    arena.create_topics()
    yield arena
    for process in arena.workers.values():
        if process.poll() is None:
            process.kill()
            process.wait()
