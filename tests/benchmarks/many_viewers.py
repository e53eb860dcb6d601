"""Ten million viewers on one disk: bytes, restore, the page of a cold viewer, writes beside compaction.

``python -m tests.benchmarks.many_viewers --viewers 10000000``, without a broker; needs 2 kB of disk a viewer
in the temporary folder while it runs. The rows are those of viewers who have watched (:func:`templates`),
under other names and in random order. Each partition is restored as a worker does it, by sorted files of
`streams.engine.changelog.RUN_BYTES`, all but reading from Kafka (that is in the benchmark ``restore``). Then
viewers are asked for, one after the other, whose rows are on the disk and in no cache: an event of theirs
passes the whole stage, read, learned, a page of 12 rows built, row written. Last, a million of the viewers
are written again and again, in batches as a stage does, while RocksDB compacts.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from schemas import Stop, topics
from schemas.codec import encode
from schemas.partitioner import partition_for
from streams.config.settings import Settings
from streams.engine.changelog import RUN_BYTES
from streams.engine.partition import Partition
from streams.engine.state import Store, StoreMemory
from streams.stages.titles.step import titles_spec
from streams.stages.viewers.replica import Replica
from streams.stages.viewers.step import ViewersStage
from streams.stages.wire.partition_rows import is_reserved
from streams.telemetry.metrics import Metrics
from tests.benchmarks.load import EPOCH_MS, TITLES, catalog, stops
from tests.equality.cluster import quiet
from tests.streams.doubles import Log, worker_context
from tests.streams.steps import message, record

PARTITIONS: Final = 8
EVENTS: Final = 60_000
"""Of the viewers whose rows are copied: half of them by the busiest twentieth."""
BATCH: Final = 1_000
COLD: Final = 1_000
"""Viewers who are asked for, one after the other."""
ACTIVE: Final = 1_000_000
WRITES: Final = 400
"""Batches of active viewers that are written."""
RESTORERS: Final = 2
"""Partitions that are restored at once. Making up their rows takes half of the time."""


class _Worker:
    """A partition of viewers with a store on the disk, a shard of titles, and the replica between them."""

    def __init__(self, folder: Path, memory: StoreMemory) -> None:
        self.settings = Settings(page_interval_s=0.0, title_shards=1)
        metrics, log = Metrics(), Log()
        self.replica = Replica(self.settings, partitions=1, viewer_partitions=PARTITIONS, metrics=metrics)
        self.replica.wait = lambda: None  # type: ignore[method-assign]
        self.replica.take_titles([message(one.title_id.encode(), encode(one)) for one in catalog()])
        stage = ViewersStage(self.settings, self.replica, partitions=PARTITIONS, metrics=metrics)
        context = replace(worker_context(log, folder), memory=memory)
        specs = stage.spec(), titles_spec(self.settings, None, self.replica.catalog.labels_since)
        self.viewers, self.titles = (Partition(spec, 0, context) for spec in specs)
        self._log, self._sent, self._offset = log, 0, 0
        self.viewers.open()
        self.titles.open()

    @property
    def store(self) -> Store:
        """The viewers on the disk."""
        found = self.viewers._store
        assert found is not None
        return found

    def send(self, events: Sequence[Stop]) -> float:
        """Let events pass the viewers stage; return the seconds."""
        first, self._offset = self._offset, self._offset + len(events)
        batch = [
            record(encode(e), e.viewer_id.encode(), offset=first + n, timestamp=e.event_time_ms)
            for n, e in enumerate(events)
        ]
        began = time.perf_counter()
        self.viewers.process(batch)
        return time.perf_counter() - began

    def learn_titles(self) -> None:
        """Let the titles learn what the viewers did, and the replica read it."""
        found = self._taken(topics.SIGNALS)
        signals = [record(value, offset=self._sent + n) for n, (_, value) in enumerate(found)]
        self._sent += len(found)
        if signals:
            self.titles.process(signals)
        self.replica.take_rows([message(*row) for row in self._taken(topics.TITLE_MODEL)])

    def _taken(self, topic: str) -> list[Any]:
        log = self._log.topics[self.settings.topic(topic), 0]
        found = [entry for entry in log if entry is not None]
        log.clear()
        return found


def templates(worker: _Worker) -> list[bytes]:
    """Let viewers watch, and return their rows."""
    mine = (e for e in stops(EVENTS * PARTITIONS) if partition_for(e.viewer_id.encode(), PARTITIONS) == 0)
    batch: list[Any] = []
    for event in mine:
        batch.append(event)
        if len(batch) == BATCH:
            worker.send(batch)
            worker.learn_titles()
            batch = []
    return [row for key, row in worker.store.scan() if not is_reserved(key) and key.startswith(b"u")]


def name_of(partition: int, number: int) -> bytes:
    """Return the id of a viewer."""
    return b"viewer-%d-%08d" % (partition, number)


def fill(store: Store, rows: Sequence[bytes], partition: int, viewers: int) -> list[float]:
    """Restore viewers in random order; return the seconds of each file."""
    rng = np.random.default_rng(partition)
    order, chosen = rng.permutation(viewers).tolist(), rng.integers(0, len(rows), viewers).tolist()
    took, run, size = [], {}, 0
    for number, row in zip(order, chosen, strict=True):
        run[name_of(partition, number)] = rows[row]
        size += len(rows[row])
        if size > RUN_BYTES:
            took.append(_ingested(store, run))
            run, size = {}, 0
    took.append(_ingested(store, run))
    return took


def _ingested(store: Store, run: Mapping[bytes, bytes]) -> float:
    began = time.perf_counter()
    store.ingest(run, applied=store.applied, changelog_position=store.changelog_position)
    return time.perf_counter() - began


def cold_pages(worker: _Worker, folder: Path, viewers: int) -> list[float]:
    """Let cold viewers watch, one after the other; return the seconds until each page is committed."""
    rng, took = np.random.default_rng(1), []
    now_ms = EPOCH_MS + 10 * EVENTS * PARTITIONS
    for n, number in enumerate(rng.choice(viewers, COLD, replace=False).tolist()):
        if n % 100 == 0:
            uncache(folder)
        title = f"t{min(int(rng.zipf(1.2)) - 1, TITLES - 1)}"
        event = Stop(
            event_id=f"cold-{n}", viewer_id=name_of(0, number).decode(), event_time_ms=now_ms + n,
            title_id=title, watched_s=3_000, position_s=3_000, duration_s=3_600,
        )  # fmt: skip
        took.append(worker.send([event]))
        worker.learn_titles()
    return took


def uncache(folder: Path) -> None:
    """Drop the files of a database from the page cache."""
    for file in folder.rglob("*.sst"):
        descriptor = os.open(file, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def write_active(stores: Sequence[Store], rows: Sequence[bytes], each: int) -> list[float]:
    """Write active viewers, batch after batch, to one store after the other; return the seconds of each."""
    rng, took = np.random.default_rng(2), []
    for n in range(WRITES):
        partition = n % len(stores)
        batch = [
            (name_of(partition, number), rows[number % len(rows)])
            for number in rng.integers(0, each, BATCH).tolist()
        ]
        store, began = stores[partition], time.perf_counter()
        store.write(batch, applied=store.applied, changelog_position=store.changelog_position)
        took.append(time.perf_counter() - began)
    return took


def many_viewers(viewers: int, folder: Path) -> dict[str, Any]:
    """Measure; all files are in the folder."""
    quiet()
    memory, each = StoreMemory(), viewers // PARTITIONS
    worker = _Worker(folder, memory)
    rows = templates(worker)
    own = folder / worker.viewers.spec.name / "0"
    others = [Store(folder / "more" / str(n), memory) for n in range(1, PARTITIONS)]
    stores = [worker.store, *others]
    out: dict[str, Any] = {
        "viewers": each * PARTITIONS,
        "row_bytes": {"mean": round(float(np.mean([len(row) for row in rows]))), "templates": len(rows)},
    }
    began, before = time.perf_counter(), resident_mb()
    with ThreadPoolExecutor(RESTORERS) as pool:
        filled = list(pool.map(lambda n: fill(stores[n], rows, n, each), range(PARTITIONS)))
    seconds = time.perf_counter() - began
    files = [one for found in filled for one in found]
    out["restore"] = {
        "seconds": round(seconds, 1),
        "rows_per_s": round(each * PARTITIONS / seconds),
        "ingested_us_a_row": round(sum(files) / (each * PARTITIONS) * 1e6, 2),
        "a_file_s": spread(files, 1.0),
    }
    out["disk_bytes_a_viewer"] = {"restored": on_disk(folder, each)}
    out["cold_page_ms"] = spread(cold_pages(worker, own, each), 1e3)
    out["write_of_1000_rows_ms"] = spread(write_active(stores, rows, ACTIVE // PARTITIONS), 1e3)
    out["disk_bytes_a_viewer"]["written"] = on_disk(folder, each)
    out["resident_mb"] = {"before": before, "after": resident_mb()}
    out["databases_mb"] = {name: round(read() / 1e6) for name, read in memory.parts.items()}
    worker.viewers.close()
    worker.titles.close()
    for store in others:
        store.close()
    return out


def on_disk(folder: Path, each: int) -> int:
    """Return the bytes on the disk, a viewer."""
    return round(sum(size_of(file) for file in folder.rglob("*")) / (each * PARTITIONS))


def size_of(file: Path) -> int:
    """Return the bytes of a file; 0 for a folder, or if RocksDB has deleted it meanwhile."""
    try:
        return file.stat().st_size if file.is_file() else 0
    except FileNotFoundError:
        return 0


def resident_mb() -> int:
    """Return the resident megabytes of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6)


def spread(seconds: Sequence[float], scale: float) -> dict[str, float]:
    """Return median, 99th percentile and largest."""
    found = np.percentile(seconds, (50, 99, 100)) * scale
    return dict(zip(("p50", "p99", "largest"), np.round(found, 2).tolist(), strict=True))


def main() -> int:
    """Run and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.many_viewers", description=__doc__)
    parser.add_argument("--viewers", type=int, default=10_000_000)
    given = parser.parse_args()
    with TemporaryDirectory(prefix="nearline-bench-") as folder:
        print(json.dumps(many_viewers(given.viewers, Path(folder)), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
