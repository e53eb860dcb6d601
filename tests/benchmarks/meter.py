"""A worker that knows where its CPU goes: ``python -m tests.benchmarks.meter CORES`` is `nearline worker`.

Before it starts, the functions that do the steps of a batch are wrapped with the clock of the calling
thread's CPU. A step's time is its own: what wrapped functions inside it take is theirs. What other threads
take (event loop, fetcher, the driver, RocksDB) is read from the kernel, by thread. Both appear on /metrics:
``nearline_bench_cpu_seconds{kind="step|thread",name="..."}``. Wrapping is per batch and costs nothing that
one could measure.

``kind="wall"`` are the seconds that passed in a batch as a whole, in its step, its transaction and the write
of its store, ``kind="turn"`` the CPU of its thread meanwhile, and ``kind="core"`` the seconds in which it
could have run and had no core. The rest was spent waiting for a permit, the interpreter's lock or the broker.
``kind="delay"`` are the same seconds times the events of the batch, and before them what passed from the
sending of each event to its step (``waited``): divided by the events they are the way of an average event.
"""

import functools
import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

import streams.stages.titles.step
import streams.stages.viewers.publisher
from online_models.learners.title_side import TitleSide
from online_models.ranking.viewer_side import ViewerSide
from streams import cli
from streams.engine.guarded_step import GuardedStep
from streams.engine.partition import Partition
from streams.engine.stage import Record
from streams.engine.state import Store
from streams.engine.transactions import Transactions
from streams.stages.titles.trending import TrendingLists
from streams.stages.viewers.decode import EventBatch, EventDecoder
from streams.stages.viewers.page_bytes import PageEncoder
from streams.stages.viewers.replica import Replica
from streams.stages.viewers.signal_publisher import SignalPublisher
from streams.stages.wire import title_rows, viewer_rows
from streams.telemetry.metrics import Metrics

STEPS: list[tuple[Any, str, str]] = [
    (Partition, "process_next", "rest"),
    (EventDecoder, "decode", "decode"),
    (EventBatch, "columns", "columns"),
    (ViewerSide, "admit", "columns"),
    (ViewerSide, "feedback", "columns"),
    (ViewerSide, "observe", "learn"),
    (ViewerSide, "observe_tested", "learn"),
    (SignalPublisher, "publish", "signals"),
    (ViewerSide, "rank", "rank"),
    (streams.stages.viewers.publisher, "build", "build pages"),
    (PageEncoder, "encode", "encode"),
    (viewer_rows, "pack", "pack rows"),
    (title_rows, "pack", "pack rows"),
    (streams.stages.titles.step, "unpack", "unpack"),
    (TitleSide, "absorb", "learn"),
    (TrendingLists, "count", "popularity"),
    (TrendingLists, "lists", "trending"),
    (Transactions, "_send", "produce"),
    (Transactions, "commit", "commit"),
    (Store, "write", "store"),
    (Replica, "_take_rows", "replica"),
]
"""Owner, function, name of the step."""

TURNS: list[tuple[Any, str, str]] = [
    (GuardedStep, "compute", "step"),
    (Transactions, "commit", "transaction"),
    (Transactions, "_attempt", "answers of the broker"),
    (Store, "write", "store"),
    (Partition, "process_next", "batch"),
]
"""Owner, function, name: of what the waiting is measured. The last is outermost: besides what the others wait
for it waits for its permit."""

TICK = os.sysconf("SC_CLK_TCK")


