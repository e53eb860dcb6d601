"""All stages of one worker, and which partitions of their sources it has; lives on the event loop."""

import asyncio
import itertools
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import structlog

from streams.engine.batching import Slice
from streams.engine.context import WorkerContext
from streams.engine.exits import die
from streams.engine.partition import Partition
from streams.engine.partition_task import PartitionTask, Place, TaskContext
from streams.engine.stage import StageSpec
from streams.engine.watchdog import WorkProgress

__all__ = ["TaskManager"]

_LOG = structlog.get_logger(__name__)

RESTORE_THREADS = 4
"""Partitions opened at the same time: reading a changelog waits for the network more than for a core."""

TopicPartition = tuple[str, int]
"""Source topic and partition."""

FetchedTo = Callable[[str, int], int]
"""``(topic, partition)``: offset behind the last one fetched, -1 when not known."""


def _nowhere(topic: str, partition: int) -> int:  # noqa: ARG001 - stands in until a consumer is there
    return -1


class TaskManager:
    """The stages of a worker.

    Parameters
    ----------
    specs
        Each with a source of its own.
    around
        What their partitions share.
    threads
        Batches that are under way at the same time, those that wait for the broker included.
    die
        Ends the process after a failure.
    """

    def __init__(
        self,
        specs: Iterable[StageSpec],
        around: WorkerContext,
        *,
        threads: int,
        die: Callable[[BaseException], None] = die,
    ) -> None:
        self.specs = {spec.source: spec for spec in specs}
        self.lanes: dict[TopicPartition, PartitionTask] = {}
        self.assigned_once = False
        """Whether the group ever answered, be it with no partition at all."""
        self.metrics = around.metrics
        self._around, self.die = around, die
        self._fetched_to: FetchedTo = _nowhere
        self._work = ThreadPoolExecutor(threads, thread_name_prefix="work")
        self._restore = ThreadPoolExecutor(RESTORE_THREADS, thread_name_prefix="restore")
        self._road: TaskContext | None = None
        self._closing: dict[TopicPartition, asyncio.Task[None]] = {}
        self._generation = -1
        self._lock = asyncio.Lock()
        self._watch_partitions()

    def waiting(self) -> list[str]:
        """Say what is not ready yet, a line each; may be asked from any thread."""
        if not self.assigned_once:
            return ["the group has not assigned partitions yet"]
        return [lane.partition.progress for lane in list(self.lanes.values()) if not lane.ready]

    def bind(self, place: Place, fetched_to: FetchedTo) -> None:
        """Connect the lanes to the consumer that fetches for them."""
        self._fetched_to = fetched_to
        self._road = TaskContext(self._work, self._restore, place, itertools.count(1), self._lost, self.die)

    def progress(self) -> dict[TopicPartition, WorkProgress]:
        """Say how far every assigned partition is; may be asked from any thread."""
        return {
            tp: WorkProgress(
                stage=lane.partition.spec.name,
                applied=lane.partition.applied,
                fetched_to=self._fetched_to(*tp),
                idle=lane.idle,
                restored_rows=lane.partition.read_progress.rows,
                held=lane.held,
            )
            for tp, lane in list(self.lanes.items())
        }

    def wants(self, topic: str, partition: int) -> bool:
        """Say whether a partition can take another slice."""
        lane = self.lanes.get((topic, partition))
        return lane is not None and lane.has_room

    def offer(self, part: Slice) -> None:
        """Hand a slice to its lane; a slice of a partition that is not ours (any more) is nothing."""
        lane = self.lanes.get((part.topic, part.partition))
        if lane is not None:
            lane.offer(part)

    def positions(self) -> dict[TopicPartition, int]:
        """Return applied + 1 of every partition: what the group may be told."""
        return {tp: lane.partition.position for tp, lane in self.lanes.items() if lane.partition.applied >= 0}

    async def assign(self, assigned: Iterable[TopicPartition], generation: int) -> None:
        """Make the assigned partitions ours and no others; returns before new ones are restored.

        A partition is kept open only over consecutive generations of the group: between any others somebody
        else may have had it, so it is opened anew.

        Parameters
        ----------
        assigned
            Source topics and partitions.
        generation
            The group's generation.
        """
        async with self._lock:
            wanted = {tp for tp in assigned if tp[0] in self.specs}
            keep = wanted if generation - self._generation in {0, 1} else set()
            self._generation, self.assigned_once = generation, True
            for tp in self.lanes.keys() - keep:
                self._closing[tp] = asyncio.get_running_loop().create_task(self.lanes.pop(tp).close())
            for tp in sorted(wanted - self.lanes.keys()):
                self.lanes[tp] = self._lane(tp)
            _LOG.info("assigned", generation=generation, partitions=[f"{t}/{p}" for t, p in sorted(wanted)])
            for lane in [lane for lane in self.lanes.values() if lane.ready]:
                await lane.rewind()

    async def quiesce(self) -> None:
        """Take no more slices and wait for the batches in flight: the group is about to move partitions."""
        await asyncio.gather(*(lane.quiesce() for lane in self.lanes.values()))

    async def close(self) -> None:
        """Let the batches in flight end and close every partition."""
        async with self._lock:
            lanes = list(self.lanes.values())
            await asyncio.gather(*(lane.close() for lane in lanes), *self._closing.values())

    def shutdown(self) -> None:
        """Stop the threads; nothing may be in flight."""
        self._work.shutdown(wait=False)
        self._restore.shutdown(wait=False)

    def _lane(self, tp: TopicPartition) -> PartitionTask:
        """Begin to open a partition, after its previous lane is closed."""
        if self._road is None:
            msg = "bind() comes first"
            raise RuntimeError(msg)
        partition = Partition(self.specs[tp[0]], tp[1], self._around)
        return PartitionTask(partition, self._road, after=self._closing.pop(tp, None))

    def _lost(self, partition: Partition) -> None:
        """Report a slice that Faust lost; it is read again."""
        stage = partition.spec.name
        _LOG.error("slice_lost", stage=stage, partition=partition.number, next="reading again from applied")
        self._around.metrics.rewinds.labels(stage).inc()

    def _watch_partitions(self) -> None:
        """Let the metrics count partitions and what is queued whenever they are read."""
        for spec in self.specs.values():
            for ready in (True, False):
                gauge = self._around.metrics.partitions.labels(spec.name, "ready" if ready else "restoring")
                gauge.set_function(partial(self._count, spec.source, ready=ready))
            left = self._around.metrics.restore_remaining.labels(spec.name)
            left.set_function(partial(self._left, spec.source))
            for place, gauge in enumerate((self.metrics.queued_records, self.metrics.queued_bytes)):
                gauge.labels(spec.name).set_function(partial(self._queued, spec.source, place))

    def _queued(self, topic: str, place: int) -> int:
        """Sum what waits in the lanes of a topic: records (place 0) or bytes (1)."""
        return sum(lane.queued[place] for (t, _), lane in list(self.lanes.items()) if t == topic)

    def _count(self, topic: str, *, ready: bool) -> int:
        """Count the partitions of a topic that are ready, or are not."""
        return sum(t == topic and lane.ready is ready for (t, _), lane in list(self.lanes.items()))

    def _left(self, topic: str) -> int:
        """Count the changelog records of a topic's partitions that are not read back yet."""
        return sum(
            lane.partition.read_progress.remaining for (t, _), lane in list(self.lanes.items()) if t == topic
        )
