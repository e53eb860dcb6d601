"""A worker under steady load for minutes: whether memory, descriptors and disk stay where they are.

``python -m tests.benchmarks soak``. The figures are slopes of a straight line through samples of the second
half: the first half fills caches. Events are those of the other benchmarks at a rate that leaves room; all
viewers and titles have been there by half-time, so nothing has a reason to grow but the topics themselves.
"""

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import structs

from streams.kafka.produce import EventProducer
from streams.ops.runs.worker_process import make_topics
from tests.benchmarks.bench import Bench
from tests.benchmarks.load import stops
from tests.benchmarks.workers import MeteredWorker

SECONDS = 240
RATE = 2_000
"""Events a second: a fifth of what a worker can do here, with everything else on the same cores."""
EVERY_S = 2.0
"""Seconds between two samples."""
KINDS = 50
"""Different samples' worth of events; then they come again, as new events."""
PAGE = os.sysconf("SC_PAGE_SIZE")


def soak(bench: Bench) -> dict[str, Any]:
    """Feed a worker and look at it."""
    settings = bench.settings("soak")
    make_topics(settings)
    folder = bench.state("soak")
    samples = []
    worker = MeteredWorker(settings, folder, bench.cores)
    with bench.shared(), worker, EventProducer(settings) as producer:
        worker.wait_ready()
        began, part = time.monotonic(), 0
        while (elapsed := time.monotonic() - began) < SECONDS:
            events = enumerate(stops(int(RATE * EVERY_S), seed=part % KINDS))
            producer.send(structs.replace(event, event_id=f"{part}-{n}") for n, event in events)
            part += 1
            samples.append((elapsed, *_sample(worker.pid, folder), worker.exposition()))
            time.sleep(max(0.0, part * EVERY_S - (time.monotonic() - began)))
        worker.check()
    return _figures(samples)


def _sample(pid: int, folder: Path) -> tuple[float, int, float]:
    """Return resident megabytes, open descriptors, and megabytes on disk."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    disk = sum(file.stat().st_size for file in folder.rglob("*.*") if file.is_file())
    return pages * PAGE / 1e6, files, disk / 1e6


def _figures(samples: list[tuple[Any, ...]]) -> dict[str, Any]:
    """Fit a line through the second half of each series."""
    half = samples[len(samples) // 2 :]
    minutes = np.array([sample[0] for sample in half]) / 60
    out: dict[str, Any] = {"seconds": SECONDS, "events_per_s": RATE}
    for column, name in enumerate(("memory_mb", "descriptors", "disk_mb"), 1):
        values = np.array([sample[column] for sample in half], np.float64)
        slope = float(np.polyfit(minutes, values, 1)[0])
        out[name] = {"mean": round(values.mean(), 1), "slope_per_minute": round(slope, 2)}
    lags = [sample[4].value("nearline_consumer_lag_records") for sample in half]
    out["lag_records"] = {"largest": max(lags), "last": lags[-1]}
    return out
