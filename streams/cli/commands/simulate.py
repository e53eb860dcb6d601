"""`nearline simulate`: a seeded world of viewers, as producer of events or in a closed loop."""

from pathlib import Path
from threading import Event as Flag
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.console import check_writable, human, interruptible, write_json, write_text
from streams.cli.options import Brokers, Json, Prefix, connected
from streams.errors import SettingsError

if TYPE_CHECKING:
    from rich.console import Console

    from streams.ops.runs.closed_loop import LoopOptions, LoopResult

LOOP_VIEWERS, LOOP_TITLES = 400, 300
"""Default size of a closed loop's world: a minute in process on one core."""
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
    seconds: Annotated[float | None, typer.Option(min=0, help="Stop after this many seconds.")] = None,
    events: Annotated[int | None, typer.Option(min=1, help="Stop after this many events.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the world.")] = 0,
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
        typer.Option("--in-process", rich_help_panel=_LOOP, help="The same without Kafka: faster."),
    ] = False,
    kafka: Annotated[
        bool,
        typer.Option(
            "--kafka", rich_help_panel=_LOOP, help="Use a real Apache Kafka, not the embedded cluster."
        ),
    ] = False,
    days: Annotated[
        int, typer.Option(min=1, max=3_650, rich_help_panel=_LOOP, help="Days in the world.")
    ] = 14,
    warm_up: Annotated[
        int, typer.Option(min=0, rich_help_panel=_LOOP, help="Days at the beginning that do not count.")
    ] = 4,
    seeds: Annotated[
        int,
        typer.Option(min=1, rich_help_panel=_LOOP, help="Number of worlds, with seeds from --seed on."),
    ] = 1,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", rich_help_panel=_LOOP, help="Write a report with charts: one HTML file."
        ),
    ] = None,
) -> None:
    """Produce the catalog and the events of a simulated world, until ctrl-C or a limit.

    The events carry the current time. JSON keys: events, titles, seconds, events_per_s, delivered, failed,
    and the options seed, viewers and rate.

    With --closed-loop or --in-process, policies are compared in minutes watched per viewer and day: random,
    popularity, nearline, informed (knows all titles, learns tastes) and oracle (knows everything), with a
    list of 20 each; then nearline's list in as many places as a page has (grid), and its pages of rows
    (pages); all in the same worlds with the same random numbers. JSON, by policy: the measures with standard
    errors, gain_over and share_of_oracle (of the oracle's gain over popularity), by_day, by_visit,
    by_title_age, by_group.
    """
    if closed_loop or in_process:
        from streams.ops.runs.closed_loop import LoopOptions

        if brokers or prefix or events or seconds:
            what = "the closed loop runs a worker on a cluster of its own, for a number of --days"
            raise SettingsError(what, next_step="leave out --brokers, --prefix, --events and --seconds")
        if warm_up >= days:
            what = f"no day is counted: {days} days, {warm_up} of them warm-up"
            raise SettingsError(what, next_step="give more --days, or a shorter --warm-up")
        size = (viewers or LOOP_VIEWERS, titles or LOOP_TITLES)
        _closed_loop(LoopOptions(*size, days, warm_up, seed, seeds, in_process, kafka), json, report)
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
    """Produce the world's catalog and events."""
    from streams.cli.views.progress import feed_bar
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
    with EventProducer(settings) as producer, listening, feed_bar(console, events) as update:
        fed = feed(world, producer, speed, events=events, seconds=seconds, stop=stop, on_progress=update)
    console.print(f"[green]{fed.events:,} events[/] in {fed.seconds:.1f} s: {fed.events_per_s:,.0f}/s")
    counts = {"delivered": producer.delivered, "failed": producer.failed}
    options = {"seed": seed, "viewers": viewers, "rate": str(speed)}
    write_json(json, {**fed.to_dict(), **counts, **options})


def _closed_loop(options: "LoopOptions", json: str | None, report: Path | None) -> None:
    """Compare the policies; show, write and draw the result."""
    from streams.cli.views.progress import loop_bars
    from streams.ops.runs.closed_loop import compare_policies

    check_writable(report, option="--report")
    console = human(json)
    with interruptible(), loop_bars(console, options.days) as progress:
        result = compare_policies(options, progress)
    _print(result, console)
    document = result.report.to_dict() | options.facts() | ({"pages": result.pages} if result.pages else {})
    if report is not None:
        from streams.cli.views.closed_loop import report as html

        write_text(report, html(document), option="--report")
    write_json(json, document)


def _print(result: "LoopResult", console: "Console") -> None:
    from streams.cli.views.closed_loop import number, table
    from streams.ops.runs.closed_loop import PAGES, PRODUCT

    report = result.report
    share, gain, grid = report.shares[PRODUCT], report.gains[PAGES][PRODUCT], report.gains[PAGES]["grid"]
    console.print(table(report))
    console.print("[dim]gain over popularity, share of the oracle's gain; titles started a day, of these[/]")
    console.print("[dim]done to the credits, left at once; seen: share of the catalog, by any viewer[/]")
    console.print(f"nearline has [bold]{share.mean:.0%}[/] of what the oracle gains over popularity")
    console.print(
        f"pages of rows: [bold]{gain.mean:+.1f}[/] ± {number(gain.se, '.1f')} minutes over one list of 20, "
        f"{grid.mean:+.1f} ± {number(grid.se, '.1f')} over the same list in as many places (grid)"
    )
    if result.pages:
        counts = "page views: {views:,}, out of date {stale:,}, with trending instead of a page {unlisted:,}"
        console.print(f"[dim]{counts.format(**result.pages)}[/]")
