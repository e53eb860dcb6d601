"""The lead over the title model: counted, bounded, and never a trap."""

import asyncio
from types import SimpleNamespace

import pytest

from streams.stages.viewers.replica_lag import ReplicaLag
from streams.telemetry.metrics import Metrics


def _lead(limit: int, learned: dict[int, int], metrics: Metrics | None = None) -> ReplicaLag:
    """Make a lead over a replica that has learned so much."""
    return ReplicaLag(SimpleNamespace(learned=lambda p: learned.get(p, 0)), limit, metrics or Metrics())


def test_the_lead_is_what_has_not_come_back() -> None:
    """Partitions add up, what another worker sent counts for nothing, and the metric shows it."""
    metrics, learned = Metrics(), {0: 10, 1: 99}
    lead = _lead(10, learned, metrics)
    lead.sent(0, 25)
    lead.sent(1, 30)
    assert lead.events() == 15
    learned[0] = 20
    assert metrics.registry.get_sample_value("nearline_replica_age_events") == 5
    lead.forget(0)
    assert lead.events() == 0


async def test_the_gate_waits_for_the_replica() -> None:
    """At the limit a batch waits; it goes on as soon as the replica has learned enough."""
    learned = {0: 0}
    lead = _lead(10, learned)
    lead.sent(0, 0)
    lead.sent(0, 9)
    await asyncio.wait_for(lead.gate(), 1)
    lead.sent(0, 12)
    waiting = asyncio.create_task(lead.gate())
    await asyncio.sleep(0.02)
    assert not waiting.done()
    learned[0] = 3
    await asyncio.wait_for(waiting, 1)


async def test_a_lost_title_model_does_not_hold_the_gate() -> None:
    """What was sent before the partition came here is not waited for: nobody may learn it any more."""
    lead = _lead(10, {})
    lead.sent(0, 1_000_000)
    await asyncio.wait_for(lead.gate(), 1)
    lead.sent(0, 1_000_010)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(lead.gate(), 0.02)
