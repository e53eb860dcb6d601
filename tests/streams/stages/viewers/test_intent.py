"""Searches, browsing and opened titles in the viewers stage: a page, a row, and no signals."""

from collections.abc import Iterator

import pytest

from schemas import Event, Tags, Title, topics
from schemas.events import Browse, Search, Select
from streams.config.settings import Settings
from tests.streams.steps import T0, Line, pages_of, watch

ABOUT = {"viewer_id": "ada", "event_time_ms": T0 + 10}


@pytest.fixture
def line() -> Iterator[Line]:
    """Give a line with dramas that somebody watches, and horror films that few do."""
    line = Line(Settings(prequential_share=0.0, page_interval_s=0.0))
    line.put(
        *(Title(title_id=f"dr{n:02d}", tags=Tags(genre=("Drama",))) for n in range(30)),
        *(Title(title_id=f"ho{n:02d}", tags=Tags(genre=("Horror",), mood=("dark",))) for n in range(30)),
    )
    line.feed(*(watch(viewer, f"dr{n:02d}", n) for n in range(8) for viewer in ("ada", "bob")))
    return line


def horror(line: Line, *events: Event) -> int | None:
    """Return the horror films among the top picks of the page that events make; None for no page."""
    pages = pages_of(line.feed(*events))
    return sum(item.title_id.startswith("ho") for item in pages[-1].rows[0].items) if pages else None


@pytest.mark.parametrize(
    ("event", "least"),
    [
        (Search(**ABOUT, event_id="a", query="horror", result_count=9), 4),
        (Search(**ABOUT, event_id="b", query="dark", result_count=9), 4),
        (Search(**ABOUT, event_id="c", query="x", result_count=9, clicked_title_id="ho07"), 4),
        (Browse(**ABOUT, event_id="d", surface="genre:Horror", dwell_s=9.0), 4),
        (Select(**ABOUT, event_id="e", title_id="ho07"), 4),
    ],
)
def test_a_search_intent_is_on_the_page_of_the_event(line: Line, event: Event, least: int) -> None:
    """And once more after the worker has begun anew from its rows."""
    found = horror(line, event)
    assert found is not None
    assert found >= least
    line.restart()
    again = horror(line, Select(**ABOUT, event_id="again", title_id="dr20"))
    assert again is not None
    assert again >= least


def test_a_surface_without_a_tag_makes_no_page(line: Line) -> None:
    """Nor does it enter its viewer."""
    outcome = line.feed(Browse(event_id="f", viewer_id="new", event_time_ms=T0, surface="home", dwell_s=9.0))
    assert not outcome.outputs
    assert not outcome.rows


def test_a_search_without_a_click_leaves_its_neighbours_alone(line: Line) -> None:
    """It has no row of feedback: what comes before and after it in a batch is learned as without it."""
    search = Search(**ABOUT, event_id="g", query="horror", result_count=9)
    other = Search(event_id="h", viewer_id="ada", event_time_ms=T0 + 30, query="horror", result_count=9)
    outcome = line.feed(search, watch("ada", "dr20", 20), other)
    assert topics.SIGNALS in {topic for topic, _ in outcome.outputs}
    assert ("dr20", True) in line.side.viewers.known("ada")


def test_a_search_that_is_sent_twice_counts_once(line: Line) -> None:
    """By its id."""
    search = Search(**ABOUT, event_id="i", query="horror", result_count=9)
    line.feed(search)
    weight = line.side.viewers.arrays.intent_weight.copy()
    line.feed(search)
    assert line.side.viewers.arrays.intent_weight.tolist() == weight.tolist()
