"""The screen of `nearline top`: key figures on top, details for incidents below."""

from collections.abc import Callable, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from streams.ops.overview import MetricsSnapshot

BARS = " ▁▂▃▄▅▆▇█"
WIDTH, BAR = 24, 20
"""Characters of a sparkline, and of the longest bar."""
LATE_MS = (100.0, 1_000.0)
"""Freshness p99 of pages made at once, from which it is shown in yellow, and in red: the alert's objective is
a second."""
MUCH_LAG = (1_000.0, 10_000.0)
"""Records of lag from which it is shown in yellow, and in red: the alert's limit."""
LEAST_HEIGHT = 24
"""Lines of a terminal from which everything is shown."""


def line(now: MetricsSnapshot) -> str:
    """Return a snapshot in one line, for output that is not a terminal."""
    lag = sum(now.lag["viewers"].values())
    fresh = " ".join(f"{name} {_number(value)}" for name, value in now.freshness_ms.items())
    return (
        f"{now.answering}/{now.asked} workers  {now.events_per_s:,.0f} events/s  "
        f"{now.pages_per_s:,.0f} pages/s  fresh {fresh} ms  lag {lag:,.0f}  hit@10 {_rates(now.hit_rate)}"
    )


def screen(snapshots: Sequence[MetricsSnapshot], height: int = LEAST_HEIGHT) -> RenderableType:
    """Return the screen of the newest snapshot, with sparklines over the earlier ones."""
    now = snapshots[-1]
    parts: list[RenderableType] = [_key_figures(snapshots)]
    if height >= LEAST_HEIGHT:
        columns = Table.grid(expand=True)
        columns.add_column(ratio=1)
        columns.add_column(ratio=1)
        columns.add_row(_lag(now), _batch_parts(now))
        parts.append(columns)
    return Group(*parts, f"[dim]{_resources(now)} · ctrl-C ends[/]")


def spark(values: Sequence[float], width: int = WIDTH) -> str:
    """Draw values as a sparkline; the highest value is a full bar.

    Examples
    --------
    >>> spark([0.0, 1.0, 2.0, 4.0], 6)
    '   ▂▄█'
    """
    shown = list(values)[-width:]
    highest = max(shown, default=0.0)
    if not highest > 0:
        return " " * width
    steps = (len(BARS) - 1) / highest
    return "".join(BARS[int(max(value, 0.0) * steps)] for value in shown).rjust(width)


def _key_figures(snapshots: Sequence[MetricsSnapshot]) -> Panel:
    now = snapshots[-1]
    p99, lag = now.freshness_ms["p99"], sum(now.lag["viewers"].values())
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column(width=16, no_wrap=True)
    table.add_column(width=16, justify="right", no_wrap=True)
    table.add_column(width=WIDTH, no_wrap=True, style="cyan")
    table.add_column(ratio=1, no_wrap=True, style="dim")
    table.add_row(
        "events/s", f"[bold]{now.events_per_s:,.0f}[/]", spark([one.events_per_s for one in snapshots])
    )
    table.add_row(
        "pages/s", f"[bold]{now.pages_per_s:,.0f}[/]", spark([one.pages_per_s for one in snapshots])
    )
    fresh = f"{_number(now.freshness_ms['p50'])} / {_coloured(p99, LATE_MS, _number)}"
    late = [one.freshness_ms["p99"] for one in snapshots]
    held = " / ".join(_number(value) for value in now.held_back_ms.values())
    table.add_row(
        "fresh p50/p99 ms",
        fresh,
        spark([value if value == value else 0.0 for value in late]),  # noqa: PLR0124
        f"held back {held}",
    )
    lags = [sum(one.lag["viewers"].values()) for one in snapshots]
    table.add_row("lag", _coloured(lag, MUCH_LAG, lambda value: f"{value:,.0f}"), spark(lags))
    others = {name: rate for name, rate in now.hit_rate.items() if name != "blend"}
    hit = f"{now.hit_rate['blend']:.3f}" if "blend" in now.hit_rate else "-"
    table.add_row("hit@10", f"[bold green]{hit}[/]", "", _rates(others))
    bad = ", ".join(f"{escape(name)} {count:,.0f}" for name, count in now.reasons.items() if count)
    colour = "yellow" if now.dead_letters_per_s else "white"
    table.add_row("dead letters/s", f"[{colour}]{now.dead_letters_per_s:,.1f}[/]", "", bad or "none so far")
    return Panel(table, title=_title(now))


def _title(now: MetricsSnapshot) -> str:
    state = f"{now.answering} of {now.asked} workers"
    if now.answering < now.asked:
        state = f"[bold red]{state}[/]"
    if now.restoring:
        state += f" · [yellow]{now.restoring:.0f} partitions restoring[/]"
    if now.stalled_s >= 1:
        state += f" · [bold red]no progress for {now.stalled_s:.0f} s[/]"
    return f"nearline · {state}"


def _lag(now: MetricsSnapshot) -> Panel:
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column(width=12, no_wrap=True)
    table.add_column(width=9, justify="right", no_wrap=True)
    table.add_column(ratio=1, no_wrap=True, style="cyan")
    rows = [(stage, number, lag) for stage, parts in now.lag.items() for number, lag in parts.items()]
    highest = max((lag for *_, lag in rows), default=0.0) or 1.0
    for stage, number, lag in sorted(rows, key=lambda row: -row[2])[:8]:
        bar = "█" * round(lag / highest * BAR) if lag else ""
        table.add_row(f"{stage} {number}", _coloured(lag, MUCH_LAG, lambda value: f"{value:,.0f}"), bar)
    return Panel(table, title="not yet applied, by partition")


def _batch_parts(now: MetricsSnapshot) -> Panel:
    table = Table.grid(expand=True, padding=(0, 1))
    for ratio in (4, 3, 3):
        table.add_column(ratio=ratio, no_wrap=True, justify="left" if ratio == 4 else "right")  # noqa: PLR2004
    table.add_row("[dim]p99, ms[/]", "[dim]viewers[/]", "[dim]titles[/]")
    for part in now.parts_ms["viewers"]:
        table.add_row(part, *(_number(now.parts_ms[stage][part]) for stage in ("viewers", "titles")))
    table.add_row("")
    table.add_row("replica behind", f"{now.replica_age:,.0f}", "[dim]records[/]")
    return Panel(table, title="a batch's parts")


def _resources(now: MetricsSnapshot) -> str:
    return f"{now.cpu:.2f} cores · {now.memory_bytes / 1e6:,.0f} MB · disk {now.disk_used:.0%} used"


def _rates(rates: Mapping[str, float]) -> str:
    return " / ".join(f"{name} {rate:.3f}" for name, rate in rates.items()) or "-"


def _coloured(value: float, limits: tuple[float, float], text: Callable[[float], str]) -> str:
    colour = "bold red" if value >= limits[1] else "yellow" if value >= limits[0] else "bold"
    return f"[{colour}]{text(value)}[/]"


def _number(value: float) -> str:
    """Format milliseconds; a dash if unknown."""
    return "-" if value != value else f"{value:,.1f}"  # noqa: PLR0124 - NaN
