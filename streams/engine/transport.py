"""A Faust transport whose consumer hands each fetched slice of a partition to the agent of its stage.

Faust's own path costs 60-80 µs per record (measured: 13,000 records/s per worker); aiokafka's fetcher below
it reaches a million records/s. So this consumer fetches slices, and puts each as one message into the channel
of its stage's agent, without Faust's conductor and its bookkeeping of messages. Other differences from
Faust's own consumer, and the reasons:

* **committed records only**, and a fetch waits 10 ms, not Faust's 1.5 s: only one request per broker is in
  flight, so a long wait for idle partitions delays the busy one;
* **few rounds**: while a batch is in flight, the broker waits for more records before it answers
  (:data:`WORKING_BYTES`), and it waits longer the longer batches take;
* **a position out of range is an error**, never a silent jump: restart, and the gap is counted;
* **bounded memory**: a compressed batch that would be too large is not opened, and becomes a dead letter
  (:mod:`streams.engine.record_batches`);
* **back-pressure per partition**: only partitions whose task has room are fetched; the records of the others
  wait in the fetcher, then at the broker;
* **the position is ours**: the consumer seeks behind the applied offset when a partition is restored; Faust's
  ``seek_to_committed`` only passes the assignment on. The committed offset is computed from applied offsets
  for people to read (a group without committed offsets is no error);
* **no silent loss**: slices are numbered in the fetching thread from each seek on, and a task that misses a
  number seeks again (:class:`~streams.engine.batching.Slice`). A task refuses what is stale after a
  rebalance.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import aiokafka
from aiokafka.consumer import fetcher
from aiokafka.errors import (
    ConsumerStoppedError,
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode import ServiceT

from streams.engine.batching import Slice, size_of
from streams.engine.consumer_group import TopicwiseAssignor, guard_static_member
from streams.engine.fetched_records import FetchedRecords
from streams.engine.record_batches import BoundedRecords
from streams.errors import SourceGapError

__all__ = ["BatchConsumer", "BatchThread", "BatchTransport"]

POLL_S = 0.02
"""Seconds that one fetch waits for records. Meanwhile the fetcher does not notice that another task has room
again, but a task that was full has a whole batch to process."""

NO_POSITION_S = 0.01
"""Seconds to pause while a partition has no position yet: aiokafka answers that at once, and the seek of a
task arrives through the same event loop."""

FETCH_WAIT_MS = 10
"""Milliseconds that the broker may hold a fetch back: bounds the delay of a busy partition by idle ones."""

WORKING_BYTES = 1 << 16
"""Bytes for which a fetch waits so long while a batch is in flight: some 200 events. Of 1,000 events a second
one or two would come with each of 500 rounds, and wait for the batch anyway; a round costs 0.5 ms of CPU."""

BUSY_S = 0.05
"""Both of these waits while a task is full, in seconds: one round of fetching costs 0.5 ms of CPU (measured),
and the batch that is queued in that task takes longer than that in its step. No wait is longer, either,
where batches take long (`TaskManager.slack_s`)."""


class BatchThread(driver.AIOKafkaConsumerThread):
    """The thread in which aiokafka runs; every call of aiokafka goes through its queue."""

    app: Any

    rebalancing = False
    """Whether the group is rebalancing: from the revocation to the next assignment."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._marks: dict[TP, list[int]] = {}  # epoch of each partition, and number of its next slice

    async def on_start(self) -> None:
        """Start the consumer; guard a static member."""
        await super().on_start()
        if instance := self.app.conf.consumer_group_instance_id:
            guard_static_member(self._ensure_consumer()._coordinator, instance, self.app.task_manager.die)  # noqa: SLF001

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:  # noqa: ANN401
        """Build the consumer from public options only: they are stable, Faust's internal ones are not."""
        fetcher.MemoryRecords = BoundedRecords  # no option bounds what a batch is decompressed to
        fetcher.PartitionRecords = FetchedRecords
        conf = self.app.conf
        return aiokafka.AIOKafkaConsumer(
            bootstrap_servers=driver.server_list(transport.url, transport.default_port),
            client_id=conf.broker_client_id,
            group_id=conf.id,
            group_instance_id=conf.consumer_group_instance_id,
            partition_assignment_strategy=[TopicwiseAssignor],
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            fetch_max_wait_ms=FETCH_WAIT_MS,
            check_crcs=conf.broker_check_crcs,
            max_poll_records=conf.broker_max_poll_records,
            max_partition_fetch_bytes=conf.consumer_max_fetch_size,
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            max_poll_interval_ms=int(conf.broker_max_poll_interval * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            **self.app.security,
        )

    async def seek_epoch(self, tp: TP, offset: int, epoch: int) -> None:
        """Seek a partition and number its slices from 0; does nothing if it is not assigned (any more)."""
        await self.call_thread(self._seek_epoch, tp, offset, epoch)

    async def _seek_epoch(self, tp: TP, offset: int, epoch: int) -> None:
        try:
            self._ensure_consumer().seek(aiokafka.TopicPartition(tp.topic, tp.partition), offset)
        except IllegalStateError:
            self.log.info("%s/%s is not assigned any more: no seek", tp.topic, tp.partition)
            return
        self._marks[tp] = [epoch, 0]

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """Commit offsets to the group; a commit that fails is repeated later.

        Not during a rebalance: the broker answers the requests of a connection in order, so it would handle
        the commit after the join and find an earlier generation in it. aiokafka would leave and join again at
        once, and, with the commit still pending, would do so for ever (found by tests/chaos).
        """
        if self.rebalancing:
            return False
        try:
            await self._ensure_consumer().commit(
                {aiokafka.TopicPartition(tp.topic, tp.partition): offset for tp, offset in offsets.items()}
            )
        except (KafkaError, IllegalStateError) as error:
            self.log.info("offsets were not committed to the group: %r", error)
            return False
        return True

    async def fetch(self, wanted: set[TP], *, slack_s: float, working: bool) -> list[Slice]:
        """Return the slices that have arrived for some partitions; wait for the first, at least `POLL_S`.

        Parameters
        ----------
        wanted
            The partitions whose tasks have room.
        slack_s
            Seconds for which the fetch and the broker may wait, more than without a reason; at most `BUSY_S`.
        working
            Whether a batch is in flight: then the broker may wait for more records.
        """
        # Not through Faust's queue of calls, whose workers take as long as the fetch.
        fetching = self._fetch(wanted, slack_s=min(slack_s, BUSY_S), working=working)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(fetching, self.thread_loop))

    async def _fetch(self, wanted: set[TP], *, slack_s: float, working: bool) -> list[Slice]:
        consumer = self._ensure_consumer()
        consumer._fetcher._fetch_max_wait_ms = max(FETCH_WAIT_MS, int(slack_s * 1000))  # noqa: SLF001
        consumer._fetcher._fetch_min_bytes = WORKING_BYTES if working else 1  # noqa: SLF001
        most, timeout = self.app.conf.broker_max_poll_records, max(POLL_S, slack_s)
        try:
            found = await self._fetch_records(consumer, wanted, timeout=timeout, max_records=most)
        except NoOffsetForPartitionError:
            # aiokafka looked up the group's offset before a task has sought; the task will seek.
            await asyncio.sleep(NO_POSITION_S)
            return []
        except OffsetOutOfRangeError as error:
            what = f"records were deleted before they were read: {error}"
            raise SourceGapError(what, next_step="restart: the gap is counted; raise retention.ms") from error
        # No await between the fetcher's answer and here: a seek cannot come between records and their epoch.
        return [self._slice(TP(tp.topic, tp.partition), records) for tp, records in found.items()]

    def _slice(self, tp: TP, records: list[Any]) -> Slice:
        mark = self._marks.setdefault(tp, [0, 0])
        epoch, number = mark
        mark[1] += 1
        return Slice(tp.topic, tp.partition, epoch, number, records, size_of(records))

    def fetched_to(self, tp: TP) -> int:
        """Return the offset up to which a partition was fetched, markers included; -1 if unknown."""
        subscription = self._consumer and self._consumer._subscription.subscription  # noqa: SLF001
        assignment = subscription and subscription.assignment
        state = assignment and assignment.state_value(aiokafka.TopicPartition(tp.topic, tp.partition))
        return int(state.position) if state and state.has_valid_position else -1


