"""`nearline evaluate`: one pass over a file of ratings, test then learn, with every model there is."""

from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.console import human, write_json
from streams.cli.options import Json
from streams.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import Console

    from online_models.evaluation import EvaluationProtocol, PrequentialModel, Ratings, Report

EXPERTS = ("blend", "factorization", "cowatch", "trending")
"""Rankings of the product's recommender; its popularity is the baseline of that name."""
BASELINES = ("popularity", "decayed_popularity", "isgd", "biased_mf", "funk_mf", "chance")
DECAY_EVENTS = 2_000
"""Half-life of `decayed_popularity`, in events."""
WARM_UP_EVENTS = 64
"""Events shown to a throw-away set of models first: kernels are compiled outside the measured time."""


class Feedback(StrEnum):
    """What becomes of ratings that are not positive."""

    POSITIVES = "positives"
    ALL = "all"


class Order(StrEnum):
    """In which order a sitting's events are seen."""

    RAW = "raw"
    SHUFFLED = "shuffled"


def evaluate(
    *,
    ratings: Annotated[
        Path,
        typer.Option(
            metavar="PATH",
            help="MovieLens u.data, ratings.dat or ratings.csv, a zip of these, RecBole .inter, or Parquet.",
        ),
    ],
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
    models: Annotated[
        str, typer.Option(metavar="NAME,…", help=f"Of {', '.join(EXPERTS + BASELINES)}; or all.")
    ] = "all",
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N events of the stream.")] = None,
    every: Annotated[
        int, typer.Option(min=1, help="Test River's models (2 ms a ranking) on every N-th event only.")
    ] = 20,
    json: Json = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Write a page with pictures: one self-contained HTML file."),
    ] = None,
) -> None:
    """Rank every title for every positive event, then learn it; report HR@10, NDCG@10 and MRR.

    The candidates are all titles met so far minus those that the viewer has; a title never met is a miss;
    ties count half; the first 20 % of the events are learned, not averaged. Nothing is trained beforehand.
    """
    from online_models.evaluation import EvaluationProtocol
    from streams.cli.evaluate_tables import by_history, headline, scores
    from streams.ratings import read_ratings

    asked = _asked(models)
    protocol = EvaluationProtocol(
        min_rating=min_rating, feedback=feedback.value, order=order.value, seed=seed, limit=limit
    )
    console = human(json)
    data = read_ratings(ratings).ratings
    result = _run(data, asked, protocol, every, console)
    document = {"ratings": ratings.name, **result.to_dict()}
    console.print(headline(ratings.name, result), scores(result), by_history(result))
    if report is not None:
        _write_page(report, ratings.name, result)
        console.print(f"report: {report}")
    write_json(json, document)


def _asked(models: str) -> "list[str]":
    """Return the names asked for, in the order of the tables."""
    known = EXPERTS + BASELINES
    names = set(known) if models == "all" else {name.strip() for name in models.split(",")}
    if unknown := sorted(names - set(known)):
        what = f"there is no model {', '.join(unknown)}"
        raise SettingsError(what, next_step=f"give some of {', '.join(known)}")
    return [name for name in known if name in names]


def _run(
    data: "Ratings", asked: "Sequence[str]", protocol: "EvaluationProtocol", every: int, console: "Console"
) -> "Report":
    """Compile, then evaluate with a progress bar a model."""
    from dataclasses import replace
    from time import perf_counter

    from online_models.evaluation import evaluate as run
    from online_models.evaluation import prepare

    if not prepare(data, protocol).tested.any():
        what = "nothing can be tested on this stream"
        why = f"no viewer has a rating of {protocol.min_rating:g} or more after an earlier event"
        raise SettingsError(what, why=why, next_step="lower --min-rating, or raise --limit")
    run(data, _models(data, asked, protocol.seed, every), replace(protocol, limit=WARM_UP_EVENTS))
    with _progress(console) as tell:
        return run(
            data, _models(data, asked, protocol.seed, every), protocol, clock=perf_counter, progress=tell
        )


def _models(data: "Ratings", asked: "Sequence[str]", seed: int, every: int) -> "dict[str, PrequentialModel]":
    """Build untrained models; the product's own experts are one model with a ranking each."""
    from river import optim, reco

    from online_models.baselines import Chance, IncrementalSGD, Popularity, RiverRanker

    makers: dict[str, Callable[[], PrequentialModel]] = {
        "popularity": Popularity,
        "decayed_popularity": lambda: Popularity(DECAY_EVENTS),
        "isgd": lambda: IncrementalSGD(seed=seed),
        "biased_mf": lambda: RiverRanker(reco.BiasedMF(seed=seed), every),
        # with River's default step of .01 it overflows on stars, which are far from its start at 0
        "funk_mf": lambda: RiverRanker(reco.FunkMF(optimizer=optim.SGD(0.005), seed=seed), every),
        "chance": lambda: Chance(seed),
    }
    chosen: dict[str, PrequentialModel] = {}
    if any(name in EXPERTS for name in asked):
        from online_models.evaluation.recommender import RecommenderModel
        from online_models.recommender import COLUMNS, Recommender

        rest = [name for name in COLUMNS if name not in asked or name not in EXPERTS]
        chosen["nearline"] = RecommenderModel(Recommender(seed=seed), data.viewer_ids, data.title_ids, rest)
    return chosen | {name: make() for name, make in makers.items() if name in asked}


@contextmanager
def _progress(console: "Console") -> "Iterator[Callable[[str, int, int], None]]":
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:>20}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        tasks: dict[str, Any] = {}

        def tell(name: str, done: int, total: int) -> None:
            task = tasks.setdefault(name, None) or bars.add_task(name, total=total)
            tasks[name] = task
            bars.update(task, completed=done)

        yield tell


def _write_page(path: Path, name: str, result: "Report") -> None:
    from streams.cli.evaluate_page import page

    try:
        path.write_text(page(name, result), encoding="utf-8")
    except OSError as error:
        what = f"cannot write {path}"
        raise SettingsError(what, why=error.strerror or "", next_step="give another --report PATH") from error
