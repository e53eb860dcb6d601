"""Workers that are killed in mid-batch: 0 lost, 0 doubled, state equal to a single-process replay."""

import pytest

from tests.integration.arena import Arena
from tests.waiting import PATIENCE_S

PLACES = ["mid_produce", "before_commit", "after_commit", "in_restore", "after_store"]
"""Between any two effects of a batch, and while a state is restored."""


@pytest.mark.slow
def test_one_worker_killed_between_any_two_effects(arena: Arena) -> None:
    """It ends at each failpoint and once by kill -9, in one life of the state; the replay says the same."""
    for place in PLACES:
        arena.feed(1_500)
        hit = 1 if place == "in_restore" else 3
        assert arena.start(0, failpoint=place, failpoint_hit=hit, max_events=100).wait(PATIENCE_S) == 9
    arena.start(0, slow_s=0.2)
    arena.await_partition(0)
    arena.feed_for(1)
    arena.kill(0)
    arena.start(0)
    arena.settle()
    arena.verify()


@pytest.mark.slow
def test_two_workers_killed_at_random(arena: Arena) -> None:
    """Kill -9 while batches are under way, each time with a rebalance; the replay says the same."""
    arena.orders = {"slow_s": 0.2}
    for worker in (0, 1):
        arena.start(worker)
    for victim in (0, 1, 1):
        arena.await_partition(victim)
        arena.feed_for(arena.rng.uniform(1, 3))
        arena.kill(victim)
        arena.start(victim)
    arena.settle()
    arena.verify()
