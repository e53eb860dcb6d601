"""`nearline experiments`: define, start, stop and evaluate experiments; roll a winner out and back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.console import examples, human, write_json
from streams.cli.options import (
    Brokers,
    HttpPort,
    Json,
    Prefix,
    StateDir,
    connected,
    read_file,
    service_settings,
)

if TYPE_CHECKING:
    from schemas.experiments import Experiment

app = typer.Typer(
    help="""Compare arms on live viewers, and decide by evidence.

    A viewer's arm follows from a hash: it is sticky, and the same in every worker and language. `nearline
    experiments worker` computes the results; their bounds hold however often you look at them."""
)

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
    """Create an experiment as a draft; an invalid one is refused with every reason. JSON: the record."""
    from streams.ops.actions import create_experiment, start_experiment
    from streams.ops.audit import Operator
    from streams.ops.definitions import experiment_of

    settings = connected(brokers, prefix)
    given = experiment_of(read_file(file), source=str(file))
    who = Operator.of_command()
    made = create_experiment(settings, who, given)
    if begin:
        made = start_experiment(settings, who, made.experiment_id)
    _show(made, json)


@app.command(epilog=examples("nearline experiments start popularity-or-blend"))
def start(name: Name, *, brokers: Brokers = None, prefix: Prefix = None, json: Json = None) -> None:
    """Start an experiment: in five seconds, when every worker has read the record. JSON: the record."""
    from streams.ops.actions import start_experiment
    from streams.ops.audit import Operator

    _show(start_experiment(connected(brokers, prefix), Operator.of_command(), name), json)


@app.command(epilog=examples("nearline experiments stop popularity-or-blend"))
def stop(name: Name, *, brokers: Brokers = None, prefix: Prefix = None, json: Json = None) -> None:
    """Stop an experiment; its results stay. JSON: the record."""
    from streams.ops.actions import stop_experiment
    from streams.ops.audit import Operator

    _show(stop_experiment(connected(brokers, prefix), Operator.of_command(), name), json)


@app.command(name="list", epilog=examples("nearline experiments list"))
def list_all(*, brokers: Brokers = None, prefix: Prefix = None, json: Json = None) -> None:
    """List all experiments. JSON: the records."""
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
    viewer: Annotated[str | None, typer.Option(metavar="ID", help="Show this viewer's arm.")] = None,
    brokers: Brokers = None,
    prefix: Prefix = None,
    json: Json = None,
) -> None:
    """Show one experiment, and the arm of a viewer. JSON keys: experiment, arm."""
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
        str | None, typer.Argument(metavar="[ID]", help="One experiment; without it, all.")
    ] = None,
    *,
    brokers: Brokers = None,
    prefix: Prefix = None,
    json: Json = None,
) -> None:
    """Show results: lifts with bounds that hold at every look, the sample ratio, the verdict.

    JSON: the records of experiments.results.v1.
    """
    from msgspec import to_builtins

    from streams.cli.views.experiment_tables import outcome
    from streams.errors import ExperimentError
    from streams.ops.experiments.admin import find, read_results
    from streams.stages.experiments.definitions import read_experiments

    settings = connected(brokers, prefix)
    found = read_results(settings)
    if name is not None and name not in found:
        find(read_experiments(settings), name)
        what, why = f"{name} has no results", "no viewer was exposed yet, or no results worker runs"
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
    why: Annotated[str, typer.Option(metavar="TEXT", help="Recorded with the evidence.")] = "operator",
    force: Annotated[
        bool, typer.Option("--force", help="Confirm, although the results do not decide for it.")
    ] = False,
    brokers: Brokers = None,
    prefix: Prefix = None,
    json: Json = None,
) -> None:
    """Make an arm the default of all viewers outside the holdout.

    If the results do not decide for it, what is missing is said, and nothing is done without --force. If the
    sample ratio is wrong it is refused. JSON: the record.
    """
    from streams.ops.actions import roll_out as decide
    from streams.ops.audit import Operator

    settings = connected(brokers, prefix)
    _show(decide(settings, Operator.of_command(), name, arm, why=why, confirmed=force), json)


@app.command(name="roll-back", epilog=examples("nearline experiments roll-back popularity-or-blend"))
def roll_back(name: Name, *, brokers: Brokers = None, prefix: Prefix = None, json: Json = None) -> None:
    """Undo a roll-out: the next lists are made as before. JSON: the record."""
    from streams.ops.actions import roll_back as undo
    from streams.ops.audit import Operator

    _show(undo(connected(brokers, prefix), Operator.of_command(), name), json)


@app.command(epilog=examples("nearline experiments power --lift 0.03", "nearline experiments power --lift 0"))
def power(
    *,
    lift: Annotated[float, typer.Option(help="True relative lift of the second arm; 0: equal arms.")] = 0.03,
    viewers: Annotated[
        int, typer.Option(min=1_000, help="Viewers of both arms after which a trial ends.")
    ] = 100_000,
    trials: Annotated[int, typer.Option(min=10, help="Simulated experiments.")] = 200,
    alpha: Annotated[float, typer.Option(min=0.001, max=0.5, help="Probability of a false winner.")] = 0.05,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all draws.")] = 0,
    json: Json = None,
) -> None:
    """Compute by simulation how often a lift is found and how soon, with continuous monitoring.

    JSON keys: lift, viewers, trials, alpha, found, wrong, half_decided_by; the same without the viewers' past
    as a covariate under plain.
    """
    from streams.cli.console import figures
    from streams.ops.experiments.analysis import power as run

    found = run(lift=lift, viewers=viewers, trials=trials, alpha=alpha, seed=seed)
    human(json).print(figures(f"{trials} experiments with a lift of {lift:+.1%}", found))
    write_json(json, found)


@app.command(
    epilog=examples(
        "nearline experiments replay popularity-or-blend --policy 'IN=blend,*=popularity'",
        "nearline experiments replay --log decisions.jsonl",
    )
)
def replay(
    name: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="An experiment that has results.")
    ] = None,
    *,
    policy: Annotated[
        str, typer.Option(metavar="COUNTRY=ARM,…,*=ARM", help="The arm of each country; * for all others.")
    ] = "",
    log: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Use a log of decisions instead, one JSON object a line."),
    ] = None,
    alpha: Annotated[
        float, typer.Option(min=0.001, max=0.5, help="Probability that an interval misses the true value.")
    ] = 0.05,
    clip: Annotated[float, typer.Option(min=1.0, help="Largest weight of the clipped estimate.")] = 100.0,
    brokers: Brokers = None,
    prefix: Prefix = None,
    json: Json = None,
) -> None:
    """Estimate another policy off-line: replay, IPS, clipped, SNIPS, doubly robust, with intervals.

    From an experiment: its metric per viewer if arms had been assigned by country. From a log: lines with
    reward, logged, target (probabilities of the taken action), and optionally viewer, predicted, expected.
    JSON: by estimator value, low, high, decisions.
    """
    from streams.cli.views.experiment_tables import estimates
    from streams.errors import SettingsError
    from streams.ops.experiments.analysis import estimate_from_experiment, estimate_from_file

    if log is not None:
        found = estimate_from_file(log, alpha=alpha, clip=clip)
    elif name is not None:
        settings = connected(brokers, prefix)
        pairs = [pair.partition("=") for pair in policy.split(",") if pair]
        arms = {country: arm for country, _, arm in pairs}
        found = estimate_from_experiment(settings, name, arms, alpha=alpha)
    else:
        what = "neither an experiment nor a log is given"
        raise SettingsError(what, next_step="give an experiment's ID with --policy, or --log FILE")
    human(json).print(estimates(found))
    write_json(json, {estimator: one._asdict() for estimator, one in found.items()})


@app.command(epilog=examples("nearline experiments worker"))
def worker(
    *,
    brokers: Brokers = None,
    prefix: Prefix = None,
    state_dir: StateDir = None,
    http_port: HttpPort = None,
) -> None:
    """Compute the results of experiments and publish them, until SIGTERM; exit codes of `nearline worker`.

    It is a process and a consumer group of its own: it reads the same events as the workers that make lists,
    and a failure does not affect them. Start up to one per partition.
    """
    from streams.engine.broker_wait import wait_for_broker
    from streams.stages.experiments.worker import build_results_worker

    settings = service_settings(brokers, prefix, state_dir=state_dir, http_port=http_port)
    wait_for_broker(settings)
    raise typer.Exit(build_results_worker(settings).run())


def _show(one: "Experiment", json: str | None) -> None:
    from msgspec import to_builtins

    winner = f", winner [bold]{one.winner}[/]" if one.winner else ""
    human(json).print(f"[bold]{one.experiment_id}[/] is [green]{one.state}[/]{winner}")
    write_json(json, to_builtins(one))
