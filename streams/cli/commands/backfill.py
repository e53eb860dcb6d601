"""`nearline replay --from-topic`: a fresh version of the model out of the event log."""

from typing import TYPE_CHECKING

from streams.cli.console import figures, human, interruptible, write_json
from streams.cli.options import connected

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bar

    from streams.config.settings import Settings
    from streams.ops.backfill import BackfillProgress, BackfillReport

LEAD_EVENTS = 500
"""Most events that a backfill is ahead of the title model (HR@10 .187 so, .194 when fresh)."""
FLOOR_S = 0.02
"""Least seconds between title batches: the lead then allows 25,000 events/s."""


def backfill(
    *, since: str, version: str | None, brokers: str | None, prefix: str | None, json: str | None
) -> None:
    """Build the version, show how far it is, and say what to do with it."""
    import time

    from streams.ops.backfill import prepare, since_ms

    begin, console = since_ms(since, int(time.time() * 1000)), human(json)
    settings = connected(brokers, prefix, model_version=version)
    with interruptible():
        report = _run(settings, prepare(settings, begin), console)
    document = {"since": since, **report.document()}
    console.print(figures("nearline replay --from-topic", document))
    name = settings.model_version
    console.print(
        f"[dim] next:[/] start `NEARLINE_MODEL_VERSION={name} nearline worker`, "
        f"then `nearline model switch {name}`",
        soft_wrap=True,
    )
    write_json(json, document)


def _run(settings: "Settings", starts: dict[int, int], console: "Console") -> "BackfillReport":
    """Start a worker, and watch it until it has caught up."""
    import shutil

    from streams.ops.backfill import Backfill
    from streams.ops.runs.session import WorkerProcess

    folder = settings.state_dir.parent / f"backfill-{settings.consumer_group}"
    variables = {"NEARLINE_LEAD_EVENTS": str(LEAD_EVENTS), "NEARLINE_TITLES_FLOOR_S": str(FLOOR_S)}
    with WorkerProcess(settings, folder, variables) as worker:
        with console.status("starting the worker …"):
            worker.wait_ready()
        with _bar(console) as bar:
            task = bar.add_task("backfill", total=None, lag="")

            def show(now: "BackfillProgress") -> None:
                total = now.events + now.lag
                bar.update(task, completed=now.events, total=total, lag=f"{now.lag:,} behind")

            report = Backfill(settings, starts, worker, show).run()
    shutil.rmtree(folder)
    return report


def _bar(console: "Console") -> "Bar":
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TaskProgressColumn(show_speed=True),
        TimeRemainingColumn(),
        TextColumn("{task.fields[lag]}"),
        console=console,
    )
