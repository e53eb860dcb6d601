"""Partitions coming, working and going, on the event loop, with a step and a log in memory."""

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock, patch

import pytest

from streams.engine.task_manager import SLACK, TaskManager
from streams.errors import StepFailedError
from tests.collecting import during_collections
from tests.streams.doubles import Consumer, Log, fold_spec, worker_context
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


@pytest.fixture
def specs() -> list[Any]:
    """Give the stages; a test may change them before it requests `tasks`."""
    return [fold_spec()]


@pytest.fixture
async def tasks(
    log: Log, tmp_path: Path, deaths: list[BaseException], specs: list[Any]
) -> AsyncIterator[TaskManager]:
    """Give a task manager without partitions."""
    tasks = TaskManager(specs, worker_context(log, tmp_path), threads=2, die=deaths.append)
    yield tasks
    await tasks.close()
    tasks.shutdown()


@pytest.fixture
def fetcher(log: Log, tasks: TaskManager) -> Fetcher:
    """Give what fetches for them."""
    return Fetcher(log, tasks)


async def test_a_partition_is_ready_when_restored(tasks: TaskManager, fetcher: Fetcher) -> None:
    """Not before an assignment, not while it is restored; then reading begins behind the state."""
    assert tasks.waiting()
    await tasks.assign([IN, ("unknown", 0)], 1)
    assert tasks.waiting()
    assert not tasks.has_room(*IN)
    await until(lambda: not tasks.waiting())
    await until(lambda: bool(fetcher.seeks))
    assert fetcher.seeks == [("in", 0, 0, 1)]
    assert b'nearline_partitions{stage="fold",state="ready"} 1.0' in tasks.metrics.exposition()


async def test_a_restore_says_how_far_it_is(log: Log, tmp_path: Path) -> None:
    """Somebody who waits for the worker reads what is left; a dashboard, too."""
    go_on = threading.Event()

    class Halting(Consumer):
        """Waits in the middle of the log."""

        def consume(self, number: int, timeout: float) -> list[Any]:
            """Wait before the second chunk."""
            if self._at == 3:
                assert go_on.wait(PATIENCE_S)
            return super().consume(number, timeout)

    for number in range(7):
        log.append("log", 0, b"v%d" % number, b"row")
    context = replace(worker_context(log, tmp_path), consumer=lambda: Halting(log))  # type: ignore[arg-type,return-value]
    tasks = TaskManager([fold_spec()], context, threads=2)
    Fetcher(log, tasks)
    await tasks.assign([IN], 1)
    await until(lambda: any("fold partition 0: 3 rows read" in line for line in tasks.waiting()))
    assert "4 of 7 records left" in tasks.waiting()[0]
    assert b'nearline_restore_remaining_records{stage="fold"} 4.0' in tasks.metrics.exposition()
    go_on.set()
    await until(lambda: not tasks.waiting())
    assert b'nearline_restore_remaining_records{stage="fold"} 0.0' in tasks.metrics.exposition()
    await tasks.close()
    tasks.shutdown()


def test_partitions_may_come_while_others_are_looked_at(log: Log, tmp_path: Path) -> None:
    """The watchdog and the metrics look from threads of their own, while the event loop assigns."""
    tasks, more = TaskManager([fold_spec()], worker_context(log, tmp_path), threads=1), itertools.count(3_000)
    idle: Any = MagicMock(queued=(1, 1))
    tasks.tasks |= {("in", partition): idle for partition in range(3_000)}
    with during_collections(lambda: tasks.tasks.update({("in", next(more)): idle})):
        assert len(tasks.progress()) >= 3_000
        assert all(tasks._sum("in", lambda task: task.queued[0]) >= 3_000 for _ in range(20))
    assert next(more) > 3_000
    tasks.shutdown()


async def test_no_partition_is_ready_too(tasks: TaskManager, fetcher: Fetcher) -> None:
    """A worker for which there is nothing is a ready one."""
    await tasks.assign([], 1)
    assert not tasks.waiting()
    assert not fetcher.seeks


async def test_slices_become_batches(tasks: TaskManager, fetcher: Fetcher, log: Log) -> None:
    """Everything that is fetched is applied once, in order; the positions follow."""
    await assigned(tasks)
    assert tasks.positions() == {}
    for _ in range(4):
        offer(tasks, fetcher.fetch(3))
    await until(lambda: tasks.positions() == {IN: 12})
    assert log.records("out") == log.records("in")
    await until(lambda: tasks.progress()[IN].idle)
    assert (tasks.progress()[IN].applied, tasks.progress()[IN].fetched_to) == (11, 12)


