"""The picture of `nearline top`: what a glance needs on top, what an incident needs below."""

from collections.abc import Callable, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from streams.ops.overview import MetricsSnapshot

BARS = " ▁▂▃▄▅▆▇█"
WIDTH, BAR = 24, 20
"""Characters of a line of rates, and of the longest bar."""
LATE_MS = (100.0, 1_000.0)
"""Freshness from which the p99 is shown in yellow, and in red: the alert's objective is a second."""
BEHIND = (1_000.0, 10_000.0)
"""Records of lag from which it is shown in yellow, and in red: the alert's limit."""
LEAST_HEIGHT = 24
"""Lines of a terminal that hold everything."""


def line(look: MetricsSnapshot) -> str:
    """Return a look in one line, for where there is no terminal."""
    lag = sum(look.lag["viewers"].values())
    fresh = " ".join(f"{name} {_number(value)}" for name, value in look.freshness_ms.items())
    return (
        f"{look.answering}/{look.asked} workers  {look.events_per_s:,.0f} events/s  "
        f"{look.pages_per_s:,.0f} pages/s  fresh {fresh} ms  lag {lag:,.0f}  hit@10 {_rates(look.hit_rate)}"
    )


def screen(seen: Sequence[MetricsSnapshot], height: int = LEAST_HEIGHT) -> RenderableType:
    """Return the whole picture of the newest look, with the rates of those before."""
    look = seen[-1]
    parts: list[RenderableType] = [_glance(seen)]
    if height >= LEAST_HEIGHT:
        beside = Table.grid(expand=True)
        beside.add_column(ratio=1)
        beside.add_column(ratio=1)
        beside.add_row(_lag(look), _inside(look))
        parts.append(beside)
    return Group(*parts, f"[dim]{_use(look)} · ctrl-C ends[/]")


def spark(values: Sequence[float], width: int = WIDTH) -> str:
    """Draw values as a line of bars, the highest one full.

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


def _glance(seen: Sequence[MetricsSnapshot]) -> Panel:
    look = seen[-1]
    p99, lag = look.freshness_ms["p99"], sum(look.lag["viewers"].values())
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column(width=16, no_wrap=True)
    table.add_column(width=16, justify="right", no_wrap=True)
    table.add_column(width=WIDTH, no_wrap=True, style="cyan")
    table.add_column(ratio=1, no_wrap=True, style="dim")
    table.add_row("events/s", f"[bold]{look.events_per_s:,.0f}[/]", spark([one.events_per_s for one in seen]))
    table.add_row("pages/s", f"[bold]{look.pages_per_s:,.0f}[/]", spark([one.pages_per_s for one in seen]))
    fresh = f"{_number(look.freshness_ms['p50'])} / {_coloured(p99, LATE_MS, _number)}"
    late = [one.freshness_ms["p99"] for one in seen]
    table.add_row("fresh p50/p99 ms", fresh, spark([value if value == value else 0.0 for value in late]))  # noqa: PLR0124
    lags = [sum(one.lag["viewers"].values()) for one in seen]
    table.add_row("lag", _coloured(lag, BEHIND, lambda value: f"{value:,.0f}"), spark(lags))
    others = {name: rate for name, rate in look.hit_rate.items() if name != "blend"}
    hit = f"{look.hit_rate['blend']:.3f}" if "blend" in look.hit_rate else "-"
    table.add_row("hit@10", f"[bold green]{hit}[/]", "", _rates(others))
    bad = ", ".join(f"{escape(name)} {count:,.0f}" for name, count in look.reasons.items() if count)
    colour = "yellow" if look.dead_letters_per_s else "white"
    table.add_row("dead letters/s", f"[{colour}]{look.dead_letters_per_s:,.1f}[/]", "", bad or "none so far")
    return Panel(table, title=_title(look))


def _title(look: MetricsSnapshot) -> str:
    state = f"{look.answering} of {look.asked} workers"
    if look.answering < look.asked:
        state = f"[bold red]{state}[/]"
    if look.restoring:
        state += f" · [yellow]{look.restoring:.0f} partitions restoring[/]"
    if look.stalled_s >= 1:
        state += f" · [bold red]nothing moves for {look.stalled_s:.0f} s[/]"
    return f"nearline · {state}"


def _lag(look: MetricsSnapshot) -> Panel:
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column(width=12, no_wrap=True)
    table.add_column(width=9, justify="right", no_wrap=True)
    table.add_column(ratio=1, no_wrap=True, style="cyan")
    rows = [(stage, number, lag) for stage, parts in look.lag.items() for number, lag in parts.items()]
    highest = max((lag for *_, lag in rows), default=0.0) or 1.0
    for stage, number, lag in sorted(rows, key=lambda row: -row[2])[:8]:
        bar = "█" * round(lag / highest * BAR) if lag else ""
        table.add_row(f"{stage} {number}", _coloured(lag, BEHIND, lambda value: f"{value:,.0f}"), bar)
    return Panel(table, title="not yet applied, by partition")


def _inside(look: MetricsSnapshot) -> Panel:
    table = Table.grid(expand=True, padding=(0, 1))
    for ratio in (4, 3, 3):
        table.add_column(ratio=ratio, no_wrap=True, justify="left" if ratio == 4 else "right")  # noqa: PLR2004
    table.add_row("[dim]p99, ms[/]", "[dim]viewers[/]", "[dim]titles[/]")
    for part in look.parts_ms["viewers"]:
        table.add_row(part, *(_number(look.parts_ms[stage][part]) for stage in ("viewers", "titles")))
    table.add_row("")
    table.add_row("replica behind", f"{look.replica_age:,.0f}", "[dim]records[/]")
    return Panel(table, title="a batch's parts")


def _use(look: MetricsSnapshot) -> str:
    return f"{look.cpu:.2f} cores · {look.memory_bytes / 1e6:,.0f} MB · disk {look.disk_used:.0%} used"


def _rates(rates: Mapping[str, float]) -> str:
    return " / ".join(f"{name} {rate:.3f}" for name, rate in rates.items()) or "-"


def _coloured(value: float, limits: tuple[float, float], text: Callable[[float], str]) -> str:
    colour = "bold red" if value >= limits[1] else "yellow" if value >= limits[0] else "bold"
    return f"[{colour}]{text(value)}[/]"


def _number(value: float) -> str:
    """Write milliseconds; a dash for what is not known."""
    return "-" if value != value else f"{value:,.1f}"  # noqa: PLR0124 - NaN
