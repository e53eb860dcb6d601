"""Every metric of a worker: name, type, labels and meaning in one table.

The only module that imports prometheus_client. Times are in seconds. Labels have few values: a stage, a
partition, a reason, a model; never a viewer or a title.

===============================  =========  ================  ==========================================
nearline_...                     type       labels            meaning
===============================  =========  ================  ==========================================
events_total                     counter    stage, outcome    records by outcome
lists_total                      counter                      home pages committed
alerts_total                     counter                      alerts published
pages_pending                    gauge                        viewers whose next page waits for its time
pages_flushed_total              counter                      pending pages published, part of lists_total
dead_letters_total               counter    stage, reason     records that could not be used
batch_seconds                    histogram  stage, step       a batch's time in step, transaction, store
batch_events                     histogram  stage             records in a batch
freshness_seconds                histogram  throttled         of a page: from its event's record to commit
freshness_part_seconds           histogram  part              its topic, queue, throttle, step, transaction
commit_delay_seconds             histogram  stage             of a record: from its timestamp to its commit
consumer_lag_records             gauge      stage, partition  records of the source not yet applied
queued_records                   gauge      stage             records that wait for the batch in flight
queued_bytes                     gauge      stage             bytes of these records
applied_offset                   gauge      stage, partition  last source offset that is in the state
end_offset                       gauge      stage, partition  end of the source partition
partitions                       gauge      stage, state      partitions here: restoring, ready
gap_records_total                counter    stage             records deleted before they were read
rewinds_total                    counter    stage             slices lost in the worker, read again
state_rebuilds_total             counter    stage             databases wiped and built again
restore_rows_total               counter    stage             changelog rows read back
restore_remaining_records        gauge      stage             changelog records not yet read back, at most
restore_seconds                  histogram  stage             from assignment to ready, one partition
stalled_seconds                  gauge                        longest stall of a partition: work, no progress
prequential_hit_rate             gauge      model             share of tested events in the top 10
prequential_tested_total         counter    model             events ranked before they were learned
prequential_hits_total           counter    model             those ranked in the top 10
learned_total                    counter                      feedback signals learned by viewers stages
guest_seconds_total              counter                      time that external rankers took
guest_lists_skipped_total        counter                      lists made without them: their time was used up
drift_detected_total             counter    series            alarms of the drift detectors
replica_age_events               gauge                        title records not yet replicated
replica_remaining_records        gauge      table             records until it has caught up, at most
replica_rows                     gauge                        titles in the replica
replica_outside                  gauge                        titles in the replica outside of the catalog
title_capacity                   gauge                        most titles outside of the catalog
titles_evicted_total             counter                      titles evicted to make room, the least watched
definitions                      gauge      topic, state      experiments, rules: used, left out as invalid
unusable_records                 gauge      topic             keys of a table whose newest record is unusable
state_cache_slots                gauge      stage             viewers or titles in memory
state_memory_bytes               gauge      part              of all databases: write_buffers, block_cache
http_requests_total              counter    route, code       requests that `nearline serve` answered
http_request_seconds             histogram  route             from a request to its answer's last byte
http_streams                     gauge                        live streams that are open
http_connections_closed_total    counter    reason            closed by us: headers (late), address, all
disk_free_bytes                  gauge                        free space on the disk of the databases
disk_bytes                       gauge                        size of this disk
publishes                        gauge      version           1: its pages are published; 0: a shadow
processes                        gauge      state             of `--processes`: ready, not_ready, ended
process_restarts_total           counter    process           processes that ended and were started again
build_info                       gauge      version           always 1
tenant                           gauge      tenant            always 1, if there is a tenant
===============================  =========  ================  ==========================================

The process has further ones: ``process_cpu_seconds_total``, ``process_resident_memory_bytes``,
``process_open_fds``, ``process_start_time_seconds``. With `--processes` each has the label ``process``, the
number of a process or ``supervisor``, whose own are `processes` and `process_restarts_total`.
"""

import shutil
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Final

import numpy as np
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import Exemplar, HistogramMetricFamily
from prometheus_client.openmetrics.exposition import generate_latest as open_metrics
from prometheus_client.registry import Collector

from streams.telemetry.exposition import Exposition

__all__ = [
    "FRESHNESS_S", "TEXT", "BulkHistogram", "Exposition", "Gauge", "Metrics", "SupervisorMetrics",
    "media_type_for",
]  # fmt: skip

FRESHNESS_S = (
    0.001,
    0.002,
    0.005,
    0.01,
    0.02,
    0.03,
    0.05,
    0.08,
    0.12,
    0.2,
    0.3,
    0.5,
    1.0,
    2.0,
    5.0,
    15.0,
    60.0,
)
"""Upper bounds in seconds; the objectives of 10, 30 and 80 ms are among them, so their shares are exact."""

