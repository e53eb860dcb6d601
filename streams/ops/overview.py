"""Rates, lag and quality of an installation, from its workers' metrics: `nearline top`."""

import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from streams.telemetry.exposition import Exposition

__all__ = [
    "QUANTILES", "MetricsSnapshot", "Observer", "WorkerStatus", "combine", "fetch", "freshness_ms",
    "processes_of", "status_of",
]  # fmt: skip

FETCH_TIMEOUT_S = 3.0
"""Longest wait for a worker's answer."""
STAGES = ("viewers", "titles")
STALLED_S = 10.0
"""Seconds without progress from which a worker is shown as such; a batch takes less than a second."""
PARTS = ("step", "transaction", "store")
"""Parts of a batch that are shown."""
QUANTILES = {"p50": 0.5, "p99": 0.99}
"""Quantiles of the freshness that are shown."""


@dataclass(frozen=True)
class WorkerStatus:
    """One worker, by its metrics.

    Attributes
    ----------
    address
        URL of its /metrics.
    state
        `ready`, `restoring`, `no progress`, `no partition` or `no answer`.
    partitions
        Its partitions by stage.
    lag
        Records of its partitions that are not yet applied, by stage.
    memory_bytes
        Resident memory.
    """

    address: str
    state: str
    partitions: dict[str, list[int]] = field(default_factory=dict)
    lag: dict[str, float] = field(default_factory=dict)
    memory_bytes: float = 0.0


@dataclass(frozen=True)
class MetricsSnapshot:
    """Metrics of all workers, and rates since the previous snapshot.

    Attributes
    ----------
    seconds
        Time since the previous snapshot.
    answering, asked
        Workers that answered, and all workers.
    events_per_s, pages_per_s, dead_letters_per_s
        Rates of the viewers stage.
    freshness_ms
        p50 and p99 from an event's record to the commit of its page; NaN without pages since the previous
        snapshot. Without pages that the page throttle held back.
    held_back_ms
        The same of pages that were held back.
    lag
        Records not yet applied, by stage and partition.
    parts_ms
        p99 of a batch's parts, by stage.
    hit_rate
        Share of all tested events in the top 10, by model.
    replica_age
        Title records not yet replicated, of the worker with the most.
    restoring
        Partitions that are being restored.
    stalled_s
        Time without progress although there is pending work.
    memory_bytes, cpu
        Resident memory and used cores of all workers.
    disk_used
        Used share of the fullest disk.
    reasons
        Dead letters so far, by reason.
    compared
        Workers that have answered before, too: without one there are no rates.
    tested, hits
        Events that were ranked before they were learned since the previous snapshot, and those of them in the
        top 10, by model.
    workers
        Every worker.
    """

    seconds: float
    answering: int
    asked: int
    events_per_s: float
    pages_per_s: float
    dead_letters_per_s: float
    freshness_ms: dict[str, float]
    held_back_ms: dict[str, float]
    lag: dict[str, dict[str, float]]
    parts_ms: dict[str, dict[str, float]]
    hit_rate: dict[str, float]
    replica_age: float
    restoring: float
    stalled_s: float
    memory_bytes: float
    cpu: float
    disk_used: float
    reasons: dict[str, float]
    compared: int = 0
    tested: dict[str, float] = field(default_factory=dict)
    hits: dict[str, float] = field(default_factory=dict)
    workers: tuple[WorkerStatus, ...] = ()


def fetch(address: str) -> Exposition | None:
    """Return the metrics at an address; None if nothing answers."""
    try:
        with urllib.request.urlopen(address, timeout=FETCH_TIMEOUT_S) as answer:  # noqa: S310 - http, built by the caller
            return Exposition(answer.read().decode())
    except (urllib.error.URLError, OSError, ValueError):
        return None


def processes_of(worker: Exposition) -> int:
    """Return how many processes a worker is to have: several if it has a supervisor."""
    return int(worker.value("nearline_processes")) or 1


@dataclass
class Observer:
    """Takes snapshots of workers; a process of a worker with several counts as a worker.

    Parameters
    ----------
    addresses
        URLs of the workers' /metrics.
    """

    addresses: Sequence[str]
    _before: dict[tuple[str, str], Exposition] = field(default_factory=dict)
    _at: float = field(default_factory=time.monotonic)

    def snapshot(self) -> MetricsSnapshot:
        """Read every worker's metrics, and compare with the previous snapshot."""
        now = time.monotonic()
        answers = {address: answer for address in self.addresses if (answer := fetch(address)) is not None}
        found = {
            (address, process): part
            for address, answer in answers.items()
            for process, part in answer.by_process().items()
            if part.value("nearline_build_info")  # one that has ended is only in its supervisor's metrics
        }
        places = [place for address in self.addresses for place in _places(address, answers.get(address))]
        known = [place for place in found if place in self._before]
        grown = Exposition.together(found[place].since(self._before[place]) for place in known)
        snapshot = combine(list(found.values()), grown, max(now - self._at, 1e-3), len(places))
        self._before, self._at = self._before | found, now
        statuses = tuple(status_of(" process ".join(filter(None, one)), found.get(one)) for one in places)
        return replace(snapshot, compared=len(known), workers=statuses)


