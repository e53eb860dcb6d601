"""What our consumer does differently from Faust's: options, slices, room, seeks, hints."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiokafka
import pytest
from aiokafka.consumer import fetcher
from aiokafka.errors import (
    ConsumerStoppedError,
    IllegalStateError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)
from faust.types import TP

from streams.config.settings import Settings
from streams.engine.app import build_app
from streams.engine.faust_app import App
from streams.engine.record_batches import BoundedRecords
from streams.engine.transport import BUSY_S, FETCH_WAIT_MS, POLL_S, WORKING_BYTES, BatchConsumer
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
        self.least: list[int] = []
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
        self.least.append(self._fetcher._fetch_min_bytes)
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
    consumer._thread.thread_loop = asyncio.get_running_loop()
    consumer._active_partitions = {TP0, TP("in", 1)}
    return consumer


@pytest.fixture
def inner(consumer: BatchConsumer) -> Any:
    """Give the double."""
    return consumer._thread._consumer


async def fetched(consumer: BatchConsumer) -> list[Any]:
    """Return the slices that one round hands on."""
    handed: list[Any] = []

    async def hand_on(part: Any) -> None:
        handed.append(part)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(consumer.app, "hand_on", hand_on)
        await consumer.fetch_slices()
    return handed


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
    """No tables, web server, declared topics or leader; one agent a stage, whose source is subscribed to."""
    assert len(app.tables) == 0
    assert not app.conf.web_enabled
    assert not app.conf.topic_allow_declare
    assert app.conf.topic_disable_leader
    assert [agent.name for agent in app.agents.values()] == ["fold"]
    await app.on_start()
    assert [topic.topics for topic in app.topics] == [("in",)]


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
    """Each slice has epoch and number; a seek starts a new epoch at 0."""
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


async def test_where_batches_take_long_the_broker_waits_longer(
    consumer: BatchConsumer, inner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as records may wait; never less than usual, nor more than for a full task."""
    monkeypatch.setattr(consumer._task_manager, "has_room", lambda *_: True)
    for slack_s in (0.0, 0.005, 0.03, 7.0):
        monkeypatch.setattr(consumer._task_manager, "slack_s", lambda slack_s=slack_s: slack_s)
        await fetched(consumer)
    usual = (POLL_S, FETCH_WAIT_MS)
    assert inner.waits == [usual, usual, (0.03, 30), (BUSY_S, BUSY_S * 1000)]


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


async def test_while_a_batch_is_in_flight_the_broker_waits_for_more(
    consumer: BatchConsumer, inner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each event would be a round of its own otherwise; an idle worker asks for the first event at once."""
    monkeypatch.setattr(consumer._task_manager, "has_room", lambda *_: True)
    for working in (True, False):
        monkeypatch.setattr(consumer._task_manager, "is_working", lambda working=working: working)
        await fetched(consumer)
    assert inner.least == [WORKING_BYTES, 1]


async def test_nothing_is_fetched_while_the_group_moves(
    consumer: BatchConsumer, inner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fetching goes on with the flow."""
    monkeypatch.setattr(consumer._task_manager, "has_room", lambda *_: True)
    consumer.stop_flow()
    asyncio.get_running_loop().call_later(0.05, consumer.resume_flow)
    inner.records = {TP0: [record(0)]}
    waiting = asyncio.create_task(fetched(consumer))
    await asyncio.sleep(0.01)
    assert not inner.asked
    assert len(await waiting) == 1


async def test_fetching_ends_with_the_app(consumer: BatchConsumer, monkeypatch: pytest.MonkeyPatch) -> None:
    """An end that the app did not ask for crashes it."""

    async def stopped() -> None:
        raise ConsumerStoppedError

    monkeypatch.setattr(consumer, "fetch_slices", stopped)
    with pytest.raises(ConsumerStoppedError):
        await consumer._drain_messages(consumer)
    consumer.app._stopped.set()
    await consumer._drain_messages(consumer)


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
