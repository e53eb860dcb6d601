"""A catalog of a hundred thousand or a million titles: lists, a replica of it, its pages, a search in it.

``python -m tests.benchmarks.large_catalog --titles 1000000``, in one process and without a broker. The rows
of titles are those of a table that has learned an event of each title and more (`tests.benchmarks.core`),
packed as they are on the topic; records of the catalog are those of a simulated one, repeated under other
names. A replica then reads records and rows as at a worker's start, all but fetching them.
"""

import argparse
import gc
import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any, Final, NamedTuple

import numpy as np
from msgspec import structs

from online_models.page.build import build
from online_models.page.catalog_index import CatalogIndex
from online_models.page.config import PageConfig
from online_models.ranking.viewer_side import ViewerSide
from online_models.simulation import World
from schemas import Title
from schemas.codec import encode
from streams.config.settings import Settings
from streams.engine.app import use_one_blas_thread
from streams.engine.collector import pause_collector, resume_collector
from streams.serve.mirror.title_index import TitleIndex
from streams.stages.viewers.replica import Replica
from streams.stages.wire import title_rows
from streams.telemetry.metrics import Metrics
from tests.benchmarks.bench import use_own_kernels
from tests.benchmarks.core import (
    BATCH,
    CHUNK,
    EPOCH_MS,
    MOST_EVENTS,
    PER_TITLE,
    ZipfEvents,
    lists,
    measured,
    resident,
)
from tests.equality.cluster import quiet

READ: Final = 10_000
"""Rows or records that a replica takes at once."""
SIMULATED: Final = 10_000
"""Titles of the simulated catalog, repeated under other names."""
VIEWERS: Final = 128
"""Pages of a batch: more are made block by block."""
LENGTH: Final = 20
SEARCHES: Final = 200
QUERIES: Final = {
    "begun": ("n", "ni", "nig", "dr", "the"),
    "two_words": ("night river", "red house", "last winter"),
    "mistyped": ("nighx", "rivex", "hxuse"),
    "in_all_titles": ("drama", "comedy"),
}


class _Record(NamedTuple):
    """What a replica asks of a message, in one object: six closures each would be most of the heap."""

    stored_key: bytes
    stored_value: bytes | None

    def key(self) -> bytes:
        return self.stored_key

    def value(self) -> bytes | None:
        return self.stored_value


