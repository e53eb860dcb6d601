"""The screen of `nearline demo`: rates, one viewer's list and its changes, trending titles, hit rates.

Every part has a fixed size, so that the layout does not move; the screen fits 80 by 24.
"""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from schemas.fields import ItemReason, RowKind
from streams.cli.views.events import describe_event

if TYPE_CHECKING:
    from schemas import Title
    from streams.ops.runs.demo import Demo
    from streams.ops.runs.report import RunCounts
    from streams.ops.runs.subscriber import Shown

SHOWN = 12
"""Titles of a list that are shown: what fits into 24 lines."""
_REASONS = {
    "co_watch": "watched together",
    "taste": "your taste",
    "trending": "trending now",
    "popular": "popular",
    "new": "new",
    "explore": "exploration",
    "resume": "continue",
    "again": "watch again",
    "featured": "featured",
}


class DemoRates(NamedTuple):
    """The worker's counters, and its rates since the last frame."""

    counts: "RunCounts"
    events_per_s: float
    lists_per_s: float

    @classmethod
    def between(cls, then: "RunCounts", now: "RunCounts", seconds: float) -> "DemoRates":
        """Return the rates between two reads of the counters."""
        return cls(now, (now.events - then.events) / seconds, (now.lists - then.lists) / seconds)

    @property
    def hit_rates(self) -> dict[str, str]:
        """HR@10 by model, as text."""
        return {name: _number(rate, ".3f") for name, rate in self.counts.hit_rate().items()}

    @property
    def freshness(self) -> str:
        """Milliseconds from event to page, as text."""
        return "  ".join(
            f"{name} {_number(value, '.0f')}" for name, value in self.counts.freshness_ms.items()
        )


def line(demo: "Demo", rates: DemoRates) -> str:
    """Return the state in one line, for output that is not a terminal."""
    known, shown = _catalog(demo), demo.subscriber.shown
    items = shown.page.items_of(RowKind.TOP_PICKS)[:3] if shown else ()
    top = ", ".join(_name(known, item.title_id) for item in items)
    viewer = f"{shown.page.viewer_id}: {top}" if shown else "no list yet"
    hits = rates.hit_rates
    return (
        f"{rates.events_per_s:,.0f} events/s  {rates.lists_per_s:,.0f} lists/s  fresh {rates.freshness} ms  "
        f"hit@10 {hits['blend']} popularity {hits['popularity']}  {viewer}"
    )


def screen(demo: "Demo", rates: DemoRates) -> RenderableType:
    """Return the whole screen."""
    known = _catalog(demo)
    columns = Table.grid(expand=True)
    columns.add_column(ratio=5)
    columns.add_column(ratio=2)
    columns.add_row(_list(demo.subscriber.shown, known), _trending(demo, known))
    return Group(_numbers(rates), columns, "[dim]ctrl-C ends[/]")


def _numbers(rates: DemoRates) -> Panel:
    counts, hits = rates.counts, rates.hit_rates
    table = Table.grid(expand=True, padding=(0, 1))
    for ratio in (3, 3, 5, 4, 4, 4):
        table.add_column(ratio=ratio, no_wrap=True)
    table.add_row("events/s", "lists/s", "event to list", "dead letters", "hit@10 blend", "popularity")
    table.add_row(
        f"[bold]{rates.events_per_s:,.0f}[/]",
        f"[bold]{rates.lists_per_s:,.0f}[/]",
        f"[bold]{rates.freshness}[/] ms",
        f"{counts.dead_letters}",
        f"[bold green]{hits['blend']}[/]",
        hits["popularity"],
    )
    return Panel(table, title=f"nearline · {counts.events:,} events · {counts.lists:,} lists")


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
        return Panel(Group("waiting for a viewer's second page …", table), title="one viewer's list")
    page, ago = shown.page, time.monotonic() - shown.at
    title = f"top picks for {escape(page.viewer_id)} · page {page.seq} · {ago:.0f} s ago"
    return Panel(Group(_action(shown, known), table), title=title)


def _action(shown: "Shown", known: "Mapping[str, Title]") -> RenderableType:
    """Describe the event that changed the page."""
    grid = Table.grid()
    grid.add_column(no_wrap=True)
    text = describe_event(shown.cause, lambda title: _name(known, title)) if shown.cause else "cause unknown"
    grid.add_row(f"[bold yellow]{escape(text)}[/]")
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
    """Show how a title moved since the previous page."""
    if title not in before:
        return "[bold green]new[/]"
    step = before[title] - now
    return f"[green]▲{step}[/]" if step > 0 else f"[red]▼{-step}[/]" if step < 0 else " "


def _trending(demo: "Demo", known: "Mapping[str, Title]") -> RenderableType:
    trending = demo.subscriber.trending
    table = Table(box=None, expand=True, padding=(0, 1, 0, 0))
    table.add_column("title", ratio=1, no_wrap=True)
    table.add_column("", width=4, no_wrap=True, justify="right", style="dim")
    items = trending.items[:SHOWN] if trending else ()
    for item in items:
        table.add_row(escape(_name(known, item.title_id)), f"{item.score:.0f}")
    for _ in range(SHOWN - len(items)):
        table.add_row("", "")
    return Panel(Group("[dim]watched most[/]", table), title="trending")


def _catalog(demo: "Demo") -> "Mapping[str, Title]":
    return {title.title_id: title for title in demo.world.titles}


def _name(known: "Mapping[str, Title]", title_id: str) -> str:
    title = known.get(title_id)
    return title.name or title_id if title else title_id


def _genres(known: "Mapping[str, Title]", title_id: str) -> str:
    return ", ".join(known[title_id].tags.genre[:2]) if title_id in known else ""


def _number(value: float | None, form: str) -> str:
    """Format a number; a dash if it is unknown."""
    return "-" if value is None or value != value else format(value, form)  # noqa: PLR0124 - NaN
