"""What a batch costs by its size, without a broker: the fixed part is what a stream at low load pays."""

import itertools
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from time import thread_time
from typing import Any

import numpy as np

from schemas import topics
from schemas.codec import encode
from schemas.partitioner import partition_for
from streams.config.settings import Settings
from streams.engine.collector import pause_collector, resume_collector
from streams.engine.partition import Partition
from streams.stages.titles.step import titles_spec
from streams.stages.viewers.replica import Replica
from streams.stages.viewers.step import ViewersStage
from streams.telemetry.metrics import Metrics
from tests.benchmarks.load import stops
from tests.benchmarks.meter import STEPS, Meter
from tests.equality.cluster import quiet
from tests.streams.doubles import Log, worker_context
from tests.streams.steps import message, record

SIZES = (1, 11, 100, 1_000)
"""Events a batch; at 1,000 events a second on four partitions a batch has eleven."""
BATCHES = {1: 20, 11: 20, 100: 5, 1_000: 1}
"""Of each size a round: sizes take turns, so that what else the machine does falls on all."""
ROUNDS = 12
WARM_UP = 60_000
"""Events before: then the titles are known and half of the viewers hot."""
PARTITIONS = 4
"""Of the events; all of them are those of one partition here."""

Figures = dict[str, Any]


class _Worker:
    """One partition of viewers, one shard of titles, and the replica between them."""

    def __init__(self, folder: Path) -> None:
        settings = Settings(page_interval_s=0.0, page={"rows": 1}, title_shards=1)
        metrics, log = Metrics(), Log()
        self.replica = Replica(settings, partitions=1, viewer_partitions=PARTITIONS, metrics=metrics)
        self.replica.wait = lambda: None  # type: ignore[method-assign]
        viewers = ViewersStage(settings, self.replica, partitions=PARTITIONS, metrics=metrics)
        context = worker_context(log, folder)
        specs = viewers.spec(), titles_spec(settings, None, self.replica.catalog.labels_since)
        self.viewers, self.titles = (Partition(spec, 0, context) for spec in specs)
        self._signals = log.topics[settings.topic(topics.SIGNALS), 0]
        self._rows = log.topics[settings.topic(topics.TITLE_MODEL), 0]
        for partition in (self.viewers, self.titles):
            partition.open()
        events = (e for seed in itertools.count(7) for e in stops(WARM_UP, seed=seed))
        mine = (e for e in events if partition_for(e.viewer_id.encode(), PARTITIONS) == 0)
        self._events = (
            record(encode(e), e.viewer_id.encode(), offset=n, timestamp=e.event_time_ms)
            for n, e in enumerate(mine)
        )
        self._sent = 0

    def batch(self, size: int) -> list[Any]:
        """Return the next records."""
        return list(itertools.islice(self._events, size))

    def signals(self) -> list[Any]:
        """Return the records of signals that the last batch has sent, and forget them."""
        found = [entry for entry in self._signals if entry is not None]
        self._signals.clear()
        self._sent += len(found)
        first = self._sent - len(found)
        return [record(value, offset=first + n) for n, (_, value) in enumerate(found)]

    def rows(self) -> list[Any]:
        """Return the rows of titles that the last batch has written, and forget them."""
        found = [message(*entry) for entry in self._rows if entry is not None]
        self._rows.clear()
        return found

    def turn(self, size: int, measured: Callable[[str, int, Callable[[], object]], None]) -> None:
        """Carry a batch all the way round."""
        batch = self.batch(size)
        measured("viewers", size, lambda: self.viewers.process(batch))
        signals = self.signals()
        measured("titles", size, lambda: self.titles.process(signals))
        rows = self.rows()
        measured("replica", size, lambda: self.replica.take_rows(rows))


def small_batches() -> Figures:
    """Measure the CPU of batches of each size, and of their steps: microseconds, medians of the rounds."""
    quiet()
    meter = Meter()
    for owner, name, step in STEPS:
        meter.wrap(owner, name, step)
    spent: defaultdict[tuple[str, int], list[dict[str, float]]] = defaultdict(list)

    def measured(who: str, size: int, work: Callable[[], object]) -> None:
        before, began = dict(meter.steps), thread_time()
        work()
        took = {"all": thread_time() - began}
        took |= {
            name.partition(": ")[2]: seconds - before.get(name, 0.0) for name, seconds in meter.steps.items()
            if name.startswith(who) or who == "replica"
        }  # fmt: skip
        spent[who, size].append(took)

    with tempfile.TemporaryDirectory(prefix="nearline-bench-") as folder:
        worker = _Worker(Path(folder))
        for _ in range(WARM_UP // PARTITIONS // max(SIZES)):
            worker.turn(max(SIZES), measured)
        for size in SIZES:
            worker.turn(size, measured)  # whatever is compiled on demand, is
        spent.clear()
        pause_collector()  # as a worker does: collections were a twentieth of these batches
        resume_collector()
        for _ in range(ROUNDS):
            for size, count in BATCHES.items():
                for _ in range(count):
                    worker.turn(size, measured)
        for partition in (worker.viewers, worker.titles):
            partition.close()
    return {
        who: _figures({size: spent[who, size] for size in SIZES}) for who in ("viewers", "titles", "replica")
    }


def _figures(spent: dict[int, list[dict[str, float]]]) -> Figures:
    """Return the median of each step by size, and the line through them: fixed and marginal cost."""
    names = {name for batches in spent.values() for batch in batches for name in batch}
    table = {
        name: [
            float(np.median([batch.get(name, 0.0) for batch in batches])) * 1e6 for batches in spent.values()
        ]
        for name in names
    }
    return {
        name: dict(zip(map(str, SIZES), np.round(costs, 1).tolist(), strict=True)) | _line(costs)
        for name, costs in sorted(table.items(), key=lambda item: -item[1][0])
        if max(costs) > 0
    }


def _line(costs: Sequence[float]) -> dict[str, float]:
    """Return intercept and slope; residuals count by their share of the cost."""
    slope, fixed = np.polyfit(SIZES, costs, 1, w=1 / np.maximum(costs, 1.0))
    return {"fixed": round(float(fixed), 1), "per_event": round(float(slope), 2)}
