"""The core alone, in a process of its own: what learning, lists and memory cost without a broker.

``python -m tests.benchmarks core viewers``. Titles follow a Zipf law of exponent 1.2, viewers come evenly;
every event is a positive.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from online_models import ModelConfig, Recommender
from online_models.feedback.reward_function import Action
from online_models.ranking.viewer_side import EventColumns, ViewerSide
from tests.benchmarks.bench import FOREIGN
from tests.benchmarks.hardware import hardware
from tests.benchmarks.small_batches import small_batches
from tests.benchmarks.titles_copy import titles_copy

Figures = dict[str, Any]

CATALOGUES = (1_700, 10_000, 100_000, 1_000_000)
"""Titles: MovieLens-100K, a large service, a very large one, and more than any has."""
POPULATIONS = (10_000, 1_000_000)
"""Viewers between whom the cost of an event is compared."""
CHUNK = 2_000
"""Events a batch."""
PER_TITLE = 4
"""Events per title before lists are timed, so that neighbours are there to be added up ..."""
MOST_EVENTS = 400_000
"""... and how many at most: a million titles have their first watch, and these."""
PER_VIEWER = 3
"""Events per viewer before learning is timed, in small populations as in large ones."""
ROUNDS = 5
"""Times that each figure is taken; the median counts."""
BATCH, ALONE = 512, 50
"""Lists made together, and one after the other, a round."""
LIST = 20
WRITTEN = 10
"""Titles' rows that a replica reads between two single lists."""
EPOCH_MS, STEP_MS = 1_700_000_000_000, 10


def _columns(viewers: Any, titles: Any, first: int) -> EventColumns:
    n = len(titles)
    return EventColumns(
        [f"u{v}" for v in viewers.tolist()],
        [f"t{t}" for t in titles.tolist()],
        [int(Action.POSITIVE)] * n,
        [1.0] * n,
        (EPOCH_MS + STEP_MS * np.arange(first, first + n)).tolist(),
        np.zeros(n, np.uint64),
    )


class ZipfEvents:
    """A recommender, and events without end for it."""

    def __init__(self, *, titles: int, viewers: int, seed: int = 7) -> None:
        self.model = Recommender(ModelConfig(viewer_slots=max(POPULATIONS), title_capacity=titles), seed=seed)
        self.titles, self.viewers = titles, viewers
        self._rng = np.random.default_rng(seed)
        self._names = self._rng.permutation(titles)
        self._told = 0

    def batch(self, viewers: Any = None) -> EventColumns:
        """Make the next events."""
        if viewers is None:
            viewers = self._rng.integers(0, self.viewers, CHUNK)
        ranks = np.minimum(self._rng.zipf(1.2, len(viewers)) - 1, self.titles - 1)
        self._told += len(viewers)
        return _columns(viewers, self._names[ranks], self._told - len(viewers))

    def name_all(self) -> None:
        """Give every title its first watch, so that all of them are candidates."""
        for start in range(0, self.titles, CHUNK):
            titles = np.arange(start, min(start + CHUNK, self.titles))
            self.learn(_columns(self._rng.integers(0, self.viewers, titles.size), titles, self._told))
            self._told += titles.size

    def learn(self, batch: EventColumns) -> float:
        """Learn a batch on both sides; return the seconds of CPU."""
        began = process_time()
        side = self.model.viewers
        signals, _ = side.observe(side.feedback(batch))
        self.model.title_side.absorb(signals)
        self.model.titles.arrays.changed[:] = 0
        return process_time() - began


def _median(measure: Callable[[], float]) -> float:
    return float(np.median([measure() for _ in range(ROUNDS)]))


