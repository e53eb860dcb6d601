"""All processes of an installation under a catalog that is published again every three minutes: what grows.

``python -m tests.benchmarks.nightly --minutes 60``. A *night* is a publication of the whole catalog, as a
nightly export makes it: every title again, and some of them with another series, another actor and other
words on their artwork. So an hour is twenty nights. Few events and reads come meanwhile, so that what is left
over of a night is seen. The figures are slopes of straight lines through the second half of the
samples, by process and in bytes a night; the first half fills caches. Databases have a bound of their own
(`streams.engine.state.StoreMemory`), which few events take days to reach; *own* is the memory without them.
"""

import argparse
import itertools
import json
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from msgspec import structs

from online_models.simulation import World
from schemas import Artwork, Title
from schemas.events import Event, Stop
from streams.kafka.produce import EventProducer
from streams.ops.runs.worker_process import (
    InsightsProcess,
    ResultsProcess,
    ServeProcess,
    WorkerProcess,
    make_topics,
)
from tests.benchmarks.bench import Bench
from tests.benchmarks.soak import PAGE

NIGHT_S: Final = 180.0
TITLES: Final = 20_000
CHANGED: Final = 20
"""One title of so many is another one every night."""
TICK_S: Final = 1.0
PUBLISHED_S: Final = 60
"""Ticks over which a publication is spread."""
EVENTS: Final = 2
"""Events a tick."""
VIEWERS: Final = 2_000
EVERY: Final = 10
"""Ticks between two samples."""
COLUMNS: Final = ("memory", "databases", "own", "descriptors", "threads", "disk")
DATABASES: Final = ("write_buffers", "block_cache")


class Sample(NamedTuple):
    """A process at a moment."""

    second: float
    memory: int
    """Resident bytes."""
    databases: int
    """Bytes of write buffers and block caches."""
    descriptors: int
    """Open ones without tables of databases, which have a bound: each compaction closes some."""
    threads: int
    disk: int
    """Bytes in its folder."""

    @property
    def own(self) -> int:
        """Return the resident bytes without those of the databases."""
        return self.memory - self.databases


def titles_of(titles: Sequence[Title], night: int) -> Iterator[Title]:
    """Yield the catalog of a night."""
    for number, title in enumerate(titles):
        if night and number % CHANGED == night % CHANGED:
            new = f"{number}-{night}"
            words = tuple(structs.replace(one, tags=(*one.tags, f"look {new}")) for one in title.artwork)
            tags = structs.replace(title.tags, cast=(*title.tags.cast, f"actor {new}"))
            yield structs.replace(
                title, name=f"{title.name} {night}", series_id=f"s{new}", tags=tags, artwork=words
            )
        else:
            yield title


def catalog(count: int) -> list[Title]:
    """Return the titles as a simulated catalog describes them, each with two artworks."""
    drawn = World(seed=7, viewers=1, titles=count).titles
    return [
        structs.replace(
            title,
            title_id=f"t{number}",
            artwork=title.artwork
            or tuple(Artwork(id=f"{number}-{k}.jpg", uri="https://x/y", tags=(f"a{k}",)) for k in range(2)),
        )
        for number, title in enumerate(drawn)
    ]


def watched(rng: np.random.Generator, tick: int) -> Iterator[Event]:
    """Yield the events of a tick, of the present."""
    for n in range(EVENTS):
        length = 3_600
        yield Stop(
            event_id=f"{tick}-{n}",
            viewer_id=f"u{rng.integers(VIEWERS)}",
            event_time_ms=int(time.time() * 1_000),
            title_id=f"t{min(int(rng.zipf(1.2)) - 1, TITLES - 1)}",
            watched_s=length // 2,
            position_s=length // 2,
            duration_s=length,
            device="tv",
            country="IN",
        )


def sampled(process: WorkerProcess, second: float) -> Sample:
    """Return what a process takes now."""
    process.check()
    proc, shown = Path(f"/proc/{process.pid}"), process.exposition()
    folder = process.folder / "state"
    sizes = []
    for file in folder.rglob("*"):
        with suppress(FileNotFoundError):
            sizes.append(file.stat().st_size if file.is_file() else 0)
    return Sample(
        second,
        int((proc / "statm").read_text().split()[1]) * PAGE,
        int(sum(shown.value("nearline_state_memory_bytes", part=part) for part in DATABASES)),
        sum(not _is_table(file) for file in (proc / "fd").iterdir()),
        len(list((proc / "task").iterdir())),
        sum(sizes),
    )


def _is_table(descriptor: Path) -> bool:
    with suppress(FileNotFoundError):  # closed meanwhile
        return descriptor.readlink().suffix == ".sst"
    return False


