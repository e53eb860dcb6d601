"""The page throttle: pages at once, pending pages; none is lost, none is made twice."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import Identify, topics
from schemas.fields import RowKind
from streams.config.settings import Settings
from streams.engine.stage import Outcome
from streams.stages.viewers.page_throttle import PageThrottle, requests_of
from streams.stages.wire.partition_rows import PENDING_PAGE, SENT
from streams.telemetry.metrics import Metrics
from tests.streams.steps import T0, Line, MemoryStore, pages_of, watch

VIEWERS = ["ada", "bob", "eve"]
INTERVAL_S = 1.0


@dataclass
class Desk:
    """A throttle over a store, and what would have been published, with the times."""

    interval_s: float = INTERVAL_S
    now: float = 100.0
    store: MemoryStore = field(default_factory=MemoryStore)
    metrics: Metrics = field(default_factory=Metrics)
    published: list[tuple[str, int, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin anew from what is stored."""
        self.throttle = PageThrottle(self.store, self.interval_s, self.metrics, clock=lambda: self.now)  # type: ignore[arg-type]

    def request(self, *requests: tuple[int, int, int]) -> None:
        """Let a batch ask for pages."""
        asked = requests_of(*zip(*requests, strict=True))
        for slot, offset, _ in self.throttle.admit(asked, VIEWERS, lambda offset: T0 + offset).tolist():
            self.published.append((VIEWERS[slot], offset, self.now))
        self.store.commit(Outcome(rows=self.throttle.take_rows()))

    def flush_due(self, limit: int = 100) -> None:
        """Flush what is due."""
        for page in self.throttle.take_due(limit):
            self.published.append((page.viewer_id, page.offset, self.now))
        self.store.commit(Outcome(rows=self.throttle.take_rows()))

    def pending(self) -> float:
        """Return the gauge."""
        return self.metrics.registry.get_sample_value("nearline_pages_pending") or 0.0


def test_the_first_change_is_published_at_once_and_the_second_is_pending() -> None:
    """Until the interval is over; then it is due, its page names the last event, and opens an interval."""
    desk = Desk()
    desk.request((0, 7, T0))
    desk.now += 0.25
    desk.request((0, 8, T0), (1, 9, T0))
    desk.now += 0.25
    desk.request((0, 10, T0 + 5))
    assert [(who, offset) for who, offset, _ in desk.published] == [("ada", 7), ("bob", 9)]
    assert desk.store.rows == dict([PENDING_PAGE.row((10, T0 + 5, T0 + 10), "ada")])
    assert (desk.throttle.due_s(), desk.pending()) == (0.5, 1)
    desk.flush_due()
    assert len(desk.published) == 2
    desk.now += 0.5
    assert desk.throttle.due_s() == 0
    desk.flush_due()
    desk.flush_due()
    assert desk.published[2:] == [("ada", 10, 101.0)]
    assert (desk.store.rows, desk.throttle.due_s(), desk.pending()) == ({}, None, 0)
    desk.now += 0.5
    desk.request((0, 11, T0))
    assert desk.throttle.due_s() == 0.5


def test_windows_end_together() -> None:
    """Those that open within a sixteenth of the interval, and none before its time."""
    desk = Desk()
    for slot, after_s in enumerate((0.01, 0.04, 0.03)):
        desk.now += after_s
        desk.request((slot, slot, T0))
    desk.request((0, 3, T0), (1, 4, T0), (2, 5, T0))
    desk.now = 101.0625
    desk.flush_due()
    assert [offset for _, offset, _ in desk.published] == [0, 1, 2, 3, 4]
    assert desk.throttle.due_s() == 0.0625


def test_a_change_after_the_interval_replaces_the_pending_page() -> None:
    """The viewer gets one page, of the later event, and none is pending."""
    desk = Desk()
    desk.request((0, 1, T0))
    desk.request((0, 2, T0))
    desk.now += 1.5
    desk.request((0, 3, T0))
    assert [offset for _, offset, _ in desk.published] == [1, 3]
    assert (desk.store.rows, desk.throttle.due_s(), desk.pending()) == ({}, None, 0)


