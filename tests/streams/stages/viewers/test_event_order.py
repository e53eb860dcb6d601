"""Effects come in the order of the records, each event's once: wherever the log is cut into batches."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from online_models.catalog.catalog import country_of
from online_models.tables.hashing import hash_ids
from online_models.tables.layout import RING
from online_models.tables.rows import VIEWER_ROWS
from online_models.tables.titles import TitleTable
from online_models.tables.viewers import NO_LIMIT
from schemas import (
    Artwork,
    Browse,
    Event,
    Forget,
    History,
    Identify,
    Impression,
    MyList,
    Play,
    Preferences,
    Rate,
    RowKind,
    Search,
    Select,
    Skip,
    Stop,
    Tags,
    Thumb,
    Title,
    topics,
)
from schemas.codec import decode_home, encode
from schemas.events import ListAction
from streams.config.settings import Settings
from streams.engine.stage import Outcome
from streams.stages.viewers import departures
from streams.stages.wire.attribution import unpack_updates
from streams.stages.wire.partition_rows import DEPARTURES, is_reserved
from streams.stages.wire.signals import unpack
from tests.streams.stages.viewers.crowd import crowd, preferences
from tests.streams.steps import T0, Line, MemoryStore, pages_of, records_of, watch

ROW = VIEWER_ROWS.dtype(Settings().model)
ART = tuple(Artwork(id=f"{word}.jpg", uri=f"https://x/{word}", tags=(word,)) for word in ("love", "war"))
TITLES = [f"t{n}" for n in range(12)]


def _row(line: Line, viewer: str) -> Any:
    """Return the fixed part of a viewer's stored row."""
    return np.frombuffer(line.store.rows[viewer.encode()][: ROW.itemsize], ROW)[0]


def _where(line: Line, viewer: str) -> tuple[str | None, int | None]:
    """Return a viewer's country and age limit."""
    row = _row(line, viewer)
    return country_of(int(row["country"])), None if row["limit"] == NO_LIMIT else int(row["limit"])


def _cuts(events: Sequence[Event]) -> Iterator[list[Sequence[Event]]]:
    """Yield events in one batch, and each in a batch of its own."""
    yield [events]
    yield [[event] for event in events]


@pytest.fixture
def line() -> Line:
    """Give both stages; the replica knows the titles."""
    line = Line(Settings(prequential_share=0.0))
    line.replica.titles.intern(TITLES)
    return line


def test_preferences_that_are_sent_again_do_not_count_again() -> None:
    """One of them, then others, then the first again: the second ones stay."""
    first = preferences("kid", 1, event_time_ms=T0, country="DE")
    second = preferences("kid", 2, event_time_ms=T0, country="US", maturity=6)
    for batches in _cuts([first, second, first]):
        line = Line()
        line.feed(watch("kid", "t1"))
        for batch in batches:
            line.feed(*batch)
        assert _where(line, "kid") == ("US", 6)
        assert line.count("events_total", stage="viewers", outcome="duplicate") == 1


def test_older_preferences_change_nothing() -> None:
    """By event time: an old statement that is delivered late takes no age limit off. Of equals, the last."""
    limited = preferences("kid", 9, maturity=6, genres=("Drama",))
    late = preferences("kid", 3, country="DE", device="tv", liked_titles=("t2",))
    equal = preferences("kid", 9, event_id="x", maturity=12)
    for batches in _cuts([limited, late]):
        line = Line()
        for batch in batches:
            line.feed(*batch)
        row = _row(line, "kid")
        assert _where(line, "kid") == (None, 6)
        assert (row["device"], row["positives"]) == (0, 1)  # what was liked is liked, however late
        line.restart()
        line.feed(equal)
        assert _where(line, "kid") == (None, 12)


