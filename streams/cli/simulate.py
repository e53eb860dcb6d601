"""`nearline simulate`: a seeded world of viewers as producer of viewing events."""

from contextlib import contextmanager
from threading import Event as Flag
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.console import human, interruptible, write_json
from streams.cli.options import Brokers, Json, Prefix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from streams.simulating import Feed


def simulate(
    *,
    brokers: Brokers = None,
    prefix: Prefix = None,
    rate: Annotated[
        str, typer.Option(metavar="SPEED", help="200/s events a second, 60x real time, or max.")
    ] = "200/s",
    viewers: Annotated[int, typer.Option(min=1, max=10_000_000, help="Viewers in the world.")] = 1_000,
    titles: Annotated[int, typer.Option(min=48, max=1_000_000, help="Titles in its catalogue.")] = 1_000,
    seconds: Annotated[float | None, typer.Option(min=0, help="Stop after so many seconds.")] = None,
    events: Annotated[int | None, typer.Option(min=1, help="Stop after so many events.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="One seed, one world.")] = 0,
    json: Json = None,
) -> None:
    """Produce an invented catalogue, then the evenings of invented viewers, until ctrl-C or a limit.

    The events are stamped with the present. The JSON holds events, titles, seconds, events_per_s, delivered,
    failed, and the options seed, viewers and rate.
    """
    from streams.kafka_clients import require_broker
    from streams.pacing import parse_speed
    from streams.producing import EventProducer
    from streams.settings import Settings
    from streams.simulating import feed, make_world, require_topics

    speed = parse_speed(rate)
    settings = Settings.load(brokers=brokers, topic_prefix=prefix)
    require_broker(settings)
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
        task = bar.add_task("catalogue", total=events)

        def tell(fed: "Feed") -> None:
            text = f"{fed.events:,} events, {fed.events_per_s:,.0f}/s"
            bar.update(task, completed=fed.events, description=text)

        yield tell
