"""Partitions coming, working and going, on the event loop, with a step and a log in memory."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from streams.engine.batching import Slice, size_of
from streams.engine.partition import Partition
from streams.engine.stages import Stages
from streams.errors import AbandonedError, StepFailedError
from tests.streams.doubles import Consumer, Lender, Log, Producer, fold_spec, record, surroundings

IN = ("in", 0)


class Fetcher:
    """Stands in for the consumer: hands out slices from where a lane was placed, numbered."""

    def __init__(self, log: Log, stages: Stages) -> None:
        self._log, self._stages = log, stages
        self.at: dict[tuple[str, int], list[int]] = {}
        self.places: list[tuple[str, int, int, int]] = []
        stages.bind(self.place, lambda topic, partition: self.at.get((topic, partition), [-1])[0])

    async def place(self, topic: str, partition: int, offset: int, epoch: int) -> None:
        """Seek."""
        self.places.append((topic, partition, offset, epoch))
        self.at[topic, partition] = [offset, epoch, 0]

    def fetch(self, size: int) -> Slice:
        """Return the next slice of partition 0."""
        offset, epoch, number = self.at[IN]
        events = self._log.topics[IN][offset : offset + size]
        records = [record(offset + place, *event) for place, event in enumerate(events)]
        self.at[IN] = [offset + len(records), epoch, number + 1]
        return Slice("in", 0, epoch, number, records, size_of(records))


@pytest.fixture
def log() -> Log:
    """Give a source with twelve events in partition 0."""
    log = Log()
    for number in range(12):
        log.append("in", 0, b"v%d" % (number % 3), b"e%d" % number)
    return log


@pytest.fixture
def deaths() -> list[BaseException]:
    """Collect what would have ended the process."""
    return []


@pytest.fixture
def specs() -> list[Any]:
    """Give the stages; a test may change them before it asks for `stages`."""
    return [fold_spec()]


@pytest.fixture
async def stages(
    log: Log, tmp_path: Path, deaths: list[BaseException], specs: list[Any]
) -> AsyncIterator[Stages]:
    """Give stages without partitions."""
    stages = Stages(specs, surroundings(log, tmp_path), threads=2, die=deaths.append)
    yield stages
    await stages.close()
    stages.shutdown()


@pytest.fixture
def fetcher(log: Log, stages: Stages) -> Fetcher:
    """Give what fetches for them."""
    return Fetcher(log, stages)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that other threads bring about."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - threads set no asyncio event
            await asyncio.sleep(0.005)


async def assigned(stages: Stages, generation: int = 1) -> None:
    """Assign partition 0 and wait until it can be fetched."""
    await stages.assign([IN], generation)
    await until(lambda: stages.wants(*IN))


async def test_a_partition_is_ready_when_restored(stages: Stages, fetcher: Fetcher) -> None:
    """Not before an assignment, not while it is restored; then reading begins behind the state."""
    assert stages.waiting()
    await stages.assign([IN, ("unknown", 0)], 1)
    assert stages.waiting()
    assert not stages.wants(*IN)
    await until(lambda: not stages.waiting())
    await until(lambda: bool(fetcher.places))
    assert fetcher.places == [("in", 0, 0, 1)]
    assert b'nearline_partitions{stage="fold",state="ready"} 1.0' in stages.metrics.exposition()


async def test_a_restore_says_how_far_it_is(log: Log, tmp_path: Path) -> None:
    """Somebody who waits for the worker reads what is left; a dashboard, too."""
    go_on = threading.Event()

    class Halting(Consumer):
        """Waits in the middle of the log."""

        def consume(self, number: int, timeout: float) -> list[Any]:
            """Wait before the second chunk."""
            if self._at == 3:
                assert go_on.wait(20)
            return super().consume(number, timeout)

    for number in range(7):
        log.append("log", 0, b"v%d" % number, b"row")
    around = replace(surroundings(log, tmp_path), consumer=lambda: Halting(log))  # type: ignore[arg-type,return-value]
    stages = Stages([fold_spec()], around, threads=2)
    Fetcher(log, stages)
    await stages.assign([IN], 1)
    await until(lambda: any("fold partition 0: 3 rows read" in line for line in stages.waiting()))
    assert "4 of 7 records left" in stages.waiting()[0]
    assert b'nearline_restore_remaining_records{stage="fold"} 4.0' in stages.metrics.exposition()
    go_on.set()
    await until(lambda: not stages.waiting())
    assert b'nearline_restore_remaining_records{stage="fold"} 0.0' in stages.metrics.exposition()
    await stages.close()
    stages.shutdown()


async def test_no_partition_is_ready_too(stages: Stages, fetcher: Fetcher) -> None:
    """A worker for which there is nothing is a ready one."""
    await stages.assign([], 1)
    assert not stages.waiting()
    assert not fetcher.places


async def test_slices_become_batches(stages: Stages, fetcher: Fetcher, log: Log) -> None:
    """Everything that is fetched is applied once, in order; the positions follow."""
    await assigned(stages)
    assert stages.positions() == {}
    for _ in range(4):
        stages.offer(fetcher.fetch(3))
    await until(lambda: stages.positions() == {IN: 12})
    assert log.records("out") == log.records("in")
    await until(lambda: stages.progress()[IN].idle)
    assert (stages.progress()[IN].applied, stages.progress()[IN].fetched_to) == (11, 12)


async def test_full_lane_asks_for_nothing(stages: Stages, fetcher: Fetcher) -> None:
    """A lane with a whole batch waiting has no room; it has again when that batch is taken."""
    await assigned(stages)
    stages.offer(fetcher.fetch(4))
    assert not stages.wants(*IN)
    assert b'nearline_queued_records{stage="fold"} 4.0' in stages.metrics.exposition()
    await until(lambda: stages.wants(*IN))
    assert b'nearline_queued_records{stage="fold"} 0.0' in stages.metrics.exposition()


async def test_lost_slice_is_read_again(
    stages: Stages, fetcher: Fetcher, log: Log, deaths: list[BaseException]
) -> None:
    """A slice that Faust swallows shows as a missing number; all from there on comes again."""
    await assigned(stages)
    stages.offer(fetcher.fetch(3))
    fetcher.fetch(3)
    stages.offer(fetcher.fetch(3))
    await until(lambda: len(fetcher.places) == 2 and stages.wants(*IN))
    while fetcher.at[IN][0] < 12:
        await until(lambda: stages.wants(*IN))
        stages.offer(fetcher.fetch(3))
    await until(lambda: stages.positions() == {IN: 12})
    assert log.records("out") == log.records("in")
    assert b'nearline_rewinds_total{stage="fold"} 1.0' in stages.metrics.exposition()
    assert not deaths


async def test_stale_slice_is_nothing(stages: Stages, fetcher: Fetcher, log: Log) -> None:
    """A slice that was fetched before a rebalance and arrives after it would skip what lies between."""
    await assigned(stages)
    first = fetcher.fetch(3)
    stale = fetcher.fetch(3)
    stages.offer(first)
    await stages.quiesce()
    assert not stages.wants(*IN)
    stages.offer(stale)
    await stages.assign([IN], 2)
    stages.offer(stale)
    offset = fetcher.places[-1][2]
    assert offset in {0, 3}
    assert fetcher.places[-1][3] == 2
    stages.offer(fetcher.fetch(12))
    await until(lambda: stages.positions() == {IN: 12})
    assert log.records("out") == log.records("in")


async def test_partition_kept_over_consecutive_generations_only(
    stages: Stages, fetcher: Fetcher, log: Log
) -> None:
    """Over a generation that we were not part of somebody else may have had it: it is opened anew."""
    await assigned(stages, 1)
    owner = log.owner["group.fold.0"]
    await assigned(stages, 2)
    assert log.owner["group.fold.0"] is owner
    await assigned(stages, 4)
    assert log.owner["group.fold.0"] is not owner
    assert [place[2] for place in fetcher.places] == [0, 0, 0]


async def test_partition_that_leaves_is_closed_and_can_come_back(
    stages: Stages, fetcher: Fetcher, log: Log
) -> None:
    """Its batch in flight ends, its database is given back, and a later owner goes on behind it."""
    await assigned(stages, 1)
    stages.offer(fetcher.fetch(4))
    await stages.quiesce()
    await stages.assign([], 2)
    assert stages.progress() == {}
    stages.offer(fetcher.fetch(4))
    await assigned(stages, 3)
    assert fetcher.places[-1][2] == len(log.records("out"))


async def test_failing_step_ends_the_process(
    stages: Stages, fetcher: Fetcher, log: Log, deaths: list[BaseException]
) -> None:
    """The error reaches the one place that ends the process, and the lane does nothing more."""
    log.topics[IN][1] = (b"v", b"poison")
    await assigned(stages)
    stages.offer(fetcher.fetch(4))
    await until(lambda: bool(deaths))
    assert isinstance(deaths[0], StepFailedError)
    stages.offer(fetcher.fetch(4))
    await asyncio.sleep(0.05)
    assert len(deaths) == 1
    assert log.records("out") == []


class Gate:
    """Holds batches back until it is opened."""

    def __init__(self) -> None:
        self.open, self.asked = asyncio.Event(), 0

    async def __call__(self, _partition: int) -> bool:
        """Wait, then say no once and yes from then on."""
        self.asked += 1
        await self.open.wait()
        return self.asked > 1


async def test_gate_and_floor_hold_batches_back(
    log: Log, tmp_path: Path, deaths: list[BaseException]
) -> None:
    """No batch passes a closed gate; what arrives meanwhile joins the batch; the floor spaces the starts."""
    gate = Gate()
    spec = replace(fold_spec(), gate=gate, floor_s=0.2, max_events=100)
    held = Stages([spec], surroundings(log, tmp_path / "held"), threads=1, die=deaths.append)
    fetcher = Fetcher(log, held)
    await assigned(held)
    held.offer(fetcher.fetch(3))
    await until(lambda: gate.asked == 1)
    held.offer(fetcher.fetch(3))
    assert log.records("out") == []
    gate.open.set()
    await until(lambda: held.positions() == {IN: 6})
    loop = asyncio.get_running_loop()
    held.offer(fetcher.fetch(3))
    asked, began = gate.asked, loop.time()
    await until(lambda: held.positions() == {IN: 9})
    assert loop.time() - began > 0.05
    assert gate.asked == asked + 1
    gate.open.clear()
    held.offer(fetcher.fetch(3))
    await held.close()
    held.shutdown()
    assert not deaths


async def test_what_is_owed_is_paid_though_nothing_comes(
    log: Log, tmp_path: Path, deaths: list[BaseException]
) -> None:
    """When its time is over, on a quiet topic; and not while partitions move, but right after it."""

    class Soon(Lender):
        """Owes until a moment that the test sets."""

        until = float("inf")

        def due_s(self) -> float | None:
            """Count down."""
            return max(0.0, Soon.until - time.monotonic()) if self._owed else None

    stages = Stages(
        [replace(fold_spec(), make_step=lambda _, store: Soon(store))],
        surroundings(log, tmp_path), threads=2, die=deaths.append,
    )  # fmt: skip
    fetcher = Fetcher(log, stages)
    await assigned(stages)
    Soon.until = time.monotonic() + 0.1
    stages.offer(fetcher.fetch(3))
    await until(lambda: len(log.records("out")) == 3)
    Soon.until = float("inf")
    stages.offer(fetcher.fetch(3))
    await until(lambda: stages.positions() == {IN: 6})
    await stages.quiesce()
    Soon.until = 0.0
    assert stages.lanes[IN]._due_s() is None
    assert len(log.records("out")) == 3
    await stages.assign([IN], 2)
    await until(lambda: len(log.records("out")) == 6)
    await until(lambda: stages.progress()[IN].idle)
    await stages.close()
    stages.shutdown()
    assert not deaths


async def test_what_is_owed_is_paid_by_who_has_the_partition_next(
    log: Log, tmp_path: Path, deaths: list[BaseException]
) -> None:
    """A worker leaves with debts; another one that finds them in its state pays, without a new event."""
    Lender.due = False
    spec = replace(fold_spec(), make_step=lambda _, store: Lender(store))
    for life in range(2):
        stages = Stages([spec], surroundings(log, tmp_path / str(life)), threads=2, die=deaths.append)
        fetcher = Fetcher(log, stages)
        await assigned(stages, life + 1)
        if life == 0:
            stages.offer(fetcher.fetch(4))
            await until(lambda stages=stages: stages.positions() == {IN: 4})  # type: ignore[misc]
            assert log.records("out") == []
            Lender.due = True
        else:
            await until(lambda: len(log.records("out")) == 4)
        await stages.close()
        stages.shutdown()
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
            assert go_on.wait(20)
            super().init_transactions(timeout)

    around = replace(surroundings(log, tmp_path), producer=lambda name: Slow(log, name))  # type: ignore[arg-type,return-value]
    stages = Stages([fold_spec()], around, threads=2, die=deaths.append)
    Fetcher(log, stages)
    await stages.assign([IN], 1)
    await until(begun.is_set)
    moving = asyncio.get_running_loop().create_task(stages.quiesce())
    await asyncio.sleep(0.05)
    assert not moving.done()
    go_on.set()
    await moving
    assert "group.fold.0" in log.owner
    await stages.close()
    stages.shutdown()
    late = Partition(fold_spec(), 1, around)
    late.abandon()
    with pytest.raises(AbandonedError, match="before it was opened"):
        late.open()
    assert "group.fold.1" not in log.owner
    late.close()
    assert not deaths
