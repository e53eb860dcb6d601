"""Batches through Faust: a transport whose consumer yields one message per fetched slice of a partition.

Faust's own path costs 60-80 µs per record (measured: 13 k records/s and worker); the fetcher below it does
a million. So this consumer hands a whole slice through Faust's streams as the value of one message, and an
agent iterates over slices. What else differs from Faust's own consumer, and why:

* **committed records only**, and a fetch waits 10 ms, not Faust's 1.5 s: one request per broker is under way,
  so a long wait for idle partitions is a wait for the busy one too;
* **a position out of range is an error**, never a silent jump: restart, and the gap is counted;
* **back-pressure per partition**: only partitions with room in their lane are asked for; the others' records
  wait in the fetcher, then at the broker;
* **the position is ours**: a seek goes behind the applied offset when a partition is restored, Faust's
  ``seek_to_committed`` only hands the assignment on; the committed offset is a hint computed from applied
  offsets (that the group knows none is no error), and acknowledgements mean nothing; Faust's note of what it
  read last is not kept: it drops what lies before, and, taken at delivery, it can be older than a seek;
* **nothing is lost in silence**: slices fetched as the group begins to move wait for it and are handed on
  (their lanes refuse what is stale by then); slices are numbered in the fetching thread from each seek on,
  and a lane that misses a number seeks again (:class:`~streams.engine.batching.Slice`).
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any

import aiokafka
from aiokafka.errors import (
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from streams.engine.assignor import TopicwiseAssignor
from streams.engine.batching import Slice, size_of
from streams.engine.membership import guard
from streams.errors import SourceGapError

__all__ = ["BatchConsumer", "BatchThread", "BatchTransport"]

POLL_S = 0.02
"""Longest wait of one fetch for records. The fetcher does not learn meanwhile that another lane has room
again, but a lane that was full has a whole batch to work on."""

UNPLACED_S = 0.01
"""Pause when a partition has no position yet: aiokafka answers that at once, and a lane's seek comes through
the same event loop."""

FETCH_WAIT_MS = 10
"""Longest that the broker holds a fetch back: bounds what an idle partition can cost a busy one."""

BUSY_S = 0.05
"""Both of these waits while a lane is full, in seconds: a round of fetching costs half a millisecond of CPU
(measured), and the batch that waits in that lane is longer than that on its way through a step."""


class BatchThread(driver.AIOKafkaConsumerThread):
    """The thread in which aiokafka runs; everything that touches aiokafka goes through its queue."""

    app: Any

    moving = False
    """Whether the group is moving partitions: from the revocation to the next assignment."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._marks: dict[TP, list[int]] = {}

    async def on_start(self) -> None:
        """Start the consumer; a static member is watched over."""
        await super().on_start()
        if instance := self.app.conf.consumer_group_instance_id:
            guard(self._ensure_consumer()._coordinator, instance, self.app.stages.die)  # noqa: SLF001

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:  # noqa: ANN401
        """Build the consumer from public options only, so that nothing breaks by being renamed inside."""
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

    async def place(self, tp: TP, offset: int, epoch: int) -> None:
        """Seek a partition and number its slices from 0; nothing happens if it is not assigned (any more)."""
        await self.call_thread(self._place, tp, offset, epoch)

    async def _place(self, tp: TP, offset: int, epoch: int) -> None:
        try:
            self._ensure_consumer().seek(aiokafka.TopicPartition(tp.topic, tp.partition), offset)
        except IllegalStateError:
            self.log.info("%s/%s is not ours any more: not sought", tp.topic, tp.partition)
            return
        self._marks[tp] = [epoch, 0]

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """Tell the group how far we are; a hint that does not arrive is given again later.

        Not while the group moves partitions: the broker answers a connection's requests in their order, so it
        would look at the hint when it has let us join, find a former generation, and aiokafka would leave and
        join again, at once and, with the hint still untold, for ever (seen by tests/chaos).
        """
        if self.moving:
            return False
        try:
            await self._ensure_consumer().commit(
                {aiokafka.TopicPartition(tp.topic, tp.partition): offset for tp, offset in offsets.items()}
            )
        except (KafkaError, IllegalStateError) as error:
            self.log.info("the group was not told of applied offsets: %r", error)
            return False
        return True

    async def fetch(self, wanted: set[TP], *, busy: bool) -> list[Slice]:
        """Return the slices that have arrived for wanted partitions; wait up to `POLL_S` for the first.

        Parameters
        ----------
        wanted
            Whose lanes have room.
        busy
            Whether others have none: then it may wait for `BUSY_S`, and so may the broker.
        """
        slices: list[Slice] = await self.call_thread(self._fetch, wanted, busy=busy)
        return slices

    async def _fetch(self, wanted: set[TP], *, busy: bool) -> list[Slice]:
        consumer = self._ensure_consumer()
        consumer._fetcher._fetch_max_wait_ms = int(BUSY_S * 1000) if busy else FETCH_WAIT_MS  # noqa: SLF001
        wait_s, most = BUSY_S if busy else POLL_S, self.app.conf.broker_max_poll_records
        try:
            found = await self._fetch_records(consumer, wanted, timeout=wait_s, max_records=most)
        except NoOffsetForPartitionError:
            # aiokafka looked for the group's offset before a lane sought (again); the lane will.
            await asyncio.sleep(UNPLACED_S)
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
        """Return the offset up to which a partition was fetched, markers included; -1 when not known."""
        subscription = self._consumer and self._consumer._subscription.subscription  # noqa: SLF001
        assignment = subscription and subscription.assignment
        state = assignment and assignment.state_value(aiokafka.TopicPartition(tp.topic, tp.partition))
        return int(state.position) if state and state.has_valid_position else -1


