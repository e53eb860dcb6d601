"""`python -m tests.simulations experiments | insights | artwork | events`; see `--help` of each."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from online_models.insights.folding import FoldedDemand
from schemas.experiments import Metric, Ranking
from streams.cli.commands.artwork import Alpha, estimates_table
from streams.cli.console import ExitCode, examples, figures, human, interruptible, present, write_json
from streams.cli.options import Json
from streams.cli.views.experiment_tables import outcome
from streams.cli.views.insight_tables import wanted
from tests.simulations import artwork as artwork_simulation
from tests.simulations import events as event_simulation
from tests.simulations import experiments as experiment_simulation
from tests.simulations import insights as insight_simulation

PROGRAM = "python -m tests.simulations"
app = typer.Typer(
    help="Simulations through real workers, compared with what the simulated world knows.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)

Kafka = Annotated[
    bool,
    typer.Option("--kafka", help="Use a real Apache Kafka (Java 17, Maven) instead of the embedded cluster."),
]


@app.command(
    epilog=examples(
        f"{PROGRAM} experiments",
        f"{PROGRAM} experiments --kind broken",
        f"{PROGRAM} experiments --kind objective --objective satisfaction=2 --metric abandonment",
    )
)
def experiments(
    *,
    kind: Annotated[
        str,
        typer.Option(
            help="ab: popularity against the blend; aa: two equal arms; broken: an ab that loses "
            "impressions; objective: one ranker without and with an objective; interleave: popularity and "
            "the blend in one list."
        ),
    ] = "ab",
    viewers: Annotated[int, typer.Option(min=100, help="Viewers of the world.")] = 1_000,
    titles: Annotated[int, typer.Option(min=48, help="Titles of the world.")] = 300,
    days: Annotated[int, typer.Option(min=2, help="Days, including the warm-up.")] = 8,
    warm_up: Annotated[int, typer.Option(min=1, help="Days before the experiment starts.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the world.")] = 0,
    metric: Annotated[Metric, typer.Option(help="The metric that decides.")] = Metric.WATCH_MINUTES,
    objective: Annotated[
        str,
        typer.Option(
            metavar="NAME=EXPONENT,…",
            help="For --kind objective: watch_time, completion, satisfaction, calibration, diversity.",
        ),
    ] = "watch_time=1",
    ranker: Annotated[
        Ranking, typer.Option(help="Ranker of both arms of --kind objective.")
    ] = Ranking.POPULARITY,
    truth: Annotated[
        bool, typer.Option(help="Also run the world with every viewer in each arm once: two more worlds.")
    ] = True,
    everybody: Annotated[
        bool,
        typer.Option(help="Also run it with everybody in one arm, as after a roll-out: two more worlds."),
    ] = False,
    interleave: Annotated[bool, typer.Option(help="Also interleave both rankers: one more world.")] = False,
    through: Annotated[
        str, typer.Option(help="process, or a cluster with workers: embedded, kafka (a real one).")
    ] = "process",
    json: Json = None,
) -> None:
    """Run an experiment on simulated viewers, and compare its result with the true lift.

    Through workers, the experiment's rule rolls a winner out; the simulation rolls it back a day later.

    The true lift is that of every viewer being in each arm once, with a model that learns from both arms:
    what an experiment can measure. With everybody in one arm, each model learns from that arm alone. Through
    workers, the lists of these worlds come from workers too, on embedded clusters: each takes as long again.

    JSON keys: result (as in experiments.results.v1), truth (relative lift of the deciding metric, null
    without), truths (by metric), everybody (likewise), right (whether the verdict is the true one, null while
    it is open), covered, needed (viewers until it is decided, by ab and by interleaving), pages (newest pages
    by the arms that they name: experiment, rolled_out, rolled_back).
    """
    options = experiment_simulation.ExperimentOptions(
        kind, viewers, titles, days, warm_up, seed, truth, interleave, through, metric, objective, ranker,
        everybody,
    )  # fmt: skip
    with interruptible():
        found = experiment_simulation.simulated(options)
    known = {"true": found.truths, "rolled out": found.everybody}
    human(json).print(outcome(found.result, known))
    human(json).print(figures("against the truth", found.facts()))
    write_json(json, found.to_dict())


@app.command(epilog=examples(f"{PROGRAM} insights", f"{PROGRAM} insights --through kafka"))
def insights(
    *,
    viewers: Annotated[int, typer.Option(min=100, help="Viewers of the world.")] = 600,
    titles: Annotated[int, typer.Option(min=48, help="Titles of the world.")] = 300,
    days: Annotated[int, typer.Option(min=1, help="Days in the world.")] = 6,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the world.")] = 0,
    scarce: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of its titles that one kind of story keeps.")
    ] = 0.2,
    through: Annotated[
        str, typer.Option(help="process, or a cluster with a worker: embedded, kafka (a real one).")
    ] = "embedded",
    json: Json = None,
) -> None:
    """Make one kind of story scarce in a simulated world, and check whether the demand names it.

    JSON keys: scarce (its tags), taste (its share of all tastes), places (rank of each of its tags among
    those of the same kind, by excess), facets, searches and cohorts (as published).
    """
    with interruptible():
        found = insight_simulation.simulated(
            insight_simulation.DemandOptions(viewers, titles, days, seed, scarce, through)
        )
    groups = [FoldedDemand(one, (), ()) for one in found.wanted.facets]
    for table in wanted(found.wanted, groups, str):
        human(json).print(table)
    human(json).print(figures("what the world knows", found.facts()))
    write_json(json, found.to_dict())


@app.command(epilog=examples(f"{PROGRAM} artwork", f"{PROGRAM} artwork --kafka --days 30"))
def artwork(
    *,
    viewers: Annotated[int, typer.Option(min=20, max=10_000, help="Viewers.")] = 300,
    titles: Annotated[
        int, typer.Option(min=8, max=1_000, help="Titles, with three artwork variants each.")
    ] = 40,
    days: Annotated[int, typer.Option(min=2, max=100, help="Days; every viewer opens the page daily.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Seed of tastes and chance.")] = 0,
    kafka: Kafka = False,
    alpha: Alpha = 0.05,
    json: Json = None,
) -> None:
    """Show a worker's pages to viewers with known tastes, and compare estimates from the log with the truth.

    JSON: as of `nearline artwork estimate`, and by policy truth (whole log) and truth_late (second half of
    the days); ideal is the best artwork for each viewer.
    """
    console = human(json)
    with interruptible(), TemporaryDirectory() as folder, console.status("viewers see pages and watch …"):
        found = artwork_simulation.simulate(
            Path(folder), viewers=viewers, titles=titles, days=days, seed=seed, alpha=alpha, kafka=kafka
        )
    console.print(estimates_table(found.found, found.truth))
    late = found.late
    gain = late["as shown"] / late["best fixed"] - 1
    console.print(
        f"second half of the days: bandit [bold]{late['as shown']:.4f}[/], best fixed "
        f"{late['best fixed']:.4f} ([bold]{gain:+.1%}[/]), uniform {late['uniform']:.4f}, "
        f"ideal {late['ideal']:.4f}"
    )
    write_json(json, found.document())


@app.command(epilog=examples(f"{PROGRAM} events", f"{PROGRAM} events --kafka --json -"))
def events(
    *,
    kafka: Kafka = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the world that the models learn from.")] = 0,
    json: Json = None,
) -> None:
    """Show what an event of each type changes on its viewer's page, on a cluster and a worker of its own.

    Fails if a page did not change as documented. JSON: cases, each with type, how, documented, as_documented,
    title_id, former and seq (numbers of the pages before and after), forgotten, rows (as of `nearline inspect
    viewer --diff`) and reasons (of titles, before and after).
    """
    console = human(json)
    with interruptible(), TemporaryDirectory() as folder, console.status("viewers watch, events happen …"):
        found = event_simulation.observe(Path(folder), kafka=kafka, seed=seed)
    table = Table("event", "the page", "documented", "", title="an event of each type, and the page after it")
    for one in found:
        table.add_row(*map(Text, _case(one)))
    console.print(table)
    write_json(json, {"cases": [one.document() for one in found]})
    event_simulation.require(found)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a simulation; return the exit code, as those of `nearline`."""
    try:
        app(args=list(sys.argv[1:] if argv is None else argv), prog_name=PROGRAM)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else ExitCode.DONE
    except Exception as error:  # noqa: BLE001 - shown as text and a code, as by `nearline`
        return present(error, debug=False)
    return ExitCode.DONE


