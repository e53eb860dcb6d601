"""Sign-in: what an anonymous viewer did reaches the viewer that they are, once, and is gone where it was."""

from typing import Any

import pytest

from schemas import Event, History, Identify, Rate, Thumb, topics
from schemas.codec import decode_event
from streams.config.settings import Settings
from streams.engine.stage import Outcome
from streams.stages.versions.cutover import Cutover
from streams.stages.viewers.departures import MAX_LIKED
from streams.stages.wire import signals
from streams.stages.wire.partition_rows import is_reserved
from tests.streams.steps import T0, Line, pages_of, watch

EVENTS = (topics.EVENTS, None)


def _identify(anonymous: str, viewer: str, number: int = 0, **more: Any) -> Identify:
    """Make a sign-in."""
    about = {"event_id": f"i{number}", "viewer_id": anonymous, "event_time_ms": T0 + 100 + number}
    return Identify(**about, known_as=viewer, **more)


def _handed_over(outcome: Outcome) -> list[Event]:
    """Return the events that an outcome puts on the events' topic; each keyed by its viewer."""
    messages = outcome.outputs.get(EVENTS, [])
    events = [decode_event(message["value"], ()) for message in messages]
    assert [message["key"] for message in messages] == [event.viewer_id.encode() for event in events]
    return events


def _state(line: Line) -> dict[bytes, bytes]:
    """Return the viewers' rows."""
    return {key: value for key, value in line.store.rows.items() if not is_reserved(key)}


@pytest.fixture
def line() -> Line:
    """Give both stages, with a crowd that has taught them twelve titles."""
    line = Line(Settings(prequential_share=0.0, list_length=30))
    line.feed(*(watch(f"crowd{v}", f"t{(v + k) % 12}", 3 * v + k) for v in range(30) for k in range(3)))
    return line


def test_what_was_watched_anonymously_becomes_the_viewers(line: Line) -> None:
    """Liked and rejected titles come as one event, oldest first; row and page of the session are gone."""
    down = Rate(event_id="d", viewer_id="s1", event_time_ms=T0 + 3, title_id="t9", thumb=Thumb.DOWN)
    line.feed(watch("s1", "t1", 1), watch("s1", "t2", 2), down)
    outcome = line.feed(_identify("s1", "ada", country="IN"))
    (event,) = _handed_over(outcome)
    assert isinstance(event, History)
    assert (event.viewer_id, event.liked, event.rejected) == ("ada", ("t1", "t2"), ("t9",))
    assert (event.event_time_ms, event.country) == (T0 + 100, "IN")
    assert outcome.outputs[topics.HOME, 0] == [{"key": b"s1", "value": None}]
    assert b"s1" not in _state(line)
    (page,) = pages_of(line.feed(event))
    listed = {item.title_id for row in page.rows for item in row.items}
    assert page.viewer_id == "ada"
    assert not listed & {"t1", "t2", "t9"}
    assert [title for title, _ in line.side.viewers.known("ada")] == ["t1", "t2", "t9"]


def test_titles_do_not_count_it_twice(line: Line) -> None:
    """What is brought along moves the viewer only: no counter, no vector; titles are only named."""
    line.feed(watch("s1", "t1", 1))
    outcome = line.feed(_identify("s1", "ada"))
    before = line.title_stores[0].rows[b"t1"]
    outcome = line.step(line.records(_handed_over(outcome)))
    (named,) = outcome.outputs[topics.SIGNALS, 0]
    assert signals.unpack(named["value"], line.replica.titles).signals.title.size == 0
    line.learn(outcome)
    assert line.title_stores[0].rows[b"t1"] == before
    titles = line.titles[0]._side.titles
    assert titles.arrays.counts[titles.row("t1"), 0] == 9  # eight of the crowd, and the session


@pytest.mark.parametrize("shards", [1, 2])
def test_titles_that_only_an_imported_history_names_are_handed_over_after_a_restart(shards: int) -> None:
    """Neither the catalog nor a watch has told of them: the title model keeps their names."""
    line = Line(Settings(prequential_share=0.0, title_shards=shards))
    liked, rejected = tuple(f"m{n}" for n in range(5)), ("m5",)
    about = {"event_id": "h1", "viewer_id": "s1", "event_time_ms": T0}
    line.feed(History(**about, liked=liked, rejected=rejected))
    line.feed(watch("bob", "t1", 1))
    after = line.successor()
    (event,) = _handed_over(after.feed(_identify("s1", "ada")))
    assert isinstance(event, History)
    assert (event.liked, event.rejected) == (liked, rejected)
    titles = after.replica.titles
    rows = titles.intern([*liked, *rejected])
    assert not titles.arrays.counts[rows].any()
    assert not titles.arrays.watches[rows].any()


