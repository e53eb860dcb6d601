"""The lag of the replica: counted, bounded, and never a trap."""

import asyncio
import itertools
from types import SimpleNamespace

import pytest

from streams.stages.viewers import replica_lag
from streams.stages.viewers.replica_lag import YOUNG_EVENTS, ReplicaLag
from streams.telemetry.metrics import Metrics
from tests.collecting import during_collections
from tests.waiting import PATIENCE_S

GROWN = 10**9
"""Signals that a grown model has learned of other workers' partitions."""


def _lag(
    limit: int, learned: dict[int, int], metrics: Metrics | None = None, *, others: int = GROWN
) -> ReplicaLag:
    """Make a lag over a replica that has learned so much of these partitions, and of others."""
    replica = SimpleNamespace(
        learned=lambda p: learned.get(p, 0), learned_in_all=lambda: others + sum(learned.values())
    )
    return ReplicaLag(replica, limit, metrics or Metrics())


def test_the_lag_is_what_has_not_come_back() -> None:
    """Partitions add up, what another worker sent counts for nothing, and the metric shows it."""
    metrics, learned = Metrics(), {0: 10, 1: 99}
    lag = _lag(10, learned, metrics)
    lag.record_sent(0, 25)
    lag.record_sent(1, 30)
    assert lag.events() == 15
    learned[0] = 20
    assert metrics.registry.get_sample_value("nearline_replica_age_events") == 5
    lag.forget(0)
    assert lag.events() == 0


def test_partitions_may_come_while_the_lag_is_read() -> None:
    """Steps of other partitions send meanwhile; neither metric nor gate raises."""
    lag, more = _lag(10, {}), itertools.count(5_000)
    for partition in range(5_000):
        lag.record_sent(partition, 1)
    with during_collections(lambda: lag.record_sent(next(more), 1)):
        assert all(lag.events() >= 5_000 and lag._sent_here() == 0 for _ in range(20))
    assert next(more) > 5_000


async def test_the_gate_waits_for_the_replica() -> None:
    """At the limit a batch waits; it goes on as soon as the replica has learned enough."""
    learned = {0: 0}
    lag = _lag(10, learned)
    lag.record_sent(0, 0)
    lag.record_sent(0, 9)
    assert await asyncio.wait_for(lag.gate(), PATIENCE_S)
    lag.record_sent(0, 12)
    waiting = asyncio.create_task(lag.gate())
    await asyncio.sleep(0.02)
    assert not waiting.done()
    learned[0] = 3
    assert await asyncio.wait_for(waiting, PATIENCE_S)


async def test_a_gate_that_stays_shut_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A titles stage that is away is no stall of this one: the watchdog takes refusals for progress."""
    monkeypatch.setattr(replica_lag, "HELD_S", 0.01)
    learned = {0: 0}
    lag = _lag(10, learned)
    lag.record_sent(0, 0)
    lag.record_sent(0, 12)
    assert [await asyncio.wait_for(lag.gate(), PATIENCE_S) for _ in range(2)] == [False, False]
    learned[0] = 3
    assert await asyncio.wait_for(lag.gate(), PATIENCE_S)


async def test_a_lost_title_model_does_not_hold_the_gate() -> None:
    """What was sent before the partition came here is not waited for: nobody may learn it any more."""
    lag = _lag(10, {})
    lag.record_sent(0, 1_000_000)
    assert await asyncio.wait_for(lag.gate(), PATIENCE_S)
    lag.record_sent(0, 1_000_010)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(lag.gate(), 0.02)


def test_a_batch_of_a_young_model_is_a_share_of_what_it_knows() -> None:
    """Batches grow with the model, and another bound that is lower holds."""
    learned = {0: 0}
    lag = _lag(0, learned, others=0)
    assert lag.max_events() == YOUNG_EVENTS
    learned[0] = 5_000
    assert lag.max_events() == 1_000
    assert _lag(30, learned, others=0).max_events() == 30


async def test_a_burst_waits_for_a_young_model_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next batch waits until the replica has learned; it goes on without, where nobody learns."""
    learned = {0: 0}
    lag = _lag(0, learned, others=0)
    lag.record_sent(0, 0)
    lag.record_sent(0, YOUNG_EVENTS)
    waiting = asyncio.create_task(lag.gate())
    await asyncio.sleep(0.02)
    assert not waiting.done()
    learned[0] = 1
    assert await asyncio.wait_for(waiting, PATIENCE_S)
    learned[0] = 0
    monkeypatch.setattr(replica_lag, "HELD_S", 0.01)
    assert await asyncio.wait_for(lag.gate(), PATIENCE_S)
