"""When the watchdog ends the worker, and when it must not."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from streams.engine.exits import exit_code
from streams.engine.watchdog import OBSERVATIONS, Watchdog, WorkProgress
from streams.errors import AccessError, StuckError
from streams.kafka.clients import KafkaError, KafkaException
from streams.telemetry.metrics import Metrics
from tests.waiting import until

AT_REST = WorkProgress("s", applied=9, fetched_to=10, idle=True, restored_rows=0)


class World:
    """One partition and its broker, as a test wants them; another worker may have taken it away."""

    gone = False

    def __init__(self) -> None:
        self.progress, self.end, self.silent = AT_REST, 10, False
        self.refusal: Exception | None = None
        self.deaths: list[BaseException] = []
        self.metrics = Metrics()
        self.dog = Watchdog(
            lambda: {} if self.gone else {("in", 0): self.progress},
            self.end_of,
            self.metrics,
            limit_s=60,
            die=self.deaths.append,
        )

    def end_of(self, _topic: str, _partition: int) -> int:
        """Answer, or not."""
        if self.silent:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        if self.refusal is not None:
            raise self.refusal
        return self.end

    def looks(self, times: int) -> None:
        """Look so many times."""
        for _ in range(times):
            self.dog.check()


@pytest.fixture
def world() -> World:
    """Give a partition at rest."""
    return World()


def test_ends_a_worker_that_has_work_and_makes_no_progress(world: World) -> None:
    """Records that are not applied, and no movement for the limit: the process ends with code 5."""
    world.end = 12
    world.looks(OBSERVATIONS)
    assert not world.deaths
    world.looks(1)
    assert isinstance(world.deaths[0], StuckError)
    assert exit_code(world.deaths[0]) == 5
    assert "partition 0 of in" in str(world.deaths[0])


def test_no_work_is_no_stall(world: World) -> None:
    """A partition at its end may rest for ever, though a marker stands behind its last record."""
    world.looks(5 * OBSERVATIONS)
    assert not world.deaths
    assert b'nearline_consumer_lag_records{partition="0",stage="s"} 0.0' in world.metrics.exposition()


@pytest.mark.parametrize("field", ["applied", "fetched_to", "restored_rows"])
def test_any_movement_starts_anew(world: World, field: str) -> None:
    """Applying, fetching or restoring something in time is enough."""
    world.end = 1_000
    for _ in range(3):
        world.looks(OBSERVATIONS)
        world.progress = replace(world.progress, idle=False, **{field: getattr(world.progress, field) + 1})
    assert not world.deaths


def test_silent_broker_is_not_our_fault(world: World) -> None:
    """While the broker does not answer nothing is counted, and the count starts at 0 when it does."""
    world.end = 12
    world.looks(OBSERVATIONS - 1)
    world.silent = True
    world.looks(3 * OBSERVATIONS)
    world.silent = False
    world.looks(OBSERVATIONS - 1)
    assert not world.deaths


def test_a_refusal_is_said_once_and_watching_goes_on(world: World) -> None:
    """A broker that has just started may not know its users: no more than a pause."""
    world.end, world.refusal = 12, AccessError("in cannot be read")
    with capture_logs() as lines:
        world.looks(3 * OBSERVATIONS)
    assert [line["event"] for line in lines] == ["watchdog_refused"]
    world.refusal = None
    world.looks(OBSERVATIONS + 1)
    assert isinstance(world.deaths[0], StuckError)


def test_a_watchdog_that_fails_ends_the_process(world: World) -> None:
    """Whatever it stumbles over: nobody else would notice a stall."""
    world.refusal = RuntimeError("nobody foresaw this")
    world.dog._pause_s = 0.01
    world.dog.start()
    until(lambda: world.deaths)
    assert world.deaths == [world.refusal]


def test_stuck_batch_counts_as_work(world: World) -> None:
    """A batch that never ends is a stall even if everything there is was fetched."""
    world.progress = WorkProgress("s", applied=3, fetched_to=10, idle=False, restored_rows=0)
    world.looks(OBSERVATIONS + 1)
    assert world.deaths
    assert b"nearline_stalled_seconds 60.0" in world.metrics.exposition()


def test_a_partition_that_left_is_not_shown(world: World) -> None:
    """Its lag would be added to that of the worker that has it now."""
    world.end = 12
    world.looks(1)
    assert b'nearline_consumer_lag_records{partition="0",stage="s"} 2.0' in world.metrics.exposition()
    world.gone = True
    world.looks(1)
    assert b"nearline_consumer_lag_records{" not in world.metrics.exposition()
