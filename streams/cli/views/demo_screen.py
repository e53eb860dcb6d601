"""What the demo shows: numbers, one viewer's list and how it changes, what is trending, how good it is.

Every part has its size whatever it holds, so that nothing jumps; it fits 80 by 24.
"""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from schemas.fields import ItemReason, RowKind
from streams.cli.views.events import told

if TYPE_CHECKING:
    from schemas import Title
    from streams.ops.runs.demo import Demo
    from streams.ops.runs.report import RunCounts
    from streams.ops.runs.subscriber import Shown

SHOWN = 12
"""Titles shown of a list: what fits beside the rest on 80 by 24."""
_REASONS = {
    "co_watch": "watched together",
    "taste": "your taste",
    "trending": "trending now",
    "popular": "popular",
    "new": "new",
    "explore": "something else",
    "resume": "go on",
    "again": "watch again",
    "featured": "featured",
}


class Pulse(NamedTuple):
    """The worker's counters now, and its rates since the last picture."""

    tally: "RunCounts"
    events_per_s: float
    lists_per_s: float

    @classmethod
    def between(cls, then: "RunCounts", now: "RunCounts", seconds: float) -> "Pulse":
        """Compare two tallies that are so many seconds apart."""
        return cls(now, (now.events - then.events) / seconds, (now.lists - then.lists) / seconds)

    @property
    def hit_rates(self) -> dict[str, str]:
        """HR@10 by model, as text."""
        return {name: _number(rate, ".3f") for name, rate in self.tally.hit_rate().items()}

    @property
    def freshness(self) -> str:
        """Milliseconds from event to list, as text."""
        return "  ".join(f"{name} {_number(value, '.0f')}" for name, value in self.tally.freshness_ms.items())


def line(stage: "Demo", pulse: Pulse) -> str:
    """Return the state in one line, for where there is no terminal."""
    known, shown = _catalog(stage), stage.subscriber.shown
    items = shown.page.items_of(RowKind.TOP_PICKS)[:3] if shown else ()
    top = ", ".join(_name(known, item.title_id) for item in items)
    viewer = f"{shown.page.viewer_id}: {top}" if shown else "no list yet"
    rates = pulse.hit_rates
    return (
        f"{pulse.events_per_s:,.0f} events/s  {pulse.lists_per_s:,.0f} lists/s  fresh {pulse.freshness} ms  "
        f"hit@10 {rates['blend']} popularity {rates['popularity']}  {viewer}"
    )


def screen(stage: "Demo", pulse: Pulse) -> RenderableType:
    """Return the whole picture."""
    known = _catalog(stage)
    beside = Table.grid(expand=True)
    beside.add_column(ratio=5)
    beside.add_column(ratio=2)
    beside.add_row(_list(stage.subscriber.shown, known), _trending(stage, known))
    return Group(_numbers(pulse), beside, "[dim]ctrl-C ends[/]")


def _numbers(pulse: Pulse) -> Panel:
    tally, rates = pulse.tally, pulse.hit_rates
    table = Table.grid(expand=True, padding=(0, 1))
    for ratio in (3, 3, 5, 4, 4, 4):
        table.add_column(ratio=ratio, no_wrap=True)
    table.add_row("events/s", "lists/s", "event to list", "dead letters", "hit@10 blend", "popularity")
    table.add_row(
        f"[bold]{pulse.events_per_s:,.0f}[/]",
        f"[bold]{pulse.lists_per_s:,.0f}[/]",
        f"[bold]{pulse.freshness}[/] ms",
        f"{tally.dead_letters}",
        f"[bold green]{rates['blend']}[/]",
        rates["popularity"],
    )
    return Panel(table, title=f"nearline · {tally.events:,} events · {tally.lists:,} lists")


def _list(shown: "Shown | None", known: "Mapping[str, Title]") -> RenderableType:
    table = Table(box=None, expand=True, padding=(0, 1, 0, 0))
    table.add_column("", width=3, no_wrap=True)
    table.add_column("title", ratio=4, no_wrap=True)
    table.add_column("genre", ratio=4, no_wrap=True, style="dim")
    table.add_column("because", width=16, no_wrap=True)
    rows = _rows(shown, known) if shown else []
    for row in rows + [("", "", "", "")] * (SHOWN - len(rows)):
        table.add_row(*row)
    if shown is None:
        return Panel(Group("waiting for somebody to come back …", table), title="one viewer's list")
    page, ago = shown.page, time.monotonic() - shown.at
    title = f"top picks for {escape(page.viewer_id)} · page {page.seq} · {ago:.0f} s ago"
    return Panel(Group(_deed(shown, known), table), title=title)


def _deed(shown: "Shown", known: "Mapping[str, Title]") -> RenderableType:
    """Say what the viewer did that changed the page."""
    grid = Table.grid()
    grid.add_column(no_wrap=True)
    deed = told(shown.cause, lambda title: _name(known, title)) if shown.cause else "did something"
    grid.add_row(f"[bold yellow]{escape(deed)}[/]")
    return grid


def _rows(shown: "Shown", known: "Mapping[str, Title]") -> list[tuple[str, str, str, str]]:
    before = {item.title_id: n for n, item in enumerate(shown.former.items_of(RowKind.TOP_PICKS))}
    return [
        (
            _move(before, item.title_id, n),
            escape(_name(known, item.title_id)),
            escape(_genres(known, item.title_id)),
            _REASONS.get(str(item.reason or ItemReason.TASTE), ""),
        )
        for n, item in enumerate(shown.page.items_of(RowKind.TOP_PICKS)[:SHOWN])
    ]


def _move(before: Mapping[str, int], title: str, now: int) -> str:
    """Say how a title moved since the page before."""
    if title not in before:
        return "[bold green]new[/]"
    step = before[title] - now
    return f"[green]▲{step}[/]" if step > 0 else f"[red]▼{-step}[/]" if step < 0 else " "


def _trending(stage: "Demo", known: "Mapping[str, Title]") -> RenderableType:
    trending = stage.subscriber.trending
    table = Table(box=None, expand=True, padding=(0, 1, 0, 0))
    table.add_column("title", ratio=1, no_wrap=True)
    table.add_column("", width=4, no_wrap=True, justify="right", style="dim")
    items = trending.items[:SHOWN] if trending else ()
    for item in items:
        table.add_row(escape(_name(known, item.title_id)), f"{item.score:.0f}")
    for _ in range(SHOWN - len(items)):
        table.add_row("", "")
    return Panel(Group("[dim]watched most[/]", table), title="trending")


def _catalog(stage: "Demo") -> "Mapping[str, Title]":
    return {title.title_id: title for title in stage.world.titles}


def _name(known: "Mapping[str, Title]", title_id: str) -> str:
    title = known.get(title_id)
    return title.name or title_id if title else title_id


def _genres(known: "Mapping[str, Title]", title_id: str) -> str:
    return ", ".join(known[title_id].tags.genre[:2]) if title_id in known else ""


def _number(value: float | None, form: str) -> str:
    """Write a number; a dash for what is not known yet."""
    return "-" if value is None or value != value else format(value, form)  # noqa: PLR0124 - NaN
