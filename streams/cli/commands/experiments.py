"""`nearline experiments`: write one down, start it, read what came of it, roll a winner out and back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.commands.experiment_trials import register
from streams.cli.console import examples, human, write_json
from streams.cli.options import Brokers, HttpPort, Json, Prefix, StateDir, connected, definition_of, staying

if TYPE_CHECKING:
    from schemas.experiments import Experiment

app = typer.Typer(
    help="""Compare arms on live viewers, and decide by evidence.

    A viewer's arm follows from a hash: sticky, the same in every worker and language. `nearline experiments
    worker` counts what came of the arms; its bounds hold however often one looks."""
)

register(app)

Name = Annotated[str, typer.Argument(metavar="ID", help="The experiment's experiment_id.")]


@app.command(epilog=examples("nearline experiments create popularity-or-blend.json"))
def create(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="The definition as JSON (contracts/experiment.v1.schema.json)."),
    ],
    *,
    begin: Annotated[bool, typer.Option("--start", help="Start it at once.")] = False,
    brokers: Brokers = None,
    prefix: Prefix = None,
    json: Json = None,
) -> None:
    """Write an experiment down as a draft; a definition that cannot be run is refused with every reason.

    JSON: the record.
    """
    from streams.ops.experiments.admin import create as write
    from streams.ops.experiments.admin import start as run

    settings = connected(brokers, prefix)
    made = write(settings, _read(file))
    _tell(run(settings, made.experiment_id) if begin else made, json)


@app.command(epilog=examples("nearline experiments start popularity-or-blend"))
def start(name: Name, *, brokers: Brokers = None, prefix: Prefix = None, json: Json = None) -> None:
    """Let viewers into the arms: five seconds from now, when every worker knows. JSON: the record."""
    from streams.ops.experiments.admin import start as run

    _tell(run(connected(brokers, prefix), name), json)


@app.command(epilog=examples("nearline experiments stop popularity-or-blend"))
def stop(name: Name, *, brokers: Brokers = None, prefix: Prefix = None, json: Json = None) -> None:
    """End an experiment; what was counted stays. JSON: the record."""
    from streams.ops.experiments.admin import stop as end

    _tell(end(connected(brokers, prefix), name), json)


@app.command(name="list", epilog=examples("nearline experiments list"))
def list_all(*, brokers: Brokers = None, prefix: Prefix = None, json: Json = None) -> None:
    """Show every experiment. JSON: the records."""
    from msgspec import to_builtins

    from streams.cli.views.experiment_tables import overview
    from streams.stages.experiments.definitions import read_experiments

    found = read_experiments(connected(brokers, prefix))
    human(json).print(
        overview(found.values()) if found else "no experiment yet: `nearline experiments create`"
    )
    write_json(json, [to_builtins(one) for one in found.values()])


@app.command(epilog=examples("nearline experiments show popularity-or-blend --viewer ada"))
def show(
    name: Name,
    *,
    viewer: Annotated[str | None, typer.Option(metavar="ID", help="Say which arm this viewer is in.")] = None,
    brokers: Brokers = None,
    prefix: Prefix = None,
    json: Json = None,
) -> None:
    """Show one experiment, and whose arm is whose. JSON keys: experiment, arm."""
    from msgspec import to_builtins

    from online_models.experiments.plan import INTERLEAVED
    from schemas.assignment import assign
    from schemas.experiments import ExperimentKind
    from streams.cli.views.experiment_tables import definition
    from streams.ops.experiments.admin import find
    from streams.stages.experiments.definitions import read_experiments

    one = find(read_experiments(connected(brokers, prefix)), name)
    mine = assign(one, viewer) if viewer else None
    arm = INTERLEAVED if mine and one.kind is ExperimentKind.INTERLEAVE else mine and mine.arm
    human(json).print(definition(one))
    if viewer:
        human(json).print(f"this viewer is in arm [bold]{arm}[/]" if arm else "this viewer is in no arm")
    write_json(json, {"experiment": to_builtins(one), "arm": arm})


@app.command(epilog=examples("nearline experiments results popularity-or-blend"))
def results(
    name: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="One experiment; all without it.")
    ] = None,
    *,
    brokers: Brokers = None,
    prefix: Prefix = None,
    json: Json = None,
) -> None:
    """Show what came of the arms: lifts with bounds that hold at every look, the split, the verdict.

    JSON: the records of experiments.results.v1.
    """
    from msgspec import to_builtins

    from streams.cli.views.experiment_tables import outcome
    from streams.errors import ExperimentError
    from streams.ops.experiments.admin import read_results

    found = read_results(connected(brokers, prefix))
    if name is not None and name not in found:
        what, why = f"{name} has no results", "nobody was exposed yet, or nobody counts"
        raise ExperimentError(what, why=why, next_step="start `nearline experiments worker`")
    chosen = [one for key, one in sorted(found.items()) if name in (None, key)]
    for one in chosen:
        human(json).print(outcome(one))
    write_json(json, [to_builtins(one) for one in chosen])


@app.command(name="roll-out", epilog=examples("nearline experiments roll-out popularity-or-blend blend"))
def roll_out(
    name: Name,
    arm: Annotated[str, typer.Argument(metavar="ARM", help="The arm that becomes the default.")],
    *,
    why: Annotated[str, typer.Option(metavar="TEXT", help="Goes into the evidence.")] = "operator",
    force: Annotated[bool, typer.Option("--force", help="Also without any results.")] = False,
    brokers: Brokers = None,
    prefix: Prefix = None,
    json: Json = None,
) -> None:
    """Make an arm the default of everybody outside the holdout; never on a failed split. JSON: the record."""
    from streams.ops.experiments.admin import roll_out as decide

    _tell(decide(connected(brokers, prefix), name, arm, by=why, force=force), json)


@app.command(name="roll-back", epilog=examples("nearline experiments roll-back popularity-or-blend"))
def roll_back(name: Name, *, brokers: Brokers = None, prefix: Prefix = None, json: Json = None) -> None:
    """Take a winner back: the next lists are made as before. JSON: the record."""
    from streams.ops.experiments.admin import roll_back as undo

    _tell(undo(connected(brokers, prefix), name), json)


@app.command(epilog=examples("nearline experiments worker"))
def worker(
    *,
    brokers: Brokers = None,
    prefix: Prefix = None,
    state_dir: StateDir = None,
    http_port: HttpPort = None,
) -> None:
    """Count what comes of the arms and publish results, until SIGTERM; codes as of `nearline worker`.

    A process of its own, in a group of its own: it reads the events beside the workers that make lists, and
    its failure does not touch them. Start as many as there are partitions to share.
    """
    from streams.stages.experiments.worker import build_results_worker

    settings = staying(brokers, prefix, state_dir=state_dir, http_port=http_port)
    raise typer.Exit(build_results_worker(settings).run())


def _read(file: Path) -> "Experiment":
    """Read a definition."""
    from schemas.codec import decode_experiment

    return definition_of(file, decode_experiment, "experiment", "experiment.v1.full.pass.json")


def _tell(one: "Experiment", json: str | None) -> None:
    from msgspec import to_builtins

    winner = f", winner [bold]{one.winner}[/]" if one.winner else ""
    human(json).print(f"[bold]{one.experiment_id}[/] is [green]{one.state}[/]{winner}")
    write_json(json, to_builtins(one))
