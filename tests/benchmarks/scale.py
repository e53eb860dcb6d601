"""Two workers on two cores against one worker on one core: the same events, both stages, exactly once."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from streams.ops.runs.worker_process import make_topics
from tests.benchmarks.bench import Bench
from tests.benchmarks.load import produce
from tests.benchmarks.throughput import EVENTS, EVERY_LIST, WARM_UP
from tests.benchmarks.workers import LOOK_S, MeteredWorker, Reading

__all__ = ["scale"]

RUNS = 3
"""Each topology in turn, so that what else the machine does falls on all of them."""
SHARDS = 2
"""Title shards in all topologies: with one, the titles stage would be on one of the two workers."""
PATIENCE_S = 300.0
"""Longest wait for one topology: CPU seconds are still worth something where the clock is not."""

Figures = dict[str, Any]


def scale(bench: Bench) -> Figures:
    """Measure the topologies in turn; every run has topics of its own, with the same events on them."""
    if bench.core is None:
        return {"skipped": "one core cannot show two"}
    first, second = [bench.core], [next(core for core in bench.cores if core != bench.core)]
    out: Figures = {}
    for run in range(1, RUNS + 1):
        found = {
            "one_worker_and_broker_on_one_core": _run(bench, f"scale-{run}-all", [first], broker=first),
            "one_worker_on_one_core": _run(bench, f"scale-{run}-one", [first], broker=second),
            "two_workers_on_two_cores": _run(
                bench, f"scale-{run}-two", [first, second], broker=first + second
            ),
        }
        out[f"run_{run}"] = found | {"ratios": _ratios(*found.values())}
    return out


def _ratios(whole: Figures, one: Figures, two: Figures) -> Figures:
    """Compare two workers with one, in three ways; README.md says what each of them holds."""
    return {
        "of_machine": round(two["events_per_s"] / whole["events_per_s"], 2),
        "broker_beside_the_one": round(two["events_per_s"] / one["events_per_s"], 2),
        "by_cpu_of_the_busier": round(one["busiest_us_per_event"] / two["busiest_us_per_event"], 2),
        "by_cpu_of_both": round(2 * one["cpu_us_per_event"] / two["cpu_us_per_event"], 2),
    }


def _run(bench: Bench, name: str, places: Sequence[list[int]], *, broker: list[int]) -> Figures:
    """Let workers on the given cores answer all events, with the broker on its own."""
    settings = bench.settings(name, title_shards=SHARDS)
    make_topics(settings)
    produce(settings, EVENTS)
    with ExitStack() as stack:
        stack.enter_context(bench.on(broker))
        workers = [
            stack.enter_context(MeteredWorker(settings, bench.state(f"{name}-{n}"), cores, EVERY_LIST))
            for n, cores in enumerate(places)
        ]
        first = _answered(workers, WARM_UP)
        before = bench.broker_cpu()
        last = _answered(workers, EVENTS)
        return _figures(first, last, bench.broker_cpu() - before)


def _answered(workers: Sequence[MeteredWorker], events: int) -> list[Reading]:
    """Wait until the workers together have answered so many events."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        readings = [worker.look() for worker in workers]
        if sum(one.events for one in readings) >= events:
            return readings
        time.sleep(LOOK_S)
    msg = f"{events} events were not answered in {PATIENCE_S:g} s"
    raise TimeoutError(msg)


def _figures(first: Sequence[Reading], last: Sequence[Reading], broker_s: float) -> Figures:
    """Count from the moment when the first fifth was answered to the moment when everything was."""
    events = sum(one.events for one in last) - sum(one.events for one in first)
    seconds = max(one.at for one in last) - max(one.at for one in first)
    cpu = [b.cpu["process", "all"] - a.cpu["process", "all"] for a, b in zip(first, last, strict=True)]
    shares = [b.events - a.events for a, b in zip(first, last, strict=True)]
    return {
        "events_per_s": round(events / seconds),
        "cpu_us_per_event": round(sum(cpu) / events * 1e6, 2),
        "busiest_us_per_event": round(max(cpu) / events * 1e6, 2),
        "broker_us_per_event": round(broker_s / events * 1e6, 2),
        "share_of_events": {str(n): round(share / events, 2) for n, share in enumerate(shares)},
        "share_of_a_core": {str(n): round(spent / seconds, 2) for n, spent in enumerate(cpu)},
    }
