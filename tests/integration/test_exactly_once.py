"""Workers that are killed in mid-batch: 0 lost, 0 doubled, state equal to a single-process replay."""

from typing import Any

import pytest

PLACES = ["in_restore", "mid_produce", "before_commit", "after_commit", "after_store"]


@pytest.mark.slow
def test_kills_at_every_failpoint(arena: Any) -> None:
    """Ending between any two effects, one after another in one life of the state, changes nothing."""
    for place in PLACES:
        arena.feed(2_000)
        worker = arena.start(
            0, failpoint=place, failpoint_hit=1 if place == "in_restore" else 3, max_events=100
        )
        assert worker.wait(40) == 9
    arena.start(0)
    arena.settle()
    arena.verify()


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_kills_at_random(arena: Any, workers: int) -> None:
    """Kill -9 at random moments under load, with batches that take a while, alone and with rebalances."""
    arena.orders = {"slow_s": 0.1}
    for worker in range(workers):
        arena.start(worker)
    for _ in range(4):
        arena.feed_for(arena.rng.uniform(2, 4))
        victim = arena.rng.randrange(workers)
        arena.kill(victim)
        arena.start(victim)
    arena.settle()
    arena.verify()
