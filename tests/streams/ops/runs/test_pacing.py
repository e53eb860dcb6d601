"""Pacing: nothing early, nothing lost, and speeds read as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import SettingsError
from streams.ops.runs.pacing import BATCH, Speed, paced, parse_speed


class Clock:
    """A clock that only moves when someone waits."""

    def __init__(self, stop_at: float = float("inf")) -> None:
        self.now = 100.0
        self._stop_at = stop_at

    def wait(self, seconds: float) -> bool:
        """Let time pass; true once it is time to stop."""
        self.now += seconds
        return self.now >= self._stop_at

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


@given(st.integers(0, 300), st.floats(5, 5_000))
def test_at_a_rate_every_event_is_on_time(events: int, rate: float) -> None:
    """Event k is handed out k / rate seconds after the start, or up to a tick later, and all are."""
    clock = Clock()
    seen = []
    for batch in paced(range(events), Speed("rate", rate), time_ms=lambda _: 0, wait=clock.wait, clock=clock):
        seen += [(event, clock.now - 100) for event in batch]
    assert [event for event, _ in seen] == list(range(events))
    assert all(event / rate <= at + 1e-9 for event, at in seen)
    assert all(at <= event / rate + 0.0101 for event, at in seen)


def test_event_time_runs_at_its_multiple() -> None:
    """An hour of events at 60x takes a minute, counted from the first event."""
    clock = Clock()
    times = [5_000_000, 5_000_000 + 1_800_000, 5_000_000 + 3_600_000]
    at = [
        clock.now - 100
        for batch in paced(times, Speed("event_time", 60), time_ms=int, wait=clock.wait, clock=clock)
        for _ in batch
    ]
    assert at == pytest.approx([0, 30, 60], abs=0.02)


def test_unbounded_never_waits() -> None:
    """At full speed the clock stands still and batches are full."""
    clock = Clock()
    sizes = [
        len(b) for b in paced(range(1_200), Speed("unbounded"), time_ms=int, wait=clock.wait, clock=clock)
    ]
    assert sizes == [BATCH, BATCH, 200]
    assert clock.now == 100


def test_who_falls_behind_catches_up_in_bounded_batches() -> None:
    """After a stall of two seconds at 1,000/s the backlog comes at once, 500 events at a time."""
    clock = Clock()
    stream = paced(range(4_000), Speed("rate", 1_000), time_ms=lambda _: 0, wait=clock.wait, clock=clock)
    next(stream)
    clock.now += 2.0
    sizes = [len(next(stream)) for _ in range(4)]
    assert sizes == [BATCH] * 4
    assert clock.now == pytest.approx(102.0, abs=0.02)


@pytest.mark.parametrize("speed", [Speed("rate", 100), Speed("event_time", 1), Speed("unbounded")])
def test_a_true_answer_to_a_wait_ends_the_stream(speed: Speed) -> None:
    """Ctrl-C and a time limit stop a stream without an exception."""
    clock = Clock(stop_at=100.0 if speed.kind == "unbounded" else 101.0)
    count = sum(
        len(batch)
        for batch in paced(range(10_000), speed, time_ms=lambda k: k * 10, wait=clock.wait, clock=clock)
    )
    assert count == (BATCH if speed.kind == "unbounded" else pytest.approx(100, abs=2))


@pytest.mark.parametrize(
    ("text", "speed"),
    [("2000/s", Speed("rate", 2000)), (" 0.5x ", Speed("event_time", 0.5)), ("max", Speed("unbounded"))],
)
def test_speeds_are_read_and_written(text: str, speed: Speed) -> None:
    """What is typed is understood, and shown again the same way."""
    assert parse_speed(text) == speed
    assert str(speed) == text.strip()


@pytest.mark.parametrize("text", ["", "fast", "200", "0/s", "-5x", "1e3/s", "60 x/s"])
def test_anything_else_is_bad_usage(text: str) -> None:
    """The error shows how to write it."""
    with pytest.raises(SettingsError, match="2000/s"):
        parse_speed(text)