class BatchConsumer(driver.Consumer):
    """Faust's consumer, with the differences that the module's docstring lists."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self._task_manager = self.app.task_manager
        self._task_manager.bind(self._seek_task, lambda *tp: self._thread.fetched_to(TP(*tp)))
        self._committed_positions: dict[TP, int] = {}

    app: Any
    _thread: BatchThread

    def _new_consumer_thread(self) -> BatchThread:
        return BatchThread(self, loop=self.loop, beacon=self.beacon)

    async def _drain_messages(self, fetcher: ServiceT) -> None:
        """Fetch until the consumer or Faust's fetcher, a service that runs this, is stopped."""
        try:
            while not (self.should_stop or fetcher.should_stop):
                await self.fetch_slices()
        except (asyncio.CancelledError, ConsumerStoppedError):
            if not self.app.should_stop:
                raise

    async def fetch_slices(self) -> None:
        """Fetch once for the tasks that have room, and hand their slices on to the agents."""
        tasks = self._task_manager
        if not self.flow_active:
            await self.wait(self.can_resume_flow)  # type: ignore[arg-type]
        active = self._get_active_partitions()
        wanted = {tp for tp in active if tasks.has_room(tp.topic, tp.partition)}
        if not wanted:
            await self.sleep(POLL_S)
            return
        slack_s = BUSY_S if len(wanted) < len(active) else tasks.slack_s()
        for part in await self._thread.fetch(wanted, slack_s=slack_s, working=tasks.is_working()):
            await self.app.hand_on(part)

    async def _seek_task(self, topic: str, partition: int, offset: int, epoch: int) -> None:
        """Seek for a task."""
        await self._thread.seek_epoch(TP(topic, partition), offset, epoch)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Pass the assignment to the task manager; tasks seek when their partition is restored."""
        self._thread.rebalancing = False
        assigned = [(tp.topic, tp.partition) for tp in self.assignment()]
        await self._task_manager.assign(assigned, self.app.consumer_generation_id)
        return {}

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Stop the flow as Faust does, then wait for the batches in flight before the rebalance goes on."""
        self._thread.rebalancing = True
        await super().on_partitions_revoked(revoked)
        await self._task_manager.quiesce()

    async def verify_all_partitions_active(self) -> None:
        """Do nothing: Faust takes every pause between its own commits for a livelock.

        Offsets are committed by applied position, and only where it has moved. The watchdog
        (:mod:`streams.engine.watchdog`) finds partitions that make no progress.
        """

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:  # noqa: ANN401, ARG002
        return (TP(topic, partition) for topic, partition in self._task_manager.positions())

    def _filter_committable_offsets(self, tps: Iterable[TP]) -> dict[TP, int]:
        """Return the positions that are not committed to the group yet."""
        positions = self._task_manager.positions()
        new = {tp: positions[tp.topic, tp.partition] for tp in tps}
        return {tp: offset for tp, offset in new.items() if self._committed_positions.get(tp) != offset}

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """Remember what was committed to the group."""
        done = bool(await super()._commit(offsets))
        if done:
            self._committed_positions.update(offsets)
        return done


class BatchTransport(driver.Transport):
    """Faust's aiokafka transport with our consumer."""

    Consumer = BatchConsumer
