"""`nearline evaluate`: one pass over a file of ratings, test then learn, next to baselines."""

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.console import check_writable, human, interruptible, write_json, write_text
from streams.cli.options import Brokers, Json
from streams.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from online_models.evaluation import EvaluationProtocol
    from streams.ops.evaluate import EvaluationPlan, Run
    from streams.ops.ratings import Dataset


class Feedback(StrEnum):
    """Treatment of ratings that are not positive."""

    POSITIVES = "positives"
    ALL = "all"


class Order(StrEnum):
    """Order of the events of a session."""

    RAW = "raw"
    SHUFFLED = "shuffled"


class Scenario(StrEnum):
    """Scenarios; see `online_models.evaluation.scenarios`, and `streams.ops.history_at_once`."""

    STREAM = "stream"
    TASTE_SWITCH = "taste-switch"
    COLD_VIEWER = "cold-viewer"
    COLD_TITLE = "cold-title"
    DISLIKES = "dislikes"
    YOUNG = "young"
    HISTORY = "history"
    ALL = "all"


def evaluate(
    *,
    ratings: Annotated[
        Path,
        typer.Option(
            metavar="PATH",
            help="MovieLens u.data, ratings.dat or ratings.csv, a zip of these, RecBole .inter, or Parquet.",
        ),
    ],
    scenario: Annotated[
        list[Scenario],
        typer.Option(
            help="stream: the stream as it is; taste-switch: two viewers spliced into one account; "
            "cold-viewer: HR@10 from a viewer's first event on; cold-title: titles launched midway; "
            "dislikes: disliked against liked titles in lists; young: the first 2,000 events of 100 to 300 "
            "titles; history: 100 to 50,000 events sent at once against the same sent slowly, each through a "
            "worker (--embedded or a broker). May be repeated; all: without history."
        ),
    ] = [Scenario.STREAM],  # noqa: B006 - typer's defaults are values
    compare: Annotated[
        str,
        typer.Option(
            metavar="NAME,…",
            help="Baselines: popularity, decayed_popularity, isgd, bpr, cosine (these by default), ease, "
            "biased_mf, funk_mf, chance; all; none; or any River ranker, as "
            "'river.reco.FunkMF(n_factors=20, optimizer=river.optim.SGD(0.005))'.",
        ),
    ] = "",
    expert: Annotated[
        list[str],
        typer.Option(
            metavar="NAME",
            help="A River ranker as an additional expert of the blend, such as river.reco.BiasedMF: only in "
            "process, 2 ms an event. May be repeated.",
        ),
    ] = [],  # noqa: B006 - typer's defaults are values
    min_rating: Annotated[float, typer.Option(help="Stars from which a rating is a positive.")] = 4.0,
    feedback: Annotated[
        Feedback,
        typer.Option(
            help="positives: drop lower ratings; all: keep them untested, known to the viewer, <= 2 "
            "a rejection."
        ),
    ] = Feedback.POSITIVES,
    order: Annotated[
        Order,
        typer.Option(
            help="raw: as in the file; shuffled: permuted within each viewer's sessions (gap < 1 h)."
        ),
    ] = Order.RAW,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the permutation and of all models.")] = 0,
    seeds: Annotated[
        int, typer.Option(min=1, help="Number of runs, with seeds from --seed on; figures are averaged.")
    ] = 1,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N events of the stream.")] = None,
    every: Annotated[
        int,
        typer.Option(min=1, help="Test River's models (2 ms a ranking) on every N-th event of the stream."),
    ] = 20,
    jobs: Annotated[int, typer.Option(min=1, help="Processes, for several seeds or scenarios.")] = 1,
    goals: Annotated[
        bool, typer.Option("--goals", help="Run everything that has a target, and compare with the targets.")
    ] = False,
    through_kafka: Annotated[
        bool, typer.Option("--through-kafka", help="Also send the stream through a worker, and compare.")
    ] = False,
    speed: Annotated[str, typer.Option(help="Through Kafka: 2000/s, 60x (event time), or max.")] = "2000/s",
    partitions: Annotated[
        int, typer.Option(min=1, help="Through Kafka: partitions of the events' topic.")
    ] = 4,
    brokers: Brokers = None,
    embedded: Annotated[
        bool, typer.Option("--embedded", help="Through Kafka: use the in-process cluster.")
    ] = False,
    json: Json = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Write a report with charts: one self-contained HTML file."),
    ] = None,
) -> None:
    """Rank all titles for every positive event, then learn the event; report HR@10, NDCG@10 and MRR.

    Candidates are all titles seen so far without those that the viewer has; a title not seen before is a
    miss; ties count half; the first 20 % of the events are learned, not averaged. Nothing is trained
    beforehand. Errors are standard errors over events, and with --seeds the standard deviation over seeds.
    The model is configured as a worker's: NEARLINE_MODEL__COWATCH__WINDOW=20 and the like.
    """
    from online_models.evaluation import EvaluationProtocol
    from streams.config.settings import Settings
    from streams.kafka.clients import require_broker
    from streams.ops.evaluate import EvaluationPlan, baseline_names, external_experts
    from streams.ops.ratings import read_ratings
    from streams.ops.runs.pacing import parse_speed

    protocol = EvaluationProtocol(
        min_rating=min_rating, feedback=feedback.value, order=order.value, seed=seed, limit=limit
    )
    baselines = baseline_names("popularity" if goals else compare)
    external = external_experts(expert, baselines)
    plan = EvaluationPlan(ratings, baselines, every, seeds, jobs, external, Settings.load().model)
    pace = parse_speed(speed)
    check_writable(report, option="--report")  # before the long work
    if (through_kafka or Scenario.HISTORY in scenario) and not embedded:
        require_broker(Settings.load(brokers=brokers))
    console, dataset = human(json), read_ratings(ratings)
    if goals:
        document = _goals(plan, dataset, protocol, console)
    else:
        cluster = {"brokers": brokers, "embedded": embedded, "partitions": partitions}
        through = {"speed": pace, **cluster} if through_kafka else None
        _require_tests(dataset, protocol)
        runs = _runs(scenario, protocol, through)
        history = {"protocol": protocol, **cluster} if Scenario.HISTORY in scenario else None
        document = _evaluate(plan, dataset, runs, through, history, report, console)
    write_json(json, {"ratings": ratings.name, **document})


