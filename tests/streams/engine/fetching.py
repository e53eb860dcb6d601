"""Stages on the event loop, and what fetches for them."""

import asyncio
from collections.abc import Callable

from streams.engine.batching import Slice, size_of
from streams.engine.task_manager import TaskManager
from tests.streams.doubles import Log, record
from tests.waiting import PATIENCE_S

IN = ("in", 0)


class Fetcher:
    """Stands in for the consumer: returns numbered slices from the position of the last seek."""

    def __init__(self, log: Log, tasks: TaskManager) -> None:
        self._log, self._tasks = log, tasks
        self.at: dict[tuple[str, int], list[int]] = {}
        self.seeks: list[tuple[str, int, int, int]] = []
        tasks.bind(self.seek, lambda topic, partition: self.at.get((topic, partition), [-1])[0])

    async def seek(self, topic: str, partition: int, offset: int, epoch: int) -> None:
        """Seek."""
        self.seeks.append((topic, partition, offset, epoch))
        self.at[topic, partition] = [offset, epoch, 0]

    def fetch(self, size: int) -> Slice:
        """Return the next slice of partition 0."""
        offset, epoch, number = self.at[IN]
        events = self._log.topics[IN][offset : offset + size]
        records = [record(offset + place, *event) for place, event in enumerate(events)]
        self.at[IN] = [offset + len(records), epoch, number + 1]
        return Slice("in", 0, epoch, number, records, size_of(records))


def offer(tasks: TaskManager, part: Slice) -> None:
    """Offer a slice to its task, as the agent of the Faust app does."""
    if task := tasks.tasks.get((part.topic, part.partition)):
        task.offer(part)


def twelve_events() -> Log:
    """Make a source with twelve events in partition 0."""
    log = Log()
    for number in range(12):
        log.append("in", 0, b"v%d" % (number % 3), b"e%d" % number)
    return log


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that other threads bring about."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - threads set no asyncio event
            await asyncio.sleep(0.005)


async def assigned(tasks: TaskManager, generation: int = 1) -> None:
    """Assign partition 0 and wait until it can be fetched."""
    await tasks.assign([IN], generation)
    await until(lambda: tasks.has_room(*IN))
