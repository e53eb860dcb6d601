"""The reward through both stages: what is told in pieces is counted once, over restarts too."""

from typing import Any

import pytest

from online_models.tables.rows import PackedTitles
from schemas import Impression, Play, Stop, topics
from schemas.events import StopCause
from streams.stages.wire.partition_rows import WATCH_TIME
from tests.streams.steps import T0, Line, pages_of, watch

DAY_MS = 86_400_000
SEEN: dict[str, Any] = {"list_id": "l", "row": 0, "slot": 0}


def _about(number: int, at_ms: int = 0, title: str = "t1") -> dict[str, Any]:
    """Name an event of ada's."""
    return {"event_id": f"e{number}", "viewer_id": "ada", "title_id": title, "event_time_ms": T0 + at_ms}


def _stop(number: int, watched_s: float, at_ms: int = 0, **more: Any) -> Stop:
    """Make a stop of an hour's title, by the viewer."""
    said = {"watched_s": watched_s, "position_s": watched_s, "duration_s": 3_600, "cause": StopCause.EXITED}
    return Stop(**_about(number, at_ms), **(said | more))


def _counted(line: Line, title: str = "t1") -> tuple[list[int], float]:
    """Return positives, rejections and touches of a title, and its weight, as stored."""
    config = line.settings.model
    (row,) = PackedTitles.from_bytes([line.title_stores[0].rows[title.encode()]], config).fixed
    return row["counts"].tolist(), float(row["watches"])


@pytest.mark.parametrize("restart", [False, True])
def test_a_playback_in_pieces_is_counted_once(restart: bool) -> None:
    """Start, stop, go on, stop: one positive of the whole weight, with restarts between or without."""
    line = Line()
    pieces = [
        Play(**_about(1)),
        _stop(2, 1_200, 1_300_000),
        Play(**_about(3, DAY_MS), position_s=1_200),
        _stop(4, 2_400, DAY_MS + 2_400_000, position_s=3_600),
        _stop(4, 2_400, DAY_MS + 2_400_000, position_s=3_600),
    ]
    for event in pieces:
        line.feed(event)
        if restart:
            line.restart()
    counts, weight = _counted(line)
    assert counts[:2] == [1, 0]
    assert weight == pytest.approx(1.5)


def test_watch_times_outlive_a_restart() -> None:
    """The partition's histogram is a row of its own, written when it moved and read when the step begins."""
    line = Line()
    line.feed(watch("ada", "t1"), watch("bob", "t1", 1))
    assert WATCH_TIME.read(line.store).sum() == 2
    line.restart()
    line.feed(watch("cyd", "t1", 2))
    assert WATCH_TIME.read(line.store).sum() == 3
    still = line.feed(watch("cyd", "t1", 2), Play(**_about(1)))
    assert WATCH_TIME.key not in dict(still.rows)


def test_an_impression_is_remembered_and_makes_no_page() -> None:
    """It changes the viewer's row alone; the third without a play is on the list of rejections."""
    line = Line()
    for number in range(3):
        outcome = line.feed(Impression(**_about(number), **SEEN))
        assert (set(dict(outcome.rows)) >= {b"ada"}, outcome.outputs) == (True, {})
        line.restart()
    line.feed(watch("bob", "t1"))
    line.side.viewers.acquire(["ada"], line.load)
    (found,) = line.side.viewers.rejected("ada")
    assert (found.title_id, round(found.weight, 3)) == ("t1", 0.05)


def test_what_was_abandoned_is_told_by_the_next_event() -> None:
    """Two days later whatever the viewer does settles it, by a signal of its own."""
    line = Line()
    line.feed(Play(**_about(1)), _stop(2, 400, 400_000))
    assert _counted(line) == ([0, 0, 1], pytest.approx(0.1))
    line.restart()
    outcome = line.feed(Impression(**_about(3, 3 * DAY_MS, "t2"), **SEEN))
    assert pages_of(outcome) == []
    assert (topics.SIGNALS, 0) in outcome.outputs
    assert _counted(line) == ([0, 1, 1], pytest.approx(0.0, abs=1e-6))
    assert line.count("events_total", stage="viewers", outcome="duplicate") == 0
