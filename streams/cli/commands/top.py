"""`nearline top`: how the workers do, live in a terminal, out of their metrics."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.console import ExitCode, human, interruptible, write_json
from streams.cli.options import Json

if TYPE_CHECKING:
    from rich.console import Console

    from streams.ops.overview import MetricsSnapshot, Observer

EVERY_S = 2.0
"""Time between two looks: a rate of a thousand events a second is known to a few percent."""
KEPT = 60
"""Looks that the lines of rates go back: two minutes."""


def top(
    *,
    worker: Annotated[
        list[str] | None,
        typer.Option(
            "--worker",
            metavar="HOST:PORT",
            help="A worker's /metrics; give it again for more workers. [dim]Default: this machine's, "
            "NEARLINE_HTTP_HOST and NEARLINE_HTTP_PORT.[/]",
        ),
    ] = None,
    every: Annotated[float, typer.Option(min=0.2, max=60, help="Seconds between two looks.")] = EVERY_S,
    seconds: Annotated[
        float | None, typer.Option(min=0.2, help="End by itself; otherwise ctrl-C ends it.")
    ] = None,
    json: Json = None,
) -> None:
    """Show rates, freshness, lag, quality and what goes wrong, of one worker or of many together.

    Where output is no terminal, a line for each look. --json writes the last look: events_per_s, pages_per_s,
    freshness_ms, lag by stage and partition, hit_rate by model and the rest. Code 1 when no worker answers.
    """
    from streams.config.settings import Settings
    from streams.ops.overview import Observer

    settings = Settings.load()
    places = worker or [f"{settings.http_host}:{settings.http_port}"]
    observer = Observer([f"http://{place}/metrics" for place in places])
    console = human(json)
    with interruptible():
        seen = _watch(observer, console, every, seconds)
    if not seen or not seen[-1].answering:
        console.print(f"nothing answers at {', '.join(places)}", style="bold red", markup=False)
        console.print("next: run `nearline worker`, or give --worker HOST:PORT", markup=False)
        raise typer.Exit(ExitCode.FAILED)
    write_json(json, seen[-1])


def _watch(
    observer: "Observer", console: "Console", every: float, seconds: float | None
) -> "list[MetricsSnapshot]":
    """Look from time to time until the time is over, or the user has seen enough; return what was seen."""
    from rich.live import Live

    from streams.cli.views.top_screen import line, screen

    seen: list[MetricsSnapshot] = []
    end = time.monotonic() + (seconds if seconds is not None else float("inf"))
    observer.look()  # rates want two looks
    try:
        if console.is_terminal:
            with Live(console=console, screen=seconds is None, auto_refresh=False) as live:
                while _look(observer, seen, every, end):
                    live.update(screen(seen, console.height), refresh=True)
        else:
            while _look(observer, seen, every, end):
                console.print(line(seen[-1]), markup=False, soft_wrap=True)
    except KeyboardInterrupt:
        console.print("[dim]ending …[/]")
    return seen


def _look(observer: "Observer", seen: "list[MetricsSnapshot]", every: float, end: float) -> bool:
    """Wait, look, keep the newest looks; say whether there is time for that."""
    left = end - time.monotonic()
    if left <= 0:
        return False
    time.sleep(min(every, left))
    seen.append(observer.look())
    del seen[:-KEPT]
    return True
