"""`nearline experiments power | simulate | replay`: experiments on paper, in the simulator, and on a log."""

from pathlib import Path
from typing import Annotated

import typer

from schemas.experiments import Metric, Ranking
from streams.cli.console import examples, human, write_json
from streams.cli.options import Brokers, Json, Prefix, connected

__all__ = ["register"]


def power(
    *,
    lift: Annotated[float, typer.Option(help="True relative lift of the second arm; 0: equals.")] = 0.03,
    viewers: Annotated[
        int, typer.Option(min=1_000, help="Viewers of both arms after which a trial ends.")
    ] = 100_000,
    trials: Annotated[int, typer.Option(min=10, help="Experiments on paper.")] = 200,
    alpha: Annotated[float, typer.Option(min=0.001, max=0.5, help="Probability of a false winner.")] = 0.05,
    seed: Annotated[int, typer.Option(min=0, help="Of every draw.")] = 0,
    json: Json = None,
) -> None:
    """Say how often a lift would be found, and how soon: experiments on paper, looked at all along.

    JSON keys: lift, viewers, trials, alpha, found, wrong, half_decided_by, with the same without the past
    under plain.
    """
    from streams.cli.console import figures
    from streams.ops.experiments.power import power as run

    found = run(lift=lift, viewers=viewers, trials=trials, alpha=alpha, seed=seed)
    human(json).print(figures(f"{trials} experiments with a lift of {lift:+.1%}", found))
    write_json(json, found)


def replay(
    name: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="An experiment that was counted.")
    ] = None,
    *,
    policy: Annotated[
        str, typer.Option(metavar="COUNTRY=ARM,…,*=ARM", help="Who would get which arm; * for the others.")
    ] = "",
    log: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A log of decisions instead, a JSON object a line.")
    ] = None,
    alpha: Annotated[
        float, typer.Option(min=0.001, max=0.5, help="Probability that an interval misses.")
    ] = 0.05,
    clip: Annotated[float, typer.Option(min=1.0, help="Largest weight of the clipped estimate.")] = 100.0,
    brokers: Brokers = None,
    prefix: Prefix = None,
    json: Json = None,
) -> None:
    """Say what another policy would have got: replay, IPS, clipped, SNIPS, doubly robust, with intervals.

    Of an experiment: its metric per viewer, had arms been given by country instead of drawn. Of a log: lines
    with reward, logged, target (probabilities of what was done), and where known viewer, predicted, expected.
    JSON: by estimator value, low, high, decisions.
    """
    from streams.cli.views.experiment_tables import estimates
    from streams.errors import SettingsError
    from streams.ops.experiments.policy_log import of_experiment, of_file

    if log is not None:
        found = of_file(log, alpha=alpha, clip=clip)
    elif name is not None:
        settings = connected(brokers, prefix)
        pairs = [pair.partition("=") for pair in policy.split(",") if pair]
        found = of_experiment(settings, name, {country: arm for country, _, arm in pairs}, alpha=alpha)
    else:
        what = "there is nothing to replay"
        raise SettingsError(what, next_step="give an experiment's ID with --policy, or --log FILE")
    human(json).print(estimates(found))
    write_json(json, {estimator: one._asdict() for estimator, one in found.items()})


def simulate(
    *,
    kind: Annotated[
        str,
        typer.Option(
            help="ab: popularity against the blend; aa: equals; broken: an ab that loses some; objective: "
            "a ranker against itself with an objective; interleave: popularity and the blend in one list."
        ),
    ] = "ab",
    viewers: Annotated[int, typer.Option(min=100, help="Viewers of the world.")] = 1_000,
    titles: Annotated[int, typer.Option(min=48, help="Titles of the world.")] = 300,
    days: Annotated[int, typer.Option(min=2, help="Days, the warm-up among them.")] = 8,
    warm_up: Annotated[int, typer.Option(min=1, help="Days before the experiment starts.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Of the world.")] = 0,
    metric: Annotated[Metric, typer.Option(help="What decides.")] = Metric.WATCH_MINUTES,
    objective: Annotated[
        str,
        typer.Option(
            metavar="NAME=EXPONENT,…",
            help="Of --kind objective: watch_time, completion, satisfaction, diversity.",
        ),
    ] = "watch_time=1",
    ranker: Annotated[Ranking, typer.Option(help="Of both arms of --kind objective.")] = Ranking.POPULARITY,
    truth: Annotated[
        bool, typer.Option(help="Also run the world with every viewer in each arm once: two more worlds.")
    ] = True,
    everybody: Annotated[
        bool, typer.Option(help="Also run it with everybody in one arm, as after a roll-out: two more.")
    ] = False,
    interleave: Annotated[bool, typer.Option(help="Also interleave both: one more world.")] = False,
    through: Annotated[
        str, typer.Option(help="process, or a cluster with workers: embedded, kafka (a real one).")
    ] = "process",
    json: Json = None,
) -> None:
    """Run an experiment on simulated viewers, and compare what it says with what is true.

    Through workers, a winner is rolled out by the experiment's rule, and taken back a day later.

    True is the lift of every viewer being in each arm once, with a model that learns from both arms: what an
    experiment can measure. With everybody in one arm each model learns from that arm alone. Through workers
    the lists of these worlds are workers' lists, too, on embedded clusters: they take as long again each.

    JSON keys: result (as in experiments.results.v1), truth (relative lift of what decides, null without),
    truths (by metric), everybody (likewise), right (the verdict, null while it is open), covered, needed
    (viewers until it is decided, by ab and by interleaving), pages (newest ones by the arms that they name:
    experiment, rolled_out, rolled_back).
    """
    from streams.cli.console import figures, interruptible
    from streams.cli.views.experiment_tables import outcome
    from streams.ops.experiments.simulation import ExperimentOptions, simulated

    wishes = ExperimentOptions(
        kind,
        viewers,
        titles,
        days,
        warm_up,
        seed,
        truth,
        interleave,
        through,
        metric,
        objective,
        ranker,
        everybody,
    )
    with interruptible():
        found = simulated(wishes)
    known = {"true": found.truths, "rolled out": found.everybody}
    human(json).print(outcome(found.result, known))
    human(json).print(figures("against the truth", found.facts()))
    write_json(json, found.to_dict())


def register(app: typer.Typer) -> None:
    """Add the commands to a group."""
    app.command(
        epilog=examples("nearline experiments power --lift 0.03", "nearline experiments power --lift 0")
    )(power)
    app.command(
        epilog=examples(
            "nearline experiments replay popularity-or-blend --policy 'IN=blend,*=popularity'",
            "nearline experiments replay --log decisions.jsonl",
        )
    )(replay)
    app.command(
        epilog=examples(
            "nearline experiments simulate",
            "nearline experiments simulate --kind broken",
            "nearline experiments simulate --kind objective --objective satisfaction=2 --metric abandonment",
        )
    )(simulate)
