"""Wait for workers: until one is ready, and for the last published value."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from streams.config.settings import Settings
from streams.kafka.produce import EventProducer
from streams.ops.runs.sync_sender import SyncSender
from streams.ops.runs.worker_process import WorkerProcess, make_topics, own_cluster

__all__ = ["ReadyWorker", "last_value", "ready_worker"]

T = TypeVar("T")
READ_EVERY_S: Final = 0.5
"""Wait between two reads in `last_value`: each reads a whole topic, and values need seconds to settle."""


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
