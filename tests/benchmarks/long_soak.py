"""Hours of an installation in one: everything that happens to it, six times as often, and what grows by it.

``make soak`` or ``python -m tests.benchmarks.long_soak --minutes 60``. All processes run on one real Kafka
(worker, insights and experiments workers, `nearline serve`), and six hours pass in one:

* :data:`EVENTS` events a second of viewers that come and go: one in :data:`NEW_VIEWER_EVERY` is of a new one;
* the catalog is published again every three minutes, one title in twenty with other names
  (`tests.benchmarks.nightly`);
* an experiment begins every two minutes, and ends two minutes later;
* a viewer is forgotten every five seconds;
* every ten minutes one process is started again, one after the other.

Every few seconds the memory, descriptors, threads and disk of each process are read, the entries of its
containers by owner (`tests.benchmarks.entries`), and the bytes of each topic at the broker. Caches have low
bounds, as in an installation with a twentieth of the memory: within ten minutes they are full, and memory has
to stay. ``--usual-bounds`` is for the level at which it ends in a longer run. *own* is the resident memory
without that of databases, which has a bound, and without what glibc's heaps hold free.

A line is fitted through each series: memory and the like within the lives of a process (the first half of a
life fills caches), what is stored across them. Each slope has a verdict:

flat
    less than :data:`FLAT` of its mean in an hour, or less than three times its standard error.
explained
    it grows by something that the run adds, and :data:`EXPLAINED` says by what and where it ends.
unknown
    its process was started again too soon; give a longer run.
GROWS
    anything else; then the exit code is 1. In runs of minutes caches are still filling, and much grows.
"""

import argparse
import itertools
import json
import re
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from schemas.events import Event, Forget, Impression, Stop
from schemas.experiments import Arm, Experiment, ExperimentState, Treatment
from streams.clock import now_ms
from streams.config.settings import Settings
from streams.errors import WorkerDiedError
from streams.kafka.produce import EventProducer
from streams.ops.experiments import admin
from streams.ops.runs.worker_process import WorkerProcess, make_topics
from tests.benchmarks.bench import Bench
from tests.benchmarks.entries import HEAP_FREE
from tests.benchmarks.nightly import (
    COLUMNS,
    NIGHT_S,
    PUBLISHED_S,
    catalog,
    read_pages,
    sampled,
    titles_of,
)