def test_pending_pages_are_known_after_a_restart_and_due_at_once() -> None:
    """Without a look at any other row."""
    desk = Desk()
    desk.store.rows[b"ada"] = b"a viewer's row"
    desk.store.commit(Outcome(rows=[SENT.row(3)]))
    desk.request((0, 1, T0), (1, 2, T0))
    desk.request((0, 3, T0), (1, 4, T0))
    desk.throttle.close()
    assert desk.pending() == 0
    desk.restart()
    assert (desk.throttle.due_s(), desk.pending()) == (0, 2)
    desk.flush_due(1)
    desk.flush_due()
    assert sorted(desk.published[2:]) == [("ada", 3, 100.0), ("bob", 4, 100.0)]
    assert set(desk.store.rows) == {b"ada", SENT.key}


def test_without_an_interval_nothing_is_pending() -> None:
    """Every change is published, several of a viewer too; former pending pages are made."""
    desk = Desk()
    desk.request((0, 1, T0), (1, 2, T0))
    desk.request((0, 3, T0), (1, 4, T0))
    desk.interval_s = 0.0
    desk.restart()
    desk.request((0, 5, T0), (0, 6, T0))
    assert [offset for _, offset, _ in desk.published] == [1, 2, 5, 6]
    desk.flush_due()
    assert desk.published[4:] == [("bob", 4, 100.0)]
    assert desk.store.rows == {}


def test_everything_can_be_flushed_before_it_is_due() -> None:
    """In the order of the events; each page opens an interval."""
    desk = Desk()
    desk.request((0, 1, T0), (1, 2, T0))
    desk.request((0, 3, T0), (1, 4, T0))
    taken = desk.throttle.take_all()
    assert [page.offset for page in taken] == [3, 4]
    desk.store.commit(Outcome(rows=desk.throttle.take_rows()))
    assert (desk.store.rows, desk.pending(), desk.throttle.due_s()) == ({}, 0, None)
    desk.now += 0.5
    desk.request((0, 5, T0))
    assert desk.throttle.due_s() == 0.5


ACTIONS = st.one_of(
    st.tuples(st.just("request"), st.sets(st.integers(0, 2), min_size=1)),
    st.tuples(st.just("wait"), st.sampled_from([0.125, 0.5, 1.0, 3.0])),
    st.tuples(st.just("flush"), st.integers(1, 3)),
    st.just(("restart", 0)),
)


@given(st.lists(ACTIONS, max_size=60))
def test_the_last_page_is_of_the_last_change(actions: list[Any]) -> None:
    """Whatever happens when: it comes within an interval of quiet; in a life pages are an interval apart."""
    desk, offset, last = Desk(), 0, dict[str, int]()
    lives = [0]
    for action in actions:
        match action:
            case ("request", slots):
                requests = [(slot, offset + n, T0) for n, slot in enumerate(sorted(slots))]
                offset += len(requests)
                last |= {VIEWERS[slot]: at for slot, at, _ in requests}
                desk.request(*requests)
            case ("wait", seconds):
                desk.now += seconds
            case ("flush", limit):
                desk.flush_due(limit)
            case ("restart", _):
                desk.throttle.close()
                desk.restart()
                lives.append(len(desk.published))
        assert desk.pending() == len(desk.store.rows)
        assert (desk.throttle.due_s() is None) == (not desk.store.rows)
    due = desk.throttle.due_s() or 0.0
    assert due <= INTERVAL_S
    desk.now += INTERVAL_S
    desk.flush_due()
    assert desk.store.rows == {}
    newest = {who: offset for who, offset, _ in desk.published}
    assert newest == last
    assert len({offset for _, offset, _ in desk.published}) == len(desk.published)
    for first, end in zip(lives, [*lives[1:], len(desk.published)], strict=True):
        times = {who: [t for name, _, t in desk.published[first:end] if name == who] for who in VIEWERS}
        assert all(b - a >= INTERVAL_S for row in times.values() for a, b in pairwise(row))


