"""Replays: the same file gives the same events, and a run ends when every event is answered."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from online_models.evaluation.ratings import Ratings
from schemas import Event, Rate
from streams.errors import ReplayStalledError, StreamError
from streams.ops.runs import replay as replaying
from streams.ops.runs import stall_check
from streams.ops.runs.pacing import Speed
from streams.ops.runs.replay import Replay, as_events
from streams.ops.runs.report import RunCounts
from streams.telemetry.metrics import Exposition, Metrics

RATINGS = Ratings.from_columns(
    ["b", "a", "b", "c", "a"], ["x", "x", "y", "z", "z"], [5, 3, 4, 0.5, 4.5], [20, 10, 30, 40, 50]
)
MAX = Speed("unbounded")


class Events:
    """A producer that keeps what it is given."""

    def __init__(self) -> None:
        self.sent: list[Event] = []
        self.flushed = False

    def send(self, events: Sequence[Event]) -> None:
        """Take events."""
        self.sent += events

    def flush(self) -> None:
        """Say that all arrived."""
        self.flushed = True


class Worker:
    """A worker that has answered so many events each time one looks, and then no more."""

    log = Path("worker.log")

    def __init__(self, *answered: int, error: StreamError | None = None) -> None:
        self._answered = list(answered)
        self._error = error

    def check(self) -> None:
        """Raise what it died of."""
        if self._error is not None:
            raise self._error

    def exposition(self) -> Exposition:
        """Show the next number of answers; each event was tested and every second one hit."""
        events = self._answered.pop(0) if len(self._answered) > 1 else self._answered[0]
        metrics = Metrics()
        metrics.events.labels("viewers", "applied").inc(events)
        metrics.replica_age.set(10 * events)
        metrics.tested.labels("blend").inc(events)
        metrics.hits.labels("blend").inc(events // 2)
        return Exposition(metrics.exposition().decode())


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often."""
    monkeypatch.setattr(replaying, "LOOK_S", 0.001)


def _replay(worker: Any, shown: list[tuple[int, RunCounts | None]]) -> tuple[Replay, Events]:
    """Put a replay together out of doubles."""
    events: Any = Events()
    return Replay(RATINGS, MAX, events, worker, lambda sent, tally: shown.append((sent, tally))), events


def test_events_are_the_files_own_and_the_same_each_time() -> None:
    """In time order, with ids that come from the place in the stream: a second replay is a duplicate."""
    first = list(as_events(RATINGS))
    assert first == list(as_events(RATINGS))
    assert [event.event_id for event in first] == [f"rating-{n}" for n in range(5)]
    assert first[0] == Rate(event_id="rating-0", viewer_id="a", title_id="x", stars=3.0, event_time_ms=10)
    assert [(event.viewer_id, event.event_time_ms) for event in first[1:3]] == [("b", 20), ("b", 30)]
    assert {type(event.event_time_ms) for event in first} == {int}


def test_a_run_ends_with_the_last_answer() -> None:
    """Everything is sent and flushed; hits count from a fifth of the events on, the lead is a mean."""
    shown: list[tuple[int, RunCounts | None]] = []
    replay, events = _replay(Worker(0, 1, 3, 5), shown)
    report = replay.run()
    assert events.sent == list(as_events(RATINGS))
    assert events.flushed
    assert report.events == 5
    assert report.last is not None
    assert report.last.events == 5
    assert report.warm is not None
    assert report.warm.events == 1
    assert report.lead_events == 20.0
    assert report.seconds > 0
    assert shown[-1] == (5, report.last)


def test_an_exact_warm_up_is_answered_before_the_rest_is_sent() -> None:
    """One event of five, its answer, then the other four: the tally of the warm-up is that of one event."""
    shown: list[tuple[int, RunCounts | None]] = []
    replay, events = _replay(Worker(0, 1, 5), shown)
    replay.exact_warm_up = True
    report = replay.run()
    assert events.sent == list(as_events(RATINGS))
    assert {sent for sent, tally in shown if tally and tally.events < 5} <= {1}
    assert report.warm is not None
    assert report.warm.events == 1


def test_without_a_worker_nobody_is_waited_for() -> None:
    """The report says what was produced and nothing about answers."""
    shown: list[tuple[int, RunCounts | None]] = []
    replay, events = _replay(None, shown)
    report = replay.run()
    assert len(events.sent) == report.events == 5
    assert report.last is None
    assert report.seconds > 0
    assert {tally for _, tally in shown} == {None}


def test_a_worker_that_stops_answering_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not every event was answered: how many, and where to read why."""
    monkeypatch.setattr(stall_check, "QUIET_S", 0.02)
    replay, _ = _replay(Worker(0, 2), [])
    with pytest.raises(ReplayStalledError, match="3 events were not processed") as caught:
        replay.run()
    assert "worker.log" in caught.value.next_step


def test_a_worker_that_died_ends_the_run() -> None:
    """Its own error comes through."""
    replay, _ = _replay(Worker(0, error=StreamError("gone")), [])
    with pytest.raises(StreamError, match="gone"):
        replay.run()