def test_a_second_sign_in_finds_nothing(line: Line) -> None:
    """A repeated event, or another of the same session, hands nothing over."""
    line.feed(watch("s1", "t1", 1))
    assert len(_handed_over(line.feed(_identify("s1", "ada"), _identify("s1", "ada")))) == 1
    assert _handed_over(line.feed(_identify("s1", "ada"), _identify("s1", "ada", 1))) == []
    line.restart()
    assert _handed_over(line.feed(_identify("s1", "ada"))) == []


def test_what_comes_after_the_sign_in_is_another_session(line: Line) -> None:
    """In one batch or in many: the same is handed over, and the same is left."""
    events = [
        watch("s1", "t1", 1),
        _identify("s1", "ada"),
        watch("s1", "t2", 200),
        watch("bob", "t3", 201),
        _identify("s1", "eve", 2),
        watch("s1", "t4", 300),
    ]
    found = []
    for parts in ([events], [[event] for event in events], [events[:3], events[3:]]):
        line = Line(Settings(prequential_share=0.0))
        line.feed(
            watch("crowd", "t1"), watch("crowd", "t2", 1), watch("crowd", "t3", 2), watch("crowd", "t4", 3)
        )
        moved = [_handed_over(line.step(line.records(part))) for part in parts]
        found.append(([event for events in moved for event in events], sorted(_state(line))))
        assert [title for title, _ in line.side.viewers.known("s1")] == ["t4"]
    assert found[0] == found[1] == found[2]
    assert [(event.viewer_id, event.liked) for event in found[0][0]] == [("ada", ("t1",)), ("eve", ("t2",))]


def test_a_row_that_is_deleted_is_not_read_again_before_that_is_committed(line: Line) -> None:
    """The store still has the session's row while the batch that deletes it goes on."""
    line.feed(watch("s1", "t1", 1))
    line.restart()  # so that the row is cold
    outcome = line.feed(_identify("s1", "ada"), watch("s1", "t2", 200))
    assert [event.liked for event in _handed_over(outcome)] == [("t1",)]
    assert [title for title, _ in line.side.viewers.known("s1")] == ["t2"]
    line.restart()
    assert _handed_over(line.feed(_identify("s1", "ada", 1)))[0].liked == ("t2",)


def test_a_shadow_hands_nothing_over(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version that does not publish forgets the session too, and meets the history in the log."""
    line.feed(watch("s1", "t1", 1))
    monkeypatch.setattr(Cutover, "silent", True)
    outcome = line.feed(_identify("s1", "ada"))
    assert outcome.outputs == {}
    assert b"s1" not in _state(line)


def test_what_is_handed_over_is_bounded() -> None:
    """The newest titles go, in a record that the contract takes."""
    line = Line(Settings(prequential_share=0.0))
    line.feed(*(watch("s" * 64, f"{n:064}", n, event_id=f"e{n}") for n in range(MAX_LIKED + 40)))
    (message,) = line.feed(_identify("s" * 64, "v" * 64)).outputs[EVENTS]
    event = decode_event(message["value"], ())
    assert isinstance(event, History)
    assert [int(title) for title in event.liked] == list(range(40, MAX_LIKED + 40))


def test_signing_in_as_oneself_changes_nothing(line: Line) -> None:
    """It would delete the viewer."""
    line.feed(watch("ada", "t1", 1))
    before = _state(line)
    outcome = line.feed(_identify("ada", "ada"))
    assert (outcome.rows, outcome.outputs, outcome.dead_letters) == ([], {}, [])
    assert _state(line) == before


def test_a_viewer_that_leaves_the_cache_within_a_batch_comes_back_as_they_are() -> None:
    """Rows are equal whether there is room for everybody or for two: the store is behind the batch."""
    events: list[Event] = [watch(f"v{n % 5}", f"t{n}", n) for n in range(30)]
    for n in range(4, 30, 5):
        events.insert(n, _identify(f"v{n % 3}", f"known{n}", n))
    found = []
    for slots in (100, 2):
        line = Line(Settings(prequential_share=0.0, model={"viewer_slots": slots}))
        outcome = line.step(line.records(events))
        found.append((_state(line), [(event.viewer_id, event.liked) for event in _handed_over(outcome)]))
    assert found[0] == found[1]