@pytest.mark.parametrize(
    ("working", "slack_s"),
    [
        ([], 0.0),
        ([(0.0, False, 0.4), (0.0, False, 0.2)], SLACK * 0.2),
        ([(0.0, False, 0.4), (0.0, True, 0.2)], SLACK * 0.2),
        ([(0.0, False, 0.4), (0.0, True, 0.0)], 0.0),
        ([(0.0, False, 0.4), (0.1, True, 0.2)], SLACK * 0.4),
    ],
    ids=["no partition", "the shortest batch", "one is idle", "one had no batch", "one yields"],
)
async def test_records_may_wait_for_a_share_of_a_batch(
    tasks: TaskManager, working: list[tuple[float, bool, float]], slack_s: float
) -> None:
    """A round of fetching costs much; a batch that takes long makes a short wait for it cheap."""
    of_tests = [
        SimpleNamespace(
            partition=SimpleNamespace(spec=SimpleNamespace(yields_s=yields_s)), idle=idle, took_s=s
        )
        for yields_s, idle, s in working
    ]
    with patch.object(tasks, "tasks", dict(enumerate(of_tests))):
        assert tasks.slack_s() == pytest.approx(slack_s)


async def test_full_task_fetches_nothing(tasks: TaskManager, fetcher: Fetcher) -> None:
    """A task with a whole queued batch has no room; it has again when that batch starts."""
    await assigned(tasks)
    offer(tasks, fetcher.fetch(4))
    assert not tasks.has_room(*IN)
    assert b'nearline_queued_records{stage="fold"} 4.0' in tasks.metrics.exposition()
    await until(lambda: tasks.has_room(*IN))
    assert b'nearline_queued_records{stage="fold"} 0.0' in tasks.metrics.exposition()


async def test_lost_slice_is_read_again(
    tasks: TaskManager, fetcher: Fetcher, log: Log, deaths: list[BaseException]
) -> None:
    """A slice that Faust swallows shows as a missing number; all from there on comes again."""
    await assigned(tasks)
    offer(tasks, fetcher.fetch(3))
    fetcher.fetch(3)
    offer(tasks, fetcher.fetch(3))
    await until(lambda: len(fetcher.seeks) == 2 and tasks.has_room(*IN))
    while fetcher.at[IN][0] < 12:
        await until(lambda: tasks.has_room(*IN))
        offer(tasks, fetcher.fetch(3))
    await until(lambda: tasks.positions() == {IN: 12})
    assert log.records("out") == log.records("in")
    assert b'nearline_rewinds_total{stage="fold"} 1.0' in tasks.metrics.exposition()
    assert not deaths


async def test_stale_slice_is_nothing(tasks: TaskManager, fetcher: Fetcher, log: Log) -> None:
    """A slice that was fetched before a rebalance and arrives after it would skip what lies between."""
    await assigned(tasks)
    first = fetcher.fetch(3)
    stale = fetcher.fetch(3)
    offer(tasks, first)
    await tasks.quiesce()
    assert not tasks.has_room(*IN)
    offer(tasks, stale)
    await tasks.assign([IN], 2)
    offer(tasks, stale)
    offset = fetcher.seeks[-1][2]
    assert offset in {0, 3}
    assert fetcher.seeks[-1][3] == 2
    offer(tasks, fetcher.fetch(12))
    await until(lambda: tasks.positions() == {IN: 12})
    assert log.records("out") == log.records("in")


async def test_partition_kept_over_consecutive_generations_only(
    tasks: TaskManager, fetcher: Fetcher, log: Log
) -> None:
    """Over a generation that we were not part of somebody else may have had it: it is opened anew."""
    await assigned(tasks, 1)
    owner = log.owner["group.fold.0"]
    await assigned(tasks, 2)
    assert log.owner["group.fold.0"] is owner
    await assigned(tasks, 4)
    assert log.owner["group.fold.0"] is not owner
    assert [place[2] for place in fetcher.seeks] == [0, 0, 0]


async def test_partition_that_leaves_is_closed_and_can_come_back(
    tasks: TaskManager, fetcher: Fetcher, log: Log
) -> None:
    """Its batch in flight ends, its database is given back, and a later owner goes on behind it."""
    await assigned(tasks, 1)
    offer(tasks, fetcher.fetch(4))
    await tasks.quiesce()
    await tasks.assign([], 2)
    assert tasks.progress() == {}
    offer(tasks, fetcher.fetch(4))
    await assigned(tasks, 3)
    assert fetcher.seeks[-1][2] == len(log.records("out"))


async def test_failing_step_ends_the_process(
    tasks: TaskManager, fetcher: Fetcher, log: Log, deaths: list[BaseException]
) -> None:
    """The error reaches the one place that ends the process, and the task does nothing more."""
    log.topics[IN][1] = (b"v", b"poison")
    await assigned(tasks)
    offer(tasks, fetcher.fetch(4))
    await until(lambda: bool(deaths))
    assert isinstance(deaths[0], StepFailedError)
    offer(tasks, fetcher.fetch(4))
    await asyncio.sleep(0.05)
    assert len(deaths) == 1
    assert log.records("out") == []