def _lists(titles: int) -> Figures:
    """Learn and list among so many titles."""
    world = ZipfEvents(titles=titles, viewers=5_000)
    world.name_all()
    for _ in range(min(PER_TITLE * titles, MOST_EVENTS) // CHUNK):
        world.learn(world.batch())
    return measured(world)


def measured(world: ZipfEvents) -> Figures:
    """Measure learning and lists in a world that has learned."""
    learning = _median(lambda: world.learn(world.batch())) / CHUNK
    return {"learning_us_per_event": round(learning * 1e6, 2)} | lists(world.model.viewers)


def lists(side: ViewerSide) -> Figures:
    """Measure lists of viewers who have watched, in a table that learns or in a replica of one."""
    slots = side.viewers.acquire([f"u{n}" for n in range(BATCH)])
    now = EPOCH_MS + 10**9

    def together() -> float:
        began = process_time()
        side.rank(slots, now, LIST)
        return (process_time() - began) / slots.size

    def alone(written: int = WRITTEN) -> float:
        changes, rows = side.titles.changes, np.arange(written, dtype=np.int32)
        began = process_time()
        for slot in slots[:ALONE]:
            changes.mark(rows) if written else changes.mark_all()
            side.rank(np.array([slot], np.int32), now, LIST)
        return (process_time() - began) / ALONE

    together(), alone()
    return {
        "list_us_in_a_batch": round(_median(together) * 1e6, 1),
        "list_us_alone": round(_median(alone) * 1e6, 1),
        "list_us_alone_all_changed": round(_median(lambda: alone(0)) * 1e6, 1),
    }


def core() -> Figures:
    """Measure learning and lists of 20, by the size of the catalog."""
    return {f"{titles}_titles": _lists(titles) for titles in CATALOGUES}


def resident() -> int:
    """Return the resident bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _population(viewers: int) -> tuple[ZipfEvents, float]:
    """Return a world that has met its viewers, and the resident bytes that each of them took."""
    world = ZipfEvents(titles=10_000, viewers=viewers)
    world.name_all()
    table = world.model.viewers.viewers
    before = resident()
    quick = world.model.titles.params
    world.model.titles.params = quick.replace(negatives=0)  # who they are matters, what they taught does not
    for _ in range(PER_VIEWER):
        for start in range(0, viewers, 10 * CHUNK):
            world.learn(world.batch(np.arange(start, min(start + 10 * CHUNK, viewers))))
    world.model.titles.params = quick
    return world, (resident() - before) / len(table)


def _bytes(arrays: Any, rows: int) -> float:
    return float(sum(a.nbytes for a in arrays.as_dict().values() if a.shape and a.shape[0] == rows)) / rows


def viewers() -> Figures:
    """Measure memory per viewer and per title, and what an event costs as viewers grow."""
    out: Figures = {}
    worlds = {}
    for n in POPULATIONS:
        worlds[n], resident = _population(n)
        table = worlds[n].model.viewers.viewers.arrays
        out[f"{n}_viewers"] = {
            "bytes_per_viewer_resident": round(resident),
            "bytes_per_viewer_arrays": round(_bytes(table, table.known.size)),
            f"bytes_per_{table.chunk.shape[1]}_known_titles": round(
                _bytes([table.chunk, table.prev], table.prev.size)
            ),
        }
    titles = worlds[POPULATIONS[0]].model.titles.arrays
    out["bytes_per_title_arrays"] = round(_bytes(titles, titles.bias.size))
    spent: dict[int, list[float]] = {n: [] for n in POPULATIONS}
    for _ in range(4 * ROUNDS):  # in turn, so that what else the machine does falls on both
        for n, world in worlds.items():
            spent[n].append(world.learn(world.batch()) / CHUNK)
    few, many = (float(np.median(spent[n])) for n in POPULATIONS)
    out |= {"learning_us_few": round(few * 1e6, 2), "learning_us_many": round(many * 1e6, 2)}
    out["events_per_s_kept"] = round(few / many, 3)
    return out


_PARTS: Mapping[str, Callable[[], Figures]] = {
    "core": core,
    "viewers": viewers,
    "small_batches": small_batches,
    "titles_copy": titles_copy,
    "hardware": hardware,
}


def in_a_process(name: str) -> Figures:
    """Run one of them with one thread and this processor's own kernels of OpenBLAS."""
    threads = {"OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    environment = {k: v for k, v in os.environ.items() if k not in FOREIGN} | threads
    command = [sys.executable, "-m", "tests.benchmarks.core", name]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found: Figures = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    print(json.dumps(_PARTS[sys.argv[1]]()))