def _case(one: event_simulation.Observed) -> tuple[str, str, str, str]:
    """Return a line of the table of events."""
    found = one.document()
    if found["forgotten"]:
        page = "deleted"
    elif found["seq"] is None:
        page = "no new page"
    else:
        lines = [_shelf(row, found["title_id"]) for row in found["rows"]]
        lines += [f"another reason: {len(found['reasons'])} titles"] if found["reasons"] else []
        page = "\n".join(lines)
    name = f"{one.type}\n({one.case.how})" if one.case.how else one.type
    return name, page, one.case.says, "yes" if found["as_documented"] else "NO"


def _shelf(row: Mapping[str, Any], title_id: str) -> str:
    """Describe a shelf's change: its place, the event's title, how many other titles came, left and rose."""
    was, now = row["was"], row["now"]
    place = f"new, {now}" if was is None else f"{was} > {now or 'gone'}" if was != now else str(now)
    parts = [f"{row['title'] or row['kind']} [{place}]"]
    if now is not None and was is not None:
        parts += [
            f"{sign}{title_id}" for sign, some in (("+", row["came"]), ("-", row["left"])) if title_id in some
        ]
        counts = (len([t for t in row[name] if t != title_id]) for name in ("came", "left"))
        parts += [f"{n} {word}" for n, word in zip(counts, ("came", "left"), strict=True) if n]
        parts += [f"{len(row['moved'])} rose"] if row["moved"] else []
    return " ".join(parts)


if __name__ == "__main__":
    sys.exit(main())
