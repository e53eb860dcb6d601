"""Replay a file of ratings: produce them as viewing events, wait for a worker to process them, and report."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from online_models.evaluation.ratings import Ratings
from schemas import Event, Rate
from streams.config.settings import Settings
from streams.kafka.clients import require_broker
from streams.kafka.produce import EventProducer
from streams.ops.local_kafka.embedded import EmbeddedCluster
from streams.ops.ratings import Dataset
from streams.ops.runs.pacing import Speed, paced
from streams.ops.runs.report import RunCounts, RunReport
from streams.ops.runs.stall_check import LOOK_S, StallCheck
from streams.ops.runs.worker_process import WorkerProcess, make_topics

__all__ = [
    "MAX_LEAD",
    "TITLES_FLOOR",
    "Replay",
    "as_events",
    "replay_cluster",
    "run_replay",
]

WARM_UP = 0.2
"""Share of the events that is learned and not averaged, as in `nearline evaluate`."""
MAX_LEAD = {"NEARLINE_LEAD_EVENTS": "500"}
"""Bounds by how many events a replay at full speed is ahead of the title model: HR@10 is .187 with this
bound, .194 without any lead."""
TITLES_FLOOR = {"NEARLINE_TITLES_FLOOR_S": "0.02"}
"""Least seconds between batches of the title model: with `MAX_LEAD` this allows 25,000 events/s."""

OnProgress = Callable[[int, RunCounts | None], None]
"""Called with the number of events sent, and the worker's counters."""


def as_events(ratings: Ratings) -> Iterator[Event]:
    """Convert ratings into rating events, in their order; the same file gives the same event ids."""
    columns = (
        ratings.viewers.tolist(),
        ratings.titles.tolist(),
        ratings.ratings.tolist(),
        ratings.times.tolist(),
    )
    for number, (viewer, title, stars, at) in enumerate(zip(*columns, strict=True)):
        yield Rate(
            event_id=f"rating-{number}",
            viewer_id=ratings.viewer_ids[viewer],
            title_id=ratings.title_ids[title],
            stars=stars,
            event_time_ms=at,
        )


@contextmanager
def replay_cluster(
    brokers: str | None, prefix: str | None, *, embedded: bool, partitions: int = 4
) -> Iterator[Settings]:
    """Return settings for a cluster that has the topics of this run.

    Parameters
    ----------
    brokers
        Address; None for that of the settings.
    prefix
        Topic prefix; None for a new one, so that runs do not share topics.
    embedded
        Start the embedded cluster instead.
    partitions
        Of the topics keyed by viewer or title.

    Raises
    ------
    BrokerUnreachableError, AccessError
        No broker answers, or it denies access.
    """
    with ExitStack() as stack:
        if embedded:
            brokers = stack.enter_context(EmbeddedCluster()).bootstrap_servers
        own = f"replay-{int(time.time())}." if prefix is None else prefix
        settings = Settings.load(
            brokers=brokers,
            topic_prefix=own,
            group=f"{own}nearline",
            check_crcs=not embedded,
            event_time=True,
        )
        require_broker(settings)
        make_topics(settings, partitions=partitions)
        yield settings


def run_replay(
    settings: Settings,
    dataset: Dataset,
    kept: NDArray[np.intp],
    speed: Speed,
    on_progress: OnProgress,
    *,
    variables: dict[str, str] | None,
    exact_warm_up: bool = False,
) -> RunReport:
    """Start a worker, produce the catalog and the ratings, and report when all of them are processed.

    Parameters
    ----------
    settings
        From `replay_cluster`.
    dataset
        Ratings and titles.
    kept
        Indices of the ratings to send.
    speed
        Of the events.
    on_progress
        Called about ten times a second.
    variables
        Settings of the worker, as environment variables; None: start no worker, only produce.
    exact_warm_up
        See `Replay`.

    Raises
    ------
    WorkerDiedError, ReplayStalledError
        Not every event was processed.
    """
    with ExitStack() as stack:
        worker = None
        if variables is not None:
            bounded = MAX_LEAD if speed.kind == "unbounded" else {}
            tested = {"NEARLINE_PREQUENTIAL_SHARE": "1"}
            folder = settings.state_dir.parent / settings.group
            worker = WorkerProcess(settings, folder, variables | bounded | tested | TITLES_FLOOR)
            stack.enter_context(worker)
            worker.wait_ready()
        producer = stack.enter_context(EventProducer(settings))
        producer.send_titles(dataset.catalog())
        report = Replay(dataset.ratings.take(kept), speed, producer, worker, on_progress, exact_warm_up).run()
        if worker is not None:
            worker.stop()
            shutil.rmtree(worker.folder)
    return report


@dataclass(slots=True)
class Replay:
    """One replay with a worker that is ready.

    Parameters
    ----------
    ratings
        What is replayed.
    speed
        Of the events.
    events
        The producer.
    worker
        Processes the events; None: only produce.
    on_progress
        Called with the events sent so far and the worker's counters.
    exact_warm_up
        Wait until the worker has processed the warm-up before the rest is sent, so that hits are counted from
        exactly that event on.
    """

    ratings: Ratings
    speed: Speed
    events: EventProducer
    worker: WorkerProcess | None
    on_progress: OnProgress
    exact_warm_up: bool = False

    def run(self) -> RunReport:
        """Produce everything, wait until the worker has processed it, and report.

        Raises
        ------
        WorkerDiedError, ReplayStalledError
            Not every event was processed.
        """
        started = time.monotonic()
        watch = _Watch(len(self.ratings), self.worker)
        sent = 0
        stream = as_events(self.ratings)
        for part in (islice(stream, watch.warm_up), stream) if self.exact_warm_up else (stream,):
            for batch in paced(part, self.speed, time_ms=lambda event: event.event_time_ms):
                self.events.send(batch)
                sent += len(batch)
                if watch.due():
                    self.on_progress(sent, watch.look())
            self.events.flush()
            while self.worker is not None and not watch.processed(sent):
                time.sleep(LOOK_S)
                self.on_progress(sent, watch.look())
        self.on_progress(sent, watch.last)
        return watch.report(started)


class _Watch:
    """Reads the worker's counters from time to time, and keeps what the report needs."""

    def __init__(self, events: int, worker: WorkerProcess | None) -> None:
        self._events, self._worker = events, worker
        self._next = time.monotonic()
        self._stall = StallCheck()
        self._finished_at = 0.0
        self.warm_up = int(WARM_UP * events)
        self._leads: list[int] = []
        self._warm: RunCounts | None = None
        self.last: RunCounts | None = None

    def processed(self, events: int) -> bool:
        """Whether this number of events is processed."""
        return self.last is not None and self.last.events >= events

    def due(self) -> bool:
        """Whether it is time for the next look."""
        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + LOOK_S
        return True

    def look(self) -> RunCounts | None:
        """Read the worker's counters; None without a worker."""
        if self._worker is None:
            return None
        self._worker.check()
        counts = RunCounts.of(self._worker.exposition())
        if self._warm is None and counts.events >= self.warm_up:
            self._warm = counts
        if 0 < counts.events < self._events:
            self._leads.append(counts.lag)
        self.last = counts
        if counts.events >= self._events:
            self._finished_at = self._finished_at or time.monotonic()
        else:
            self._stall.check(counts.events, self._events, self._worker.log)
        return counts

    def report(self, started: float) -> RunReport:
        """Return the report."""
        seconds = (self._finished_at or time.monotonic()) - started
        lead = sum(self._leads) / len(self._leads) if self._leads else None
        return RunReport(self._events, seconds, self.last, self._warm, lead)