def _places(address: str, answer: Exposition | None) -> list[tuple[str, str]]:
    """Return address and number of each process of a worker; the number is "" if it has only one."""
    processes = 1 if answer is None else processes_of(answer)
    return [(address, str(n)) for n in range(processes)] if processes > 1 else [(address, "")]


def freshness_ms(read: Exposition, **labels: str) -> dict[str, float]:
    """Return the quantiles of the freshness of pages, in milliseconds; NaN without pages."""
    return {
        name: round(1000 * read.quantile("nearline_freshness_seconds", share, **labels), 2)
        for name, share in QUANTILES.items()
    }


def combine(workers: Sequence[Exposition], grown: Exposition, seconds: float, asked: int) -> MetricsSnapshot:
    """Return a snapshot: gauges of all workers, rates from the growth of counters of known workers."""
    whole = Exposition.together(workers)
    tested = whole.by("nearline_prequential_tested_total", "model")
    hits = whole.by("nearline_prequential_hits_total", "model")
    return MetricsSnapshot(
        seconds=seconds,
        answering=len(workers),
        asked=asked,
        events_per_s=grown.value("nearline_events_total", stage="viewers") / seconds,
        pages_per_s=grown.value("nearline_lists_total") / seconds,
        dead_letters_per_s=grown.value("nearline_dead_letters_total") / seconds,
        freshness_ms=freshness_ms(grown, throttled="false"),
        held_back_ms=freshness_ms(grown, throttled="true"),
        lag={s: whole.by("nearline_consumer_lag_records", "partition", stage=s) for s in STAGES},
        parts_ms={stage: dict(_parts(grown, stage)) for stage in STAGES},
        hit_rate={name: hits.get(name, 0.0) / n for name, n in tested.items() if n},
        replica_age=max((one.value("nearline_replica_age_events") for one in workers), default=0.0),
        restoring=whole.value("nearline_partitions", state="restoring"),
        stalled_s=max((one.value("nearline_stalled_seconds") for one in workers), default=0.0),
        memory_bytes=whole.value("process_resident_memory_bytes"),
        cpu=grown.value("process_cpu_seconds_total") / seconds,
        disk_used=max((_disk_used(one) for one in workers), default=0.0),
        reasons=whole.by("nearline_dead_letters_total", "reason"),
        tested=grown.by("nearline_prequential_tested_total", "model"),
        hits=grown.by("nearline_prequential_hits_total", "model"),
    )


def status_of(address: str, found: Exposition | None) -> WorkerStatus:
    """Return the status of a worker by its metrics, None if it does not answer.

    Examples
    --------
    >>> text = 'nearline_consumer_lag_records{stage="viewers",partition="3"} 7'
    >>> status = status_of("http://w:8000/metrics", Exposition(text))
    >>> status.state, status.partitions, status_of("http://w:8000/metrics", None).state
    ('ready', {'viewers': [3]}, 'no answer')
    """
    if found is None:
        return WorkerStatus(address, "no answer")
    lags = {stage: found.by("nearline_consumer_lag_records", "partition", stage=stage) for stage in STAGES}
    state = "ready" if any(lags.values()) else "no partition"
    if found.value("nearline_partitions", state="restoring"):
        state = "restoring"
    if found.value("nearline_stalled_seconds") >= STALLED_S:
        state = "no progress"
    return WorkerStatus(
        address,
        state,
        {stage: sorted(map(int, lag)) for stage, lag in lags.items() if lag},
        {stage: sum(lag.values()) for stage, lag in lags.items() if lag},
        found.value("process_resident_memory_bytes"),
    )


def _parts(grown: Exposition, stage: str) -> Iterator[tuple[str, float]]:
    for part in PARTS:
        yield part, 1e3 * grown.quantile("nearline_batch_seconds", 0.99, stage=stage, step=part)


def _disk_used(worker: Exposition) -> float:
    size = worker.value("nearline_disk_bytes")
    return 1.0 - worker.value("nearline_disk_free_bytes") / size if size else 0.0
