"""`nearline top`: rates, lag and quality of workers, live in a terminal, from their metrics."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.console import ExitCode, human, interruptible, write_json
from streams.cli.options import Json

if TYPE_CHECKING:
    from rich.console import Console

    from streams.ops.overview import MetricsSnapshot, Observer

EVERY_S = 2.0
"""Time between two snapshots: a rate of 1,000 events/s is then known to a few percent."""
KEPT = 60
"""Snapshots of the sparklines: two minutes."""


def top(
    *,
    worker: Annotated[
        list[str] | None,
        typer.Option(
            "--worker",
            metavar="HOST:PORT",
            help="Address of a worker's /metrics; repeat it for more workers. [dim]Default: this "
            "machine's, "
            "NEARLINE_HTTP_HOST and NEARLINE_HTTP_PORT.[/]",
        ),
    ] = None,
    every: Annotated[float, typer.Option(min=0.2, max=60, help="Seconds between two snapshots.")] = EVERY_S,
    seconds: Annotated[
        float | None, typer.Option(min=0.2, help="Stop after this time; by default ctrl-C stops it.")
    ] = None,
    json: Json = None,
) -> None:
    """Show rates, freshness, lag, quality and errors of one worker or of several together.

    If output is not a terminal, print a line for each snapshot. --json writes the last snapshot:
    events_per_s, pages_per_s, freshness_ms, held_back_ms (of pages that the page throttle held back), lag by
    stage and partition, hit_rate by model and more. Code 1 if no worker answers.
    """
    from streams.config.settings import Settings
    from streams.ops.overview import Observer

    settings = Settings.load()
    places = worker or [f"{settings.http_host}:{settings.http_port}"]
    observer = Observer([f"http://{place}/metrics" for place in places])
    console = human(json)
    with interruptible():
        snapshots = _watch(observer, console, every, seconds)
    if not snapshots or not snapshots[-1].answering:
        console.print(f"nothing answers at {', '.join(places)}", style="bold red", markup=False)
        console.print("next: run `nearline worker`, or give --worker HOST:PORT", markup=False)
        raise typer.Exit(ExitCode.FAILED)
    write_json(json, snapshots[-1])


def _watch(
    observer: "Observer", console: "Console", every: float, seconds: float | None
) -> "list[MetricsSnapshot]":
    """Show snapshots until the time is over or the user presses ctrl-C; return the newest ones."""
    from rich.live import Live

    from streams.cli.views.top_screen import line, screen

    snapshots: list[MetricsSnapshot] = []
    end = time.monotonic() + (seconds if seconds is not None else float("inf"))
    observer.snapshot()  # rates need two
    try:
        if console.is_terminal:
            with Live(console=console, screen=seconds is None, auto_refresh=False) as live:
                while _next(observer, snapshots, every, end):
                    live.update(screen(snapshots, console.height), refresh=True)
        else:
            while _next(observer, snapshots, every, end):
                console.print(line(snapshots[-1]), markup=False, soft_wrap=True)
    except KeyboardInterrupt:
        console.print("[dim]ending …[/]")
    return snapshots


def _next(observer: "Observer", snapshots: "list[MetricsSnapshot]", every: float, end: float) -> bool:
    """Wait, take a snapshot, keep the newest ones; False if the time is over."""
    left = end - time.monotonic()
    if left <= 0:
        return False
    time.sleep(min(every, left))
    snapshots.append(observer.snapshot())
    del snapshots[:-KEPT]
    return True
