"""Partitions that wait: batches behind a gate, deferred output, producers that are being fenced."""

import asyncio
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from streams.engine.applied import Origin
from streams.engine.partition import Partition
from streams.engine.stage import StageSpec
from streams.engine.step_permits import StepPermits
from streams.engine.task_manager import TaskManager
from streams.errors import AbandonedError
from tests.streams.doubles import DeferringStep, Log, Producer, fold_spec, record, worker_context
from tests.streams.engine.fetching import IN, Fetcher, assigned, offer, twelve_events, until
from tests.waiting import PATIENCE_S


@pytest.fixture
def log() -> Log:
    """Give a source with twelve events in partition 0."""
    return twelve_events()


@pytest.fixture
def deaths() -> list[BaseException]:
    """Collect what would have ended the process."""
    return []


class Gate:
    """Holds batches back until it is opened."""

    def __init__(self) -> None:
        self.open, self.asked = asyncio.Event(), 0

    async def __call__(self, _partition: int) -> bool:
        """Wait, then say no once and yes from then on."""
        self.asked += 1
        await self.open.wait()
        return self.asked > 1


async def test_gate_and_interval_hold_batches_back(
    log: Log, tmp_path: Path, deaths: list[BaseException]
) -> None:
    """No batch passes a closed gate; what arrives meanwhile joins the batch; the floor spaces the starts."""
    gate = Gate()
    spec = replace(fold_spec(), gate=gate, min_interval_s=0.2, max_events=100)
    held = TaskManager([spec], worker_context(log, tmp_path / "held"), threads=1, die=deaths.append)
    fetcher = Fetcher(log, held)
    await assigned(held)
    offer(held, fetcher.fetch(3))
    await until(lambda: gate.asked == 1)
    offer(held, fetcher.fetch(3))
    assert log.records("out") == []
    gate.open.set()
    await until(lambda: held.positions() == {IN: 6})
    loop = asyncio.get_running_loop()
    offer(held, fetcher.fetch(3))
    asked, began = gate.asked, loop.time()
    await until(lambda: held.positions() == {IN: 9})
    assert loop.time() - began > 0.05
    assert gate.asked == asked + 1
    gate.open.clear()
    offer(held, fetcher.fetch(3))
    await held.close()
    held.shutdown()
    assert not deaths


async def test_records_that_come_while_a_step_waits_for_its_permit_are_in_its_batch(
    log: Log, tmp_path: Path, deaths: list[BaseException]
) -> None:
    """Another step computes: the batch is not cut before it may; what a rebalance drops is not in it."""
    permits, spec = StepPermits(1), replace(fold_spec(), max_events=100)
    context = replace(worker_context(log, tmp_path), step_permits=permits)
    tasks = TaskManager([spec], context, threads=1, die=deaths.append)
    fetcher = Fetcher(log, tasks)
    await assigned(tasks)
    with permits.one():
        offer(tasks, fetcher.fetch(3))
        await until(lambda: permits.waiting == 1)
        offer(tasks, fetcher.fetch(3))
    await until(lambda: tasks.positions() == {IN: 6})
    assert log.topics["log", 0].count(None) == 1  # the marker of one transaction
    with permits.one():
        offer(tasks, fetcher.fetch(3))
        await until(lambda: permits.waiting == 1)
        quiet = asyncio.create_task(tasks.quiesce())
        await until(lambda: tasks.tasks[IN].queued == (0, 0))
    await quiet
    assert tasks.positions() == {IN: 6}
    await tasks.close()
    tasks.shutdown()
    assert not deaths


async def test_deferred_output_is_flushed_without_records(
    log: Log, tmp_path: Path, deaths: list[BaseException]
) -> None:
    """When its time is over, on a quiet topic; and not while partitions move, but right after it."""

    class Soon(DeferringStep):
        """Defers output until a time that the test sets."""

        until = float("inf")

        def due_s(self) -> float | None:
            """Count down."""
            return max(0.0, Soon.until - time.monotonic()) if self._pending else None

    tasks = TaskManager(
        [replace(fold_spec(), make_step=lambda _, store: Soon(store))],
        worker_context(log, tmp_path), threads=2, die=deaths.append,
    )  # fmt: skip
    fetcher = Fetcher(log, tasks)
    await assigned(tasks)
    Soon.until = time.monotonic() + 0.1
    offer(tasks, fetcher.fetch(3))
    await until(lambda: len(log.records("out")) == 3)
    Soon.until = float("inf")
    offer(tasks, fetcher.fetch(3))
    await until(lambda: tasks.positions() == {IN: 6})
    await tasks.quiesce()
    Soon.until = 0.0
    assert tasks.tasks[IN]._due_s() is None
    assert len(log.records("out")) == 3
    await tasks.assign([IN], 2)
    await until(lambda: len(log.records("out")) == 6)
    await until(lambda: tasks.progress()[IN].idle)
    await tasks.close()
    tasks.shutdown()
    assert not deaths


