"""Wait for workers: until events are processed, and for the last published value."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from schemas.events import Event, Identify
from streams.config.settings import Settings
from streams.errors import ReplayStalledError
from streams.kafka.produce import EventProducer
from streams.ops.runs.replay import LOOK_S, QUIET_S
from streams.ops.runs.report import RunCounts
from streams.ops.runs.worker_process import WorkerProcess, make_topics, own_cluster

__all__ = ["ReadyWorker", "SyncSender", "last_value", "ready_worker"]

T = TypeVar("T")
READ_EVERY_S: Final = 0.5
"""Wait between two reads in `last_value`: each reads a whole topic, and values need seconds to settle."""


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

    def send(self, events: Iterable[Event]) -> None:
        """Send events; return when pages are made and the title model's updates are replicated.

        A sign-in counts twice: the worker sends an event with the anonymous history to the account.

        Raises
        ------
        WorkerDiedError, ReplayStalledError
            Not every event was processed.
        """
        batch = list(events)
        self._producer.send(batch)
        self._producer.flush()
        self.sent += len(batch) + sum(isinstance(event, Identify) for event in batch)
        moved, seen = time.monotonic(), -1
        while True:
            self._worker.check()
            counts = RunCounts.of(self._worker.exposition())
            if counts.events >= self.sent and counts.lag == 0:
                return
            if counts.events != seen:
                moved, seen = time.monotonic(), counts.events
            if time.monotonic() - moved > QUIET_S:
                what = f"{self.sent - counts.events} events were not processed"
                raise ReplayStalledError(what, next_step=f"read {self._worker.log}")
            time.sleep(LOOK_S)


class ReadyWorker(NamedTuple):
    """A worker that is ready, on a cluster of its own."""

    settings: Settings
    producer: EventProducer
    sender: SyncSender


@contextmanager
def ready_worker(
    folder: Path, group: str, variables: Mapping[str, str], *, kafka: bool, event_time: bool = False
) -> Iterator[ReadyWorker]:
    """Start a cluster with its topics and a worker, and wait until it is ready.

    Parameters
    ----------
    folder
        Of the worker's state and log.
    group
        Consumer group of the worker.
    variables
        Further settings of the worker, as environment variables.
    kafka, event_time
        As for `own_cluster`.
    """
    with own_cluster(folder, group, kafka=kafka, event_time=event_time) as settings:
        make_topics(settings)
        with WorkerProcess(settings, folder, variables) as worker, EventProducer(settings) as producer:
            worker.wait_ready()
            yield ReadyWorker(settings, producer, SyncSender(worker, producer))


def last_value(
    read: Callable[[], T], *, settled_s: float, timeout_s: float, check: Callable[[], None] = lambda: None
) -> T:
    """Return a value once it is not empty and has not changed for a while, or at the timeout.

    Parameters
    ----------
    read
        Returns the current value; None or an empty value means: nothing yet.
    settled_s
        A value that has not changed for this time is the last one.
    timeout_s
        Longest wait.
    check
        Called between two reads; may raise to end the wait.

    Examples
    --------
    >>> last_value(lambda: "done", settled_s=0.0, timeout_s=1.0)
    'done'
    """
    deadline = time.monotonic() + timeout_s
    last, since = read(), time.monotonic()
    while time.monotonic() < deadline and (not last or time.monotonic() - since < settled_s):
        time.sleep(READ_EVERY_S)
        check()
        now = read()
        if now != last:
            last, since = now, time.monotonic()
    return last
