"""One source partition's road through a worker, on the event loop: restore, queue, one batch in flight.

Whatever arrives while a batch is in flight waits and is the next batch, up to a cap: at low load batches are
small and quick, at high load they are large and cheap, and nothing has to be tuned in between.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass

import structlog

from streams.engine.batching import Slice, SliceQueue
from streams.engine.partition import Partition
from streams.errors import AbandonedError

__all__ = ["PartitionTask", "Place", "TaskContext"]

_LOG = structlog.get_logger(__name__)

LOOK_S = 0.01
"""Wait between two looks at a partition that fences: milliseconds, seconds after a broker's start."""


Place = Callable[[str, int, int, int], Awaitable[None]]
"""``(topic, partition, offset, epoch)``: seek there, number slices from 0; does nothing if it is not ours."""


@dataclass(frozen=True, slots=True)
class TaskContext:
    """What the lanes of a worker share."""

    work: Executor
    """Runs batches: as many at a time as it has threads."""

    restore: Executor
    """Opens and closes partitions."""

    place: Place
    """Moves the consumer."""

    epochs: Iterator[int]
    """Numbers that were never used before, from 1."""

    lost: Callable[[Partition], None]
    """Told of a slice that never arrived."""

    die: Callable[[BaseException], None]
    """Ends the process; returns only in tests."""


class PartitionTask:
    """One assigned partition.

    Parameters
    ----------
    partition
        Not yet open.
    road
        What the lanes share.
    after
        Awaited before opening: the closing of the same partition's previous lane.
    """

    def __init__(
        self, partition: Partition, road: TaskContext, after: asyncio.Future[None] | None = None
    ) -> None:
        self.partition, self._road, self._after = partition, road, after
        self.ready = False
        """Whether the partition is restored."""
        self.held = 0
        """How often the gate said no: somebody else has to go first."""
        self._epoch = self._next = 0
        self._placed = False
        self._queue, self._arrived = SliceQueue(), asyncio.Event()
        self._closing = False
        self._batch: asyncio.Future[None] | None = None
        self._opening: asyncio.Future[None] | None = None
        self._rewinding: asyncio.Task[None] | None = None
        self._started = float("-inf")
        self._task = asyncio.get_running_loop().create_task(self._run())

    @property
    def has_room(self) -> bool:
        """Return whether more should be fetched: a whole further batch is not waiting yet."""
        spec = self.partition.spec
        return self._placed and self._queue.events < spec.max_events and self._queue.size < spec.max_bytes

    @property
    def queued(self) -> tuple[int, int]:
        """Return the records that wait for the batch in flight to end, and their bytes."""
        return self._queue.events, self._queue.size

    @property
    def idle(self) -> bool:
        """Return whether everything that was fetched is applied."""
        return self._batch is None and not self._queue.events

    def offer(self, part: Slice) -> None:
        """Take a slice, if it is the very next one; otherwise see that what is missing comes again."""
        if part.epoch != self._epoch or self._closing:
            return
        if part.number != self._next:
            self._road.lost(self.partition)
            self.rewind_soon()
            return
        self._next += 1
        self._queue.put(part.records, part.size)
        self._arrived.set()

    async def rewind(self) -> None:
        """Drop what is queued and read again from behind the applied offset; harmless at any time."""
        self._queue.clear()
        self._placed = False
        self._epoch, self._next = next(self._road.epochs), 0
        part, spec = self.partition, self.partition.spec
        await asyncio.shield(self._road.place(spec.source, part.number, part.position, self._epoch))
        self._placed = True
        self._arrived.set()  # what is due may be paid again

    async def quiesce(self) -> None:
        """Refuse further slices and wait for the batch in flight; :meth:`rewind` starts again.

        A partition that is being opened may go to somebody else: to fence him later would end his process.
        """
        self._epoch, self._placed = 0, False
        self._queue.clear()
        while self.partition.fencing:  # noqa: ASYNC110 - another thread, which sets no asyncio event
            await asyncio.sleep(LOOK_S)
        if self._batch is not None:
            await asyncio.wait([self._batch])

    async def close(self) -> None:
        """Let the batch in flight or the restore end, then give the state back."""
        self._closing, self.ready = True, False
        self.partition.abandon()
        await self.quiesce()
        if self._opening is not None:
            await asyncio.wait([self._opening])
        self._task.cancel()
        await asyncio.wait([self._task])
        await asyncio.get_running_loop().run_in_executor(self._road.restore, self.partition.close)

    def rewind_soon(self) -> None:
        """Refuse further slices now, and read again as soon as the loop gets to it."""
        self._epoch, self._placed = 0, False
        self._rewinding = asyncio.get_running_loop().create_task(self.rewind())

    async def _run(self) -> None:
        """Open, then process batches until closed; any failure ends the process."""
        try:
            if await self._open():
                await self.rewind()
            while self.ready and not self._closing:
                await self._process_next()
        except AbandonedError:
            _LOG.info("restore_abandoned", partition=self.partition.number)
        except Exception as error:  # noqa: BLE001 - whatever it is, going on could lose or double an event
            self._road.die(error)

    async def _open(self) -> bool:
        """Open the partition in a worker thread; return whether it is still wanted."""
        if self._after is not None:
            await asyncio.wait([self._after])
        if not self._closing:
            loop = asyncio.get_running_loop()
            self._opening = loop.run_in_executor(self._road.restore, self.partition.open)
            await self._opening
            self.ready = not self._closing
        return self.ready

    async def _process_next(self) -> None:
        """Wait for records, for the stage's floor and gate, or until something is due; then run one batch."""
        await self._woken()
        spec, partition = self.partition.spec, self.partition
        batch = self._queue.take(max_events=partition.max_events(), max_bytes=spec.max_bytes)
        if not self._queue.events:
            self._arrived.clear()
        if not batch and self._due_s() != 0.0:
            return
        loop = asyncio.get_running_loop()
        self._started = loop.time()
        self._batch = loop.run_in_executor(self._road.work, partition.process, batch)
        try:
            await self._batch
        finally:
            self._batch = None
        if batch and partition.applied < batch[-1].offset and not self._closing:
            await self.rewind()

    async def _woken(self) -> None:
        """Wait for records that may be processed, or until something is due."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._due_s()):
                await self._arrived.wait()
        if self._queue.events:
            await self._pace()

    def _due_s(self) -> float | None:
        """Return the seconds until something is due; None where nothing is, or while partitions move."""
        return self.partition.due_s() if self._placed and not self._closing else None

    async def _pace(self) -> None:
        """Keep the least time between two starts, and the lead over a replica, within their bounds."""
        spec = self.partition.spec
        early = self._started + spec.min_interval_s - asyncio.get_running_loop().time()
        if early > 0:
            await asyncio.sleep(early)
        while spec.gate is not None and not await spec.gate(self.partition.number):
            self.held += 1
