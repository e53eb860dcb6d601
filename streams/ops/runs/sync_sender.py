"""Sends events to a worker, and waits until it has processed and learned them."""

import time
from collections.abc import Iterable

from schemas.events import Event, Identify
from streams.kafka.produce import EventProducer
from streams.ops.runs.report import RunCounts
from streams.ops.runs.stall_check import LOOK_S, StallCheck
from streams.ops.runs.worker_process import WorkerProcess

__all__ = ["SyncSender"]


class SyncSender:
    """Sends events to a worker that is ready, and waits until the worker has processed them.

    Parameters
    ----------
    worker
        The only member of its group.
    producer
        The only producer of the worker's events.

    Attributes
    ----------
    sent
        Events that the worker has to process, including those that the worker itself sends.
    """

    def __init__(self, worker: WorkerProcess, producer: EventProducer) -> None:
        self.sent = 0
        self._worker, self._producer = worker, producer

    def send(self, events: Iterable[Event], *, look_s: float = LOOK_S) -> RunCounts:
        """Send events, and `wait` for them."""
        self.put(events)
        return self.wait(look_s=look_s)

    def put(self, events: Iterable[Event]) -> None:
        """Send events without waiting for the worker, which need not run yet.

        A sign-in counts twice: the worker sends an event with the anonymous history to the account.
        """
        batch = list(events)
        self._producer.send(batch)
        self._producer.flush()
        self.sent += len(batch) + sum(isinstance(event, Identify) for event in batch)

    def lessons(self) -> int:
        """Return how many records of signals the worker's titles stage has counted as learned."""
        read = self._worker.exposition()
        return int(read.value("nearline_events_total", stage="titles", outcome="applied"))

    def wait(self, *, look_s: float = LOOK_S) -> RunCounts:
        """Return when pages are made and the title model's updates are replicated: the worker's counters.

        These are read every ``look_s``.

        Raises
        ------
        WorkerDiedError, ReplayStalledError
            Not every event was processed.
        """
        stall = StallCheck()
        while True:
            self._worker.check()
            counts = RunCounts.of(self._worker.exposition())
            if counts.events >= self.sent and counts.lag == 0:
                return counts
            stall.check(counts.events, self.sent, self._worker.log)
            time.sleep(look_s)
