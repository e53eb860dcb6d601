"""A worker of two processes (`nearline worker --processes 2`) against one of one: the same events."""

import time
from typing import Any

from streams.ops.runs.worker_process import WorkerProcess, make_topics
from streams.telemetry.exposition import SUPERVISOR, Exposition
from tests.benchmarks.bench import Bench
from tests.benchmarks.load import produce
from tests.benchmarks.throughput import EVENTS, EVERY_LIST, WARM_UP

__all__ = ["processes"]

RUNS = 2
"""Each number of processes in turn, so that what else the machine does falls on both."""
SHARDS = 2
"""Title shards for both: with one, one of the two processes would do all work of the titles stage."""
LOOK_S = 0.25
PATIENCE_S = 300.0

Figures = dict[str, Any]


def processes(bench: Bench) -> Figures:
    """Measure CPU and rate; nobody is pinned, so the ratio of CPU is what another machine would see."""
    out: Figures = {}
    for run in range(1, RUNS + 1):
        one, two = (_run(bench, f"processes-{run}-{n}", n) for n in (1, 2))
        ratios = {
            "by_cpu_of_the_busier": round(one["busiest_us_per_event"] / two["busiest_us_per_event"], 2),
            "by_cpu_of_both": round(2 * one["cpu_us_per_event"] / two["cpu_us_per_event"], 2),
            "by_rate_beside_the_broker": round(two["events_per_s"] / one["events_per_s"], 2),
        }
        out[f"run_{run}"] = {"ratios": ratios, "one_process": one, "two_processes": two}
    return out


def _run(bench: Bench, name: str, number: int) -> Figures:
    """Let a worker answer events that are there before it starts."""
    settings = bench.settings(name, title_shards=SHARDS)
    make_topics(settings)
    produce(settings, EVENTS)
    variables = EVERY_LIST | {"NEARLINE_PROCESSES": str(number)}
    with bench.shared(), WorkerProcess(settings, bench.state(name), variables) as worker:
        worker.wait_ready()
        first, began = _answered(worker, WARM_UP)
        last, ended = _answered(worker, EVENTS)
    return _figures(first, last, ended - began)


def _answered(worker: WorkerProcess, events: int) -> tuple[Exposition, float]:
    """Wait until so many events are answered; return the metrics of that moment."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        worker.check()
        seen = worker.exposition()
        if seen.value("nearline_events_total", stage="viewers") >= events:
            return seen, time.monotonic()
        time.sleep(LOOK_S)
    msg = f"{events} events were not answered in {PATIENCE_S:g} s"
    raise TimeoutError(msg)


def _figures(first: Exposition, last: Exposition, seconds: float) -> Figures:
    grown = {
        name: part.since(first.by_process()[name])
        for name, part in last.by_process().items()
        if name != SUPERVISOR
    }
    cpu = {name: part.value("process_cpu_seconds_total") for name, part in grown.items()}
    events = {name: part.value("nearline_events_total", stage="viewers") for name, part in grown.items()}
    whole = sum(events.values())
    return {
        "events_per_s": round(whole / seconds),
        "cpu_us_per_event": round(sum(cpu.values()) / whole * 1e6, 2),
        "busiest_us_per_event": round(max(cpu.values()) / whole * 1e6, 2),
        "share_of_events": {name or "0": round(count / whole, 2) for name, count in events.items()},
        "memory_mb": {
            name or "0": round(part.value("process_resident_memory_bytes") / 1e6)
            for name, part in grown.items()
        },
    }
