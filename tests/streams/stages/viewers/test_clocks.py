"""Clocks of devices, records and workers that lie: what pages show and counters keep nonetheless."""

from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.catalog.business_rules import RuleSet
from schemas import DecodeError, Reason, Title, topics
from schemas.catalog import Availability
from schemas.codec import decode_home, decode_trending, encode
from schemas.fields import MAX_TIME_MS, MIN_TIME_MS
from schemas.pages import Home
from schemas.rules import BusinessRule, RuleKind
from streams.config.settings import Settings
from streams.engine.stage import Outcome
from streams.stages.titles.step import TitlesStep
from streams.stages.versions.cutover import Cutover
from streams.stages.viewers.replica_lag import LATE_MS
from streams.stages.wire.events import AHEAD_MS, TRUSTED_MS, EventReader
from tests.streams.steps import T0, Line, pages_of, record, watch

HOUR, DAY = 3_600_000, 86_400_000
FAR = MAX_TIME_MS - 1
"""The last moment of 2099, which the contract allows."""
NUMBERS = count(1)


def _on(page: Home) -> set[str]:
    return {item.title_id for row in page.rows for item in row.items}


def _world(wall_ms: int | None) -> Line:
    """Give a line where everybody watches, a title that has expired and one under an embargo."""
    line = Line(wall_ms=wall_ms)
    line.put(*(Title(title_id=f"t{k}") for k in range(6)))
    line.put(Title(title_id="expired", availability=Availability(end_ms=T0 + DAY)))
    line.put(Title(title_id="embargo", availability=Availability(start_ms=T0 + 3 * DAY + HOUR // 2)))
    for n in range(20):
        line.feed(*(watch(f"v{n}", f"t{k}", n) for k in range(3)))
    return line


def test_a_late_event_brings_no_expired_title_back() -> None:
    """A phone that was offline for three days uploads; the page is of today, and lives from today on."""
    now = T0 + 3 * DAY
    (page,) = pages_of(_world(now).feed(watch("bob", "t1", event_time_ms=T0 + HOUR)))
    assert "expired" not in _on(page)
    assert page.generated_at_ms == T0 + HOUR
    assert page.expires_at_ms == now + DAY


def test_a_fast_clock_breaks_no_embargo() -> None:
    """Not its owner's, nor that of others in the same batch, nor in pages that wait for their time."""
    now, fast = T0 + 3 * DAY, T0 + 3 * DAY + 40 * 60_000
    line = _world(now)
    line.pause_s = 0.0
    both = [watch("ada", "t1", event_time_ms=now), watch("eve", "t2", event_time_ms=fast)]
    sent = [
        record(encode(e), e.viewer_id.encode(), offset=100 + n, timestamp=fast) for n, e in enumerate(both)
    ]
    pages = pages_of(line.step(sent))
    later = [watch("ada", "t3", event_time_ms=now), watch("eve", "t4", event_time_ms=fast)]
    line.step(
        [record(encode(e), e.viewer_id.encode(), offset=200 + n, timestamp=fast) for n, e in enumerate(later)]
    )
    line.now += 60.0
    pages += pages_of(line.flush_due())
    assert len(pages) == 4
    assert not any("embargo" in _on(page) for page in pages)


def test_rules_go_by_the_workers_clock() -> None:
    """One that has ended does not hide, whatever time a device says."""
    line = _world(T0 + 3 * DAY)
    over = BusinessRule(rule_id="r", kind=RuleKind.EXCLUDE, titles=("t0",), ends_at_ms=T0 + DAY)
    line.replica.catalog.set_rules(RuleSet([over]))
    (page,) = pages_of(line.feed(watch("bob", "t1", event_time_ms=T0 + HOUR)))
    assert "t0" in _on(page)


def test_a_replay_goes_by_the_times_of_events() -> None:
    """A past that is lived again shows what was shown."""
    (page,) = pages_of(_world(None).feed(watch("bob", "t1", event_time_ms=T0 + HOUR)))
    assert "expired" in _on(page)
    assert page.expires_at_ms == T0 + HOUR + DAY


def test_pending_pages_are_flushed_in_portions() -> None:
    """They are in the transaction of a batch, whose own pages would wait for thousands of them."""
    line = Line(pause_s=0.0)
    viewers = [f"v{n}" for n in range(300)]
    for title in ("t1", "t2"):
        line.feed(*(watch(viewer, title, 0) for viewer in viewers))
    line.now += 60.0
    flushed = [len(pages_of(line.flush_due())) for _ in range(3)]
    assert flushed == [256, 44, 0]


SHARED = Line(wall_ms=T0)
OFFSETS = st.integers(-3 * DAY, 3 * DAY)


@given(
    wall=OFFSETS,
    windows=st.lists(st.tuples(OFFSETS, st.integers(1, 2 * DAY)), min_size=8, max_size=8),
    events=st.lists(st.tuples(OFFSETS, OFFSETS | st.none()), min_size=1, max_size=4),
)
def test_no_page_shows_a_title_outside_its_window(
    wall: int, windows: list[tuple[int, int]], events: list[tuple[int, int | None]]
) -> None:
    """Of the moment at which the page is made, whatever the clocks of devices and producers say."""
    line, now = SHARED, T0 + wall
    line.wall_ms = now
    spans = {f"w{n}": (T0 + start, T0 + start + length) for n, (start, length) in enumerate(windows)}
    for title, (start, end) in spans.items():
        line.put(Title(title_id=title, availability=Availability(start_ms=start, end_ms=end)))
    sent = []
    for at, stamp in events:
        number = next(NUMBERS)
        event = watch(f"v{number}", f"w{number % 8}", number, event_time_ms=T0 + at)
        timestamp = -1 if stamp is None else T0 + stamp
        sent.append(
            record(
                encode(event), event.viewer_id.encode(), offset=line.offset + len(sent), timestamp=timestamp
            )
        )
    out = line.step(sent)
    line.learn(out)
    pages = pages_of(out)
    assert len(pages) == len(events)
    for page in pages:
        assert all(spans[title][0] <= now < spans[title][1] for title in _on(page))


STAMPS = st.sampled_from([-1, 0, 1, T0 // 1000, T0 * 1000, FAR, MIN_TIME_MS - 1, MIN_TIME_MS, T0])


@given(
    at=st.integers(MIN_TIME_MS, FAR) | st.sampled_from([MIN_TIME_MS, FAR]), stamp=STAMPS, live=st.booleans()
)
def test_every_page_keeps_its_own_contract(at: int, stamp: int, *, live: bool) -> None:
    """Whatever the times of an event and its record are, a consumer can decode the page."""
    line, number = Line(wall_ms=T0 if live else None), next(NUMBERS)
    event = watch(f"v{number}", "t1", number, event_time_ms=at)
    out = line.step([record(encode(event), event.viewer_id.encode(), timestamp=stamp)])
    assert out.dead_letters == []
    (value,) = [
        one["value"] for (topic, _), some in out.outputs.items() if topic == topics.HOME for one in some
    ]
    page = decode_home(value)
    assert page.generated_at_ms <= (T0 + TRUSTED_MS if live else FAR)


def test_without_a_timestamp_and_a_clock_an_event_is_a_dead_letter() -> None:
    """A worker that starts before its clock is set makes no page of 1970."""
    line = Line(wall_ms=1_000)
    out = line.step([record(encode(watch("ada", "t1")), b"ada", timestamp=-1)])
    (letter,) = out.dead_letters
    assert (letter.reason, letter.field) == (Reason.OUT_OF_RANGE, "event_time_ms")


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        (T0 + 500, T0 + 500), (T0 + 9_000, T0 + 1_000), (T0 - 1, T0 - 1), (-1, T0 + 1_000), (0, T0 + 1_000),
        (T0 // 1000, T0 + 1_000), (T0 * 1000, T0 + 1_000),
    ],
)  # fmt: skip
def test_the_time_of_an_event_is_bounded(sent: int, found: int) -> None:
    """By its record's timestamp where that can be used."""
    event = watch("ada", "t1", event_time_ms=T0 + 1_000)
    assert EventReader(Settings(), lambda: T0)(record(encode(event), b"ada", timestamp=sent), T0)[1] == found


@pytest.mark.parametrize("sent", [-1, 0, T0 // 1000, FAR])
def test_the_workers_clock_bounds_what_no_timestamp_does(sent: int) -> None:
    """Kafka takes such records, or took them before version 4."""
    event, reader = watch("ada", "t1", event_time_ms=FAR), EventReader(Settings(), lambda: T0)
    _, at_ms = reader(record(encode(event), b"ada", timestamp=sent), reader.now_ms())
    assert at_ms == T0 + AHEAD_MS
    with pytest.raises(DecodeError):
        EventReader(Settings())(record(encode(event), b"bob", timestamp=sent), None)


def _trending(outs: list[Outcome]) -> dict[str, list[str]]:
    lists = {}
    for out in outs:
        for (topic, _), messages in out.outputs.items():
            if topic == topics.TRENDING:
                for one in messages:
                    found = decode_trending(one["value"])
                    lists[found.scope] = [item.title_id for item in found.items]
    return lists


@pytest.mark.parametrize("wall", [T0, None], ids=["live", "replay"])
@pytest.mark.parametrize("sent", [-1, 0, FAR])
def test_an_event_of_2099_leaves_trending_as_it_is(sent: int, wall: int | None) -> None:
    """Also after a restart of the stage; and what is watched from then on counts."""
    line = Line(wall_ms=wall)

    def learn(*events: Any) -> dict[str, list[str]]:
        out = line.step(line.records(events))
        return _trending(line.learn(out))

    for n in range(40):
        learn(*(watch(f"v{n}", f"t{k}", n, country="DE") for k in range(5)))
    before = learn(watch("a", "t1", 50, country="DE"))["global"]
    poison = watch("evil", "poison", event_time_ms=FAR, country="DE")
    line.learn(line.step([record(encode(poison), b"evil", offset=line.offset, timestamp=sent)]))
    line.titles[0] = TitlesStep(line.settings, 0, line.title_stores[0])
    later = 2 * DAY if wall is None else 2 * AHEAD_MS
    if wall is not None:
        line.wall_ms = T0 + later
    after = learn(*(watch(f"w{n}", f"t{n % 5}", later + n, country="DE") for n in range(30)))
    assert set(before) <= set(after["global"][:6])
    assert set(after["country:DE"]) >= {f"t{k}" for k in range(5)}
    assert after["global"][0] != "poison"


@pytest.mark.parametrize("age_ms", [0, 3 * LATE_MS])
def test_a_shadow_is_late_by_the_workers_clock(monkeypatch: pytest.MonkeyPatch, age_ms: int) -> None:
    """The one that pages and bounds go by; the machine's is years ahead of it here."""
    monkeypatch.setattr(Cutover, "silent", True)
    line = Line(wall_ms=T0 + 9_000)
    event = watch("ada", "t1", 1)
    line.step([record(encode(event), b"ada", timestamp=T0 + 9_000 - age_ms)])
    assert bool(line.stage.lag._late) == (age_ms > 0)