def _runs(
    scenarios: "Sequence[Scenario]", protocol: "EvaluationProtocol", through: dict[str, Any] | None
) -> "list[Run]":
    """Return the runs, the stream first; through Kafka always includes the stream."""
    from streams.ops.evaluate import Run

    asked = set(Scenario) if Scenario.ALL in scenarios else set(scenarios)
    if through is not None:
        asked.add(Scenario.STREAM)
    asked -= {Scenario.ALL, Scenario.HISTORY}
    return [Run(name.value, name.value, protocol) for name in Scenario if name in asked]


def _require_tests(dataset: "Dataset", protocol: "EvaluationProtocol") -> None:
    from online_models.evaluation import prepare

    if not prepare(dataset.ratings, protocol).tested.any():
        what = "nothing can be tested on this stream"
        why = f"no viewer has a rating of {protocol.min_rating:g} or more after an earlier event"
        raise SettingsError(what, why=why, next_step="lower --min-rating, or raise --limit")


def _evaluate(  # noqa: PLR0917 - one caller
    plan: "EvaluationPlan",
    dataset: "Dataset",
    runs: "Sequence[Run]",
    through: dict[str, Any] | None,
    history: dict[str, Any] | None,
    report: Path | None,
    console: "Console",
) -> dict[str, Any]:
    """Run, print, write the report; return the document.

    ``through`` and ``history`` are the clusters of the stream through a worker and of the scenario history.
    """
    from online_models.evaluation import Report
    from streams.cli.views.evaluation_tables import grid, shown
    from streams.cli.views.progress import evaluation_bars, replay_bar
    from streams.ops.evaluate import STREAM, compare_through_kafka, run_all
    from streams.ops.history_at_once import history_at_once

    results = run_all(plan, dataset, runs, partial(evaluation_bars, console)) if runs else {}
    if history is not None:
        with interruptible(), evaluation_bars(console) as on_run:
            compared = history_at_once(dataset, on_run=on_run, **history)
        results[compared.scenario] = compared
    for result in results.values():
        console.print(*shown(plan.ratings.name, result))
    stream = results.get(STREAM)
    document: dict[str, Any] = dict(stream.to_dict()) if stream else {}
    document["scenarios"] = {name: found.to_dict() for name, found in results.items() if name != STREAM}
    if through is not None and isinstance(stream, Report):
        with interruptible(), replay_bar(console, stream.events) as update:
            found = compare_through_kafka(dataset, runs[0].protocol, stream, on_progress=update, **through)
        console.print(grid(("HR@10", "in process", "through Kafka", "kept"), found.rows()))
        document["through_kafka"] = found.to_dict()
    if report is not None:
        from streams.cli.views.evaluation_report import report as html

        write_text(report, html(plan.ratings.name, list(results.values())), option="--report")
        console.print(f"report: {report}")
    return document


def _goals(
    plan: "EvaluationPlan", dataset: "Dataset", protocol: "EvaluationProtocol", console: "Console"
) -> dict[str, Any]:
    """Run everything that has a target, with seed and limit of the protocol; print the table.

    Returns
    -------
    document
        ``goals``: name, figure with ``_se`` and ``_spread``, target, met; ``runs``: every report.
    """
    from dataclasses import replace

    from online_models.evaluation.goals import RUNS, evaluate_goals
    from streams.cli.views.evaluation_tables import goals_markdown
    from streams.cli.views.progress import evaluation_bars
    from streams.ops.evaluate import Run, run_all

    runs = [
        Run(name, scenario, replace(rules, seed=protocol.seed, limit=protocol.limit))
        for name, (scenario, rules) in RUNS.items()
    ]
    results = run_all(plan, dataset, runs, partial(evaluation_bars, console))
    outcomes = evaluate_goals(results)
    console.print(goals_markdown(outcomes), markup=False, soft_wrap=True)
    goals = [
        outcome.figure.to_dict("figure")
        | {"name": outcome.goal.name, "target": outcome.target, "met": outcome.met}
        for outcome in outcomes
    ]
    return {"goals": goals, "runs": {name: result.to_dict() for name, result in results.items()}}