async def test_the_next_owner_flushes_pending_output(
    log: Log, tmp_path: Path, deaths: list[BaseException]
) -> None:
    """A worker leaves with pending output; the next owner finds it in the state and flushes it."""
    DeferringStep.due = False
    spec = replace(fold_spec(), make_step=lambda _, store: DeferringStep(store))
    for life in range(2):
        tasks = TaskManager([spec], worker_context(log, tmp_path / str(life)), threads=2, die=deaths.append)
        fetcher = Fetcher(log, tasks)
        await assigned(tasks, life + 1)
        if life == 0:
            offer(tasks, fetcher.fetch(4))
            await until(lambda tasks=tasks: tasks.positions() == {IN: 4})  # type: ignore[misc]
            assert log.records("out") == []
            DeferringStep.due = True
        else:
            await until(lambda: len(log.records("out")) == 4)
        await tasks.close()
        tasks.shutdown()
    assert not deaths


async def test_partitions_do_not_move_while_one_is_being_fenced(
    log: Log, tmp_path: Path, deaths: list[BaseException]
) -> None:
    """Who had it before must not fence who has it after; what is not begun by then is not begun any more."""
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Producer):
        """Takes its time to fence."""

        def init_transactions(self, timeout: float) -> None:
            begun.set()
            assert go_on.wait(PATIENCE_S)
            super().init_transactions(timeout)

    context = replace(worker_context(log, tmp_path), producer=lambda name: Slow(log, name))  # type: ignore[arg-type,return-value]
    tasks = TaskManager([fold_spec()], context, threads=2, die=deaths.append)
    Fetcher(log, tasks)
    await tasks.assign([IN], 1)
    await until(begun.is_set)
    moving = asyncio.get_running_loop().create_task(tasks.quiesce())
    await asyncio.sleep(0.05)
    assert not moving.done()
    go_on.set()
    await moving
    assert "group.fold.0" in log.owner
    await tasks.close()
    tasks.shutdown()
    late = Partition(fold_spec(), 1, context)
    late.abandon()
    with pytest.raises(AbandonedError, match="before it was opened"):
        late.open()
    assert "group.fold.1" not in log.owner
    late.close()
    assert not deaths


@pytest.mark.parametrize("stays", [True, False])
async def test_a_partition_that_waits_to_be_opened_fences_nobody_after_it_was_revoked(
    log: Log, tmp_path: Path, deaths: list[BaseException], *, stays: bool
) -> None:
    """Between the start of a rebalance and its end the next owner may be at work already."""
    asked, go_on = threading.Event(), threading.Event()

    def slow(_: StageSpec) -> Origin:
        """Stand in for a round trip to the cluster, or for the queue before the few threads that open."""
        asked.set()
        assert go_on.wait(PATIENCE_S)
        return Origin(1)

    context = replace(worker_context(log, tmp_path / "a"), origin=slow)
    tasks = TaskManager([fold_spec()], context, threads=2, die=deaths.append)
    Fetcher(log, tasks)
    await tasks.assign([IN], 1)
    await until(asked.is_set)
    await tasks.quiesce()
    other = Partition(fold_spec(), 0, worker_context(log, tmp_path / "b"))
    await asyncio.to_thread(other.open)
    go_on.set()
    await until(lambda: tasks.tasks[IN].partition._transactions is not None)
    await asyncio.sleep(0.05)
    other.process([record(offset, *log.topics[IN][offset]) for offset in range(3)])
    assert other.applied == 2
    other.close()
    await tasks.assign([IN] if stays else [], 2)
    if stays:
        await until(lambda: tasks.has_room(*IN))
        assert tasks.positions() == {IN: 3}
    await tasks.close()
    tasks.shutdown()
    assert not deaths
