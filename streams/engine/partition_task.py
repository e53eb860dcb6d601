"""The task of one assigned partition, on the event loop: restore it, queue its records, run its batches.

Records that arrive while a batch is in flight, or while the next one waits for its permit to compute, form
the next batch, up to a limit. So batches are small and fast at low load, large and cheap at high load, and
nothing has to be tuned.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

import structlog

from streams.engine.batching import Slice, SliceQueue
from streams.engine.partition import FetchTimes, Partition
from streams.engine.stage import Record
from streams.errors import AbandonedError

__all__ = ["PartitionTask", "Seek", "TaskContext"]

_LOG = structlog.get_logger(__name__)

FENCING_POLL_S = 0.01
"""Seconds between two checks whether fencing has ended: it takes milliseconds, seconds after a broker's
start."""


Seek = Callable[[str, int, int, int], Awaitable[None]]
"""``(topic, partition, offset, epoch)``: seek the consumer and number its slices from 0 in a new epoch; does
nothing if the partition is not assigned any more."""


@dataclass(frozen=True, slots=True)
class TaskContext:
    """What all tasks of a worker share."""

    batches: Executor
    """Runs batches; its number of threads bounds how many run at the same time."""

    restores: Executor
    """Opens and closes partitions."""

    seek: Seek
    """Moves the consumer."""

    epochs: Iterator[int]
    """Ascending numbers from 1; none is used twice."""

    on_lost_slice: Callable[[Partition], None]
    """Called when the number of a slice is missing."""

    die: Callable[[BaseException], None]
    """Ends the process; returns only in tests."""


class PartitionTask:
    """One assigned partition.

    Parameters
    ----------
    partition
        Not yet open.
    context
        What all tasks share.
    after
        Awaited before opening: the closing of the previous task of the same partition.
    """

    def __init__(
        self, partition: Partition, context: TaskContext, after: asyncio.Future[None] | None = None
    ) -> None:
        self.partition, self._context, self._after = partition, context, after
        self.ready = False
        """Whether the partition is restored."""
        self.gate_refusals = 0
        """Number of times that the gate of the stage returned false."""
        self._epoch = self._next = 0
        self._seeked = False
        self._queue, self._wakeup = SliceQueue(), asyncio.Event()
        self._closing = False
        self._batch: asyncio.Future[Sequence[Record]] | None = None
        self._opening: asyncio.Future[None] | None = None
        self._rewinding: asyncio.Task[None] | None = None
        self._started = float("-inf")
        self.took_s = 0.0
        """Seconds that the last batch took, from its records to its commit."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    @property
    def has_room(self) -> bool:
        """Return whether to fetch more: less than a whole further batch is queued."""
        spec = self.partition.spec
        return self._seeked and self._queue.events < spec.max_events and self._queue.size < spec.max_bytes

    @property
    def queued(self) -> tuple[int, int]:
        """Return the number of records that wait for the batch in flight, and their bytes."""
        return self._queue.events, self._queue.size

    @property
    def idle(self) -> bool:
        """Return whether everything that was fetched is applied."""
        return self._batch is None and not self._queue.events

    def offer(self, part: Slice) -> None:
        """Queue a slice if it is the next one of this epoch; if a number is missing, read again.

        A slice of an older epoch was fetched before the last seek, and is dropped.
        """
        if part.epoch != self._epoch or self._closing:
            return
        if part.number != self._next:
            self._context.on_lost_slice(self.partition)
            self.rewind_soon()
            return
        self._next += 1
        self._queue.put(part.records, part.size, part.fetched_s)
        self._wakeup.set()

    async def rewind(self) -> None:
        """Drop what is queued and read again from behind the applied offset; safe at any time."""
        self._queue.clear()
        self._seeked = False
        self._epoch, self._next = next(self._context.epochs), 0
        part, spec = self.partition, self.partition.spec
        await asyncio.shield(self._context.seek(spec.source, part.number, part.position, self._epoch))
        self._seeked = True
        self._wakeup.set()  # deferred output may be flushed again

    async def quiesce(self) -> None:
        """Refuse further slices and wait for the batch in flight; :meth:`rewind` starts again.

        Fencing is awaited, too, and does not begin: after the rebalance it could fence the new owner, whose
        process would end.
        """
        self._epoch, self._seeked = 0, False
        self._queue.clear()
        self.partition.hold()
        while self.partition.fencing:  # noqa: ASYNC110 - another thread, which sets no asyncio event
            await asyncio.sleep(FENCING_POLL_S)
        if self._batch is not None:
            await asyncio.wait([self._batch])

    async def close(self) -> None:
        """Wait for the batch in flight or the restore to end, then close the partition."""
        self._closing, self.ready = True, False
        self.partition.abandon()
        await self.quiesce()
        if self._opening is not None:
            await asyncio.wait([self._opening])
        self._task.cancel()
        await asyncio.wait([self._task])
        await asyncio.get_running_loop().run_in_executor(self._context.restores, self.partition.close)

    def rewind_soon(self) -> None:
        """Refuse further slices from now on, and read again as soon as the event loop is free."""
        self._epoch, self._seeked = 0, False
        self._rewinding = asyncio.get_running_loop().create_task(self.rewind())

    async def _run(self) -> None:
        """Open the partition, then process batches until it is closed; any failure ends the process."""
        try:
            if await self._open():
                await self.rewind()
            while self.ready and not self._closing:
                await self._process_next()
        except AbandonedError:
            _LOG.info("restore_abandoned", partition=self.partition.number)
        except Exception as error:  # noqa: BLE001 - to go on after any error could lose or duplicate an event
            self._context.die(error)

    async def _open(self) -> bool:
        """Open the partition in a worker thread; return whether it is still assigned."""
        if self._after is not None:
            await asyncio.wait([self._after])
        if not self._closing:
            loop = asyncio.get_running_loop()
            self._opening = loop.run_in_executor(self._context.restores, self.partition.open)
            await self._opening
            self.ready = not self._closing
        return self.ready

    async def _process_next(self) -> None:
        """Wait until records may be processed or deferred output is due, then run one batch."""
        await self._wait_for_work()
        if not self._queue.events:
            self._wakeup.clear()
            if self._due_s() != 0.0:
                return
        loop = asyncio.get_running_loop()
        self._started = loop.time()
        process = partial(self.partition.process_next, self._take)
        self._batch = batch = loop.run_in_executor(self._context.batches, process)
        try:
            records = await batch
        finally:
            self._batch = None
        self.took_s = loop.time() - self._started
        if not self._queue.events:
            self._wakeup.clear()
        if records and self.partition.applied < records[-1].offset and not self._closing:
            await self.rewind()

    def _take(self) -> tuple[Sequence[Record], FetchTimes]:
        """Take the next batch out of the queue, in its thread; return also when its records were fetched."""
        partition = self.partition
        batch = self._queue.take(max_events=partition.max_events(), max_bytes=partition.spec.max_bytes)
        return batch, self._queue.fetched

    async def _wait_for_work(self) -> None:
        """Wait for records and for the interval and the gate of the stage, or until output is due."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._due_s()):
                await self._wakeup.wait()
        if not self._queue.events:
            return
        spec = self.partition.spec
        early = self._started + spec.min_interval_s - asyncio.get_running_loop().time()
        if early > 0:
            await asyncio.sleep(early)
        while spec.gate is not None and not await spec.gate(self.partition.number):
            self.gate_refusals += 1

    def _due_s(self) -> float | None:
        """Return the seconds until output is due; None if none is pending, or while partitions move."""
        return self.partition.due_s() if self._seeked and not self._closing else None
