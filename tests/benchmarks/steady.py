"""Who works and who waits in a worker at a steady, low rate: threads, steps, and what passes in a batch."""

import multiprocessing
from collections.abc import Mapping
from typing import Any

from streams.ops.runs.worker_process import make_topics
from tests.benchmarks.bench import Bench
from tests.benchmarks.freshness import KNOWN, SECONDS, send
from tests.benchmarks.load import produce
from tests.benchmarks.throughput import EVERY_LIST
from tests.benchmarks.workers import MeteredWorker, Reading

RATE = 1_000


def steady(bench: Bench) -> dict[str, Any]:
    """Measure a worker on the first core at 1,000 events a second; the others have the other cores."""
    settings = bench.settings("steady")
    make_topics(settings)
    produce(settings, KNOWN)
    cores = bench.cores if bench.core is None else [bench.core]
    with MeteredWorker(settings, bench.state("steady"), cores, EVERY_LIST) as worker:
        worker.answered(KNOWN, learned=True)
        first = worker.look()
        sender = multiprocessing.get_context("spawn").Process(target=send, args=(settings.model_dump(), RATE))
        sender.start()
        sender.join()
        last = worker.answered(KNOWN + int(RATE * SECONDS), learned=True)
    return _figures(first, last)


def _figures(first: Reading, last: Reading) -> dict[str, Any]:
    events = last.events_since(first)
    return {
        "events_per_batch": round(events / last.batches_since(first), 1),
        "cores": round(last.cpu_since(first) / events * RATE, 3),
        "threads_us_per_event": _rounded(last.steps_since(first, "thread")),
        "steps_us_per_event": _rounded(last.steps_since(first, "step")),
        "ms_of_a_batch": last.waits_since(first),
    }


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 1) for name, value in values.items() if value >= 0.05}
