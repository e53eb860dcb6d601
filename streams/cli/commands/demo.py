"""`nearline demo`: home pages change as simulated viewers watch, in one terminal, with nothing to install."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.console import figures, human, interruptible, write_json
from streams.cli.options import Json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from streams.cli.views.demo_screen import DemoRates
    from streams.ops.runs.demo import Demo

REFRESH_S = 0.5
"""Time between two frames: fast enough to see a list change, slow enough to read it."""
LINE_S = 2.0
"""Time between two lines if output is not a terminal."""
FOLDER = Path(".nearline/demo")


def demo(
    *,
    kafka: Annotated[
        bool,
        typer.Option(
            "--kafka", help="Use a real Apache Kafka (Java 17, Maven) instead of the embedded cluster."
        ),
    ] = False,
    seconds: Annotated[
        float | None, typer.Option(min=1, help="Stop after this time; by default ctrl-C stops it.")
    ] = None,
    rate: Annotated[float, typer.Option(min=1, max=20_000, help="Events per second.")] = 1_000.0,
    viewers: Annotated[int, typer.Option(min=10, max=100_000, help="Simulated viewers.")] = 150,
    titles: Annotated[int, typer.Option(min=48, max=20_000, help="Titles in the catalog.")] = 300,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the simulation.")] = 0,
    json: Json = None,
) -> None:
    """Show home pages that change as simulated viewers watch, live through Kafka, Faust and online models.

    Starts a broker, the topics, a worker, a server with pages for the browser, and simulated viewers; ctrl-C
    stops everything. JSON keys: events, lists, dead_letters, events_per_s, lists_per_s, freshness_ms.p50 and
    p99, held_back_ms.p50 and p99, hr@10.blend and hr@10.popularity, first_list_s, page (the pages' address).
    """
    import shutil

    from streams.ops.runs.demo import Demo

    console = human(json)
    shutil.rmtree(FOLDER, ignore_errors=True)
    running = Demo(FOLDER, rate, viewers, titles, seed, kafka)
    with interruptible():
        try:
            began = time.monotonic()
            running.start(lambda text: console.print(f"{time.monotonic() - began:6.0f} s: {text} …"))
            console.print(
                f"the pages are at [bold]{running.server.address}[/]: choose a viewer, play something"
            )
            _watch(running, console, seconds)
            report = running.finish()
        finally:
            running.close()
    document = report.document() | {"sent": running.sent, "first_list_s": running.subscriber.first_list_s}
    document["page"] = running.server.address
    console.print(figures("nearline demo", document))
    console.print("next: [bold]nearline demo --kafka[/] for a real broker")
    console.print("      [bold]nearline evaluate[/] for quality")
    write_json(json, document)


def _watch(running: "Demo", console: "Console", seconds: float | None) -> None:
    """Show the demo until the time is over or the user presses ctrl-C."""
    end = time.monotonic() + (seconds if seconds is not None else float("inf"))
    try:
        if console.is_terminal:
            _draw(running, console, end)
        else:
            _write(running, console, end)
    except KeyboardInterrupt:
        console.print("[dim]ending …[/]")


def _draw(running: "Demo", console: "Console", end: float) -> None:
    """Show frames in place."""
    from rich.live import Live

    from streams.cli.views.demo_screen import screen

    with Live(console=console, auto_refresh=False) as live:
        for rates in _rates(running, end, REFRESH_S):
            live.update(screen(running, rates), refresh=True)


def _write(running: "Demo", console: "Console", end: float) -> None:
    """Print lines."""
    from streams.cli.views.demo_screen import line

    for rates in _rates(running, end, LINE_S):
        console.print(line(running, rates), markup=False, soft_wrap=True)


def _rates(running: "Demo", end: float, every_s: float) -> "Iterator[DemoRates]":
    """Read the worker's counters periodically; yield counters and rates."""
    from streams.cli.views.demo_screen import DemoRates

    then, before = time.monotonic(), running.counts()
    while then < end:
        time.sleep(min(every_s, max(0.0, end - then)))
        now, counts = time.monotonic(), running.counts()
        yield DemoRates.between(before, counts, now - then)
        then, before = now, counts
