"""What the demo shows: numbers, one viewer's list and how it changes, what is trending, how good it is."""

from typing import TYPE_CHECKING

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table

if TYPE_CHECKING:
    from schemas import Title
    from streams.demo import Demo
    from streams.run_report import Tally

SHOWN = 12
"""Titles shown of a list: what fits beside the rest on 80 by 24."""
_REASONS = {"co_watch": "watched together", "taste": "your taste", "trending": "trending now"}


def line(stage: "Demo", tally: "Tally", previous: "Tally | None", seconds: float) -> str:
    """Return the state in one line, for where there is no terminal."""
    events, lists = _rates(tally, previous, seconds)
    rate = tally.hit_rate()
    quality = (
        f"hit@10 {rate['blend']:.3f} popularity {rate['popularity']:.3f}" if tally.tested else "hit@10 -"
    )
    fresh = tally.freshness_ms
    viewer = stage.subscriber.page.viewer_id if stage.subscriber.page else "-"
    return (
        f"{events:,.0f} events/s  {lists:,.0f} lists/s  "
        f"fresh p50 {fresh['p50']:.0f} ms p99 {fresh['p99']:.0f} ms  "
        f"{quality}  viewer {viewer}: {_headline(stage)}"
    )


def screen(stage: "Demo", tally: "Tally", previous: "Tally | None", seconds: float) -> RenderableType:
    """Return the whole picture."""
    known = {title.title_id: title for title in stage.world.titles}
    return Group(
        _numbers(tally, previous, seconds),
        Columns([_list(stage, known), _trending(stage, known)]),
        "[dim]ctrl-C ends[/]",
    )


def _rates(tally: "Tally", previous: "Tally | None", seconds: float) -> tuple[float, float]:
    if previous is None:
        return 0.0, 0.0
    return (tally.events - previous.events) / seconds, (tally.lists - previous.lists) / seconds


def _headline(stage: "Demo") -> str:
    page = stage.subscriber.page
    known = {title.title_id: title for title in stage.world.titles}
    return (
        ", ".join(_name(known, item.title_id) for item in page.rows[0].items[:3]) if page else "no list yet"
    )


def _numbers(tally: "Tally", previous: "Tally | None", seconds: float) -> Panel:
    events, lists = _rates(tally, previous, seconds)
    table = Table.grid(padding=(0, 3))
    fresh, rate = tally.freshness_ms, tally.hit_rate()
    table.add_row("events/s", "lists/s", "event to list, ms", "dead letters", "hit@10: blend", "popularity")
    table.add_row(
        f"[bold]{events:,.0f}[/]",
        f"[bold]{lists:,.0f}[/]",
        f"[bold]p50 {fresh['p50']:.0f}  p99 {fresh['p99']:.0f}[/]",
        f"{tally.dead_letters}",
        f"[bold green]{rate['blend']:.3f}[/]" if tally.tested else "-",
        f"{rate['popularity']:.3f}" if tally.tested else "-",
    )
    return Panel(table, title=f"nearline · {tally.events:,} events · {tally.lists:,} lists", expand=False)


def _list(stage: "Demo", known: "dict[str, Title]") -> RenderableType:
    page, former = stage.subscriber.page, stage.subscriber.former
    if page is None:
        return Panel("waiting for somebody to come back …", title="one viewer's list")
    before = {item.title_id: n for n, item in enumerate(former.rows[0].items)} if former else {}
    table = Table("", "title", "genre", "because", box=None, padding=(0, 1))
    for n, item in enumerate(page.rows[0].items[:SHOWN]):
        reason = item.reason or page.rows[0].reason
        genre = ", ".join(known[item.title_id].tags.genre[:2]) if item.title_id in known else ""
        because = _REASONS.get(str(reason), str(reason))
        table.add_row(
            _move(before, item.title_id, n), _name(known, item.title_id), f"[dim]{genre}[/]", because
        )
    return Panel(table, title=f"top picks for {page.viewer_id} · page {page.seq}", expand=False)


def _move(before: dict[str, int], title: str, now: int) -> str:
    """Say how a title moved since the page before."""
    if not before:
        return " "
    if title not in before:
        return "[bold green]new[/]"
    step = before[title] - now
    return f"[green]▲{step}[/]" if step > 0 else f"[red]▼{-step}[/]" if step < 0 else " "


def _trending(stage: "Demo", known: "dict[str, Title]") -> RenderableType:
    trending = stage.subscriber.trending
    if trending is None:
        return Panel("…", title="trending")
    table = Table("title", "", box=None, padding=(0, 1))
    for item in trending.items[:SHOWN]:
        table.add_row(_name(known, item.title_id), f"[dim]{item.score:.0f}[/]")
    return Panel(table, title="trending", expand=False)


def _name(known: "dict[str, Title]", title_id: str) -> str:
    title = known.get(title_id)
    return title.name or title_id if title else title_id
