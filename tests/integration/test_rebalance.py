"""Workers that come and go under load, politely: nobody dies of it."""

import threading

import pytest

from tests.integration.arena import Arena


@pytest.mark.slow
def test_join_and_leave_under_load(arena: Arena) -> None:
    """Each rebalance moves partitions; both workers end with code 0, nothing is lost or doubled."""
    feeding = threading.Thread(target=arena.feed_for, args=(18, 1_500))
    arena.start(0, slow_s=0.05)
    arena.await_partition(0)
    feeding.start()
    arena.start(1, slow_s=0.05)
    arena.await_partition(1)
    assert arena.terminate(0) == 0
    arena.start(0)
    arena.await_partition(0)
    feeding.join()
    arena.settle(revive=False)
    arena.verify()
    for worker in (0, 1):
        assert arena.terminate(worker) == 0
        assert "worker_dies" not in arena.log(worker)
        assert "slice_lost" not in arena.log(worker)
    arena.verify_stores()


@pytest.mark.slow
def test_lost_disk_is_rebuilt(arena: Arena) -> None:
    """A worker whose state folder was emptied has its rows back from the changelog before it goes on."""
    arena.feed(2_000)
    arena.start(0)
    arena.settle()
    assert arena.terminate(0) == 0
    arena.wipe(0)
    arena.feed(500)
    arena.start(0)
    arena.settle()
    assert arena.terminate(0) == 0
    arena.verify()
    arena.verify_stores()
