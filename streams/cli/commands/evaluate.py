"""`nearline evaluate`: one pass over a file of ratings, test then learn, beside everything it has to beat."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.console import human, write_json
from streams.cli.options import Brokers, Json
from streams.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from online_models.evaluation import EvaluationProtocol
    from streams.cli.commands.evaluate_kafka import Kafka
    from streams.ops.evaluate import Plan, Result, Run
    from streams.ops.ratings import Dataset


class Feedback(StrEnum):
    """What becomes of ratings that are not positive."""

    POSITIVES = "positives"
    ALL = "all"


class Order(StrEnum):
    """In which order a sitting's events are seen."""

    RAW = "raw"
    SHUFFLED = "shuffled"


class Scenario(StrEnum):
    """Situations; see `online_models.evaluation.scenarios`."""

    STREAM = "stream"
    TASTE_SWITCH = "taste-switch"
    COLD_VIEWER = "cold-viewer"
    COLD_TITLE = "cold-title"
    DISLIKES = "dislikes"
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
            help="The stream as it is; two viewers spliced into one account; HR@10 from a viewer's first "
            "event on; titles launched midway; disliked against liked titles in lists. May be repeated."
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
            help="A River ranker as one more expert of the blend, such as river.reco.BiasedMF: in process "
            "alone, 2 ms an event. May be repeated.",
        ),
    ] = [],  # noqa: B006 - typer's defaults are values
    min_rating: Annotated[float, typer.Option(help="Stars from which a rating is a positive.")] = 4.0,
    feedback: Annotated[
        Feedback,
        typer.Option(
            help="Drop lower ratings, or keep them untested, known to the viewer, <= 2 a rejection."
        ),
    ] = Feedback.POSITIVES,
    order: Annotated[
        Order, typer.Option(help="As in the file, or permuted inside each viewer's sessions (gap < 1 h).")
    ] = Order.RAW,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the permutation and of all models.")] = 0,
    seeds: Annotated[int, typer.Option(min=1, help="Runs, with seeds that count up; figures average.")] = 1,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N events of the stream.")] = None,
    every: Annotated[
        int,
        typer.Option(min=1, help="Test River's models (2 ms a ranking) on every N-th event of the stream."),
    ] = 20,
    jobs: Annotated[int, typer.Option(min=1, help="Processes, for several seeds or scenarios.")] = 1,
    goals: Annotated[
        bool, typer.Option("--goals", help="Run all that has a target, and show figures beside targets.")
    ] = False,
    through_kafka: Annotated[
        bool, typer.Option("--through-kafka", help="Send the stream through a worker, too, and compare.")
    ] = False,
    speed: Annotated[str, typer.Option(help="Through Kafka: 2000/s, 60x (event time), or max.")] = "2000/s",
    partitions: Annotated[int, typer.Option(min=1, help="Through Kafka: of the events' topic.")] = 4,
    brokers: Brokers = None,
    embedded: Annotated[
        bool, typer.Option("--embedded", help="Through Kafka: use the in-process cluster.")
    ] = False,
    json: Json = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Write a page with pictures: one self-contained HTML file."),
    ] = None,
) -> None:
    """Rank every title for every positive event, then learn it; report HR@10, NDCG@10 and MRR.

    The candidates are all titles met so far minus those that the viewer has; a title never met is a miss;
    ties count half; the first 20 % of the events are learned, not averaged. Nothing is trained beforehand.
    Errors are standard errors over events, and with --seeds the standard deviation over seeds.
    The model is configured as a worker's: NEARLINE_MODEL__COWATCH__WINDOW=20 and the like.
    """
    from online_models.evaluation import EvaluationProtocol
    from streams.cli.commands.evaluate_goals import run_goals
    from streams.cli.commands.evaluate_kafka import Kafka
    from streams.config.settings import Settings
    from streams.ops.evaluate import Plan, guests_of, names_of
    from streams.ops.ratings import read_ratings
    from streams.ops.runs.pacing import parse_speed

    protocol = EvaluationProtocol(
        min_rating=min_rating, feedback=feedback.value, order=order.value, seed=seed, limit=limit
    )
    baselines = names_of("popularity" if goals else compare)
    model = Settings.load().model
    plan = Plan(ratings, baselines, every, seeds, jobs, guests_of(expert, baselines), model)
    kafka = Kafka(parse_speed(speed), partitions, brokers, embedded) if through_kafka else None
    if kafka is not None:
        kafka.require_broker()
    console, dataset = human(json), read_ratings(ratings)
    if goals:
        document = run_goals(plan, dataset, protocol, console)
    else:
        runs = _runs(scenario, protocol, kafka)
        _require_tests(dataset, protocol)
        document, results = _evaluate(plan, dataset, runs, kafka, console)
        if report is not None:
            _write_page(report, ratings.name, results, console)
    write_json(json, {"ratings": ratings.name, **document})


def _runs(
    scenarios: "Sequence[Scenario]", protocol: "EvaluationProtocol", kafka: "Kafka | None"
) -> "list[Run]":
    """Return what is run, the stream first; through Kafka goes the stream, whatever else was asked for."""
    from streams.ops.evaluate import Run

    asked = set(Scenario) if Scenario.ALL in scenarios else set(scenarios)
    if kafka is not None:
        asked.add(Scenario.STREAM)
    return [Run(name.value, name.value, protocol) for name in Scenario if name in asked - {Scenario.ALL}]


def _require_tests(dataset: "Dataset", protocol: "EvaluationProtocol") -> None:
    from online_models.evaluation import prepare

    if not prepare(dataset.ratings, protocol).tested.any():
        what = "nothing can be tested on this stream"
        why = f"no viewer has a rating of {protocol.min_rating:g} or more after an earlier event"
        raise SettingsError(what, why=why, next_step="lower --min-rating, or raise --limit")


def _evaluate(
    plan: "Plan",
    dataset: "Dataset",
    runs: "Sequence[Run]",
    kafka: "Kafka | None",
    console: "Console",
) -> "tuple[dict[str, Any], dict[str, Result]]":
    """Run and print; return the document, and the results by scenario."""
    from online_models.evaluation import Report
    from streams.cli.commands.evaluate_kafka import compare_through_kafka
    from streams.cli.views.evaluation_tables import grid, shown
    from streams.ops.evaluate import STREAM, run_all

    results = run_all(plan, dataset, runs, console)
    for result in results.values():
        console.print(*shown(plan.ratings.name, result))
    stream = results.get(STREAM)
    document: dict[str, Any] = dict(stream.to_dict()) if stream else {}
    document["scenarios"] = {name: found.to_dict() for name, found in results.items() if name != STREAM}
    if kafka is not None and isinstance(stream, Report):
        comparison = compare_through_kafka(dataset, runs[0].protocol, stream, kafka, console)
        header = ("HR@10", "in process", "through Kafka", "kept")
        console.print(grid(header, comparison.rows()))
        document["through_kafka"] = comparison.to_dict()
    return document, results


def _write_page(path: Path, name: str, results: "dict[str, Result]", console: "Console") -> None:
    from streams.cli.views.evaluation_report import page

    try:
        path.write_text(page(name, list(results.values())), encoding="utf-8")
    except OSError as error:
        what = f"cannot write {path}"
        raise SettingsError(what, why=error.strerror or "", next_step="give another --report PATH") from error
    console.print(f"report: {path}")
