"""Two workers on two cores against one worker on one core: the same events, both stages, exactly once."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from streams.session import make_topics
from tests.benchmarks.bench import Bench
from tests.benchmarks.load import produce
from tests.benchmarks.throughput import WARM_UP
from tests.benchmarks.workers import LOOK_S, PATIENCE_S, MeteredWorker, Reading

__all__ = ["scale"]

EVENTS = 400_000
"""Two workers take about ten seconds for them."""
RUNS = 3
"""Each topology in turn, so that what else the machine does falls on both."""
SHARDS = 2
"""Title shards of both topologies: with one, the titles stage would be on one of the two workers."""


def scale(bench: Bench) -> dict[str, Any]:
    """Measure both topologies in turn; every run has topics of its own, with the same events on them."""
    if bench.core is None:
        return {"skipped": "one core cannot show two"}
    out: dict[str, Any] = {}
    ratios, by_cpu = [], []
    for run in range(1, RUNS + 1):
        one = _run(bench, f"scale-one-{run}", [[bench.core]])
        two = _run(bench, f"scale-two-{run}", [[core] for core in bench.cores[:2]])
        out[f"run_{run}"] = {"one": one, "two": two}
        ratios.append(two["events_per_s"] / one["events_per_s"])
        by_cpu.append(2 * one["cpu_us_per_event"] / two["cpu_us_per_event"])
    out["ratio"] = {str(run): round(ratio, 2) for run, ratio in enumerate(ratios, 1)}
    out["ratio_by_cpu"] = {str(run): round(ratio, 2) for run, ratio in enumerate(by_cpu, 1)}
    return out


def _run(bench: Bench, name: str, places: Sequence[list[int]]) -> dict[str, Any]:
    """Let workers on the given cores answer all events; with more than one, the broker has all cores."""
    settings = bench.settings(name, title_shards=SHARDS)
    make_topics(settings)
    produce(settings, EVENTS)
    with ExitStack() as stack:
        if len(places) > 1:
            stack.enter_context(bench.shared())
        workers = [
            stack.enter_context(MeteredWorker(settings, bench.state(f"{name}-{n}"), cores))
            for n, cores in enumerate(places)
        ]
        first = _answered(workers, WARM_UP)
        broker = bench.broker_cpu()
        last = _answered(workers, EVENTS)
        return _figures(first, last, bench.broker_cpu() - broker)


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


def _figures(first: Sequence[Reading], last: Sequence[Reading], broker_s: float) -> dict[str, Any]:
    """Count from the moment when the first fifth was answered to the moment when everything was."""
    events = sum(one.events for one in last) - sum(one.events for one in first)
    seconds = max(one.at for one in last) - max(one.at for one in first)
    cpu = [b.cpu["process", "all"] - a.cpu["process", "all"] for a, b in zip(first, last, strict=True)]
    shares = [b.events - a.events for a, b in zip(first, last, strict=True)]
    steps: dict[str, float] = {}
    for n, (a, b) in enumerate(zip(first, last, strict=True)):
        for step, us in b.steps_since(a, "step").items():
            steps[step] = steps.get(step, 0.0) + us * shares[n] / events
        for step, us in b.steps_since(a, "thread").items():
            steps["T " + step] = steps.get("T " + step, 0.0) + us * shares[n] / events
    return {
        "events_per_s": round(events / seconds),
        "cpu_us_per_event": round(sum(cpu) / events * 1e6, 2),
        "broker_us_per_event": round(broker_s / events * 1e6, 2),
        "share": {str(n): round(share / events, 2) for n, share in enumerate(shares)},
        "busy": {str(n): round(spent / seconds, 2) for n, spent in enumerate(cpu)},
        "steps": {k: round(v, 2) for k, v in sorted(steps.items(), key=lambda p: -p[1]) if v > 0.05},
    }
