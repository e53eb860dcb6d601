"""Child processes for commands that show or measure a worker, and the cluster and topics for them."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from random import SystemRandom
from types import TracebackType
from typing import Self

from streams.config.settings import Settings, child_environment
from streams.errors import WorkerDiedError
from streams.kafka.topics import TopicAdmin
from streams.ops.local_kafka.cluster import KafkaCluster
from streams.ops.local_kafka.embedded import EmbeddedCluster
from streams.ops.local_kafka.node import CONTROLLER_PORT_STEP
from streams.telemetry.metrics import Exposition

READY_S = 300.0
"""Longest wait until a worker is ready: the first one on a machine compiles the kernels."""
STOP_S = 60.0
"""Longest wait until a worker has drained and ended; longer than its own limit, even on a busy machine."""
HTTP_S = 20.0
"""Longest wait for an answer: milliseconds, but seconds where many processes begin at once."""
PORTS = range(20_000, 32_000)
"""Range of free ports: below the ephemeral ports (Linux: from 32,768, IANA: from 49,152), so that no outgoing
connection takes a port between the check and its use, or while its owner restarts."""
POLL_S = 0.1
"""Wait between two checks of a worker."""


_RETURNED: deque[int] = deque(maxlen=16)
"""The ports returned last: more than the processes that start at once."""


def free_port(*offsets: int) -> int:
    """Return a loopback port that is free, as are the ports at the given offsets from it.

    It is free until its user listens, so the ports returned last are not returned again.

    Raises
    ------
    OSError
        No free port was found.
    """
    for port in SystemRandom().sample(PORTS, min(100, len(PORTS))):
        if port in _RETURNED:
            continue
        with ExitStack() as stack:
            try:
                for offset in (0, *offsets):
                    stack.enter_context(socket.create_server(("127.0.0.1", port + offset)))
            except OSError:
                continue
            _RETURNED.append(port)
            return port
    msg = "no free ports on loopback"
    raise OSError(msg)


def cluster_port(nodes: int = 1) -> int:
    """Return the first of the free ports for a `KafkaCluster` with this number of nodes."""
    return free_port(*range(1, nodes), *(CONTROLLER_PORT_STEP + node for node in range(nodes)))


def becomes_ready(port: int, timeout_s: float = READY_S, check: Callable[[], object] = lambda: None) -> bool:
    """Wait until a worker or server on this machine is ready; return whether it was in time.

    Parameters
    ----------
    port
        Port of its ``/readyz``.
    timeout_s
        Longest wait.
    check
        Called between two requests; may raise to end the wait.

    Examples
    --------
    >>> becomes_ready(free_port(), timeout_s=0.0)
    False
    """
    deadline = time.monotonic() + timeout_s
    while True:
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=HTTP_S):
            return True
        check()
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)


def make_topics(settings: Settings, *, partitions: int = 4) -> None:
    """Create missing topics."""
    TopicAdmin(settings, settings.topic_table(partitions=partitions).values()).apply()


@contextmanager
def own_cluster(folder: Path, group: str, *, kafka: bool, event_time: bool = False) -> Iterator[Settings]:
    """Start a cluster for one command, and return settings for it.

    Parameters
    ----------
    folder
        Of the real broker's data.
    group
        Consumer group of the worker.
    kafka
        Use a real Apache Kafka instead of the embedded cluster.
    event_time
        Pages are made by the times of events: those of a simulated or replayed past.
    """
    own: EmbeddedCluster | KafkaCluster = EmbeddedCluster()
    if kafka:
        own = KafkaCluster(folder / "kafka", port=cluster_port(), cache_dir=Settings.load().cache_dir)
    with own as cluster:
        yield Settings.load(
            brokers=cluster.bootstrap_servers, group=group, check_crcs=kafka, event_time=event_time
        )


class WorkerProcess:
    """A worker as a child process; a context manager.

    Parameters
    ----------
    settings
        Brokers, prefix and group for the worker.
    folder
        Of its databases and its log.
    variables
        Further settings, as environment variables.
    """

    @property
    def command(self) -> Sequence[str]:
        """Return program and arguments."""
        return [sys.executable, "-m", "streams", "worker"]

    def __init__(self, settings: Settings, folder: Path, variables: Mapping[str, str] | None = None) -> None:
        self.folder, self.log = folder, folder / "worker.log"
        self._port = free_port()
        self._variables = {
            "NEARLINE_BROKERS": settings.brokers,
            "NEARLINE_TOPIC_PREFIX": settings.topic_prefix,
            "NEARLINE_GROUP": settings.group,
            "NEARLINE_MODEL_VERSION": settings.model_version,
            "NEARLINE_STATE_DIR": str(folder / "state"),
            "NEARLINE_HTTP_PORT": str(self._port),
            "NEARLINE_TITLE_SHARDS": str(settings.title_shards),
            "NEARLINE_CHECK_CRCS": str(settings.check_crcs),
            "NEARLINE_EVENT_TIME": str(settings.event_time),
            "NEARLINE_PROCESSES": "1",  # the embedded cluster has no room for more
            "NEARLINE_LOG_FORMAT": "json",
            **({"NEARLINE_TENANT": settings.tenant} if settings.tenant else {}),
            **(variables or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process, without waiting until it is ready."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._process = self._spawn(child_environment() | self._variables)

    def _spawn(self, environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        """Run the command with an environment."""
        with self.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - a fixed command
                self.command, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    @property
    def pid(self) -> int:
        """Process id; 0 before the start."""
        return self._process.pid if self._process else 0

    @property
    def metrics_address(self) -> str:
        """URL of its metrics."""
        return f"http://127.0.0.1:{self._port}/metrics"

    def wait_ready(self, timeout_s: float = READY_S) -> None:
        """Wait until the worker has its partitions.

        Raises
        ------
        WorkerDiedError
            It ended, or was not ready in time.
        """
        if not becomes_ready(self._port, timeout_s, self.check):
            what = f"the worker was not ready after {timeout_s:g} s"
            raise WorkerDiedError(what, next_step=f"read {self.log}")

    def check(self) -> None:
        """Raise if the worker has ended.

        Raises
        ------
        WorkerDiedError
            With the last line of its log.
        """
        code = self._process.poll() if self._process else None
        if code is not None:
            lines = self.log.read_text(errors="replace").splitlines()
            what = f"the worker ended with code {code}"
            raise WorkerDiedError(what, why=lines[-1][:300] if lines else "", next_step=f"read {self.log}")

    def wait_dead(self) -> None:
        """Wait until the process has ended."""
        if self._process is not None:
            self._process.wait(STOP_S)

    def exposition(self) -> Exposition:
        """Return the worker's current metrics; empty if it does not answer."""
        try:
            with urllib.request.urlopen(self.metrics_address, timeout=HTTP_S) as answer:  # noqa: S310 - http on loopback
                return Exposition(answer.read().decode())
        except (urllib.error.URLError, OSError):
            return Exposition("")

    def stop(self) -> int:
        """Ask the worker to drain and end; kill it if it does not. Returns its exit code."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class ResultsProcess(WorkerProcess):
    """`nearline experiments worker` as a child process."""

    NAME = "experiments"

    @property
    def command(self) -> Sequence[str]:
        """Return program and arguments."""
        return [sys.executable, "-m", "streams", self.NAME, "worker"]


class InsightsProcess(ResultsProcess):
    """`nearline insights worker` as a child process."""

    NAME = "insights"


class ServeProcess(WorkerProcess):
    """`nearline serve` on loopback as a child process: on its usual port, or on another if that is taken."""

    def __init__(self, settings: Settings, folder: Path, *workers: str) -> None:
        super().__init__(settings, folder)
        self.log = folder / "serve.log"
        self._port = usual_port(settings.serve.port)
        self._variables |= {"NEARLINE_SERVE__HOST": "127.0.0.1", "NEARLINE_SERVE__PORT": str(self._port)}
        self._variables["NEARLINE_SERVE__WORKERS"] = json.dumps(workers)

    @property
    def command(self) -> Sequence[str]:
        """Return program and arguments."""
        return [sys.executable, "-m", "streams", "serve"]

    @property
    def address(self) -> str:
        """Return its URL."""
        return f"http://127.0.0.1:{self._port}"


def usual_port(port: int) -> int:
    """Return a loopback port if it is free, else another free port.

    Examples
    --------
    >>> with socket.create_server(("127.0.0.1", 0)) as taken:
    ...     usual_port(taken.getsockname()[1]) in PORTS
    True
    """
    try:
        with socket.create_server(("127.0.0.1", port)):
            return port
    except OSError:
        return free_port()
