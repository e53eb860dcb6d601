"""The demo's picture as text: it holds names, moves and numbers, and has its size whatever happens."""

import io
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from schemas import Stop, Title, topics
from schemas.catalog import Tags
from schemas.fields import ItemReason, RowKind
from schemas.pages import Home, Item, Row, Source, Trending, TrendingItem
from streams.cli.views.demo_screen import DemoRates, line, screen
from streams.ops.runs.report import RunCounts
from streams.ops.runs.subscriber import Shown

NOW_MS = 1_700_000_000_000
TITLES = [
    Title(title_id=f"t{n}", name=name, tags=Tags(genre=("Drama", "Comedy")))
    for n, name in enumerate(["Quiet Mirror", "Stolen Sky", "Velvet [red] Engine", "Wild Coast"])
]
UNKNOWN = {"p50": float("nan"), "p99": float("nan")}
NOTHING = RunCounts(0, 0, 0, 0, 0, {"blend": 0, "popularity": 0}, UNKNOWN, UNKNOWN)
LATER = replace(
    NOTHING, events=12_500, lists=700, dead_letters=3, tested=100, hits={"blend": 25, "popularity": 9},
    freshness_ms={"p50": 12.0, "p99": 48.0},
    held_back_ms={"p50": 500.0, "p99": 900.0},
)  # fmt: skip


def _page(*titles: str, seq: int = 2) -> Home:
    """Make a page of one row."""
    items = tuple(Item(title_id=title, score=1.0, reason=ItemReason.CO_WATCH) for title in titles)
    return Home(
        viewer_id="viewer-7",
        list_id=f"0-1-{seq}",
        seq=seq,
        generated_at_ms=NOW_MS,
        expires_at_ms=NOW_MS,
        model_version="m",
        source=Source(topic=topics.EVENTS, partition=0, offset=1),
        rows=(Row(kind=RowKind.TOP_PICKS, items=items),),
    )


def _stage(*, empty: bool = False) -> Any:
    """Make a demo at a moment: before anything came, or in its midst."""
    cause = Stop(
        event_id="e", viewer_id="viewer-7", event_time_ms=NOW_MS, title_id="t3", watched_s=2040, position_s=1
    )
    shown = Shown(_page("t2", "t0", "gone", "t1"), _page("t0", "t1", "t2"), cause, time.monotonic())
    trending = Trending(
        scope="global",
        generated_at_ms=NOW_MS,
        half_life_s=86_400.0,
        items=(TrendingItem(title_id="t1", score=31.4),),
        model_version="m",
    )
    subscriber = SimpleNamespace(shown=None if empty else shown, trending=None if empty else trending)
    return SimpleNamespace(world=SimpleNamespace(titles=TITLES), subscriber=subscriber)


def _text(stage: Any, pulse: DemoRates, width: int = 100) -> str:
    """Draw the picture on paper."""
    console = Console(file=io.StringIO(), width=width, legacy_windows=False)
    with console.capture() as capture:
        console.print(screen(stage, pulse))
    return capture.get()


def test_the_picture_holds_names_moves_and_numbers() -> None:
    """Titles by name, how they moved since the page before, why they are there, and what the viewer did."""
    text = _text(_stage(), DemoRates.between(NOTHING, LATER, 2.0))
    for wanted in (
        "viewer-7", "page 2", "watched 34 min of Wild Coast", "watched together", "Drama, Comedy",
        "6,250", "350", "p50 12  p99 48", "0.250", "0.090", "12,500 events", "trending", "31",
    ):  # fmt: skip
        assert wanted in text
    rows = {name: row for row in text.splitlines() for name in ("Engine", "Mirror", "gone") if name in row}
    assert "▲2" in rows["Engine"]
    assert "Velvet [red] Engine" in rows["Engine"]
    assert "▼1" in rows["Mirror"]
    assert "new" in rows["gone"]


@pytest.mark.parametrize("width", [80, 100, 140])
def test_nothing_jumps(width: int) -> None:
    """The picture has one height, empty or full, fits a terminal of 80 by 24, and uses the width it has."""
    full = _text(_stage(), DemoRates.between(NOTHING, LATER, 2.0), width).splitlines()
    empty = _text(_stage(empty=True), DemoRates.between(NOTHING, NOTHING, 2.0), width).splitlines()
    assert len(full) == len(empty) < 24
    assert {len(row) for row in full[:-1]} == {width} == {len(row) for row in empty[:-1]}


def test_a_page_without_a_known_cause_is_drawn() -> None:
    """The event may be unreadable by then; the list is shown anyway."""
    stage = _stage()
    stage.subscriber.shown = stage.subscriber.shown._replace(cause=None)
    assert "Quiet Mirror" in _text(stage, DemoRates.between(NOTHING, LATER, 2.0))


def test_a_line_says_the_same_in_short() -> None:
    """One line, whatever there is to say."""
    full = line(_stage(), DemoRates.between(NOTHING, LATER, 2.0))
    assert "6,250 events/s" in full
    assert "viewer-7: Velvet [red] Engine, Quiet Mirror, gone" in full
    assert "hit@10 0.250 popularity 0.090" in full
    empty = line(_stage(empty=True), DemoRates.between(NOTHING, NOTHING, 2.0))
    assert "fresh p50 -  p99 - ms  hit@10 - popularity -  no list yet" in empty
    assert "\n" not in full + empty
