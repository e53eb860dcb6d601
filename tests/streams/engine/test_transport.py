"""What our consumer does differently from Faust's: options, slices, room, seeks, hints."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiokafka
import pytest
from aiokafka.consumer import fetcher
from aiokafka.errors import IllegalStateError, NoOffsetForPartitionError, OffsetOutOfRangeError
from faust.types import TP

from streams.config.settings import Settings
from streams.engine.app import build_app
from streams.engine.batching import Slice
from streams.engine.faust_app import App
from streams.engine.record_batches import BoundedRecords
from streams.engine.transport import BUSY_S, FETCH_WAIT_MS, POLL_S, BatchConsumer
from streams.errors import SourceGapError
from streams.telemetry.metrics import Metrics
from tests.streams.doubles import fold_spec, record

TP0 = TP("in", 0)


class Inner:
    """Stands in for aiokafka's consumer and its fetcher."""

    def __init__(self) -> None:
        self.records: dict[Any, list[Any]] = {}
        self.asked: list[Any] = []
        self.waits: list[tuple[float, int]] = []
        self.sought: list[tuple[Any, int]] = []
        self.committed: list[dict[Any, int]] = []
        self.owned = True
        self.error: Exception | None = None
        self._closed = False
        self._fetcher = SimpleNamespace(
            fetched_records=self.fetched_records,
            _closed=False,
            _subscriptions=SimpleNamespace(fetch_context=Nothing),
        )

    async def fetched_records(self, wanted: Any, timeout: float, **_: Any) -> dict[Any, list[Any]]:  # noqa: ASYNC109
        """Hand out what a test put there."""
        self.asked.append(wanted)
        self.waits.append((timeout, self._fetcher._fetch_max_wait_ms))
        if self.error:
            raise self.error
        found, self.records = self.records, {}
        return found

    def seek(self, tp: Any, offset: int) -> None:
        """Note, or refuse as aiokafka does."""
        if not self.owned:
            raise IllegalStateError(tp)
        self.sought.append((tp, offset))

    async def commit(self, offsets: dict[Any, int]) -> None:
        """Note, or refuse."""
        if not self.owned:
            raise IllegalStateError(offsets)
        self.committed.append(offsets)


class Nothing:
    """A context that does nothing."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture
async def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[App]:
    """Give an app that is connected to nothing and lives on the test's loop."""
    monkeypatch.setattr(asyncio, "new_event_loop", asyncio.get_running_loop)
    settings = Settings(brokers="127.0.0.1:1,127.0.0.1:2", state_dir=tmp_path, session_timeout_s=7)
    app = build_app(settings, [fold_spec()], Metrics())
    yield app
    app.task_manager.shutdown()


@pytest.fixture
async def consumer(app: App, monkeypatch: pytest.MonkeyPatch) -> BatchConsumer:
    """Give its consumer, whose thread is the test's own and whose aiokafka is a double."""
    consumer = app.consumer
    assert isinstance(consumer, BatchConsumer)

    async def call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await function(*args, **kwargs)

    monkeypatch.setattr(consumer._thread, "call_thread", call)
    consumer._thread._consumer = Inner()
    consumer._active_partitions = {TP0, TP("in", 1)}
    return consumer


@pytest.fixture
def inner(consumer: BatchConsumer) -> Any:
    """Give the double."""
    return consumer._thread._consumer


async def fetched(consumer: BatchConsumer) -> list[Any]:
    """Return the slices of one round."""
    return [message.value async for _, message in consumer.getmany(timeout=0.01)]


async def test_options_of_the_real_consumer(app: App) -> None:
    """Committed records only, short fetches, no jump when out of range, nothing committed by itself."""
    real = app.consumer._thread._create_worker_consumer(app.transport)
    assert isinstance(real, aiokafka.AIOKafkaConsumer)
    assert real._isolation_level == "read_committed"
    assert real._fetch_max_wait_ms == FETCH_WAIT_MS
    assert real._auto_offset_reset == "none"
    assert real._enable_auto_commit is False
    assert fetcher.MemoryRecords is BoundedRecords  # whose batches are not decompressed without a bound
    assert real._group_id == "nearline"
    assert real._session_timeout_ms == 7_000
    assert real._client._bootstrap_servers == ["127.0.0.1:1", "127.0.0.1:2"]