@pytest.fixture
def line() -> Line:
    """Give both stages; a batch comes a quarter of a second after the one before."""
    line = Line()
    line.feed(*(watch(f"crowd{v}", f"t{(v + k) % 9}", 3 * v + k) for v in range(20) for k in range(3)))
    line.pause_s = 0.25
    return line


def test_a_pending_page_is_ranked_when_it_is_made(line: Line) -> None:
    """It knows everything that was learned by then, names the last event, and has the next number."""
    (first,) = pages_of(line.feed(watch("ada", "t1", 1)))
    assert pages_of(line.feed(watch("ada", "t2", 2))) == []
    offset = line.offset
    assert pages_of(line.feed(watch("ada", "t3", 3), watch("ada", "t3", 3))) == []
    assert line.viewers.due_s() == 0.5
    assert line.viewers.flush_due() == Outcome()
    line.now += 0.5
    outcome = line.flush_due()
    (page,) = pages_of(outcome)
    assert (page.seq, first.seq, page.source.offset) == (2, 1, offset)
    assert (page.generated_at_ms, page.expires_at_ms) == (T0 + 3, T0 + 3 + 86_400_000)
    assert {item.title_id for item in page.items_of(RowKind.TOP_PICKS)}.isdisjoint({"t1", "t2", "t3"})
    assert {key for key, _ in outcome.rows} == {b"ada", PENDING_PAGE.no_row("ada")[0]}
    assert list(outcome.outputs) == [(topics.HOME, 0)]
    assert line.count("pages_flushed_total") == 1
    assert line.count("lists_total") == 20 + 2
    line.restart()
    line.now += 1.0
    (page,) = pages_of(line.feed(watch("ada", "t4", 4)))
    assert page.seq == 3


def test_a_viewer_who_is_not_in_memory_gets_the_pending_page(line: Line) -> None:
    """After a restart the row is read back; the page is the one that would have been made."""
    line.feed(watch("ada", "t1", 1))
    line.feed(watch("ada", "t2", 2))
    line.restart()
    assert line.count("pages_pending") == 1
    (page,) = pages_of(line.flush_due())
    assert (page.viewer_id, page.seq) == ("ada", 2)
    shown = {item.title_id for row in page.rows for item in row.items}
    assert shown == {f"t{n}" for n in (0, *range(3, 9))}
    assert (line.count("pages_pending"), line.viewers.due_s()) == (0, None)


def test_a_page_for_every_event_knows_no_throttle() -> None:
    """However often they come."""
    line = Line(Settings(list_per_event=True), pause_s=0.0)
    pages = [pages_of(line.feed(watch("ada", f"t{n}", n), watch("ada", f"u{n}", n))) for n in range(3)]
    assert [page.seq for batch in pages for page in batch] == [1, 2, 3, 4, 5, 6]
    assert line.viewers.due_s() is None


def test_a_viewer_who_signed_in_has_no_pending_page_under_the_former_name(line: Line) -> None:
    """The row and the page are gone and stay gone; what was watched comes back as the viewer's own event."""
    line.feed(watch("anon", "t1", 1))
    line.feed(watch("anon", "t2", 2))
    assert line.count("pages_pending") == 1
    event = Identify(event_id="i", viewer_id="anon", event_time_ms=T0 + 3, known_as="ada")
    line.feed(event, watch("bob", "t1", 4))
    assert (line.count("pages_pending"), line.viewers.due_s()) == (0, None)
    assert not {key for key in line.store.rows if b"anon" in key}
    assert [page.viewer_id for page in pages_of(line.feed(watch("anon", "t3", 5)))] == ["anon"]