BATCH_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 30.0)
"""Upper bounds in seconds of the parts of a batch."""

RESTORE_S = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
"""Upper bounds in seconds of a restore: at 150,000 rows/s ten million rows take about a minute."""

HTTP_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0)
"""Upper bounds in seconds of an answer; the objective of 5 ms is among them."""

BATCH_EVENTS = (1, 4, 16, 64, 256, 1024, 4096, 16384)
"""Upper bounds of records in a batch."""


TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
OPEN_METRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
"""Formats of the metrics."""

KEPT: Final = 4_096
"""Values that a histogram keeps before it puts them into buckets: numpy takes 5 us for a call, whatever it is
given, and 40 ns a value. Whoever reads the histogram has them counted before."""
MANY: Final = 512
"""Values that are worth a call of numpy of their own."""

_NO_SPANS: Final[Mapping[int, Mapping[str, str]]] = {}


class BulkHistogram(Collector):
    """A histogram of many values, which are counted together: 60 ns a value instead of 1 µs.

    Parameters
    ----------
    name, text
        Name and help text.
    bounds
        Ascending upper bounds of the buckets, in the unit of the name.
    label
        Name of its only label.

    Examples
    --------
    >>> histogram = BulkHistogram("wait_seconds", "Waiting.", (0.1, 1.0), "stage")
    >>> histogram.observe("viewers", np.array([0.05, 0.5, 7.0]))
    >>> histogram.quantile("viewers", 0.5)
    1.0
    """

    def __init__(self, name: str, text: str, bounds: Sequence[float], label: str) -> None:
        self._name, self._text, self._label = name, text, label
        self._bounds, self._steps = np.asarray(bounds, dtype=np.float64), list(bounds)
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}
        self._exemplars: dict[tuple[str, int], Exemplar] = {}
        self._kept: dict[str, list[float]] = {}  # by label, not yet in its bucket
        self._lock = Lock()

    def observe(
        self,
        label: str,
        values: Sequence[float] | np.ndarray,
        spans: Mapping[int, Mapping[str, str]] = _NO_SPANS,
    ) -> None:
        """Add values; negative ones (clocks that differ) count as 0.

        Parameters
        ----------
        label
            Value of the label.
        values
            Observed values.
        spans
            Span of a value by its index, as labels: the newest one of a bucket becomes its exemplar.
        """
        with self._lock:
            self._add(label, values)
            if spans:
                self._add_exemplars(label, values, spans)

    def _add_exemplars(
        self, label: str, values: Sequence[float] | np.ndarray, spans: Mapping[int, Mapping[str, str]]
    ) -> None:
        for index, ids in spans.items():
            value = max(0.0, float(values[index]))
            exemplar = Exemplar(dict(ids), value, time.time())
            self._exemplars[label, bisect_left(self._steps, value)] = exemplar

    def observe_each(self, values: Mapping[str, Sequence[float] | np.ndarray]) -> None:
        """Add values of several labels, by label."""
        with self._lock:
            for label, some in values.items():
                if len(some):
                    self._add(label, some)

    def _add(self, label: str, values: Sequence[float] | np.ndarray) -> None:
        """Put many values into their buckets; keep few until there are more."""
        if len(values) > MANY:
            self._count(label, values)
            return
        kept = self._kept.get(label) or self._kept_of(label)
        kept.extend(values.tolist() if isinstance(values, np.ndarray) else values)
        if len(kept) > KEPT:
            self._count_kept(label)

    def _kept_of(self, label: str) -> list[float]:
        """Return the values that are kept of a label, which is there from now on."""
        kept = self._kept.get(label)
        if kept is None:
            kept = self._kept[label] = []
            self._counts[label], self._sums[label] = [0] * (len(self._steps) + 1), 0.0
        return kept

    def _count_kept(self, label: str) -> None:
        """Put the values that were kept into their buckets."""
        if kept := self._kept[label]:
            self._count(label, kept)
            kept.clear()

    def _count(self, label: str, values: Sequence[float] | np.ndarray) -> None:
        """Put values into their buckets."""
        self._kept_of(label)
        counts, above = self._counts[label], np.maximum(values, 0.0)
        for place, count in enumerate(np.bincount(np.searchsorted(self._bounds, above)).tolist()):
            counts[place] += count
        self._sums[label] += float(above.sum())

    def quantile(self, label: str, share: float) -> float:
        """Return the upper bound of the bucket of a quantile; infinite above the last bound, NaN if empty."""
        with self._lock:
            if label not in self._counts:
                return float("nan")
            self._count_kept(label)
            counts = list(self._counts[label])
        place = int(np.searchsorted(np.cumsum(counts), share * sum(counts)))
        return float(self._bounds[place]) if place < self._bounds.size else float("inf")

    def collect(self) -> Iterable[HistogramMetricFamily]:
        """Return the buckets to Prometheus."""
        family = HistogramMetricFamily(self._name, self._text, labels=[self._label])
        names = [*map(str, self._bounds), "+Inf"]
        with self._lock:
            for label, counts in self._counts.items():
                self._count_kept(label)
                totals = np.cumsum(counts).tolist()
                buckets: list[tuple[str, float] | tuple[str, float, Exemplar]] = []
                for n, (name, total) in enumerate(zip(names, totals, strict=True)):
                    exemplar = self._exemplars.get((label, n))
                    buckets.append((name, total) if exemplar is None else (name, total, exemplar))
                family.add_metric([label], buckets, self._sums[label])
        return [family]


