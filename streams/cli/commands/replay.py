"""`nearline replay`: a file of ratings, or the event log, through a worker."""

from pathlib import Path
from typing import Annotated

import typer

from streams.cli.console import figures, human, interruptible, write_json
from streams.cli.options import Brokers, Json, connected
from streams.clock import now_ms
from streams.errors import SettingsError


def replay(
    *,
    ratings: Annotated[
        Path | None, typer.Option("--ratings", metavar="PATH", help="MovieLens, RecBole or Parquet file.")
    ] = None,
    from_topic: Annotated[
        bool, typer.Option("--from-topic", help="Build a new version of the model from the event log.")
    ] = False,
    since: Annotated[
        str, typer.Option(metavar="WHEN", help="With --from-topic: 2d, 90m, an ISO time, or beginning.")
    ] = "beginning",
    version: Annotated[
        str | None, typer.Option(metavar="NAME", help="With --from-topic: name of the new version.")
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
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N ratings.")] = None,
    with_worker: Annotated[
        bool,
        typer.Option("--worker/--no-worker", help="Start a worker, wait until it is done, report."),
    ] = True,
    prefix: Annotated[
        str | None, typer.Option(help="Topic prefix; by default a new one, so that runs do not share topics.")
    ] = None,
    json: Json = None,
) -> None:
    """Replay a file of ratings, or the event log itself.

    --ratings produces the file's ratings as events, lets a worker process them, and reports quality,
    freshness and speed.

    Every event is ranked before it is learned (HR@10 as in `nearline evaluate`, the first 20 % not averaged).
    JSON keys: events, lists, dead_letters, seconds, events_per_s, lists_per_s, freshness_ms.p50 and p99,
    held_back_ms.p50 and p99 (of pages that the page throttle held back), hr@10.blend and hr@10.popularity,
    tested, replica_age_events; null if only a worker knows it.

    --from-topic lets a new version of the model learn the log next to the live one, publishes nothing, and
    ends when it has caught up; `nearline model switch` makes it live. JSON keys: since, version, events,
    seconds, events_per_s, lag, applied, hr@10, tested.
    """
    from streams.cli.views.progress import replay_bar
    from streams.ops.ratings import read_ratings
    from streams.ops.runs.pacing import parse_speed
    from streams.ops.runs.replay import replay_cluster, run_replay

    if from_topic and ratings is None:
        _backfill(since=since, version=version, brokers=brokers, prefix=prefix, json=json)
        return
    if ratings is None or from_topic:
        what = "a replay is either of --ratings or --from-topic"
        raise SettingsError(what, next_step="give --ratings PATH, or --from-topic --version NAME")
    if feedback not in {"positives", "all"}:
        what = f"--feedback is positives or all, not {feedback}"
        raise SettingsError(what, next_step="give one of the two")
    pace, dataset, console = parse_speed(speed), read_ratings(ratings), human(json)
    stars = dataset.ratings.ratings
    kept = (stars >= min_rating if feedback == "positives" else stars > 0).nonzero()[0][:limit]
    variables = {"NEARLINE_MODEL__REWARD__LIKED_STARS": str(min_rating)} if with_worker else None
    with (
        interruptible(),
        replay_cluster(brokers, prefix, embedded=embedded) as settings,
        replay_bar(console, len(kept)) as update,
    ):
        report = run_replay(settings, dataset, kept, pace, update, variables=variables)
    console.print(figures("nearline replay", report.document()))
    write_json(json, report.document())


def _backfill(
    *, since: str, version: str | None, brokers: str | None, prefix: str | None, json: str | None
) -> None:
    """Build a version from the event log."""
    from streams.cli.views.progress import backfill_bar
    from streams.ops.backfill import backfill, since_ms

    begin, console = since_ms(since, now_ms()), human(json)
    settings = connected(brokers, prefix, model_version=version)
    with interruptible(), backfill_bar(console) as update:
        report = backfill(settings, begin, update)
    document = {"since": since, **report.document()}
    console.print(figures("nearline replay --from-topic", document))
    name = settings.model_version
    console.print(
        f"[dim] next:[/] start `NEARLINE_MODEL_VERSION={name} nearline worker`, "
        f"then `nearline model switch {name}`",
        soft_wrap=True,
    )
    write_json(json, document)