def fitted(samples: Sequence[Sample]) -> dict[str, dict[str, float]]:
    """Fit a line through the second half of each column; slopes are by night.

    Examples
    --------
    >>> fitted([Sample(NIGHT_S * n, 1_000 + 5 * n, 4 * n, 3, 2, 0) for n in range(10)])["own"]
    {'mean': 1007.0, 'slope_per_night': 1.0}
    """
    half = samples[len(samples) // 2 :]
    nights = np.array([one.second for one in half]) / NIGHT_S
    out = {}
    for name in COLUMNS:
        values = np.array([getattr(one, name) for one in half], np.float64)
        slope = float(np.polyfit(nights, values, 1)[0]) if len(half) > 1 else 0.0
        out[name] = {"mean": round(float(values.mean()), 1), "slope_per_night": round(slope, 2)}
    return out


def table(figures: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """Return the figures as a table."""
    head = f"{'process':<12}{'MB':>8}{'kB/night':>10}{'own MB':>9}{'kB/night':>10}{'fds':>7}{'/night':>8}"
    lines = [head + f"{'threads':>9}{'/night':>8}{'disk MB':>9}{'kB/night':>10}"]
    for name, found in figures.items():
        memory, own, files, threads, disk = (found[one] for one in COLUMNS if one != "databases")
        lines.append(
            f"{name:<12}{memory['mean'] / 1e6:>8.1f}{memory['slope_per_night'] / 1e3:>10.1f}"
            f"{own['mean'] / 1e6:>9.1f}{own['slope_per_night'] / 1e3:>10.1f}"
            f"{files['mean']:>7.0f}{files['slope_per_night']:>8.2f}"
            f"{threads['mean']:>9.0f}{threads['slope_per_night']:>8.2f}"
            f"{disk['mean'] / 1e6:>9.1f}{disk['slope_per_night'] / 1e3:>10.1f}"
        )
    return "\n".join(lines)


def soak(bench: Bench, minutes: float, samples_to: Path | None) -> dict[str, Any]:
    """Run everything, publish nightly, and look."""
    settings = bench.settings("nightly")
    make_topics(settings)
    titles, rng = catalog(TITLES), np.random.default_rng(7)
    processes: dict[str, WorkerProcess] = {
        "worker": WorkerProcess(settings, bench.state("worker")),
        "insights": InsightsProcess(settings, bench.state("insights")),
        "experiments": ResultsProcess(settings, bench.state("experiments")),
    }
    samples: dict[str, list[Sample]] = {name: [] for name in (*processes, "serve")}
    with ExitStack() as stack, EventProducer(settings) as producer:
        stack.enter_context(bench.shared())
        producer.send_titles(titles)
        producer.flush()
        for process in processes.values():
            stack.enter_context(process)
            process.wait_ready()
        server = ServeProcess(settings, bench.state("serve"), processes["worker"].metrics_address)
        processes["serve"] = stack.enter_context(server)
        server.wait_ready()
        began = time.monotonic()
        for tick in itertools.count():
            second = time.monotonic() - began
            if second > minutes * 60:
                break
            night, part = divmod(tick, int(NIGHT_S / TICK_S))
            if night and part < PUBLISHED_S:
                producer.send_titles(itertools.islice(titles_of(titles, night), part, None, PUBLISHED_S))
            producer.send(watched(rng, tick))
            read_pages(server.address, f"u{rng.integers(VIEWERS)}")
            if tick % EVERY == 0:
                for name, process in processes.items():
                    samples[name].append(sampled(process, second))
                    if samples_to is not None:
                        with samples_to.open("a") as file:
                            print(json.dumps([name, *samples[name][-1]]), file=file)
            time.sleep(max(0.0, began + (tick + 1) * TICK_S - time.monotonic()))
    return {name: fitted(some) for name, some in samples.items()}


def read_pages(address: str, viewer: str) -> None:
    """Ask a server for a viewer's page, for titles and for the trending list."""
    for path in (f"v1/viewers/{viewer}/home", "v1/search?q=night", "v1/trending"):
        with suppress(OSError), urllib.request.urlopen(f"{address}/{path}", timeout=5) as answer:  # noqa: S310
            answer.read()


def main() -> int:
    """Run and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.nightly", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--brokers", metavar="HOST:PORT", help="use this cluster instead of starting one")
    parser.add_argument("--samples", type=Path, metavar="FILE", help="write each sample, a line of JSON each")
    given = parser.parse_args()
    with Bench(given.brokers) as bench:
        print(table(soak(bench, given.minutes, given.samples)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