HOURS: Final = 6.0
"""Hours of an installation that pass in one."""
TITLES: Final = 5_000
EVENTS: Final = 300
"""Events a second: six times fifty."""
NEW_VIEWER_EVERY: Final = 20
VIEWERS: Final = 5_000
"""Viewers that come again and again; fewer where there are fewer events."""
SLOTS: Final = 2_000
"""Viewers of a partition that stay in memory, in place of 200,000."""
EXPERIMENT_S: Final = 120
FORGET_S: Final = 5
RESTART_S: Final = 2_400
"""Each process is started again once in so many seconds, one after the other: one in ten minutes. In lives of
ten minutes rows, choices and fragments are still filling up."""
SAMPLE_S: Final = 10
LAST_LINES: Final = 40
"""Lines of each log that are shown when a process has died."""
SETTLING: Final = 0.5
"""Share of a life of a process that is left out: caches fill, the replica is read."""
FLAT: Final = 0.02
ERRORS: Final = 3.0
ENOUGH: Final = 8
"""Samples below which nothing is said of a series: a life of a process that is too short."""
LEAST: Final[Mapping[str, float]] = {
    "own": 1e6, "memory": 1e6, "disk": 1e6, "topic": 1e6, "threads": 12.0, "descriptors": 12.0,
    HEAP_FREE: 1e6, "heap.in_use": 1e6, "heap.mapped": 1e6, "pages.anonymous": 1e6, "pages.files": 1e6,
    "python.blocks": 2e4,
}  # fmt: skip
"""Slopes an hour below which a series is flat whatever its mean: a megabyte; a thread or descriptor in the
five minutes that are looked at in a life. Others: one."""
EXPLAINED: Final = (
    (r"topic viewing\.events", "events, until their retention (7 days)"),
    (r"topic (titles\.signals|insights\.visits)", "signals and visits, until their retention (1 day)"),
    (r"topic (recs\.alerts|viewing\.dead-letters|audit)", "logs, until their retention (30 days, a year)"),
    (r"topic experiments\.(tallies|decisions|results)", "a record an experiment and second; compacted"),
    (r"topic experiments\.v1", "definitions stay: the history of decisions"),
    (r"topic ", "compacted: segments are closed once an hour, and compacted after that"),
    (r" disk$", "rows of new viewers; RocksDB compacts tables later"),
    (r" databases$", "write buffers and cache fill up to 128 MB (`StoreMemory`)"),
    (r" (memory|pages\.anonymous)$", "its databases, the free heap, and what `own` says"),
    (r" heap\.in_use$", "its databases, and what `own` says"),
    (r"\.(CachedRows|RowMemory|ImpressionTracker)\.", "rows of new viewers, up to 200 MB a stage"),
    (r"\.(ViewerTally|ViewerVisits|Exposure)\.", "what is in rows of viewers, up to 200 MB a stage"),
    (r"\.TitleTally\.", "what is in rows of titles, up to 200 MB a stage"),
    (r"\.SpaceSaving\.", "up to the capacity of each: 16 groups of a title"),
    (r"\.InsightsStep\._stored|\.InsightIndex\.", "demand: up to the capacity of its counters"),
    (r"\.Freshness\.", "1,024 batches a partition"),
    (r"\.Store\._to_erase", "emptied every ten minutes"),
    (r"\.Departures\.", "256 departures a partition, and requests to forget of seven days"),
    (r"\.ArtworkSelector\._variants", "choices of artwork, emptied at 100,000"),
    (r"\.ArtworkSelector\.selections", "choices of artwork, emptied at 400,000"),
    (r"\.Gallery\._variants", "titles that pages have shown, up to all that have a choice"),
    (r"\.Outcome\.", "the batch that is in flight"),
    (r"\.Mirror\._sound", "pages that were checked, emptied at 100,000"),
    (r"\.Numbering\.", "names out of use, until 50,000 replacements later"),
    (r"\.MetricsHistory\.", "720 samples"),
    (r"\.(ViewerTable|NameIndex)\.", "new viewers, up to the slots of the table"),
    (r"\.DistinctViewers\.", "viewers of a segment or title, up to twenty each"),
    (r"\.(FragmentStore|ShelfFragments)\.", "headings, categories: up to 20,000 each"),
    (r"\.(_?ids|_?names|_?tags|_?rows|\w*numbers|_?words|_?vocabulary|_?labels|_with)$", "new tags, cast"),
    (r"Experiment(Plan|s)?\.", "experiments stay: an id is never used again"),
    (r"\.(Tally|Moments|DecisionsStep|ResultsStep)\.", "experiments stay, and so do their results"),
    (r"Definitions\._known", "experiments stay: an id is never used again"),
)  # fmt: skip
"""Series by their name, and why they grow; the first that matches counts."""


class Slope(NamedTuple):
    """A series and its line."""

    name: str
    mean: float
    per_hour: float
    error: float
    """Standard error of the slope."""
    samples: int = ENOUGH
    """Samples that the line goes through."""

    @property
    def is_flat(self) -> bool:
        """Return whether it grows no more than noise does."""
        least = next((least for kind, least in LEAST.items() if kind in self.name.split()), 1.0)
        return self.per_hour <= max(FLAT * abs(self.mean), ERRORS * self.error, least)

    @property
    def verdict(self) -> str:
        """Return flat, the explanation, or that it grows."""
        if self.samples < ENOUGH:
            return "unknown: too few samples"
        if self.is_flat:
            return "flat"
        return next((f"explained: {why}" for what, why in EXPLAINED if re.search(what, self.name)), "GROWS")


