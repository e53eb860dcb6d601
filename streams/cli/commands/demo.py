"""`nearline demo`: viewers watch, home pages change, in one terminal and with nothing to install."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.console import figures, human, interruptible, write_json
from streams.cli.options import Json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from streams.cli.views.demo_screen import Pulse
    from streams.ops.runs.demo import Demo

REFRESH_S = 0.5
"""Time between two pictures: quick enough to see a list change, slow enough to read it."""
LINE_S = 2.0
"""Time between two lines where output is not a terminal."""
FOLDER = Path(".nearline/demo")


def demo(
    *,
    kafka: Annotated[
        bool,
        typer.Option("--kafka", help="On a real Apache Kafka (Java 17, Maven) instead of the embedded one."),
    ] = False,
    seconds: Annotated[
        float | None, typer.Option(min=1, help="End by itself; otherwise ctrl-C ends it.")
    ] = None,
    rate: Annotated[float, typer.Option(min=1, max=20_000, help="Events per second.")] = 1_000.0,
    viewers: Annotated[int, typer.Option(min=10, max=100_000, help="Viewers in the world.")] = 150,
    titles: Annotated[int, typer.Option(min=48, max=20_000, help="Titles in the catalog.")] = 300,
    seed: Annotated[int, typer.Option(min=0, help="The same seed, the same evening.")] = 0,
    json: Json = None,
) -> None:
    """Watch home pages change as invented viewers watch: events through Kafka, Faust and online models, live.

    Starts a broker, the topics, a worker, the pages in a browser, and a seeded world of viewers; ends cleanly
    on ctrl-C. JSON keys: events, lists, dead_letters, events_per_s, lists_per_s, freshness_ms.p50 and p99,
    hr@10.blend and hr@10.popularity, first_list_s, page (where the pages were).
    """
    import shutil

    from streams.ops.runs.demo import Demo

    console = human(json)
    shutil.rmtree(FOLDER, ignore_errors=True)
    stage = Demo(FOLDER, rate, viewers, titles, seed, kafka)
    with interruptible():
        try:
            with console.status("starting broker, topics and worker …"):
                stage.start()
            console.print(
                f"the pages are at [bold]{stage.server.address}[/]: choose a viewer, play something"
            )
            _watch(stage, console, seconds)
            report = stage.finish()
        finally:
            stage.close()
    document = report.document() | {"sent": stage.sent, "first_list_s": stage.subscriber.first_list_s}
    document["page"] = stage.server.address
    console.print(figures("nearline demo", document))
    console.print("next: [bold]nearline demo --kafka[/] for a real broker")
    console.print("      [bold]nearline evaluate[/] for quality")
    write_json(json, document)


def _watch(stage: "Demo", console: "Console", seconds: float | None) -> None:
    """Show what happens until the time is over or the user has seen enough."""
    end = time.monotonic() + (seconds if seconds is not None else float("inf"))
    try:
        if console.is_terminal:
            _draw(stage, console, end)
        else:
            _write(stage, console, end)
    except KeyboardInterrupt:
        console.print("[dim]ending …[/]")


def _draw(stage: "Demo", console: "Console", end: float) -> None:
    """Show pictures, one in the place of the other."""
    from rich.live import Live

    from streams.cli.views.demo_screen import screen

    with Live(console=console, auto_refresh=False) as live:
        for pulse in _pulses(stage, end, REFRESH_S):
            live.update(screen(stage, pulse), refresh=True)


def _write(stage: "Demo", console: "Console", end: float) -> None:
    """Show lines, one below the other."""
    from streams.cli.views.demo_screen import line

    for pulse in _pulses(stage, end, LINE_S):
        console.print(line(stage, pulse), markup=False, soft_wrap=True)


def _pulses(stage: "Demo", end: float, every_s: float) -> "Iterator[Pulse]":
    """Look at the worker from time to time."""
    from streams.cli.views.demo_screen import Pulse

    then, before = time.monotonic(), stage.tally()
    while then < end:
        time.sleep(min(every_s, max(0.0, end - then)))
        now, tally = time.monotonic(), stage.tally()
        yield Pulse.between(before, tally, now - then)
        then, before = now, tally
