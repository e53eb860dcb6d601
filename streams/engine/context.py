"""What all partitions of a worker share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from streams.clock import now_ms
from streams.engine.applied import Origin
from streams.engine.stage import StageSpec
from streams.engine.state import StoreMemory
from streams.engine.step_permits import StepPermits
from streams.engine.store_identity import StoreIdentity
from streams.kafka.clients import Consumer, Producer
from streams.telemetry.metrics import Metrics
from streams.telemetry.tracing import Trace, no_trace

__all__ = ["Failpoint", "WorkerContext", "no_failpoint"]

Failpoint = Callable[[str], None]
"""Called with the name of a point between two effects; tests end the process there."""


def no_failpoint(point: str) -> None:
    """Do nothing at any point."""


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """Clients, folders, memory and clock of a worker; tests replace them by doubles."""

    group: str
    """Prefix of every transactional id."""

    state_dir: Path
    """Folder that contains all databases of this worker."""

    producer: Callable[[str], Producer]
    """Builds a producer with a transactional id."""

    consumer: Callable[[], Consumer]
    """Builds a consumer of committed records that reports the ends of partitions."""

    metrics: Metrics
    """Metrics of the worker."""

    origin: Callable[[StageSpec], Origin]
    """Returns what the state of a stage is built from; raises if that has changed."""

    identity: Callable[[StageSpec, int], StoreIdentity]
    """Returns what the database of a partition belongs to."""

    delete_retention_s: Callable[[str], float]
    """Returns for how many seconds a changelog keeps tombstones."""

    memory: StoreMemory
    """Cache and write buffers that the databases share."""

    step_permits: StepPermits = field(default_factory=lambda: StepPermits(64))
    """Held while a step computes: they bound how many do so at the same time. Default: the largest bound."""

    failpoint: Failpoint = no_failpoint
    """Called at in_restore, mid_produce, before_commit, after_commit, after_store."""

    trace: Trace = no_trace
    """Called with each committed batch. Default: no traces."""

    now_ms: Callable[[], int] = now_ms
    """Clock (UTC, ms)."""