def line(name: str, lives: Sequence[Sequence[tuple[float, float]]]) -> Slope:
    """Fit one slope to the lives of a series, each with a level of its own.

    Parameters
    ----------
    name
        Of the series.
    lives
        Seconds and values of each life; lives of less than three samples are left out.

    Examples
    --------
    >>> again = [[(n, 50.0 + n) for n in range(5)], [(n, 10.0 + n) for n in range(5)]]
    >>> found = line("x", again)
    >>> round(found.per_hour), found.mean, round(found.error, 6)
    (3600, 32.0, 0.0)
    """
    parts = [np.array(life, np.float64) for life in lives if len(life) >= 3]
    if not parts:
        return Slope(name, 0.0, 0.0, 0.0, 0)
    x = np.concatenate([part[:, 0] - part[:, 0].mean() for part in parts]) / 3_600
    y = np.concatenate([part[:, 1] - part[:, 1].mean() for part in parts])
    spread = float(x @ x) or 1.0
    slope = float(x @ y) / spread
    freedom = max(1, x.size - len(parts) - 1)
    error = float(np.sqrt(((y - slope * x) ** 2).sum() / freedom / spread))
    mean = float(np.mean([part[:, 1].mean() for part in parts]))
    return Slope(name, mean, slope, error, x.size)


@dataclass(slots=True)
class Series:
    """What was seen of one thing: a life ends where its process is started again."""

    lives: list[list[tuple[float, float]]] = field(default_factory=lambda: [[]])

    def add(self, second: float, value: float) -> None:
        """Add a sample."""
        self.lives[-1].append((second, value))

    def restart(self) -> None:
        """Begin another life."""
        self.lives.append([])

    @property
    def newest(self) -> float | None:
        """Return the newest value of this life."""
        return self.lives[-1][-1][1] if self.lives[-1] else None

    def settled(self) -> list[list[tuple[float, float]]]:
        """Return the lives without their beginnings."""
        return [life[int(len(life) * SETTLING) :] for life in self.lives]


KINDS: Final[Mapping[str, Sequence[str]]] = {
    "worker": ("worker",),
    "insights": ("insights", "worker"),
    "experiments": ("experiments", "worker"),
    "serve": ("serve",),
}


class CountedProcess(WorkerProcess):
    """A command of nearline whose metrics count the entries of its containers."""

    def __init__(self, kind: Sequence[str], settings: Settings, folder: Path, *, low_bounds: bool) -> None:
        super().__init__(settings, folder)
        self._kind = ["--low-bounds", *kind] if low_bounds else kind
        if low_bounds:
            self._variables |= {"NEARLINE_MODEL__VIEWER_SLOTS": str(SLOTS)}
        if "serve" in kind:
            self._variables |= {"NEARLINE_SERVE__HOST": "127.0.0.1", "NEARLINE_SERVE__PORT": str(self._port)}

    @property
    def command(self) -> Sequence[str]:
        """Return program and arguments."""
        return [sys.executable, "-m", "tests.benchmarks.entries", *self._kind]

    def entries(self) -> dict[str, float]:
        """Return the entries by owner."""
        shown = self.exposition().samples
        return {one.labels["owner"]: one.value for one in shown if one.name == "nearline_bench_entries"}


