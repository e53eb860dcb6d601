"""Events sent to a worker, each lot answered before the next: for commands that show what a worker does."""

import time
from collections.abc import Iterable

from schemas.events import Event, Identify
from streams.errors import ReplayStalledError
from streams.kafka.produce import EventProducer
from streams.ops.runs.replay import LOOK_S, QUIET_S
from streams.ops.runs.report import RunCounts
from streams.ops.runs.session import WorkerProcess

__all__ = ["Asker"]


class Asker:
    """Sends events to a worker that is ready, and waits for it.

    Parameters
    ----------
    worker
        Alone in its group.
    producer
        Of its events; nobody else sends any.

    Attributes
    ----------
    sent
        Events that the worker has to answer, those among them that it sends itself.
    """

    def __init__(self, worker: WorkerProcess, producer: EventProducer) -> None:
        self.sent = 0
        self._worker, self._producer = worker, producer

    def send(self, events: Iterable[Event]) -> None:
        """Send events, and wait until pages are made and what titles learned is back at the worker.

        A sign-in is answered twice: the worker tells the account what was watched anonymously, as an event.

        Raises
        ------
        WorkerDiedError, ReplayStalledError
            Not every event was answered.
        """
        lot = list(events)
        self._producer.send(lot)
        self._producer.flush()
        self.sent += len(lot) + sum(isinstance(event, Identify) for event in lot)
        moved, seen = time.monotonic(), -1
        while True:
            self._worker.check()
            tally = RunCounts.of(self._worker.exposition())
            if tally.events >= self.sent and tally.lag == 0:
                return
            if tally.events != seen:
                moved, seen = time.monotonic(), tally.events
            if time.monotonic() - moved > QUIET_S:
                what = f"{self.sent - tally.events} events were not answered"
                raise ReplayStalledError(what, next_step=f"read {self._worker.log}")
            time.sleep(LOOK_S)