def test_a_country_is_that_of_the_last_event() -> None:
    """Whether preferences name it or a play, in one batch or in two; signals have that of their event."""
    play = Play(event_id="a", viewer_id="ada", event_time_ms=T0, title_id="t2", country="DE")
    stated = preferences("ada", 1, country="US")
    liked = [watch("ada", f"t{n}", n, country=country) for n, country in ((3, "FR"), (4, None), (5, "IN"))]
    for events, expected in (([play, stated], "US"), ([stated, play], "DE"), ([play, stated, *liked], "IN")):
        sent = []
        for batches in _cuts(events):
            line = Line()
            found = [line.feed(*batch) for batch in batches]
            assert _where(line, "ada")[0] == expected
            sent.append([country for outcome in found for country in _signals(line, outcome).countries])
        assert sent[0] == sent[1]
    assert [country_of(code) for code in sent[0][-3:]] == ["FR", "FR", "IN"]


def test_an_event_about_many_titles_has_one_place_among_the_ids(line: Line) -> None:
    """Otherwise a retry of an import with more titles than there are places would count again."""
    many = History(event_id="h", viewer_id="ada", event_time_ms=T0, liked=tuple(f"h{n}" for n in range(40)))
    line.feed(watch("ada", "t1"))
    line.feed(many)
    before = line.store.rows.copy()
    assert int(_row(line, "ada")["ring_n"]) == 2
    assert line.feed(many, watch("ada", "t1")).rows == []
    assert line.store.rows == before


@pytest.mark.parametrize("type_", [Forget, Identify])
def test_a_departure_that_is_sent_again_removes_nothing(type_: Any) -> None:
    """What the viewer did in between stays; a request of another time is another request."""
    more = {"known_as": "ada"} if type_ is Identify else {}
    gone = type_(event_id="g", viewer_id="guest", event_time_ms=T0 + 1, **more)
    events = [watch("guest", "t1"), gone, watch("guest", "t2", 2), gone]
    for batches in _cuts(events):
        line = Line()
        for batch in batches:
            line.feed(*batch)
            line.restart()  # it is remembered in the store
        line.feed(watch("guest", "t3", 3))
        assert [title for title, _ in line.side.viewers.known("guest")] == ["t2", "t3"]
        assert line.count("events_total", stage="viewers", outcome="duplicate") == 1
    line.feed(Forget(event_id="g", viewer_id="guest", event_time_ms=T0 + 9))
    assert b"guest" not in line.store.rows


