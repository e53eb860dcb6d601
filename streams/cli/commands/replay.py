"""`nearline replay`: a file of ratings through Kafka and a worker."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.console import figures, human, interruptible, write_json
from streams.cli.options import Brokers, Json, connected

if TYPE_CHECKING:
    from contextlib import ExitStack

    import numpy as np
    from numpy.typing import NDArray
    from rich.console import Console
    from rich.progress import Progress

    from streams.config.settings import Settings
    from streams.ops.ratings import Dataset
    from streams.ops.runs.pacing import Speed
    from streams.ops.runs.report import RunCounts, RunReport

LEAD_EVENTS = 500
"""Most events that a replay at full speed is ahead of the title model (HR@10 .187 so, .194 when fresh)."""
FLOOR_S = 0.02
"""Least seconds between title batches in a replay: the lead then allows 25,000 events/s."""


def replay(
    *,
    ratings: Annotated[
        Path | None, typer.Option("--ratings", metavar="PATH", help="MovieLens, RecBole or Parquet file.")
    ] = None,
    from_topic: Annotated[
        bool, typer.Option("--from-topic", help="Build a fresh version of the model out of the event log.")
    ] = False,
    since: Annotated[
        str, typer.Option(metavar="WHEN", help="With --from-topic: 2d, 90m, an ISO time, or beginning.")
    ] = "beginning",
    version: Annotated[
        str | None, typer.Option(metavar="NAME", help="With --from-topic: what the fresh version is called.")
    ] = None,
    speed: Annotated[str, typer.Option(help="2000/s, 60x (event time), or max.")] = "max",
    brokers: Brokers = None,
    embedded: Annotated[
        bool, typer.Option("--embedded", help="Use the in-process cluster instead of Kafka.")
    ] = False,
    min_rating: Annotated[
        float, typer.Option(min=0.5, max=5.0, help="Stars from which a rating is a positive.")
    ] = 4.0,
    feedback: Annotated[str, typer.Option(help="positives (drop lower ratings) or all.")] = "positives",
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many ratings.")] = None,
    with_worker: Annotated[
        bool,
        typer.Option("--worker/--no-worker", help="Start a worker beside it, wait for its answers, report."),
    ] = True,
    prefix: Annotated[
        str | None, typer.Option(help="Topic prefix; by default one of its own, so that runs do not mix.")
    ] = None,
    json: Json = None,
) -> None:
    """Replay a file of ratings, or the event log itself.

    --ratings produces the file's ratings as events, lets a worker answer them, and reports quality, freshness
    and speed.

    Every event is ranked before it is learned (HR@10 as in `nearline evaluate`, the first 20 % not averaged).
    JSON keys: events, lists, dead_letters, seconds, events_per_s, lists_per_s, freshness_ms.p50 and p99,
    hr@10.blend and hr@10.popularity, tested, replica_age_events; null for what only a worker can tell.

    --from-topic lets a fresh version of the model learn the log beside the live one, publishes nothing, and
    ends when it has caught up; `nearline model switch` puts it in charge. JSON keys: since, version, events,
    seconds, events_per_s, lag, applied, hr@10, tested.
    """
    from contextlib import ExitStack

    from streams.cli.commands.backfill import backfill
    from streams.errors import SettingsError
    from streams.ops.ratings import read_ratings
    from streams.ops.runs.pacing import parse_speed

    if from_topic and ratings is None:
        backfill(since=since, version=version, brokers=brokers, prefix=prefix, json=json)
        return
    if ratings is None or from_topic:
        what = "there are two kinds of replay, and one has to be chosen"
        raise SettingsError(what, next_step="give --ratings PATH, or --from-topic --version NAME")
    if feedback not in {"positives", "all"}:
        what = f"--feedback is positives or all, not {feedback}"
        raise SettingsError(what, next_step="give one of the two")
    pace, dataset, console = parse_speed(speed), read_ratings(ratings), human(json)
    stars = dataset.ratings.ratings
    kept = (stars >= min_rating if feedback == "positives" else stars > 0).nonzero()[0][:limit]
    model = {"NEARLINE_MODEL__REWARD__LIKED_STARS": str(min_rating)}
    with interruptible(), ExitStack() as stack:
        settings = cluster(stack, brokers, prefix, embedded=embedded)
        report = replay_through(
            stack,
            settings,
            dataset=dataset,
            kept=kept,
            pace=pace,
            model=model if with_worker else None,
            console=console,
        )
    console.print(figures("nearline replay", report.document()))
    write_json(json, report.document())


def cluster(
    stack: "ExitStack", brokers: str | None, prefix: str | None, *, embedded: bool, partitions: int = 4
) -> "Settings":
    """Return settings for a cluster with this run's topics on it."""
    import time

    from streams.ops.local_kafka.embedded import EmbeddedCluster
    from streams.ops.runs.session import make_topics

    if embedded:
        brokers = stack.enter_context(EmbeddedCluster()).bootstrap_servers
    own = f"replay-{int(time.time())}." if prefix is None else prefix
    settings = connected(brokers, own, group=f"{own}nearline", check_crcs=not embedded)
    make_topics(settings, partitions=partitions)
    return settings


def replay_through(
    stack: "ExitStack",
    settings: "Settings",
    *,
    dataset: "Dataset",
    kept: "NDArray[np.intp]",
    pace: "Speed",
    model: dict[str, str] | None,
    console: "Console",
    exact_warm_up: bool = False,
) -> "RunReport":
    """Start the worker, produce, and wait for the answers."""
    import shutil

    from streams.kafka.produce import EventProducer
    from streams.ops.runs.replay import Replay
    from streams.ops.runs.session import WorkerProcess

    worker = None
    if model is not None:
        folder = settings.state_dir.parent / settings.group
        bounded = {"NEARLINE_LEAD_EVENTS": str(LEAD_EVENTS)} if pace.kind == "unbounded" else {}
        tuned = {"NEARLINE_PREQUENTIAL_SHARE": "1", "NEARLINE_TITLES_FLOOR_S": str(FLOOR_S)}
        worker = stack.enter_context(WorkerProcess(settings, folder, model | bounded | tuned))
        with console.status("starting the worker …"):
            worker.wait_ready()
    producer = stack.enter_context(EventProducer(settings))
    producer.send_titles(dataset.catalog())
    progress = stack.enter_context(_progress(console))
    task = progress.add_task("replay", total=len(kept), state="")

    def show(sent: int, tally: "RunCounts | None") -> None:
        done = tally.events if tally else sent
        progress.update(task, completed=done, state=_state(tally))

    report = Replay(dataset.ratings.take(kept), pace, producer, worker, show, exact_warm_up).run()
    if worker is not None:
        worker.stop()
        shutil.rmtree(worker.folder)
    return report


def _state(tally: "RunCounts | None") -> str:
    """Say in a few words how good it is; the rest of a line of 80 has no room for more."""
    if tally is None or not tally.tested:
        return ""
    rate = tally.hit_rate()
    return f"HR@10 {rate['blend']:.3f} · popularity {rate['popularity']:.3f}"


def _progress(console: "Console") -> "Progress":
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[state]}"),
        console=console,
    )
