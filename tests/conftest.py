"""What every test can ask for: seeds that stay, an embedded cluster, a real Apache Kafka.

Tests run in parallel processes (`tests.parallel`), or in one. The real broker is started once a run, by the
first process that asks for it, on free ports and in a temporary folder; all processes share it, and the one
that began the run stops it at the end. Where Java or Maven is missing, tests that ask for it are skipped with
the reason; with NEARLINE_REQUIRE_KAFKA=1, which `.ci/run` sets, they fail instead.

NEARLINE_NIGHTLY=1 also runs what is marked `nightly`, and 200 examples of each law instead of 50;
`make check` takes 10 (`--hypothesis-profile quick`).

Temporary folders are in memory where there is room: hundreds of databases are opened, each with files that it
waits for to be on disk, and brokers do the same.
"""

import fcntl
import gc
import logging
import os
import shutil
import uuid
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest
import structlog
from hypothesis import HealthCheck, settings

from online_models.warm_up import warm_up
from streams.config.settings import Settings
from streams.errors import JarsError, JavaMissingError, MavenMissingError
from streams.ops.local_kafka.cluster import KafkaCluster
from streams.ops.local_kafka.embedded import EmbeddedCluster
from streams.ops.local_kafka.node import ClusterShape
from streams.ops.runs import worker_process as sessions
from streams.ops.runs.worker_process import cluster_port
from streams.telemetry.logging import CHATTY
from tests.parallel import is_fork, shared_folder, switch
from tests.waiting import PATIENCE_S
from tests.warm_processes import WarmProcess, fork_server, server

SLOW_TIMEOUT_S = 900
"""Longest time of a slow test. Two kills on a real Kafka take 52 s alone, and took 300 beside seven others.

What such a test waits for has limits of its own, which say what did not happen."""

MEMORY, ROOM_BYTES = "/dev/shm", 4 << 30  # noqa: S108 - pytest makes a folder of its own there
"""Where temporary files are in memory on Linux; and what must be free there: ten times what a run writes."""

if Path(MEMORY).is_dir() and shutil.disk_usage(MEMORY).free >= ROOM_BYTES:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", MEMORY)  # which pytest documents for this

REQUIRE_KAFKA, NIGHTLY = switch("REQUIRE_KAFKA"), switch("NIGHTLY")

sessions.STOP_S = PATIENCE_S

settings.register_profile("quick", max_examples=10, deadline=None)
settings.register_profile("dev", max_examples=50, deadline=None)
for name, examples in (("ci", 50), ("nightly", 200)):
    settings.register_profile(
        name,
        max_examples=examples,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
settings.load_profile("nightly" if NIGHTLY else "ci" if REQUIRE_KAFKA else "dev")


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path: Path) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Look for no examples in files of tests: each process of a run would search all of them."""
    found = yield
    return [one for one in found if isinstance(one, pytest.Module) or not file_path.match("test_*.py")]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by the broker that they ask for, so that `-m "not kafka"` works without anyone's care."""
    for item in items:
        asked = set(getattr(item, "fixturenames", ()))
        if item.get_closest_marker("nightly") and not NIGHTLY:
            item.add_marker(pytest.mark.skip(reason="takes minutes: NEARLINE_NIGHTLY=1 runs it"))
        if {"kafka", "routed"} & asked:
            item.add_marker(pytest.mark.kafka)
        if "embedded" in asked:
            item.add_marker(pytest.mark.embedded)
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SLOW_TIMEOUT_S))


def pytest_collection() -> None:
    """Import without the garbage collector: what is imported stays."""
    gc.disable()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Load the kernels that the forks of this process will share: a second of CPU for each.

    And keep the garbage collector from what is there by now, the tests of all modules and all libraries. It
    would visit them again and again: 1,170 tests took 52 s of CPU so, and take 31.
    """
    parallel = session.config.getoption("--processes", 0) and not session.config.option.collectonly
    if parallel:
        warm_up()
    gc.collect()
    gc.freeze()
    if parallel:
        fork_server(shared_folder(session.config))
    gc.set_threshold(20_000, 20, 20)  # by default, one visit every 700 objects: 3 % of all CPU by `perf`
    gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop the clusters that processes of this run have shared, when all of them have ended."""
    for shape in shared_folder(session.config).glob("kafka*/cluster.json"):
        KafkaCluster.open(shape.parent, cache_dir=Settings().cache_dir).stop()


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


@pytest.fixture(autouse=True)
def warm_workers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start workers warm in tests that are not about starting (`cold`)."""
    if request.node.get_closest_marker("cold"):
        return

    def spawn(self: sessions.WorkerProcess, environment: dict[str, str]) -> WarmProcess:
        _, _, module, *words = self.command
        program = "streams.__main__:run" if module == "streams" else f"{module}:main"
        return WarmProcess(_warm_server(request.config), words, environment, self.log, program=program)

    monkeypatch.setattr(sessions.WorkerProcess, "_spawn", spawn)


class Nearline(Protocol):
    """Starts a warm process of a command line."""

    def __call__(self, *words: str, log: Path, out: Path | None = None, program: str = ...) -> WarmProcess:
        """Start ``nearline WORDS``, or another program, in this folder with this environment."""


@pytest.fixture
def nearline(request: pytest.FixtureRequest) -> Iterator[Nearline]:
    """Give a way to start command lines warm; those that still run at the end are killed."""
    started = []

    def start(*words: str, **more: Any) -> WarmProcess:
        started.append(WarmProcess(_warm_server(request.config), words, os.environ, **more))
        return started[-1]

    yield start
    for process in started:
        process.kill()


def _warm_server(config: pytest.Config) -> Path:
    """Return the socket of the process that forks warm ones."""
    return server(shared_folder(config), os.getppid() if is_fork() else os.getpid())


@pytest.fixture
def embedded() -> Iterator[EmbeddedCluster]:
    """Give a fresh in-process cluster: every topic has 4 partitions, nothing is isolated or kept."""
    with EmbeddedCluster() as cluster:
        yield cluster


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> str:
    """Give an address at which no broker answers, and do not let the product wait long for one."""
    monkeypatch.setenv("NEARLINE_CONNECT_TIMEOUT_S", "0.2")
    return "127.0.0.1:1"


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest) -> KafkaCluster:
    """Give the run's real Apache Kafka, one node; all tests share it, so use `topic_prefix`."""
    folder = shared_folder(request.config) / "kafka"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shape = ClusterShape.read(folder)
        port = shape.port if shape else cluster_port()
        cluster = KafkaCluster(folder, port=port, cache_dir=Settings().cache_dir)
        _start(cluster)
    return cluster


@pytest.fixture
def topic_prefix() -> str:
    """Give a prefix that no other test has, for topics on a shared broker.

    In digits: hexadecimal ones may spell a viewer that a test looks for, such as ``ada``.
    """
    return f"t{uuid.uuid4().int % 10**12:012}."


@contextmanager
def run_cluster(cluster: KafkaCluster) -> Iterator[None]:
    """Start a cluster and stop it afterwards; skip, or fail, when the machine cannot run one."""
    with ExitStack() as stack:
        stack.callback(cluster.stop)
        _start(cluster)
        yield


def _start(cluster: KafkaCluster) -> None:
    """Start a cluster; skip, or fail, when the machine cannot run one."""
    try:
        cluster.start()
    except (JavaMissingError, MavenMissingError, JarsError) as error:
        verdict = pytest.fail if REQUIRE_KAFKA else pytest.skip
        verdict(f"no real Apache Kafka: {error}")