def test_departures_that_are_remembered_are_bounded(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest are."""
    monkeypatch.setattr(departures, "MAX_REMEMBERED", 3)
    line.feed(*(Forget(event_id=f"f{n}", viewer_id="ada", event_time_ms=T0) for n in range(5)))
    assert DEPARTURES.read(line.store).done.size == 3


def test_what_is_sent_again_after_the_viewer_was_forgotten_is_new(line: Line) -> None:
    """Nothing is left of the viewer by which it could be recognized: they begin anew, as documented."""
    seen = watch("ada", "t1")
    line.feed(seen, Forget(event_id="f", viewer_id="ada", event_time_ms=T0 + 1))
    assert [key for key in line.store.rows if b"ada" in key] == []
    line.feed(seen, seen)
    assert int(_row(line, "ada")["ring_n"]) == 1


# Any cut of any sequence.


@dataclass
class Known:
    """What the straightforward reference knows of a viewer: an event at a time, in plain Python."""

    ids: list[str] = field(default_factory=list)
    country: str | None = None
    limit: int | None = None
    stated_at: int = 0


def _reference(events: Sequence[Event]) -> dict[str, Known]:
    """Apply the rules of ids, countries and preferences one event at a time."""
    viewers: dict[str, Known] = {}
    gone: set[tuple[str, str, int]] = set()
    forgotten: dict[str, int] = {}
    for event in events:
        if isinstance(event, Forget | Identify):
            time = event.event_time_ms if isinstance(event, Forget) else 0
            if (name := (event.viewer_id, event.event_id, time)) not in gone:
                viewers.pop(event.viewer_id, None)
                gone.add(name)
                forgotten[event.viewer_id] = max(time, forgotten.get(event.viewer_id, 0))
            continue
        if isinstance(event, History) and event.event_time_ms <= forgotten.get(event.viewer_id, 0):
            continue
        if isinstance(event, Browse) and event.surface == "home":
            continue
        one = viewers.setdefault(event.viewer_id, Known())
        if event.event_id in one.ids[-RING:]:
            continue
        one.ids.append(event.event_id)
        if isinstance(event, Preferences):
            if event.event_time_ms < one.stated_at:
                continue
            one.limit, one.stated_at = event.maturity, event.event_time_ms
        one.country = event.country or one.country
    return viewers


def _some(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


ABOUT: dict[str, Any] = {
    "viewer_id": _some("ada", "bob", "guest"),
    "event_time_ms": st.integers(0, 9).map(lambda n: T0 + 1_000 * n),
    "country": _some(None, None, "DE", "US"),
    "device": _some(None, "tv"),
}
ON: dict[str, Any] = {"title_id": st.sampled_from(TITLES)}
SHOWN = {"list_id": "l", "row": 0, "slot": 0, "artwork": "love.jpg", "row_kind": RowKind.TOP_PICKS}
WATCHED = {"watched_s": 3_000, "position_s": 3_000, "duration_s": 3_600}
STATED = {"maturity": _some(None, 6, 12), "genres": _some((), ("love",))}
KINDS: dict[type[Event], dict[str, Any]] = {
    Stop: ON | WATCHED,
    Play: ON,
    Impression: ON | SHOWN,
    Rate: ON | {"thumb": _some(*Thumb)},
    MyList: ON | {"action": _some(*ListAction)},
    Skip: ON,
    Search: {"query": _some("q", "war"), "result_count": 1, "clicked_title_id": _some(None, "t1")},
    Select: ON,
    Preferences: STATED | {"liked_titles": _some((), ("t1",), ("t2", "t3"))},
    History: {"liked": ("t4", "t5"), "rejected": ("t6",)},
    Forget: {},
    Identify: {"known_as": "somebody"},
    Browse: {"surface": _some("home", "genre:love"), "dwell_s": 1.0},
}
"""What is drawn of each type: values, or strategies of them."""


def _event(draw: st.DrawFn, number: int) -> Event:
    """Draw an event of any type, of those with most to say more often."""
    kind = draw(st.sampled_from([*KINDS, Stop, Impression, Preferences]))
    fields = ABOUT | KINDS[kind]
    drawn = {
        name: draw(value) if isinstance(value, st.SearchStrategy) else value for name, value in fields.items()
    }
    return kind(event_id=f"e{number}", **drawn)


@st.composite
def _sequences(draw: st.DrawFn) -> list[Event]:
    """Draw events of every type for three viewers; some are sent again, some come late."""
    events: list[Event] = []
    for number in range(draw(st.integers(4, 24))):
        again = events and draw(st.integers(0, 4)) == 0
        events.append(draw(st.sampled_from(events)) if again else _event(draw, number))
    return events


@pytest.fixture(scope="module")
def town() -> Line:
    """Give a replica that has learned, and does not change: all runs share it."""
    line = Line(Settings(prequential_share=1.0, page_interval_s=0.0))
    line.put(
        *(
            Title(title_id=t, artwork=ART, tags=Tags(genre=(("love", "war")[n % 2],)))
            for n, t in enumerate(TITLES)
        )
    )
    line.feed(*crowd())
    return line


@dataclass
class Left:
    """What a run left: rows, what titles were told, what became of pages, and what was handed over."""

    rows: dict[bytes, bytes]
    signals: Counter[tuple[Any, ...]] = field(default_factory=Counter)
    updates: list[Any] = field(default_factory=list)
    handed: list[Any] = field(default_factory=list)
    pages: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    """Cause, time and age limit of each viewer's last page."""
    later: dict[str, bytes] = field(default_factory=dict)
    """Pages of all viewers at one later moment, without their numbers."""


def _run(town: Line, batches: Sequence[Sequence[Event]]) -> Left:
    """Run batches through a partition without state, and then one event of each viewer."""
    store = MemoryStore()
    step = town.stage.step(0, store)
    left, offset = Left(store.rows), 0
    for batch in batches:
        outcome = step(records_of(batch, offset))
        offset += len(batch)
        store.commit(outcome)
        told = _signals(town, outcome)
        left.signals.update(told.facts)
        left.updates += told.updates
        left.handed += outcome.outputs.get((topics.EVENTS, None), [])
        for message in outcome.outputs.get((topics.HOME, 0), []):
            viewer, value = (message["key"] or b"").decode(), message["value"]
            left.pages.pop(viewer, None)
            if value is not None:
                page = decode_home(value)
                left.pages[viewer] = (page.source, page.generated_at_ms, page.maturity)
    left.updates.sort(key=lambda one: one.partition("(")[0])  # in order of each kind, as messages have them
    left.rows = {
        key: value if is_reserved(key) else _unnumbered_row(value) for key, value in store.rows.items()
    }
    later = [watch(viewer, "t9", event_time_ms=T0 + 10**6) for viewer in ("ada", "bob", "guest")]
    for page in pages_of(step(records_of(later, offset))):
        left.later[page.viewer_id] = encode(structs.replace(page, seq=0, list_id="-"))
    step.close()
    return left


@dataclass
class Told:
    """What an outcome tells the titles."""

    facts: list[tuple[Any, ...]] = field(default_factory=list)
    countries: list[int] = field(default_factory=list)
    updates: list[Any] = field(default_factory=list)


def _signals(line: Line, outcome: Outcome) -> Told:
    """Read signals and updates, in order."""
    told, table = Told(), TitleTable(line.settings.model)
    for message in outcome.outputs.get((topics.SIGNALS, 0), []):
        batch = unpack(message["value"] or b"", table)
        s, places = batch.signals, zip(batch.countries.tolist(), batch.devices.tolist(), strict=True)
        for n, place in enumerate(places):
            what = (int(s.action[n]), table.ids[s.title[n]], float(s.weight[n]), float(s.change[n]))
            told.facts.append((*what, int(s.at[n]), *place, s.x[n].tobytes()))
        told.countries += batch.countries.tolist()
        updates = unpack_updates(batch.updates)
        told.updates += [*map(repr, (*updates.artwork, *updates.queries))]
    return told


def _unnumbered_row(row: bytes) -> bytes:
    """Return a viewer's row without the number of their pages."""
    head = np.frombuffer(row[: ROW.itemsize], ROW).copy()
    head["seq"] = 0
    return head.tobytes() + row[ROW.itemsize :]


@given(data=st.data(), events=_sequences())
def test_any_cut_leaves_the_same(town: Line, data: st.DataObject, events: list[Event]) -> None:
    """State, signals and every viewer's last page are those of the same events one by one.

    A page shows what its batch has taught, events that ask for none included, at the newest time of the
    batch. So its bytes are compared at a later moment that all share.
    """
    cuts = sorted(data.draw(st.sets(st.integers(1, len(events) - 1))))
    parts = [events[a:b] for a, b in zip([0, *cuts], [*cuts, len(events)], strict=True)]
    alone, cut = _run(town, [[event] for event in events]), _run(town, parts)
    assert cut.rows == alone.rows
    assert cut.signals == alone.signals
    assert cut.updates == alone.updates
    assert cut.handed == alone.handed
    assert cut.pages == alone.pages
    assert cut.later == alone.later


@given(events=_sequences())
def test_ids_countries_and_limits_are_those_of_the_reference(town: Line, events: list[Event]) -> None:
    """The step in one batch knows what plain Python knows, event by event."""
    rows = {key.decode(): row for key, row in _run(town, [events]).rows.items() if not is_reserved(key)}
    known = _reference(events)
    assert rows.keys() == known.keys()
    for viewer, one in known.items():
        row = np.frombuffer(rows[viewer][: ROW.itemsize], ROW)[0]
        limit = None if row["limit"] == NO_LIMIT else int(row["limit"])
        assert (country_of(int(row["country"])), limit, int(row["stated_at"])) == (
            one.country,
            one.limit,
            one.stated_at,
        )
        assert int(row["ring_n"]) == len(one.ids)
        assert set(row["ring"].tolist()) - {0} == set(hash_ids(one.ids[-RING:]).tolist())
