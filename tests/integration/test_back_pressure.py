"""What lies between a worker and its broker misbehaves: it waits within bounds, and is exact afterwards."""

import time

import pytest

from tests.integration.arena import Arena
from tests.integration.proxy import Routed

GROWTH_MB = 150
"""Bound of what pressure may add to a worker's memory: two batches and two fetches of each of 4 partitions
are below 50 MB here, the rest is the allocator's."""


@pytest.mark.slow
@pytest.mark.nightly
def test_slow_and_jittery_broker(routed: Routed, far: Arena) -> None:
    """A fifth of a second in each direction, a thin wire: the lag rises, memory does not, nothing is lost."""
    far.start(0)
    far.await_partition(0)
    far.feed(200)
    far.settle()
    before = far.peak_mb(0)
    routed.proxy.delay_s, routed.proxy.jitter_s, routed.proxy.bytes_per_s = 0.2, 0.1, 200_000
    far.feed(30_000)
    far.producer.flush()
    far.await_that(lambda: sum(far.lags(0).values()) > 1_000)
    time.sleep(8)
    assert far.workers[0].poll() is None
    routed.proxy.heal()
    far.settle(revive=False)
    assert far.peak_mb(0) < before + GROWTH_MB
    far.await_that(lambda: not any(far.lags(0).values()))
    far.verify()


@pytest.mark.slow
@pytest.mark.nightly
def test_half_open_connection(routed: Routed, far: Arena) -> None:
    """Every byte vanishes for 12 s, longer than the session: all clients connect anew, nobody restarts."""
    far.start(0)
    far.await_that(lambda: far.metrics(0).value("nearline_partitions", state="ready") == far.partitions)
    far.feed(2_000)
    with routed.proxy.hole():
        far.feed_for(12, 400)
    far.settle(revive=False)
    assert far.workers[0].poll() is None
    far.verify()


@pytest.mark.slow
def test_answer_lost_after_the_append(routed: Routed, far: Arena) -> None:
    """What was appended and not answered is asked for again: it is there once."""
    far.start(0)
    far.await_partition(0)
    for _ in range(12):
        far.feed_for(1, 600)
        routed.proxy.lose_answers()
    assert routed.proxy.answers_lost
    far.settle()
    far.verify()


@pytest.mark.slow
def test_full_producer_queue(routed: Routed, far: Arena) -> None:
    """A queue of 50 messages fills at once, also while the broker is silent: that is a wait, not a loss."""
    far.feed(5_000)
    far.start(0, kafka={"queue.buffering.max.messages": "50"})
    far.await_that(lambda: len(far.read("out")) > 0)
    with routed.proxy.hole():
        time.sleep(5)
    far.settle(revive=False)
    assert far.workers[0].poll() is None
    far.verify()


@pytest.mark.slow
@pytest.mark.nightly
def test_burst_waits_at_the_broker(arena: Arena) -> None:
    """Ten times what it can do: what waits in the worker stays within the caps, the rest is lag."""
    arena.start(0, max_events=100, event_s=0.001)
    arena.await_partition(0)
    arena.feed(200)
    arena.settle()
    before = arena.peak_mb(0)
    arena.feed(20_000)
    arena.producer.flush()
    most = 0.0
    while (shown := arena.metrics(0)).value("nearline_events_total") < arena.sent:
        most = max(most, shown.value("nearline_queued_records"))
        assert shown.value("nearline_queued_records") <= 2 * 100 * arena.partitions
        time.sleep(0.2)
    assert most > 100
    assert arena.peak_mb(0) < before + GROWTH_MB
    arena.await_that(lambda: not any(arena.lags(0).values()))
    arena.verify()


@pytest.mark.slow
def test_hot_key_holds_up_its_own_partition_only(arena: Arena) -> None:
    """Half of all events on one viewer: when the other partitions are through, that one still works."""
    arena.start(0, max_events=100, event_s=0.002, watchdog_s=15.0)
    arena.await_partition(0)
    for number in range(8_000):
        arena.produce(f"v{number}" if number % 2 else "hot")
    arena.producer.flush()
    ends = arena.ends("in")
    hot = max(ends, key=ends.__getitem__)
    assert ends[hot] > 4_000
    _await_all_but(arena, hot, ends)
    arena.settle()
    arena.verify()


@pytest.mark.slow
@pytest.mark.nightly
def test_slow_partition_holds_up_itself_only(arena: Arena) -> None:
    """Each batch of one partition takes a second: the others are through long before it."""
    arena.start(0, max_events=100, slow_partition=2)
    arena.await_partition(0)
    arena.feed(6_000)
    arena.producer.flush()
    ends = arena.ends("in")
    _await_all_but(arena, 2, ends)
    arena.settle()
    arena.verify()


def _await_all_but(arena: Arena, busy: int, ends: dict[int, int]) -> None:
    """Wait for a moment at which all partitions are through but one."""

    def others_are_through() -> bool:
        applied = arena.applied(0)
        at_work = {p for p, end in ends.items() if applied[p] < end - 1}
        assert at_work, "all were through at once"
        return at_work == {busy}

    arena.await_that(others_are_through)


@pytest.mark.slow
@pytest.mark.nightly
def test_slow_disk(arena: Arena) -> None:
    """A fifth of a second for every write: batches grow, what waits does not, nothing is lost."""
    arena.start(0, max_events=500, store_s=0.2)
    arena.await_partition(0)
    arena.feed(20_000)
    arena.producer.flush()
    while (shown := arena.metrics(0)).value("nearline_events_total") < arena.sent:
        assert shown.value("nearline_queued_records") <= 2 * 500 * arena.partitions
        time.sleep(0.2)
    assert arena.workers[0].poll() is None
    arena.verify()


@pytest.mark.slow
@pytest.mark.parametrize("limits", [{}, {"message.max.bytes": "4000000", "compression.type": "none"}])
def test_row_too_large_for_the_changelog(arena: Arena, limits: dict[str, str]) -> None:
    """The record that makes it becomes a dead letter after two restarts; everything else is exact.

    The producer refuses the row itself, or, with a higher limit, the broker does.
    """
    arena.feed(500)
    arena.produce("v1", "big")
    arena.feed(500)
    arena.orders = {"big_row": "big", "kafka": limits}
    arena.start(0)
    assert arena.await_end(0) == 4
    assert "MSG_SIZE_TOO_LARGE" in arena.log(0) or "too large" in arena.log(0)
    arena.settle()
    assert len(arena.read("dead")) == 1
    arena.verify(without=(b"big",))
