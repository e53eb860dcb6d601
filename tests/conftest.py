"""What every test can ask for: seeds that stay, an embedded cluster, a real Apache Kafka.

The real broker is started once a session, on free ports, in a temporary folder, and stopped at the end. Where
Java or Maven is missing, tests that ask for it are skipped with the reason; with NEARLINE_REQUIRE_KAFKA=1,
which `.ci/run` sets, they fail instead.
"""

import logging
import os
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

from streams.brokers.embedded import EmbeddedCluster
from streams.brokers.kafka import KafkaCluster
from streams.errors import JarsError, JavaMissingError, MavenMissingError
from streams.logging import CHATTY
from streams.runs.session import cluster_port
from streams.settings import Settings

REQUIRE_KAFKA = os.environ.pop("NEARLINE_REQUIRE_KAFKA", "") == "1"
NIGHTLY = os.environ.pop("NEARLINE_NIGHTLY", "") == "1"

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile(
    "ci", max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci" if REQUIRE_KAFKA else "dev")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by the broker that they ask for, so that `-m "not kafka"` works without anyone's care."""
    for item in items:
        asked = set(getattr(item, "fixturenames", ()))
        if item.get_closest_marker("nightly") and not NIGHTLY:
            item.add_marker(pytest.mark.skip(reason="takes minutes: NEARLINE_NIGHTLY=1 runs it"))
        if {"kafka", "kafka_of_three", "routed"} & asked:
            item.add_marker(pytest.mark.kafka)
        if "embedded" in asked:
            item.add_marker(pytest.mark.embedded)


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Begin every test with logging unconfigured, whatever an earlier one, or a library, set up."""
    root = logging.getLogger()
    for logger in root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.disabled = False
    structlog.reset_defaults()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.NOTSET)
    structlog.reset_defaults()


@pytest.fixture
def embedded() -> Iterator[EmbeddedCluster]:
    """Give a fresh in-process cluster: every topic has 4 partitions, nothing is isolated or kept."""
    with EmbeddedCluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """Give the session's real Apache Kafka, one node; tests share it, so use `topic_prefix`."""
    yield from _running(tmp_path_factory.mktemp("kafka"), nodes=1)


@pytest.fixture(scope="session")
def kafka_of_three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """Give the session's real Apache Kafka of three nodes, replication 3."""
    yield from _running(tmp_path_factory.mktemp("kafka3"), nodes=3)


@pytest.fixture
def topic_prefix() -> str:
    """Give a prefix that no other test has, for topics on a shared broker."""
    return f"t{uuid.uuid4().hex[:10]}."


def _running(folder: Path, *, nodes: int) -> Iterator[KafkaCluster]:
    """Start a cluster and stop it afterwards."""
    cluster = KafkaCluster(folder, nodes=nodes, port=cluster_port(nodes), cache_dir=Settings().cache_dir)
    with run_cluster(cluster):
        yield cluster


@contextmanager
def run_cluster(cluster: KafkaCluster) -> Iterator[None]:
    """Start a cluster and stop it afterwards; skip, or fail, when the machine cannot run one."""
    with ExitStack() as stack:
        try:
            stack.callback(cluster.stop)
            cluster.start()
        except (JavaMissingError, MavenMissingError, JarsError) as error:
            verdict = pytest.fail if REQUIRE_KAFKA else pytest.skip
            verdict(f"no real Apache Kafka: {error}")
        yield
