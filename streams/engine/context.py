"""What all partitions of a worker have in common."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from streams.engine.applied import Origin
from streams.engine.stage import StageSpec
from streams.engine.state import StoreMemory
from streams.kafka.clients import Consumer, Producer
from streams.telemetry.metrics import Metrics
from streams.telemetry.tracing import Trace, no_trace

__all__ = ["Failpoint", "WorkerContext", "no_failpoint"]

Failpoint = Callable[[str], None]
"""Called with the name of a place between two effects; tests end the process there."""


def no_failpoint(place: str) -> None:
    """Let the process pass every place."""


def _now_ms() -> int:
    return int(time.time() * 1000)


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """Clients, folders, memory and clock of a worker; the seams at which tests put doubles."""

    group: str
    """Beginning of every transactional id."""

    state_dir: Path
    """Folder above all databases of this worker."""

    producer: Callable[[str], Producer]
    """Builds a producer with a transactional id."""

    consumer: Callable[[], Consumer]
    """Builds a consumer of committed records that reports ends of partitions."""

    metrics: Metrics
    """Where everything is counted."""

    origin: Callable[[StageSpec], Origin]
    """Says what a stage's state is built from; raises when that is not what it was."""

    delete_retention_s: Callable[[str], float]
    """Says how long a changelog keeps tombstones, in seconds."""

    memory: StoreMemory
    """What the databases share."""

    turn: AbstractContextManager[object] = field(default_factory=nullcontext)
    """Held while a step computes; a semaphore bounds how many do at the same time. Default: no bound."""

    failpoint: Failpoint = no_failpoint
    """Called at in_restore, mid_produce, before_commit, after_commit, after_store."""

    trace: Trace = no_trace
    """Called with each committed batch. Default: no traces."""

    now_ms: Callable[[], int] = _now_ms
    """Clock (UTC, ms)."""
