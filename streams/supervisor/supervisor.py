"""Starts the processes of a worker, answers for them, and ends them together.

What they share is this process's address: ``/livez`` (the supervisor runs), ``/readyz`` (all are ready) and
``/metrics`` (theirs, with the label ``process``), and the lock of the state folder. Metrics are read from
each process when they are asked for: prometheus_client's own mode for several processes keeps each value in
a file, and knows neither the process's CPU and memory, nor gauges that are computed when they are read, nor
our histograms of whole batches.
"""

import contextlib
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event
from uuid import uuid4

import structlog

from schemas import topics
from streams.config.settings import Settings, child_environment
from streams.engine.exits import IN_DOUBT
from streams.engine.folder_lock import locked_folder
from streams.errors import DiskFullError, SettingsError
from streams.kafka.topics import require_topics
from streams.supervisor.child import Child, ProcessState
from streams.supervisor.cores import usable_cores
from streams.telemetry.exposition import SUPERVISOR, merged
from streams.telemetry.health import Health
from streams.telemetry.metrics import TEXT, SupervisorMetrics

__all__ = ["Supervisor", "number_of_processes", "supervise"]

_LOG = structlog.get_logger(__name__)

LOOK_S = 0.1
"""Seconds between two looks at the processes: an end is noticed so late."""
PROBE_S = 1.0
"""Seconds between two probes of a process; two requests of some .3 ms each."""
STOP_S = 20.0
"""Seconds for the processes to drain and end: their own 15, and some for those that wait for others."""
INSTANCE = "INSTANCE"
"""File in the state folder with the start of the group instance ids of its processes."""


def number_of_processes(settings: Settings) -> int:
    """Return the number of processes of a worker.

    Raises
    ------
    SettingsError
        There are fewer partitions.
    BrokerUnreachableError, TopicError
        The partitions are not known.
    """
    if settings.processes == "1":
        return 1
    partitions = require_topics(settings, [topics.EVENTS])[topics.EVENTS].partitions
    if settings.processes == "auto":
        return min(usable_cores(), partitions)
    if int(settings.processes) > partitions:
        what = f"{settings.processes} processes are too many"
        why = f"{settings.topic(topics.EVENTS)} has {partitions} partitions, and a process needs one"
        advice = f"set NEARLINE_PROCESSES (--processes) to auto, or to {partitions} at most"
        raise SettingsError(what, why=why, next_step=advice)
    return int(settings.processes)


def supervise(settings: Settings, processes: int) -> int:
    """Run a worker of several processes until SIGTERM or SIGINT; return the exit code.

    Raises
    ------
    StateLockedError
        Another worker uses the state folder.
    SettingsError
        The address of /readyz cannot be used.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(DiskFullError):  # then it is new, and the processes wait for space
            stack.enter_context(locked_folder(settings.state_folder))
        command = [sys.executable, "-m", "streams", "worker"]
        children = [
            Child(number, command, child_environment() | variables)
            for number, variables in enumerate(process_variables(settings, processes))
        ]
        supervisor = Supervisor(children, settings.http_host, settings.http_port)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: supervisor.stop())
        return supervisor.run()


def process_variables(settings: Settings, processes: int) -> list[dict[str, str]]:
    """Return the variables of each process: what was given on the command line, and what is its own."""
    instance = settings.group_instance_id or _instance(settings.state_folder)
    shared = {
        "NEARLINE_BROKERS": settings.brokers,
        "NEARLINE_TOPIC_PREFIX": settings.topic_prefix,
        "NEARLINE_GROUP": settings.group,
        "NEARLINE_STATE_DIR": str(settings.state_dir),
        "NEARLINE_PROCESSES": "1",
    }
    return [
        {
            **shared,
            "NEARLINE_PROCESS_NUMBER": str(number),
            "NEARLINE_GROUP_INSTANCE_ID": f"{instance}-{number}",
        }
        for number in range(processes)
    ]


def _instance(folder: Path) -> str:
    """Return the start of the group instance ids of a state folder: made once, and kept with the state.

    An id belongs to the databases: whoever has them gets their partitions. Names of hosts are no such ids,
    since several machines may be called localhost, and a container gets a new one.
    """
    file, new = folder / INSTANCE, f"nearline-{uuid4().hex[:12]}"
    try:
        if not file.exists():
            file.write_text(f"{new}\n", encoding="ascii")
        return file.read_text(encoding="ascii").strip() or new
    except OSError:  # the disk is full: the next start has another id
        return new


class Supervisor:
    """The processes of a worker.

    Parameters
    ----------
    children
        Not started yet.
    host, port
        Address of /livez, /readyz and /metrics; port 0 takes any free one.

    Attributes
    ----------
    health
        The HTTP server.
    """

    def __init__(self, children: Sequence[Child], host: str, port: int) -> None:
        self._children = children
        self._stopping = Event()
        self._metrics = SupervisorMetrics()
        self._pool = ThreadPoolExecutor(2 * len(children), thread_name_prefix="probe")
        self._probes: dict[int, tuple[float, Future[None]]] = {}
        self.health = Health(host, port, self.waiting, self, formats=lambda _: TEXT)

    def stop(self) -> None:
        """Begin to stop; from any thread, or a signal handler."""
        self._stopping.set()

    def run(self) -> int:
        """Run the processes until `stop`, or until one has ended for good; return the exit code."""
        self.health.start()
        _LOG.info("supervisor_starts", processes=len(self._children), http_port=self.health.port)
        try:
            final = self._watch()
        finally:
            codes = self._end()
            self.health.stop()
            self._pool.shutdown(cancel_futures=True)
        return final or next((code if code > 0 else IN_DOUBT for code in codes if code), 0)

    def waiting(self) -> list[str]:
        """Return a line for each thing that is not ready."""
        if self._stopping.is_set():
            return ["stopping"]
        return [line for child in self._children for line in child.waiting()]

    def exposition(self, _: str = TEXT) -> bytes:
        """Return the metrics of all processes that answer, and the supervisor's own, as text."""
        states = Counter(child.state for child in self._children)
        for state in ProcessState:
            self._metrics.processes.labels(state.value).set(states[state])
        texts = self._pool.map(Child.metrics, self._children)
        parts = {str(child.number): text for child, text in zip(self._children, texts, strict=True)}
        return merged(parts | {SUPERVISOR: self._metrics.exposition().decode()})

    def _watch(self) -> int:
        """Look at the processes until the stop; return the code of one that has ended for good, or 0."""
        while not self._stopping.wait(LOOK_S):
            self.health.beat()
            for child in self._children:
                before = child.restarts
                child.look()
                self._metrics.restarts.labels(str(child.number)).inc(child.restarts - before)
                self._probe(child)
            if final := next((child.final_code for child in self._children if child.final_code), 0):
                return final
        return 0

    def _probe(self, child: Child) -> None:
        """Probe a process, unless the last probe is not over or was a moment ago."""
        now = time.monotonic()
        at, last = self._probes.get(child.number, (float("-inf"), None))
        if now - at >= PROBE_S and (last is None or last.done()):
            self._probes[child.number] = now, self._pool.submit(child.probe)

    def _end(self) -> list[int]:
        """End all processes together; return their codes."""
        self.stop()
        _LOG.info("supervisor_stops")
        for child in self._children:
            child.terminate()
        end = time.monotonic() + STOP_S
        return [child.wait(max(0.0, end - time.monotonic())) for child in self._children]
