"""`nearline simulate --closed-loop`: who makes viewers watch most, against one who knows the truth."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streams.cli.console import human, interruptible, write_json
from streams.errors import SettingsError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from online_models.simulation import World
    from online_models.simulation.closed_loop import LoopReport, Run
    from online_models.simulation.outcomes import OutcomeLog
    from streams.config.settings import Settings

__all__ = ["LoopOptions", "run_closed_loop"]

FOLDER = Path(".nearline/closed-loop")
GROUP = "nearline-closed-loop"
PRODUCT = "nearline"
"""The policy whose share of the oracle's gain counts: the list."""
PAGES = "pages"
PIPELINES = {PRODUCT: {"NEARLINE_PAGE__ROWS": "1"}, PAGES: {}}
"""The policies that a worker stands for, with its settings."""


@dataclass(frozen=True, slots=True)
class LoopOptions:
    """What the user asked for."""

    viewers: int
    titles: int
    days: int
    warm_up: int
    seed: int
    seeds: int
    in_process: bool
    kafka: bool
    json: str | None
    report: Path | None

    def facts(self) -> dict[str, Any]:
        """Return the options for the result: what a reader needs to repeat it."""
        return {
            "viewers": self.viewers,
            "titles": self.titles,
            "days": self.days,
            "warm_up": self.warm_up,
            "through": "in process" if self.in_process else "kafka" if self.kafka else "embedded",
        }


def run_closed_loop(wishes: LoopOptions) -> None:
    """Let every policy make the pages of the same worlds; show, write and draw what came of it.

    Raises
    ------
    SettingsError
        Nothing would be counted, or the report cannot be written.
    """
    from online_models.simulation.closed_loop import summarise

    if wishes.warm_up >= wishes.days:
        what = f"no day is counted: {wishes.days} days, {wishes.warm_up} of them warm-up"
        raise SettingsError(what, next_step="give more --days, or a shorter --warm-up")
    console = human(wishes.json)
    pipelines: list[dict[str, int]] = []
    with interruptible():
        result = summarise(_runs(wishes, console, pipelines))
    console.print(_table(result))
    share, gain = result.shares[PRODUCT], result.gains[PAGES][PRODUCT]
    grid = result.gains[PAGES]["grid"]
    console.print("[dim]gain over popularity, share of the oracle's gain; titles started a day, of these[/]")
    console.print("[dim]done to the credits, left at once; seen: share of the catalog, by anyone[/]")
    console.print(f"nearline has [bold]{share.mean:.0%}[/] of what the oracle gains over popularity")
    console.print(
        f"pages of rows: [bold]{gain.mean:+.1f}[/] ± {_number(gain.se, '.1f')} minutes over one list of 20, "
        f"{grid.mean:+.1f} ± {_number(grid.se, '.1f')} over the same list in as many places (grid)"
    )
    pages = {key: sum(one[key] for one in pipelines) for key in ("looks", "stale", "unlisted")}
    if pipelines:
        console.print(
            "[dim]pages read by viewers: {looks:,}, late {stale:,}, trending {unlisted:,}[/]".format(**pages)
        )
    document = result.to_dict() | wishes.facts() | ({"pages": pages} if pipelines else {})
    if wishes.report:
        _write_page(wishes.report, document)
    write_json(wishes.json, document)


def _runs(wishes: LoopOptions, console: "Console", pipelines: list[dict[str, int]]) -> "list[Run]":
    """Run all policies over all seeds."""
    from online_models.simulation import World
    from online_models.simulation.closed_loop import POLICIES, close_the_loop

    runs: list[Run] = []
    with ExitStack() as stack:
        tell = stack.enter_context(_progress(console, wishes))
        settings = None if wishes.in_process else stack.enter_context(_cluster(wishes.kafka))
        for seed in range(wishes.seed, wishes.seed + wishes.seeds):
            for name, maker in POLICIES.items():
                world = World(seed, wishes.viewers, wishes.titles)
                days: dict[str, Any] = {
                    "days": wishes.days,
                    "warm_up": wishes.warm_up,
                    "tell": tell(name, seed),
                }
                if settings is None or name not in PIPELINES:
                    runs.append(close_the_loop(name, world, maker(world), **days))
                else:
                    runs.append(_through_kafka(name, world, settings, days, pipelines))
    return runs


def _through_kafka(
    name: str,
    world: "World",
    settings: "Settings",
    days: dict[str, Any],
    pipelines: list[dict[str, int]],
) -> "Run":
    """Run the product: a worker of its own, on topics of its own."""
    from online_models.simulation.closed_loop import close_the_loop
    from streams.ops.runs.closed_loop import pipeline

    one = f"{name}-{world.seed}"
    own = settings.model_copy(update={"topic_prefix": f"loop-{one}.", "group": f"{GROUP}-{one}"})
    with pipeline(world, own, FOLDER / one, PIPELINES[name]) as published:
        run = close_the_loop(name, world, published, **days)
    pipelines.append({"looks": published.looks, "stale": published.stale, "unlisted": published.unlisted})
    return run


@contextmanager
def _cluster(kafka: bool) -> "Iterator[Settings]":
    import shutil

    from streams.ops.runs.session import own_cluster

    shutil.rmtree(FOLDER, ignore_errors=True)
    with own_cluster(FOLDER, GROUP, kafka=kafka) as settings:
        yield settings


def _table(report: "LoopReport") -> "Table":
    """Return the result for people."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, title="minutes watched per viewer and day")
    names = ("policy", "minutes", "±", "gain", "share", "starts", "done", "left", "seen")
    for name in names:
        table.add_column(name, justify="left" if name == "policy" else "right", no_wrap=True)
    for name in report.policies:
        measures = {key: figure.mean for key, figure in report.measures[name].items()}
        gain, share = report.gains[name].get("popularity"), report.shares.get(name)
        table.add_row(
            f"[bold]{name}[/]" if name == PRODUCT else name,
            f"{measures['minutes']:.1f}",
            _number(report.measures[name]["minutes"].se, ".1f"),
            _number(gain.mean if gain else None, "+.1f"),
            _number(share.mean if share else None, ".0%"),
            f"{measures['starts']:.2f}",
            *(f"{measures[key]:.0%}" for key in ("completion", "abandonment", "coverage")),
        )
    return table


def _number(value: float | None, form: str) -> str:
    """Write a number; a dash for what is not known."""
    return "-" if value is None or value != value else format(value, form)  # noqa: PLR0124 - NaN


@contextmanager
def _progress(
    console: "Console", wishes: LoopOptions
) -> "Iterator[Callable[[str, int], Callable[[float, OutcomeLog], None]]]":
    """Show a bar for each policy and seed: the day reached, and minutes per viewer and day so far."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:>24}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:

        def start(name: str, seed: int) -> "Callable[[float, OutcomeLog], None]":
            task, shown = bars.add_task(f"{name} {seed}", total=wishes.days), [0]

            def tell(day: float, ledger: "OutcomeLog") -> None:
                if int(day * 8) > shown[0]:  # eight times a day: to sum a ledger up takes time
                    shown[0] = int(day * 8)
                    text = f"{name} {seed} {ledger.minutes_a_viewer_day():6.1f} min"
                    bars.update(task, completed=day, description=text)

            return tell

        yield start


def _write_page(path: Path, document: dict[str, Any]) -> None:
    from streams.cli.views.closed_loop_report import page

    try:
        path.write_text(page(document), encoding="utf-8")
    except OSError as error:
        what = f"cannot write {path}"
        raise SettingsError(what, why=error.strerror or "", next_step="give another --report PATH") from error
