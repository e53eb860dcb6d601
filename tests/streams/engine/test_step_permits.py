"""Who computes next."""

import threading

import pytest

from streams.engine.step_permits import StepPermits
from tests.waiting import until


def _waiter(permits: StepPermits, name: str, served: list[str], yields_s: float) -> threading.Thread:
    """Begin to wait for a permit; return the thread once it waits."""

    def wait() -> None:
        with permits.one(yields_s):
            served.append(name)

    before = permits.waiting
    thread = threading.Thread(target=wait)
    thread.start()
    until(lambda: permits.waiting > before)
    return thread


def test_the_earliest_deadline_is_served_first() -> None:
    """A stage that yields lets those go first that come soon after it, and not those that come late."""
    permits, served = StepPermits(1), list[str]()
    with permits.one():
        threads = [
            _waiter(permits, "yields for long", served, 3_600.0),
            _waiter(permits, "first", served, 0.0),
            _waiter(permits, "second", served, 0.0),
            _waiter(permits, "came late", served, 3_601.0),
        ]
    for thread in threads:
        thread.join()
    assert served == ["first", "second", "yields for long", "came late"]


def test_no_more_hold_one_than_there_are() -> None:
    """Two permits, eight steps: never three at once; whoever raises gives its permit back."""
    permits, running, most = StepPermits(2), list[int](), list[int]()

    def step(number: int) -> None:
        with permits.one():
            running.append(number)
            most.append(len(running))
            running.remove(number)
            raise ZeroDivisionError

    def run() -> None:
        for number in range(500):
            with pytest.raises(ZeroDivisionError):
                step(number)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) <= 2
    assert len(most) == 8 * 500
    with permits.one(), permits.one():
        assert permits.waiting == 0
