"""What the pages' budget saves at a steady rate: a page for every batch against one a second, same events."""

import multiprocessing
from collections.abc import Mapping
from typing import Any

from streams.ops.runs.worker_process import make_topics
from tests.benchmarks.bench import Bench
from tests.benchmarks.freshness import KNOWN, SECONDS, send
from tests.benchmarks.load import produce
from tests.benchmarks.throughput import EVERY_PAGE
from tests.benchmarks.workers import MeteredWorker

RATE = 10_000
VARIANTS: Mapping[str, Mapping[str, str]] = {"every_page": EVERY_PAGE, "one_a_second": {}}
TURNS = 2
"""Each variant in turn, so that what else the machine does falls on both."""


def page_budget(bench: Bench) -> dict[str, Any]:
    """Measure lists and CPU per event, the worker's and the broker's, nobody pinned."""
    return {
        f"run_{turn}": {name: _at_rate(bench, f"{name}-{turn}", given) for name, given in VARIANTS.items()}
        for turn in range(1, TURNS + 1)
    }


def _at_rate(bench: Bench, name: str, variables: Mapping[str, str]) -> dict[str, float]:
    settings = bench.settings(f"budget-{name}")
    make_topics(settings)
    produce(settings, KNOWN)
    with bench.shared(), MeteredWorker(settings, bench.state(name), bench.cores, variables) as worker:
        first, broker = worker.answered(KNOWN, learned=True), bench.broker_cpu()
        sender = multiprocessing.get_context("spawn").Process(target=send, args=(settings.model_dump(), RATE))
        sender.start()
        sender.join()
        last = worker.answered(KNOWN + int(RATE * SECONDS), learned=True)
        events = last.events - first.events
        return {
            "lists_per_event": round((last.lists - first.lists) / events, 3),
            "cpu_us_per_event": round(
                (last.cpu["process", "all"] - first.cpu["process", "all"]) / events * 1e6, 2
            ),
            "broker_us_per_event": round((bench.broker_cpu() - broker) / events * 1e6, 2),
        }
