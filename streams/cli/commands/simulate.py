"""`nearline simulate`: a seeded world of viewers, as producer of events or in a closed loop."""

from contextlib import contextmanager
from pathlib import Path
from threading import Event as Flag
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.console import human, interruptible, write_json
from streams.cli.options import Brokers, Json, Prefix, connected
from streams.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from streams.ops.runs.simulate import Feed

LOOP_VIEWERS, LOOP_TITLES = 400, 300
"""Size of a closed loop's world, unless told otherwise: a minute in process on one core."""
_LOOP = "Closed loop"
_VIEWERS = f"Viewers in the world. [dim]Default 1000, {LOOP_VIEWERS} in a closed loop.[/]"
_TITLES = f"Titles in its catalog. [dim]Default 1000, {LOOP_TITLES} in a closed loop.[/]"


def simulate(
    *,
    brokers: Brokers = None,
    prefix: Prefix = None,
    rate: Annotated[
        str, typer.Option(metavar="SPEED", help="200/s events a second, 60x real time, or max.")
    ] = "200/s",
    viewers: Annotated[int | None, typer.Option(min=1, max=10_000_000, help=_VIEWERS)] = None,
    titles: Annotated[int | None, typer.Option(min=48, max=1_000_000, help=_TITLES)] = None,
    seconds: Annotated[float | None, typer.Option(min=0, help="Stop after so many seconds.")] = None,
    events: Annotated[int | None, typer.Option(min=1, help="Stop after so many events.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="One seed, one world.")] = 0,
    json: Json = None,
    closed_loop: Annotated[
        bool,
        typer.Option(
            "--closed-loop",
            rich_help_panel=_LOOP,
            help="Viewers act on the pages that a worker of its own publishes; policies are compared.",
        ),
    ] = False,
    in_process: Annotated[
        bool,
        typer.Option("--in-process", rich_help_panel=_LOOP, help="The same without Kafka: quicker."),
    ] = False,
    kafka: Annotated[
        bool,
        typer.Option("--kafka", rich_help_panel=_LOOP, help="On a real Apache Kafka, not the embedded one."),
    ] = False,
    days: Annotated[
        int, typer.Option(min=1, max=3_650, rich_help_panel=_LOOP, help="Days in the world.")
    ] = 14,
    warm_up: Annotated[
        int, typer.Option(min=0, rich_help_panel=_LOOP, help="Days at the beginning that do not count.")
    ] = 4,
    seeds: Annotated[
        int, typer.Option(min=1, rich_help_panel=_LOOP, help="Worlds, from --seed on; for standard errors.")
    ] = 1,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", rich_help_panel=_LOOP, help="Write a page with pictures: one HTML file."
        ),
    ] = None,
) -> None:
    """Produce an invented catalog, then the evenings of invented viewers, until ctrl-C or a limit.

    The events are stamped with the present. The JSON holds events, titles, seconds, events_per_s, delivered,
    failed, and the options seed, viewers and rate.

    With --closed-loop or --in-process, who makes the pages is compared in minutes watched per viewer and day:
    random, popularity, nearline, informed (knows all titles, learns tastes) and oracle (knows everything), a
    list of 20 each; then nearline's list in as many places as a page has (grid), and its pages of rows; all
    in the same world with the same luck. The JSON holds, by policy, the measures with standard errors,
    gain_over and share_of_oracle (of the oracle's gain over popularity), by_day, by_visit, by_title_age,
    by_group.
    """
    if closed_loop or in_process:
        from streams.cli.commands.closed_loop import LoopOptions, run_closed_loop

        if brokers or prefix or events or seconds:
            what = "the closed loop runs a worker on a cluster of its own, for so many --days"
            raise SettingsError(what, next_step="leave out --brokers, --prefix, --events and --seconds")
        size = (viewers or LOOP_VIEWERS, titles or LOOP_TITLES)
        run_closed_loop(LoopOptions(*size, days, warm_up, seed, seeds, in_process, kafka, json, report))
        return
    _produce(
        brokers,
        prefix,
        rate,
        viewers=viewers or 1_000,
        titles=titles or 1_000,
        seed=seed,
        json=json,
        seconds=seconds,
        events=events,
    )


def _produce(
    brokers: str | None,
    prefix: str | None,
    rate: str,
    *,
    viewers: int,
    titles: int,
    seed: int,
    json: str | None,
    seconds: float | None,
    events: int | None,
) -> None:
    """Feed the world into Kafka."""
    from streams.kafka.produce import EventProducer
    from streams.ops.runs.pacing import parse_speed
    from streams.ops.runs.simulate import feed, make_world, require_topics

    speed = parse_speed(rate)
    settings = connected(brokers, prefix)
    require_topics(settings)
    console = human(json)
    world = make_world(seed, viewers, titles, speed)
    stop = Flag()  # set by a signal: the stream ends between two batches
    listening = interruptible(lambda *_: stop.set())
    with EventProducer(settings) as producer, listening, _progress(console, events) as tell:
        fed = feed(world, producer, speed, events=events, seconds=seconds, stop=stop, tell=tell)
    console.print(f"[green]{fed.events:,} events[/] in {fed.seconds:.1f} s: {fed.events_per_s:,.0f}/s")
    counts = {"delivered": producer.delivered, "failed": producer.failed}
    options = {"seed": seed, "viewers": viewers, "rate": str(speed)}
    write_json(json, {**fed.to_dict(), **counts, **options})


@contextmanager
def _progress(console: "Console", events: int | None) -> "Iterator[Callable[[Feed], None]]":
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("catalog", total=events)

        def tell(fed: "Feed") -> None:
            text = f"{fed.events:,} events, {fed.events_per_s:,.0f}/s"
            bar.update(task, completed=fed.events, description=text)

        yield tell
