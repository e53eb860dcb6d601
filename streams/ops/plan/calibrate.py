"""Measures what things cost on this machine: the models alone, and a worker as a process of its own.

Three runs of a worker give three unknown costs. With a list of one row for each batch, all events at once
make large batches, and a slow stream small ones: the two lines meet in the cost of an event and of a batch.
The third run makes whole pages. The models alone say how costs grow with titles. Figures are CPU, so that
other programs on the machine disturb less; the time of a transaction is what passes, and is that of the
broker that was asked.
"""

import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from msgspec import structs

from online_models.simulation import World
from schemas.events import Event, Stop
from streams.clock import now_ms
from streams.config.settings import child_environment
from streams.errors import ReplayStalledError
from streams.kafka.produce import EventProducer
from streams.ops.plan.constants import SHIPPED, BySize, Constants, Range
from streams.ops.plan.model import changed_titles, written_rows
from streams.ops.runs.pacing import Speed, paced
from streams.ops.runs.worker_process import WorkerProcess, make_topics, own_cluster

__all__ = ["calibrate"]

SIZES: Final = (1_700, 10_000, 50_000)
"""Titles of the models alone: the largest takes some ten seconds."""
TITLES: Final = 10_000
"""Of the workers' runs."""
VIEWERS: Final = 20_000
DURATION_S: Final = 3_600
KNOWN: Final = 40_000
"""Events before a run is measured: then most titles that are watched are known."""
BURST: Final = 80_000
"""Events at once. The embedded cluster keeps 5 MB a partition."""
SLOW: Final = Speed("rate", 400.0)
"""Events a second of the slow stream: a few events a batch."""
SLOW_S: Final = 12
PATIENCE_S: Final = 240.0
SPREAD: Final = 0.25
"""Of one measurement: a neighbour on the caches costs a quarter (tests/benchmarks/README.md)."""

OnStep = Callable[[str], None]


def calibrate(folder: Path, on_step: OnStep = lambda _: None, *, kafka: bool = False) -> Constants:
    """Measure the costs on this machine.

    Parameters
    ----------
    folder
        For the workers' databases; removed afterwards.
    on_step
        Called with what is measured next.
    kafka
        On a local Apache Kafka, for the time of a transaction; else on the embedded cluster.
    """
    learn, ranked = {}, {}
    for titles in SIZES:
        on_step(f"the models, {titles:,} titles")
        learn[titles], ranked[titles] = _models(titles)
    runs = {}
    for name, variables, speed in (
        ("burst", {"NEARLINE_PAGE__ROWS": "1", "NEARLINE_PAGE_INTERVAL_S": "0"}, Speed("unbounded")),
        ("slow", {"NEARLINE_PAGE__ROWS": "1", "NEARLINE_PAGE_INTERVAL_S": "0"}, SLOW),
        ("pages", {"NEARLINE_PAGE_INTERVAL_S": "0"}, Speed("unbounded")),
    ):
        on_step(f"a worker: {name}")
        runs[name] = _worker(folder / name, variables, speed, kafka=kafka)
    found = solve(runs, learn[TITLES], ranked[TITLES])
    shutil.rmtree(folder, ignore_errors=True)
    source, broker = "nearline plan --calibrate", "Apache Kafka" if kafka else "embedded cluster"
    return structs.replace(
        SHIPPED,
        machine=f"{platform.machine()}, {os.cpu_count()} cores, {broker}",
        learn=_by_size(learn, SHIPPED.learn, source),
        ranked=_by_size(ranked, SHIPPED.ranked, source),
        **{name: _range(value, source) for name, value in found.items()},
    )


@dataclass(frozen=True, slots=True)
class WorkerRun:
    """What a worker has used between two looks."""

    cpu_s: float
    seconds: float
    events: float
    lists: float
    batches: float
    """Of viewers and of titles."""
    title_batches: float
    transaction_ms: float
    """Mean of a batch of viewers."""


def solve(runs: dict[str, WorkerRun], learn_us: float, list_us: float) -> dict[str, float]:
    """Return the cost of an event and of a batch by the two lines, and of a page by the third run.

    Examples
    --------
    >>> def run(events, batches, page):
    ...     us = events * (30 + 10 + 12 + page) + batches * 3_000
    ...     return WorkerRun(us / 1e6, 1, events, events, batches, 0, 5)
    >>> both = {"burst": run(4_000, 10, 0), "slow": run(400, 100, 0), "pages": run(4_000, 10, 200)}
    >>> found = solve(both, 10, 12)
    >>> {name: round(value) for name, value in found.items()}
    {'event_us': 30, 'batch_us': 3000, 'page_us': 200, 'commit_ms': 5}
    """

    def rest(run: WorkerRun) -> float:
        """Return the microseconds that neither learning nor lists nor titles' rows explain."""
        batch = run.events / max(1.0, run.title_batches)
        rows = changed_titles(TITLES, batch) * SHIPPED.title_row_us.usual
        rows += written_rows(TITLES, batch) * SHIPPED.replica_row_us.usual
        return run.cpu_s * 1e6 - run.events * learn_us - run.lists * list_us - run.title_batches * rows

    burst, slow, pages = runs["burst"], runs["slow"], runs["pages"]
    sides = np.array([[burst.events, burst.batches], [slow.events, slow.batches]])
    event_us, batch_us = np.linalg.solve(sides, [rest(burst), rest(slow)])
    page_us = (rest(pages) - pages.events * event_us - pages.batches * batch_us) / max(1.0, pages.lists)
    return {
        "event_us": max(1.0, float(event_us)),
        "batch_us": max(1.0, float(batch_us)),
        "page_us": max(1.0, float(page_us)),
        "commit_ms": max(0.1, slow.transaction_ms),
    }