def large_catalog(titles: int) -> Iterator[dict[str, Any]]:
    """Yield the figures of learning and lists, a replica, pages and searches, as soon as they are known."""
    quiet()
    use_one_blas_thread()  # this, and what is said to the collector, as in a worker
    pause_collector()
    resume_collector()
    world = ZipfEvents(titles=titles, viewers=5_000)
    world.name_all()
    for _ in range(min(PER_TITLE * titles, MOST_EVENTS) // CHUNK):
        world.learn(world.batch())
    yield {"titles": titles, "resident_mb": resident() // 1_000_000, "core": measured(world)}
    replica = Replica(Settings(), partitions=1, viewer_partitions=1, metrics=Metrics())
    replica.wait = lambda: None  # type: ignore[method-assign]
    gc.collect()
    pause_collector()
    yield bootstrap(replica, world)
    resume_collector()
    yield {"lists_from_a_replica": lists(viewers_of(replica, world))}
    yield {"pages": pages(replica, world)}
    del world, replica
    gc.collect()
    yield {"search": searches(titles)}


def bootstrap(replica: Replica, world: ZipfEvents) -> dict[str, Any]:
    """Measure how a replica reads the catalog and the rows."""
    titles, before, seconds, size = world.titles, resident(), 0.0, 0
    for some in records(titles):
        seconds += timed(partial(replica.take_titles, some))
    out = {"catalog": {"seconds": round(seconds, 1), "bytes_a_title": (resident() - before) // titles}}
    before, seconds = resident(), 0.0
    for rows in np.array_split(np.arange(titles, dtype=np.int32), max(1, titles // READ)):
        some = [_Record(*row) for row in title_rows.pack(world.model.titles, rows)]
        size += sum(len(one.value()) for one in some)
        seconds += timed(partial(replica.take_rows, some))
    columns = replica.titles.arrays.as_dict().values()
    out["rows"] = {
        "seconds": round(seconds, 1),
        "bytes_a_title": (resident() - before) // titles,
        "bytes_a_row": size // titles,
        "arrays_bytes_a_title": sum(column.nbytes for column in columns) // titles,
    }
    return out


def simulated(titles: int) -> Iterator[Title]:
    """Yield records of a catalog."""
    drawn = World(seed=7, viewers=1, titles=min(titles, SIMULATED)).titles
    for number in range(titles):
        yield structs.replace(drawn[number % len(drawn)], title_id=f"t{number}")


def records(titles: int) -> Iterator[list[Any]]:
    """Yield records of a catalog as they are read."""
    left = simulated(titles)
    while some := [_Record(one.title_id.encode(), encode(one)) for one in islice(left, READ)]:
        yield some


def viewers_of(replica: Replica, world: ZipfEvents) -> ViewerSide:
    """Return the viewers of a world, read by a worker with a replica of its titles."""
    viewers, names = world.model.viewers.viewers, [f"u{n}" for n in range(BATCH)]
    heads, keys, starts = viewers.pack(viewers.acquire(names))
    rows = [heads[n].tobytes() + keys[starts[n] : starts[n + 1]].tobytes() for n in range(len(names))]
    side = ViewerSide(replica.titles, replica.catalog, slots=BATCH)
    side.viewers.acquire(names, lambda _: rows)
    return side


def pages(replica: Replica, world: ZipfEvents) -> dict[str, Any]:
    """Measure pages of viewers who have watched, a block at a time and one at a time."""
    side = ViewerSide(replica.titles, replica.catalog, slots=VIEWERS)
    events = world.batch(np.tile(np.arange(VIEWERS), 8))
    side.observe(side.feedback(events))
    slots = side.viewers.acquire([f"u{n}" for n in range(VIEWERS)])
    index, now_ms = CatalogIndex(replica.titles, replica.catalog, PageConfig()), EPOCH_MS + 10**9
    before = resident()
    first = timed(lambda: build(side, index, slots, now_ms, LENGTH))
    block = min(timed(lambda: build(side, index, slots, now_ms, LENGTH)) for _ in range(3))
    alone = min(timed(lambda: build(side, index, slots[:1], now_ms, LENGTH)) for _ in range(5))
    return {
        "first_batch_s": round(first, 2),
        "pages_per_s": round(VIEWERS / block),
        "page_alone_ms": round(alone * 1e3, 2),
        "working_memory_mb": (resident() - before) // 1_000_000,
    }


def searches(titles: int) -> dict[str, Any]:
    """Measure searches and their corrections, ms of CPU."""
    index, before = TitleIndex(), resident()
    seconds = timed(lambda: [index.put(title) for title in simulated(titles)])
    out: dict[str, Any] = {
        "index_s": round(seconds, 1),
        "bytes_a_title": (resident() - before) // titles,
    }
    for kind, queries in QUERIES.items():
        took = [timed(partial(_search, index, queries[n % len(queries)])) for n in range(SEARCHES)]
        out[kind] = {f"p{share}_ms": round(float(np.percentile(took, share)) * 1e3, 2) for share in (50, 99)}
    return out


def _search(index: TitleIndex, query: str) -> None:
    index.find(query, 100)
    if corrected := index.corrected(query):
        index.find(corrected, 100)


def timed(work: Callable[[], object]) -> float:
    """Return the seconds of CPU of one thread."""
    began = time.thread_time()
    work()
    return time.thread_time() - began


def main() -> int:
    """Run and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.large_catalog", description=__doc__)
    parser.add_argument("--titles", type=int, default=1_000_000)
    use_own_kernels()
    for figures in large_catalog(parser.parse_args().titles):
        print(json.dumps(figures, indent=1), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
