"""A file of ratings as viewing events: produced at a speed, answered by a worker, and what became of it."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from online_models.evaluation.ratings import Ratings
from schemas import Event, Rate
from streams.errors import ReplayStalledError
from streams.kafka.produce import EventProducer
from streams.ops.runs.pacing import Speed, paced
from streams.ops.runs.report import RunCounts, RunReport
from streams.ops.runs.session import WorkerProcess

WARM_UP = 0.2
"""Share of the events that is learned and not averaged, as in `nearline evaluate`."""
LOOK_S = 0.1
"""Wait between two looks at the worker's counters."""
QUIET_S = 60.0
"""Without progress for so long, a replay gives up."""


def as_events(ratings: Ratings) -> Iterator[Event]:
    """Turn ratings into rating events, in their order; the same file gives the same event ids."""
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


@dataclass(slots=True)
class Replay:
    """One replay beside a worker that is ready.

    Parameters
    ----------
    ratings
        What is replayed.
    speed
        How fast.
    events
        The producer.
    worker
        Who answers; None only produces.
    show
        Called with the events sent so far and the worker's tally.
    exact_warm_up
        Let the worker answer the warm-up before the rest is sent, so that hits count from there to the event.
    """

    ratings: Ratings
    speed: Speed
    events: EventProducer
    worker: WorkerProcess | None
    show: Callable[[int, RunCounts | None], None]
    exact_warm_up: bool = False

    def run(self) -> RunReport:
        """Produce everything, wait until every event is answered where there is a worker, and report.

        Raises
        ------
        WorkerDiedError, ReplayStalledError
            Not every event was answered.
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
                    self.show(sent, watch.look())
            self.events.flush()
            while self.worker is not None and not watch.answered(sent):
                time.sleep(LOOK_S)
                self.show(sent, watch.look())
        self.show(sent, watch.last)
        return watch.report(started)


class _Watch:
    """Look at the worker, where there is one, now and then, and remember what the report needs."""

    def __init__(self, events: int, worker: WorkerProcess | None) -> None:
        self._events, self._worker = events, worker
        self._next = time.monotonic()
        self._moved = time.monotonic()
        self._finished_at = 0.0
        self.warm_up = int(WARM_UP * events)
        self._leads: list[int] = []
        self._warm: RunCounts | None = None
        self.last: RunCounts | None = None

    def answered(self, events: int) -> bool:
        """Whether so many events are answered and learned."""
        return self.last is not None and self.last.events >= events

    def due(self) -> bool:
        """Whether it is time for another look."""
        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + LOOK_S
        return True

    def look(self) -> RunCounts | None:
        """Read the worker's counters."""
        if self._worker is None:
            return None
        self._worker.check()
        tally = RunCounts.of(self._worker.exposition())
        if self.last is None or tally.events > self.last.events:
            self._moved = time.monotonic()
        if self._warm is None and tally.events >= self.warm_up:
            self._warm = tally
        if 0 < tally.events < self._events:
            self._leads.append(tally.lag)
        self.last = tally
        if tally.events >= self._events:
            self._finished_at = self._finished_at or time.monotonic()
        elif time.monotonic() - self._moved > QUIET_S:
            what = f"{self._events - tally.events} events were not answered"
            raise ReplayStalledError(what, next_step=f"read {self._worker.log}")
        return tally

    def report(self, started: float) -> RunReport:
        """Sum up."""
        seconds = (self._finished_at or time.monotonic()) - started
        lead = sum(self._leads) / len(self._leads) if self._leads else None
        return RunReport(self._events, seconds, self.last, self._warm, lead)