def _range(value: float, source: str) -> Range:
    return Range(round(value / (1 + SPREAD), 2), round(value, 2), round(value * (1 + SPREAD), 2), source)


def _by_size(measured: dict[int, float], shipped: BySize, source: str) -> BySize:
    """Return measured costs, and beyond the largest number of titles the shipped ones in proportion."""
    largest = max(measured)
    factor = measured[largest] / shipped.at(largest, 0.0)
    beyond = zip(shipped.titles, shipped.us, strict=True)
    more = {titles: us * factor for titles, us in beyond if titles > largest}
    whole = measured | more
    return BySize(tuple(whole), tuple(round(us, 2) for us in whole.values()), SPREAD, source)


def _models(titles: int) -> tuple[float, float]:
    """Return the microseconds to learn an event and to make a list, with the threads of a worker."""
    one = {"OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "streams.ops.plan.core_costs", str(titles)]
    done = subprocess.run(  # noqa: S603 - a fixed command
        command, env=child_environment() | one, capture_output=True, text=True, check=True
    )
    learn, ranked = map(float, done.stdout.split())
    return learn, ranked


def _events(count: int, first: int) -> Iterator[Event]:
    """Yield playbacks that ended between a quarter and the end of the title, so that each says something."""
    rng = np.random.default_rng(first)
    titles = np.minimum(rng.zipf(1.2, count) - 1, TITLES - 1).tolist()
    for number, title in enumerate(titles, start=first):
        watched = DURATION_S * (25 + number * 7919 % 75) // 100
        yield Stop(
            event_id=f"{number:016x}", viewer_id=f"u{int(rng.pareto(1.0) * VIEWERS / 20) % VIEWERS}",
            event_time_ms=now_ms(), title_id=f"title-{title:06d}", watched_s=watched, position_s=watched,
            duration_s=DURATION_S, device="tv", country="IN",
        )  # fmt: skip


def _worker(folder: Path, variables: dict[str, str], speed: Speed, *, kafka: bool) -> WorkerRun:
    """Let a worker process events, and return what it has used."""
    folder.mkdir(parents=True, exist_ok=True)
    count = int(speed.value * SLOW_S) if speed.kind == "rate" else BURST
    with own_cluster(folder, "plan", kafka=kafka) as settings:
        make_topics(settings)
        with EventProducer(settings) as events, WorkerProcess(settings, folder, variables) as worker:
            worker.wait_ready()
            events.send_titles(World(seed=7, viewers=1, titles=TITLES).titles)
            events.send(list(_events(KNOWN, 0)))
            events.flush()
            first = _look(worker, KNOWN)
            for batch in paced(_events(count, KNOWN), speed, time_ms=lambda event: event.event_time_ms):
                events.send(batch)
            events.flush()
            last = _look(worker, KNOWN + count)
    return _between(first, last)


@dataclass(frozen=True, slots=True)
class _Look:
    at: float
    cpu_s: float
    found: Any


def _look(worker: WorkerProcess, events: int) -> _Look:
    """Wait until the worker has processed so many events and learned their signals, and look at it."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        worker.check()
        seen = worker.exposition()
        done = seen.value("nearline_batch_events_sum", stage="viewers")
        if done >= events and not seen.value("nearline_replica_age_events"):
            return _Look(time.monotonic(), _cpu_s(worker.pid), seen)
        time.sleep(0.2)
    what = f"the worker has not processed {events:,} events within {PATIENCE_S:g} s"
    raise ReplayStalledError(what, next_step=f"read {worker.log}")


def _cpu_s(pid: int) -> float:
    """Return the CPU of a process: user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _between(first: _Look, last: _Look) -> WorkerRun:
    found = last.found.since(first.found)
    count = {
        stage: found.value("nearline_batch_events_count", stage=stage) for stage in ("viewers", "titles")
    }
    passed = found.value("nearline_batch_seconds_sum", stage="viewers", step="transaction")
    return WorkerRun(
        cpu_s=last.cpu_s - first.cpu_s,
        seconds=last.at - first.at,
        events=found.value("nearline_batch_events_sum", stage="viewers"),
        lists=found.value("nearline_lists_total"),
        batches=sum(count.values()),
        title_batches=count["titles"],
        transaction_ms=1e3 * passed / max(1.0, count["viewers"]),
    )