async def test_nothing_of_faust_keeps_state_or_listens(app: App) -> None:
    """No tables, no web server, no topics declared, no leader; one agent a stage."""
    assert len(app.tables) == 0
    assert not app.conf.web_enabled
    assert not app.conf.topic_allow_declare
    assert app.conf.topic_disable_leader
    assert [agent.name for agent in app.agents.values()] == ["fold"]


async def test_no_livelock_is_looked_for(consumer: BatchConsumer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Faust takes a pause between two of its own commits for one, and says so in an error a partition."""

    def alarm(*_: object) -> None:
        pytest.fail("Faust looked")

    monkeypatch.setattr(consumer, "assignment", lambda: {TP0})
    monkeypatch.setattr(consumer, "verify_event_path", alarm)
    await consumer.verify_all_partitions_active()


async def test_slices_are_numbered_from_each_seek(
    consumer: BatchConsumer, inner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each slice is one message whose value has epoch and number; a seek starts a new epoch at 0."""
    monkeypatch.setattr(consumer._task_manager, "has_room", lambda *_: True)
    seen = []
    for epoch in (5, 6):
        await consumer._seek_task("in", 0, 40, epoch)
        for _ in range(2):
            inner.records = {TP0: [record(40, value=b"abc"), record(41, value=None)]}
            seen += await fetched(consumer)
    assert [(part.epoch, part.number) for part in seen] == [(5, 0), (5, 1), (6, 0), (6, 1)]
    assert [(len(part.records), part.size) for part in seen] == [(2, 7)] * 4
    assert inner.sought == [(aiokafka.TopicPartition("in", 0), 40)] * 2


async def test_partition_never_sought_has_no_epoch(
    consumer: BatchConsumer, inner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records of a partition without a seek belong to epoch 0, which no task accepts."""
    monkeypatch.setattr(consumer._task_manager, "has_room", lambda *_: True)
    inner.owned = False
    await consumer._seek_task("in", 0, 40, 5)
    inner.records = {TP0: [record(0)]}
    assert [part.epoch for part in await fetched(consumer)] == [0]


async def test_only_partitions_with_room_are_asked(
    consumer: BatchConsumer, inner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Back-pressure is per partition; where none has room nobody is asked."""
    monkeypatch.setattr(consumer._task_manager, "has_room", lambda _topic, partition: partition == 1)
    await fetched(consumer)
    assert inner.asked == [{TP("in", 1)}]
    monkeypatch.setattr(consumer._task_manager, "has_room", lambda *_: False)
    await fetched(consumer)
    assert len(inner.asked) == 1


async def test_while_a_lane_is_full_fetching_takes_its_time(
    consumer: BatchConsumer, inner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both waits are long while another task has a whole queued batch, short if all have room."""
    for room in ({0, 1}, {1}, {0, 1}):
        monkeypatch.setattr(
            consumer._task_manager, "has_room", lambda _topic, partition, room=room: partition in room
        )
        await fetched(consumer)
    short, long = (POLL_S, FETCH_WAIT_MS), (BUSY_S, BUSY_S * 1000)
    assert inner.waits == [short, long, short]


async def test_position_out_of_range_is_never_a_silent_jump(
    consumer: BatchConsumer, inner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records that retention deleted while we ran end the worker; the next one counts them."""
    monkeypatch.setattr(consumer._task_manager, "has_room", lambda *_: True)
    inner.error = OffsetOutOfRangeError({TP0: 3})
    with pytest.raises(SourceGapError, match="restart"):
        await fetched(consumer)


async def test_a_group_that_knows_no_offset_is_no_error(
    consumer: BatchConsumer, inner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new group moves partitions before any offset was committed; a task seeks, and then slices arrive."""
    monkeypatch.setattr(consumer._task_manager, "has_room", lambda *_: True)
    inner.error = NoOffsetForPartitionError(TP0)
    assert await fetched(consumer) == []
    inner.error = None
    inner.records = {TP0: [record(0)]}
    assert len(await fetched(consumer)) == 1


async def test_slices_fetched_as_the_group_begins_to_move_are_handed_on(
    consumer: BatchConsumer, inner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They wait until the flow goes on: a missing slice would be a gap in a task that did not move."""
    monkeypatch.setattr(consumer._task_manager, "has_room", lambda *_: True)
    inner.records = {TP0: [record(0)], TP("in", 1): [record(0)]}
    seen = []
    async for tp, _ in consumer.getmany(timeout=0.01):
        seen.append(tp)
        if len(seen) == 1:
            consumer.stop_flow()
            asyncio.get_running_loop().call_later(0.05, consumer.resume_flow)
    assert seen == [TP0, TP("in", 1)]


async def test_faust_notes_no_offset_by_which_it_would_drop_slices(consumer: BatchConsumer) -> None:
    """A read offset set at delivery would hide the records that a task has sought back to meanwhile."""
    consumer._read_offset[TP0] = 41
    assert consumer._read_offset[TP0] is None
    assert consumer._read_offset.pop(TP0, None) is None


async def test_the_groups_offset_is_told_and_never_read(
    consumer: BatchConsumer, inner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The committed offset is applied + 1, sent again only if it changes; a refusal is no failure."""
    positions = {("in", 0): 12}
    monkeypatch.setattr(consumer._task_manager, "positions", lambda: positions)
    monkeypatch.setattr(consumer, "assignment", lambda: {TP0})
    assert await consumer.commit()
    assert not await consumer.commit()
    positions["in", 0] = 15
    inner.owned = False
    assert not await consumer.commit()
    inner.owned = True
    assert await consumer.commit()
    assert [dict(offsets) for offsets in inner.committed] == [{TP0: 12}, {TP0: 15}]


async def test_no_hint_while_the_group_moves_partitions(
    consumer: BatchConsumer, inner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the revocation to the next assignment: a hint of a former generation would begin the next move."""

    async def nothing(*_: Any) -> None:
        pass

    monkeypatch.setattr(consumer, "_on_partitions_revoked", nothing)
    monkeypatch.setattr(consumer._task_manager, "assign", nothing)
    monkeypatch.setattr(consumer._task_manager, "positions", lambda: {("in", 0): 12})
    monkeypatch.setattr(consumer, "assignment", lambda: {TP0})
    await consumer.on_partitions_revoked({TP0})
    assert not await consumer.commit()
    assert not inner.committed
    await consumer.seek_to_committed()
    assert await consumer.commit()
    assert inner.committed == [{TP0: 12}]


async def test_assignment_goes_to_the_stages(
    consumer: BatchConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Faust would read committed offsets it hands over the assignment and keeps none."""
    calls = []

    async def assign(*args: Any) -> None:
        calls.append(args)

    monkeypatch.setattr(consumer._task_manager, "assign", assign)
    monkeypatch.setattr(consumer, "assignment", lambda: {TP0})
    consumer.app.consumer_generation_id = 4
    await consumer.perform_seek()
    assert calls == [([("in", 0)], 4)]
    assert consumer._read_offset[TP0] is None
    assert consumer._committed_offset[TP0] is None


async def test_gaps_and_acknowledgements_cost_nothing(consumer: BatchConsumer) -> None:
    """Faust's lists of acknowledged offsets stay empty, however far apart two slices are."""
    message = consumer._message(TP0, Slice("in", 0, 1, 0, [record(0)], 1))
    await consumer._add_gap(TP0, 1, 1 << 60)
    assert consumer.ack(message)
    assert message.acked
    assert not consumer._acked
    assert not consumer._gap