class Soak:
    """The installation, what happens to it, and what is seen of it."""

    def __init__(
        self, bench: Bench, events: int, samples_to: Path | None = None, *, low_bounds: bool = True
    ) -> None:
        self.bench, self.settings, self._low_bounds = bench, bench.settings("soak"), low_bounds
        self._events_per_s, self._viewers = events, max(1, VIEWERS * events // EVENTS)
        self._samples_to = samples_to
        make_topics(self.settings)
        self.rng, self.titles = np.random.default_rng(7), catalog(TITLES)
        self.series: defaultdict[str, Series] = defaultdict(Series)
        self.processes: dict[str, CountedProcess] = {}
        self._newest, self._experiments, self.restarts = 0, 0, 0

    def start(self, name: str) -> None:
        """Start a process and wait until it is ready."""
        folder = self.bench.state(name)
        process = CountedProcess(KINDS[name], self.settings, folder, low_bounds=self._low_bounds)
        process.start()
        process.wait_ready()
        self.processes[name] = process

    def restart(self, name: str) -> None:
        """Start a process again: its series begin anew, but for what is on its disk."""
        self.processes[name].stop()
        self.start(name)
        self.restarts += 1
        for series, found in self.series.items():
            if series.startswith(f"{name} ") and not series.endswith(" disk"):
                found.restart()

    def run(self, minutes: float, *, restart_s: float) -> None:
        """Let it all happen."""
        with ExitStack() as stack, EventProducer(self.settings) as producer:
            stack.enter_context(self.bench.shared())
            producer.send_titles(self.titles)
            producer.flush()
            for name in KINDS:
                self.start(name)
                stack.callback(lambda name=name: self.processes[name].stop())
            began = time.monotonic()
            turn = itertools.cycle(KINDS)
            next_restart = restart_s / len(KINDS)
            for tick in itertools.count():
                second = time.monotonic() - began
                if second > minutes * 60:
                    return
                self._tick(producer, tick)
                if tick % SAMPLE_S == 0:
                    self._look(second)
                if second > next_restart:
                    producer.flush()
                    self.restart(next(turn))
                    next_restart += restart_s / len(KINDS)
                time.sleep(max(0.0, began + tick + 1 - time.monotonic()))

    def slopes(self) -> list[Slope]:
        """Return the slopes of all series."""
        return [line(name, found.settled()) for name, found in sorted(self.series.items())]

    def _tick(self, producer: EventProducer, tick: int) -> None:
        """Do what happens in a second."""
        night, part = divmod(tick, int(NIGHT_S))
        if night and part < PUBLISHED_S:
            producer.send_titles(itertools.islice(titles_of(self.titles, night), part, None, PUBLISHED_S))
        producer.send(self._events(tick))
        if tick % EXPERIMENT_S == 0:
            self._next_experiment()
        address = self.processes["serve"].metrics_address.removesuffix("/metrics")
        read_pages(address, f"u{self.rng.integers(self._viewers)}")

    def _events(self, tick: int) -> Iterator[Event]:
        """Yield the events of a second."""
        for n in range(self._events_per_s):
            head = {"event_id": f"{tick}-{n}", "viewer_id": self._viewer(), "event_time_ms": now_ms()}
            title = f"t{min(int(self.rng.zipf(1.2)) - 1, TITLES - 1)}"
            if n % 3:
                yield Stop(
                    **head, title_id=title, watched_s=1_800, position_s=1_800, duration_s=3_600, device="tv",
                    country="IN",
                )  # fmt: skip
            else:
                yield Impression(**head, title_id=title, list_id=f"0-{tick}-1", row=0, slot=n % 6)
        if tick % FORGET_S == 0:
            yield Forget(event_id=f"forget-{tick}", viewer_id=self._viewer(), event_time_ms=now_ms())

    def _viewer(self) -> str:
        if self.rng.integers(NEW_VIEWER_EVERY) == 0:
            self._newest += 1
            return f"new{self._newest}"
        return f"u{self.rng.integers(self._viewers)}"

    def _next_experiment(self) -> None:
        """Stop the experiment that runs, and start another."""
        if self._experiments:
            admin.stop(self.settings, f"soak-{self._experiments}")
        self._experiments += 1
        arms = (Arm(name="control", share=0.5), Arm(name="new", share=0.5, treatment=Treatment(trending=2.0)))
        one = Experiment(experiment_id=f"soak-{self._experiments}", state=ExperimentState.DRAFT, arms=arms)
        admin.create(self.settings, one)
        admin.start(self.settings, one.experiment_id)

    def _look(self, second: float) -> None:
        """Take a sample of everything."""
        for name, process in self.processes.items():
            found, entries = sampled(process, second), process.entries()
            if HEAP_FREE not in entries:  # it did not answer in time; the next look is soon
                continue
            own = found.memory - found.databases - entries[HEAP_FREE]
            for column in COLUMNS:
                value = own if column == "own" else getattr(found, column)
                self.series[f"{name} {column}"].add(second, float(value))
            for owner, count in entries.items():
                self.series[f"{name} {owner}"].add(second, count)
        for topic, size in self._topics().items():
            self.series[f"topic {topic}"].add(second, size)
        if self._samples_to is not None:
            newest = {name: found.newest for name, found in self.series.items() if found.newest is not None}
            with self._samples_to.open("a") as file:
                print(json.dumps({"second": second, "restarts": self.restarts} | newest), file=file)

    def _topics(self) -> dict[str, float]:
        """Return the bytes of each topic in the broker's folders; none for a cluster that is not ours."""
        found: defaultdict[str, float] = defaultdict(float)
        for file in self.bench.state("kafka").rglob("*.log"):
            topic, _, partition = file.parent.name.rpartition("-")
            if partition.isdecimal() and topic.startswith(self.settings.topic_prefix):
                with suppress(FileNotFoundError):
                    found[topic.removeprefix(self.settings.topic_prefix)] += file.stat().st_size
        return found


def table(slopes: Sequence[Slope]) -> str:
    """Return the slopes as a table: what grows, what is explained, and how many are flat."""
    rank = {"G": 0, "e": 1, "u": 2, "f": 3}
    shown = sorted(slopes, key=lambda one: (rank[one.verdict[0]], one.name))
    lines = [f"{'series':<70}{'mean':>14}{'an hour':>14}{'± error':>12}  verdict"]
    lines += [
        f"{one.name:<70}{one.mean:>14,.0f}{one.per_hour:>14,.0f}{one.error:>12,.0f}  {one.verdict}"
        for one in shown
        if one.verdict != "flat" or one.name.split()[-1] in {*COLUMNS, HEAP_FREE}
    ]
    flat = sum(one.verdict == "flat" for one in slopes)
    return "\n".join([*lines, f"{flat} of {len(slopes)} series are flat"])


def main() -> int:
    """Run, print the table, and say whether anything grows that nobody can explain."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.long_soak", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--restart", type=float, default=float(RESTART_S), metavar="SECONDS")
    parser.add_argument("--events", type=int, default=EVENTS, metavar="N", help="events a second")
    parser.add_argument("--usual-bounds", action="store_true", help="leave the bounds of caches as they are")
    parser.add_argument("--samples", type=Path, metavar="FILE", help="write each sample, a line of JSON each")
    parser.add_argument("--brokers", metavar="HOST:PORT", help="use this cluster instead of starting one")
    given = parser.parse_args()
    with Bench(given.brokers) as bench:
        soak = Soak(bench, given.events, given.samples, low_bounds=not given.usual_bounds)
        try:
            soak.run(given.minutes, restart_s=given.restart)
        except WorkerDiedError:
            for process in soak.processes.values():  # their folders go with the run
                print("\n".join((f"{process.log}:", *process.log.read_text().splitlines()[-LAST_LINES:])))
            raise
        slopes = soak.slopes()
    print(
        f"{given.minutes:g} minutes, {HOURS * given.minutes / 60:.1f} hours' worth, {soak.restarts} restarts"
    )
    print(table(slopes))
    return int(any(one.verdict == "GROWS" for one in slopes))


if __name__ == "__main__":
    sys.exit(main())