class Meter(Collector):
    """CPU by step and by thread, and when the last batch ended."""

    def __init__(self) -> None:
        self.steps: defaultdict[str, float] = defaultdict(float)
        self._turns: defaultdict[tuple[str, str], float] = defaultdict(float)
        self._calls: defaultdict[str, int] = defaultdict(int)
        self._local = threading.local()
        self._ended: dict[str, tuple[float, int]] = {}

    def wrap(self, owner: Any, name: str, step: str) -> None:
        """Measure a function from now on."""
        inner: Callable[..., Any] = getattr(owner, name)
        whole = owner is Partition

        @functools.wraps(inner)
        def outer(*args: Any, **kwargs: Any) -> Any:
            local = self._local
            before = getattr(local, "inside", 0.0)
            if whole:
                local.stage, local.events = args[0].spec.name, 0
            local.inside, start = 0.0, time.thread_time()
            try:
                return inner(*args, **kwargs)
            finally:
                took = time.thread_time() - start
                self.steps[f"{getattr(local, 'stage', 'reader')}: {step}"] += took - local.inside
                local.inside = before + took
                if whole:
                    self._end(args[0], local.events)

        setattr(owner, name, outer)

    def time(self, owner: Any, name: str, turn: str) -> None:
        """Measure what passes and what the thread works in a function, nested ones included."""
        inner: Callable[..., Any] = getattr(owner, name)

        @functools.wraps(inner)
        def outer(*args: Any, **kwargs: Any) -> Any:
            wall, cpu, core = time.perf_counter(), time.thread_time(), self._core_wait()
            if computes:
                self._begin(args[1])
            try:
                return inner(*args, **kwargs)
            finally:
                passed = time.perf_counter() - wall
                name = f"{getattr(self._local, 'stage', 'reader')}: {turn}"
                self._turns["turn", name] += time.thread_time() - cpu
                self._turns["core", name] += self._core_wait() - core
                self._turns["wall", name] += passed
                self._turns["delay", name] += passed * getattr(self._local, "events", 0)

        computes = (owner, name) == (GuardedStep, "compute")
        setattr(owner, name, outer)

    def _core_wait(self) -> float:
        """Return the seconds that this thread has waited for a core."""
        if not hasattr(self._local, "schedstat"):
            self._local.schedstat = os.open(
                f"/proc/self/task/{threading.get_native_id()}/schedstat", os.O_RDONLY
            )
        return int(os.pread(self._local.schedstat, 64, 0).split()[1]) / 1e9

    def _begin(self, records: Sequence[Record]) -> None:
        """Note the batch of this thread, and how long its records have waited for it."""
        self._local.events = len(records)
        waited = len(records) * time.time() - sum(record.timestamp for record in records) / 1000
        self._turns["delay", f"{self._local.stage}: waited"] += waited

    def _end(self, partition: Partition, events: int) -> None:
        stage = partition.spec.name
        self._calls[stage] += events
        self._ended[stage] = (time.time(), self._calls[stage])

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Hand everything to Prometheus."""
        cpu = GaugeMetricFamily("nearline_bench_cpu_seconds", "CPU.", labels=["kind", "name"])
        for step, seconds in list(self.steps.items()):
            cpu.add_metric(["step", step], seconds)
        for (kind, turn), seconds in list(self._turns.items()):
            cpu.add_metric([kind, turn], seconds)
        for thread, seconds in _threads().items():
            cpu.add_metric(["thread", thread], seconds)
        cpu.add_metric(["process", "all"], time.process_time())
        ended = GaugeMetricFamily("nearline_bench_ended", "Time of the last batch.", labels=["stage"])
        count = GaugeMetricFamily("nearline_bench_records", "Records until then.", labels=["stage"])
        for stage, (at, records) in list(self._ended.items()):
            ended.add_metric([stage], at)
            count.add_metric([stage], records)
        return iter([cpu, ended, count])


def _threads() -> dict[str, float]:
    """Return CPU seconds by kind of thread, at the kernel's resolution of 10 ms."""
    named = {t.native_id: t.name.partition("_")[0].partition(" ")[0] for t in threading.enumerate()}
    named[os.getpid()] = "event loop"
    out: defaultdict[str, float] = defaultdict(float)
    for task in Path("/proc/self/task").iterdir():
        try:
            comm, _, rest = (task / "stat").read_text().partition("(")[2].rpartition(")")
        except OSError:
            continue
        fields = rest.split()
        name = named.get(int(task.name)) or comm.partition(":")[0]
        out[name] += (int(fields[11]) + int(fields[12])) / TICK
    return dict(out)


def main() -> None:
    """Pin, wrap, and be a worker."""
    os.sched_setaffinity(0, {int(core) for core in sys.argv[1].split(",")})
    meter = Meter()
    for owner, name, step in STEPS:
        meter.wrap(owner, name, step)
    for owner, name, turn in TURNS:
        meter.time(owner, name, turn)
    first = Metrics.__init__

    def register(self: Metrics, *args: Any, **kwargs: Any) -> None:
        first(self, *args, **kwargs)
        self.registry.register(meter)

    Metrics.__init__ = register  # type: ignore[method-assign]
    sys.argv = ["nearline", "worker"]
    sys.exit(cli.main())


if __name__ == "__main__":
    main()
