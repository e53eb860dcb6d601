"""The tasks of one worker: which source partitions are assigned to it; lives on the event loop."""

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
from streams.engine.partition_task import PartitionTask, Seek, TaskContext
from streams.engine.stage import StageSpec
from streams.engine.watchdog import WorkProgress
from streams.telemetry.metrics import Gauge

__all__ = ["TaskManager"]

_LOG = structlog.get_logger(__name__)

RESTORE_THREADS = 4
"""Partitions that are opened at the same time: a restore waits for the network more than for a core."""

SLACK = 0.2
"""Share of a batch for which records may wait at the broker. The longer batches take, the less it adds to the
way of an event, and a round of fetching costs .6 to .8 ms of CPU however few records it brings: where batches
take 120 ms, 40 rounds a second in place of 90."""

TopicPartition = tuple[str, int]
"""Source topic and partition."""

FetchedTo = Callable[[str, int], int]
"""``(topic, partition)``: offset behind the last one fetched, -1 if unknown."""


def _unknown(topic: str, partition: int) -> int:  # noqa: ARG001 - a `FetchedTo`
    """Return that nothing is known, before a consumer is bound."""
    return -1


class TaskManager:
    """The stages of a worker, and a task for each assigned partition of their sources.

    Parameters
    ----------
    specs
        The stages, each with a source of its own.
    context
        What their partitions share.
    threads
        Number of batches in flight, those that wait for the broker included.
    die
        Ends the process after a failure.

    Attributes
    ----------
    tasks
        By source topic and partition. Other threads copy it before they read it as a whole: a copy is one
        step of the interpreter, a list of the items is not.
    """

    def __init__(
        self,
        specs: Iterable[StageSpec],
        context: WorkerContext,
        *,
        threads: int,
        die: Callable[[BaseException], None] = die,
    ) -> None:
        self.specs = {spec.source: spec for spec in specs}
        self.tasks: dict[TopicPartition, PartitionTask] = {}
        self.assigned_once = False
        """Whether the group has answered once, even with no partition at all."""
        self.metrics = context.metrics
        self._context, self.die = context, die
        self._fetched_to: FetchedTo = _unknown
        self._batches = ThreadPoolExecutor(threads, thread_name_prefix="work")
        self._restores = ThreadPoolExecutor(RESTORE_THREADS, thread_name_prefix="restore")
        self._task_context: TaskContext | None = None
        self._closing: dict[TopicPartition, asyncio.Task[None]] = {}
        self._generation = -1
        self._lock = asyncio.Lock()
        self._register_gauges()

    def waiting(self) -> list[str]:
        """Return what is not ready yet, a line each; safe from any thread."""
        if not self.assigned_once:
            return ["the group has not assigned partitions yet"]
        return [task.partition.progress for task in list(self.tasks.values()) if not task.ready]

    def bind(self, seek: Seek, fetched_to: FetchedTo) -> None:
        """Connect the tasks to the consumer that fetches for them."""
        self._fetched_to = fetched_to
        self._task_context = TaskContext(
            self._batches, self._restores, seek, itertools.count(1), self._on_lost_slice, self.die
        )

    def progress(self) -> dict[TopicPartition, WorkProgress]:
        """Return the progress of every assigned partition; safe from any thread."""
        return {
            tp: WorkProgress(
                stage=task.partition.spec.name,
                applied=task.partition.applied,
                fetched_to=self._fetched_to(*tp),
                idle=task.idle,
                restored_rows=task.partition.read_progress.rows,
                gate_refusals=task.gate_refusals,
            )
            for tp, task in self.tasks.copy().items()
        }

    def has_room(self, topic: str, partition: int) -> bool:
        """Return whether a partition is assigned and can take another slice."""
        task = self.tasks.get((topic, partition))
        return task is not None and task.has_room

    def is_working(self) -> bool:
        """Return whether a batch is in flight, or records wait for one."""
        return not all(task.idle for task in self.tasks.values())

    def slack_s(self) -> float:
        """Return the seconds for which records may wait: a share of the shortest of the last batches.

        Those of a stage that yields to others do not count.
        """
        tasks = [task for task in self.tasks.values() if not task.partition.spec.yields_s]
        return SLACK * min((task.took_s for task in tasks), default=0.0)

    def offer(self, part: Slice) -> None:
        """Give a slice to the task of its partition, if that is still assigned."""
        task = self.tasks.get((part.topic, part.partition))
        if task is not None:
            task.offer(part)

    def positions(self) -> dict[TopicPartition, int]:
        """Return applied + 1 of every partition: what is committed to the group."""
        return {tp: task.partition.position for tp, task in self.tasks.items() if task.partition.applied >= 0}

    async def assign(self, assigned: Iterable[TopicPartition], generation: int) -> None:
        """Make the assigned partitions ours and no others; returns before new ones are restored.

        A partition stays open only across consecutive generations of the group. Between any others another
        worker may have owned it, so it is opened anew.

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
            for tp in self.tasks.keys() - keep:
                self._closing[tp] = asyncio.get_running_loop().create_task(self.tasks.pop(tp).close())
            for tp in sorted(wanted - self.tasks.keys()):
                self.tasks[tp] = self._new_task(tp)
            _LOG.info("assigned", generation=generation, partitions=[f"{t}/{p}" for t, p in sorted(wanted)])
            for task in self.tasks.values():
                task.partition.release()
            for task in [task for task in self.tasks.values() if task.ready]:
                await task.rewind()

    async def quiesce(self) -> None:
        """Refuse further slices and wait for the batches in flight: a rebalance begins."""
        await asyncio.gather(*(task.quiesce() for task in self.tasks.values()))

    async def close(self) -> None:
        """Wait for the batches in flight to end and close every partition."""
        async with self._lock:
            tasks = list(self.tasks.values())
            await asyncio.gather(*(task.close() for task in tasks), *self._closing.values())

    def shutdown(self) -> None:
        """Stop the threads; nothing may be in flight."""
        self._batches.shutdown(wait=False)
        self._restores.shutdown(wait=False)

    def _new_task(self, tp: TopicPartition) -> PartitionTask:
        """Begin to open a partition, after its previous task is closed."""
        if self._task_context is None:
            msg = "bind() comes first"
            raise RuntimeError(msg)
        partition = Partition(self.specs[tp[0]], tp[1], self._context)
        return PartitionTask(partition, self._task_context, after=self._closing.pop(tp, None))

    def _on_lost_slice(self, partition: Partition) -> None:
        """Report a slice that Faust lost; its task reads it again."""
        stage = partition.spec.name
        _LOG.error("slice_lost", stage=stage, partition=partition.number, next="reading again from applied")
        self.metrics.rewinds.labels(stage).inc()

    def _register_gauges(self) -> None:
        """Let the gauges compute their values from the tasks whenever metrics are read."""
        metrics = self.metrics
        for topic, spec in self.specs.items():
            values: tuple[tuple[Gauge, Callable[[PartitionTask], int]], ...] = (
                (metrics.partitions.labels(spec.name, "ready"), lambda task: task.ready),
                (metrics.partitions.labels(spec.name, "restoring"), lambda task: not task.ready),
                (
                    metrics.restore_remaining.labels(spec.name),
                    lambda task: task.partition.read_progress.remaining,
                ),
                (metrics.queued_records.labels(spec.name), lambda task: task.queued[0]),
                (metrics.queued_bytes.labels(spec.name), lambda task: task.queued[1]),
            )
            for gauge, value in values:
                gauge.set_function(partial(self._sum, topic, value))

    def _sum(self, topic: str, value: Callable[[PartitionTask], int]) -> int:
        """Return the sum of a value over the tasks of a topic."""
        return sum(value(task) for (name, _), task in self.tasks.copy().items() if name == topic)