def media_type_for(accept: str) -> str:
    """Return the format that a request's header `Accept` asks for."""
    return OPEN_METRICS if OPEN_METRICS.partition(";")[0] in accept else TEXT


class Metrics:
    """The metrics of one worker, with a registry of their own.

    Parameters
    ----------
    registry
        Default: a new one, so that two workers in one process do not share metrics.
    version
        Label of nearline_build_info.

    Examples
    --------
    >>> metrics = Metrics(version="0.1.0")
    >>> metrics.events.labels("viewers", "applied").inc(3)
    >>> b'nearline_events_total{outcome="applied",stage="viewers"} 3.0' in metrics.exposition()
    True
    """

    def __init__(self, registry: CollectorRegistry | None = None, *, version: str = "unknown") -> None:
        self.registry = registry or CollectorRegistry()
        stage = ("stage",)
        part = ("stage", "partition")
        self.events = self._counter("events", "Records by outcome.", ("stage", "outcome"))
        self.lists = self._counter("lists", "Home pages committed.")
        self.alerts = self._counter("alerts", "Alerts published.")
        self.pages_pending = self._gauge("pages_pending", "Viewers whose next page waits for its time.")
        self.pages_flushed = self._counter("pages_flushed", "Pending pages that were published.")
        self.dead_letters = self._counter(
            "dead_letters", "Records that could not be used.", ("stage", "reason")
        )
        self.batch_seconds = self._histogram("batch_seconds", "Parts of a batch.", BATCH_S, ("stage", "step"))
        self.batch_events = self._histogram("batch_events", "Records in a batch.", BATCH_EVENTS, stage)
        self.freshness = self._bulk(
            "freshness_seconds", "From a page's event, its record's timestamp, to its commit.", "throttled"
        )
        self.freshness_part = self._bulk("freshness_part_seconds", "Parts of a page's way.", "part")
        self.commit_delay = self._bulk(
            "commit_delay_seconds", "From the timestamp of a record to the commit of its batch.", "stage"
        )
        self.lag = self._gauge("consumer_lag_records", "Records of the source not yet applied.", part)
        self.queued_records = self._gauge(
            "queued_records", "Fetched records that wait for the batch in flight.", stage
        )
        self.queued_bytes = self._gauge("queued_bytes", "Bytes of the queued records.", stage)
        self.applied_offset = self._gauge("applied_offset", "Last source offset in the state.", part)
        self.end_offset = self._gauge("end_offset", "End of the source partition.", part)
        self.partitions = self._gauge("partitions", "Partitions of this worker.", ("stage", "state"))
        self.gap_records = self._counter("gap_records", "Records deleted before being read.", stage)
        self.rewinds = self._counter("rewinds", "Slices lost inside the worker, read again.", stage)
        self.state_rebuilds = self._counter("state_rebuilds", "Databases wiped and built again.", stage)
        self.restore_rows = self._counter("restore_rows", "Changelog rows read back.", stage)
        self.restore_remaining = self._gauge(
            "restore_remaining_records", "Changelog records not yet read back, at most.", stage
        )
        self.restore_seconds = self._histogram(
            "restore_seconds", "From assignment to ready.", RESTORE_S, stage
        )
        self.stalled_seconds = self._gauge(
            "stalled_seconds", "Longest stall of a partition: work, and no progress."
        )
        self.hit_rate = self._gauge(
            "prequential_hit_rate", "Share of tested events in the top 10.", ("model",)
        )
        self.tested = self._counter("prequential_tested", "Events ranked before being learned.", ("model",))
        self.hits = self._counter("prequential_hits", "Tested events in the top 10.", ("model",))
        self.learned = self._counter("learned", "Feedback signals learned by viewers stages.")
        self.replica_age = self._gauge("replica_age_events", "Title records not yet replicated.")
        self.replica_remaining = self._gauge(
            "replica_remaining_records", "Records to read until it has caught up, at most.", ("table",)
        )
        self.replica_rows = self._gauge("replica_rows", "Titles in the replica.")
        self.replica_outside = self._gauge("replica_outside", "Titles in the replica outside of the catalog.")
        self.title_capacity = self._gauge("title_capacity", "Most titles outside of the catalog.")
        self.titles_evicted = self._counter("titles_evicted", "Titles that the titles stage evicted.")
        self.definitions = self._gauge("definitions", "Experiments and rules.", ("topic", "state"))
        self.unusable_records = self._gauge(
            "unusable_records", "Keys of a table whose newest record is unusable.", ("topic",)
        )
        self.http_requests = self._counter("http_requests", "Requests answered.", ("route", "code"))
        self.http_seconds = self._histogram(
            "http_request_seconds", "From a request to the end of its answer.", HTTP_S, ("route",)
        )
        self.http_connections_closed = self._counter(
            "http_connections_closed", "Idle connections closed: too slow, or too many.", ("reason",)
        )
        self.http_streams = self._gauge("http_streams", "Live streams that are open.")
        self.publishes = self._gauge("publishes", "Whether this model version publishes.", ("version",))
        self.tenant = self._gauge("tenant", "Always 1.", ("tenant",))
        self._gauge("build_info", "Always 1.", ("version",)).labels(version).set(1)
        self._define_state()
        self._define_quality()
        ProcessCollector(registry=self.registry)

    def name(self, tenant: str | None) -> None:
        """Set the tenant, if there is one."""
        if tenant is not None:
            self.tenant.labels(tenant).set(1)

    def exposition(self, media_type: str = TEXT) -> bytes:
        """Return all metrics in Prometheus' text format, or in OpenMetrics, which has exemplars.

        Examples
        --------
        >>> Metrics().exposition(OPEN_METRICS).decode().splitlines()[-1]
        '# EOF'
        """
        encode = open_metrics if media_type == OPEN_METRICS else generate_latest
        return bytes(encode(self.registry))

    def watch_disk(self, folder: Path) -> None:
        """Show size and free space of the disk of a folder, which need not exist yet, at each request."""
        there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
        self.disk_free.set_function(lambda: shutil.disk_usage(there).free)
        self.disk.set_function(lambda: shutil.disk_usage(there).total)

    def watch_state_memory(self, parts: Mapping[str, Callable[[], int]]) -> None:
        """Show the memory of the databases by part, at each request."""
        for part, used in parts.items():
            self.state_memory.labels(part).set_function(used)

    def forget_partition(self, stage: str, partition: int) -> None:
        """Remove the gauges of a revoked partition: another worker has it, its lag would be counted twice."""
        for gauge in (self.lag, self.applied_offset, self.end_offset):
            gauge.remove(stage, str(partition))

    def _define_state(self) -> None:
        self.cache_slots = self._gauge("state_cache_slots", "Viewers or titles in memory.", ("stage",))
        self.state_memory = self._gauge("state_memory_bytes", "Memory of all databases.", ("part",))
        self.disk_free = self._gauge("disk_free_bytes", "Free space on the disk of the databases.")
        self.disk = self._gauge("disk_bytes", "Size of the disk of the databases.")

    def _define_quality(self) -> None:
        self.guest_seconds = self._counter("guest_seconds", "Time that external rankers took.")
        self.guest_lists_skipped = self._counter(
            "guest_lists_skipped", "Lists made without external rankers: their time was used up."
        )
        self.drift = self._counter("drift_detected", "Alarms of the drift detectors.", ("series",))

    def _counter(self, name: str, text: str, labels: Sequence[str] = ()) -> Counter:
        return Counter(name, text, labels, namespace="nearline", registry=self.registry)

    def _gauge(self, name: str, text: str, labels: Sequence[str] = ()) -> Gauge:
        return Gauge(name, text, labels, namespace="nearline", registry=self.registry)

    def _bulk(self, name: str, text: str, label: str) -> "BulkHistogram":
        out = BulkHistogram(f"nearline_{name}", text, FRESHNESS_S, label)
        self.registry.register(out)
        return out

    def _histogram(self, name: str, text: str, bounds: Sequence[float], labels: Sequence[str]) -> Histogram:
        return Histogram(name, text, labels, namespace="nearline", registry=self.registry, buckets=bounds)


class SupervisorMetrics:
    """The metrics of a supervisor of several processes, which have their own.

    Examples
    --------
    >>> metrics = SupervisorMetrics()
    >>> metrics.processes.labels("ready").set(2)
    >>> b'nearline_processes{state="ready"} 2.0' in metrics.exposition()
    True
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.processes = Gauge(
            "processes", "Processes of this worker.", ("state",), namespace="nearline", registry=self.registry
        )
        self.restarts = Counter(
            "process_restarts",
            "Processes that ended and were started again.",
            ("process",),
            namespace="nearline",
            registry=self.registry,
        )
        ProcessCollector(registry=self.registry)

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return bytes(generate_latest(self.registry))