class _Unnoted(dict[TP, int | None]):
    """What Faust last read of each partition: never anything, because it drops what lies before.

    Faust takes its note when a message was delivered, which may be after a lane has sought back.
    """

    def __getitem__(self, tp: TP) -> None:
        return None

    def __setitem__(self, tp: TP, offset: int | None) -> None:
        pass


class BatchConsumer(driver.Consumer):
    """Faust's consumer, with the differences that the module's essay lists."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self._stages = self.app.stages
        self._stages.bind(self._place_lane, lambda *tp: self._thread.fetched_to(TP(*tp)))
        self._hinted: dict[TP, int] = {}
        self._read_offset = _Unnoted()

    app: Any
    _thread: BatchThread

    def _new_consumer_thread(self) -> BatchThread:
        return BatchThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(
        self,
        timeout: float,  # noqa: ASYNC109 - Faust passes it
    ) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """Yield the next slice of each partition that has room, as one message whose value is the slice."""
        if not self.flow_active:
            await self.wait(self.can_resume_flow)  # type: ignore[arg-type]
        active = self._get_active_partitions()
        wanted = {tp for tp in active if self._stages.wants(tp.topic, tp.partition)}
        if not wanted:
            await self.sleep(min(POLL_S, timeout))
            return
        for part in await self._thread.fetch(wanted, busy=len(wanted) < len(active)):
            if not self.flow_active:  # while the group moves; whatever is stale by then, its lane refuses
                await self.wait(self.can_resume_flow)  # type: ignore[arg-type]
            if self.should_stop:
                return
            tp = TP(part.topic, part.partition)
            yield tp, self._message(tp, part)

    def _message(self, tp: TP, part: Slice) -> ConsumerMessage:
        first = part.records[0]
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            first.offset,
            first.timestamp / 1000,
            first.timestamp_type,
            None,
            None,
            part,  # type: ignore[arg-type]
            None,
            0,
            0,
            tp,
            generation_id=self.app.consumer_generation_id,
        )

    async def _place_lane(self, topic: str, partition: int, offset: int, epoch: int) -> None:
        """Seek for a lane."""
        await self._thread.place(TP(topic, partition), offset, epoch)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Hand the assignment to the stages, which seek each partition when it is restored."""
        self._thread.moving = False
        assigned = [(tp.topic, tp.partition) for tp in self.assignment()]
        await self._stages.assign(assigned, self.app.consumer_generation_id)
        return {}

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Stop the flow as Faust does, then wait for the batches in flight before the group moves on."""
        self._thread.moving = True
        await super().on_partitions_revoked(revoked)
        await self._stages.quiesce()

    def ack(self, message: Any) -> bool:  # noqa: ANN401
        """Let go of a message; only those that Faust skips during a rebalance come here."""
        message.acked = True
        self._unacked_messages.discard(message)
        return True

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Offsets between two slices need no bookkeeping: applied offsets are the truth."""

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:  # noqa: ANN401, ARG002
        return (TP(topic, partition) for topic, partition in self._stages.positions())

    def _filter_committable_offsets(self, tps: Iterable[TP]) -> dict[TP, int]:
        """Return what the group has not been told yet."""
        positions = self._stages.positions()
        new = {tp: positions[tp.topic, tp.partition] for tp in tps}
        return {tp: offset for tp, offset in new.items() if self._hinted.get(tp) != offset}

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """Remember what the group was told."""
        done = bool(await super()._commit(offsets))
        if done:
            self._hinted.update(offsets)
        return done


class BatchTransport(driver.Transport):
    """Faust's aiokafka transport with our consumer."""

    Consumer = BatchConsumer
