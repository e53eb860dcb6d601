"""Progress bars of long runs. Each is a context manager that yields what the run calls."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

if TYPE_CHECKING:
    from online_models.simulation.closed_loop import OutcomeLog
    from streams.ops.backfill import BackfillProgress
    from streams.ops.imports.runs import ImportProgress
    from streams.ops.runs.report import RunCounts
    from streams.ops.runs.simulate import Feed

__all__ = ["backfill_bar", "evaluation_bars", "feed_bar", "import_bar", "loop_bars", "replay_bar"]

UPDATES_A_DAY = 8
"""Updates of a closed loop's bar per simulated day: summing the outcomes up takes time."""


@contextmanager
def evaluation_bars(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar for each model, or one for all runs."""
    columns = (TextColumn("{task.description:>20}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def update(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total)
            bars.update(tasks[name], completed=done)

        yield update


@contextmanager
def replay_bar(console: Console, total: int) -> Iterator[Callable[[int, "RunCounts | None"], None]]:
    """Show the events processed by the worker (or sent, without one), and HR@10 so far."""
    columns = (
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[state]}"),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("replay", total=total, state="starting …")

        def update(sent: int, counts: "RunCounts | None") -> None:
            bar.update(task, completed=counts.events if counts else sent, state=_hit_rates(counts))

        yield update


def _hit_rates(counts: "RunCounts | None") -> str:
    """Return HR@10 in a few words; a line of 80 columns has no space for more."""
    if counts is None or not counts.tested:
        return ""
    rate = counts.hit_rate()
    return f"HR@10 {rate['blend']:.3f} · popularity {rate['popularity']:.3f}"


@contextmanager
def backfill_bar(console: Console) -> Iterator[Callable[["BackfillProgress"], None]]:
    """Show the events applied, and the lag."""
    columns = (
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TaskProgressColumn(show_speed=True),
        TimeRemainingColumn(),
        TextColumn("{task.fields[lag]}"),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("backfill", total=None, lag="starting the worker …")

        def update(now: "BackfillProgress") -> None:
            total = now.events + now.lag
            bar.update(task, completed=now.events, total=total, lag=f"{now.lag:,} behind")

        yield update


@contextmanager
def import_bar(console: Console) -> Iterator[Callable[["ImportProgress"], None]]:
    """Show the share of the file that is read, then the records sent, their rate and the time left."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        read = bar.add_task("read", total=1.0, rate="")
        sent: TaskID | None = None

        def update(now: "ImportProgress") -> None:
            nonlocal sent
            bar.update(read, completed=now.reading)
            if now.sent and sent is None:
                sent = bar.add_task("sent", total=now.total or None, rate="")
            if sent is not None:
                speed = bar.tasks[sent].finished_speed or bar.tasks[sent].speed or 0.0
                rate = f"{now.sent:,} · {speed:,.0f}/s" if speed else f"{now.sent:,}"
                bar.update(sent, completed=now.sent, total=now.total or None, rate=rate)

        yield update


@contextmanager
def loop_bars(
    console: Console, days: int
) -> Iterator[Callable[[str, int], Callable[[float, "OutcomeLog"], None]]]:
    """Show a bar for each policy and seed: simulated days, and minutes per viewer and day so far."""
    columns = (TextColumn("{task.description:>24}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:

        def start(policy: str, seed: int) -> Callable[[float, "OutcomeLog"], None]:
            task, shown = bars.add_task(f"{policy} {seed}", total=days), 0

            def update(day: float, outcomes: "OutcomeLog") -> None:
                nonlocal shown
                if int(day * UPDATES_A_DAY) > shown:
                    shown = int(day * UPDATES_A_DAY)
                    text = f"{policy} {seed} {outcomes.minutes_a_viewer_day():6.1f} min"
                    bars.update(task, completed=day, description=text)

            return update

        yield start


@contextmanager
def feed_bar(console: Console, events: int | None) -> Iterator[Callable[["Feed"], None]]:
    """Show the simulated events produced, and their rate."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("catalog", total=events)

        def update(fed: "Feed") -> None:
            text = f"{fed.events:,} events, {fed.events_per_s:,.0f}/s"
            bar.update(task, completed=fed.events, description=text)

        yield update
