"""What `nearline evaluate` runs: models by name, under several seeds, in one process or several."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from online_models.config import ModelConfig
from online_models.errors import UnknownRankerError
from online_models.evaluation import (
    SCENARIOS,
    Entrants,
    EvaluationProtocol,
    PrequentialModel,
    Report,
    ScenarioReport,
    evaluate,
    over_seeds,
    scenarios_over_seeds,
)
from online_models.evaluation.baselines import BASELINES, QUICK, baseline, ranker_by_name
from online_models.evaluation.recommender import RecommenderModel
from online_models.recommender import COLUMNS, Recommender
from online_models.river.external_rankers import ExternalRankers
from streams.errors import SettingsError
from streams.ops.ratings import Dataset, read_ratings

if TYPE_CHECKING:
    from concurrent.futures import Future

    from rich.console import Console

__all__ = ["STREAM", "Plan", "Result", "Run", "entrants", "experts", "guests_of", "names_of", "run_all"]

STREAM = "stream"
"""The scenario that is none: the stream as it is."""
WARM_UP_EVENTS = 64
"""Events shown to a throw-away set of models first: kernels are compiled outside the measured time."""

Result = Report | ScenarioReport
Tell = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What all runs have in common.

    Attributes
    ----------
    ratings
        The file.
    compare
        Baselines beside the model.
    guests
        River rankers inside the model, as further experts of its blend.
    model
        The model's configuration.
    every
        Test River's rankers on every so-manieth event.
    seeds
        Runs of each scenario; seeds count up from the protocol's.
    jobs
        Processes.
    """

    ratings: Path
    compare: tuple[str, ...]
    every: int = 20
    seeds: int = 1
    jobs: int = 1
    guests: tuple[str, ...] = ()
    model: ModelConfig = field(default_factory=ModelConfig)


@dataclass(frozen=True, slots=True)
class Run:
    """A scenario under a protocol; the seed of the protocol is the models' too."""

    name: str
    scenario: str
    protocol: EvaluationProtocol


def names_of(compare: str) -> tuple[str, ...]:
    """Return the baselines that a text names, each once; commas inside brackets separate nothing.

    Raises
    ------
    SettingsError
        There is none of such a name.

    Examples
    --------
    >>> names_of("popularity, river.reco.FunkMF(n_factors=20, seed=1),popularity")
    ('popularity', 'river.reco.FunkMF(n_factors=20, seed=1)')
    """
    if compare == "none":
        return ()
    names: dict[str, None] = {}
    for part in re.split(r",(?![^()]*(?:\([^()]*\)[^()]*)*\))", compare):
        name = part.strip()
        names |= dict.fromkeys(BASELINES if name == "all" else (name,) if name else ())
    for name in names:
        try:
            baseline(name)
        except UnknownRankerError as error:
            what = f"{name} cannot be compared with"
            raise SettingsError(what, why=str(error), next_step="see --compare in --help") from error
    return tuple(names) or QUICK


def experts(compare: Sequence[str]) -> list[str]:
    """Return the product's own rankings, those left out that a baseline of the same name covers."""
    return [name for name in COLUMNS if name not in compare or name not in BASELINES]


def guests_of(experts: Sequence[str], compare: Sequence[str]) -> tuple[str, ...]:
    """Return the rankers that join the blend, each once.

    Raises
    ------
    SettingsError
        There is none of such a name, or it is a baseline, too: reports tell rankings apart by their names.
    """
    for name in experts:
        try:
            ranker_by_name(name)
        except UnknownRankerError as error:
            what = f"{name} cannot join the blend"
            raise SettingsError(what, why=str(error), next_step="see --expert in --help") from error
        if name in compare:
            what, why = (
                f"{name} cannot be expert and baseline",
                "a report tells rankings apart by their names",
            )
            raise SettingsError(what, why=why, next_step="write it with one of its arguments in --compare")
    return tuple(dict.fromkeys(experts))


def entrants(plan: Plan, dataset: Dataset, *, seed: int) -> Entrants:
    """Return what builds untrained models: the product's, then the baselines."""
    ratings, compare = dataset.ratings, plan.compare

    def build(opens_ms: Mapping[str, int] | None) -> dict[str, PrequentialModel]:
        rest = [name for name in COLUMNS if name not in experts(compare)]
        more = ExternalRankers(plan.guests, seed=seed) if plan.guests else None
        own = RecommenderModel(
            Recommender(plan.model, seed=seed, experts=more),
            ratings.viewer_ids,
            ratings.title_ids,
            rest,
            dataset.catalog(opens_ms),
            lists=opens_ms is not None,
        )
        return {"nearline": own} | {name: baseline(name, seed=seed, every=plan.every) for name in compare}

    return build


def run_all(plan: Plan, dataset: Dataset, runs: Sequence[Run], console: "Console") -> dict[str, Result]:
    """Run every scenario under every seed, show progress, and average over seeds.

    Returns
    -------
    results
        By the names of the runs, in their order.
    """
    parts = [
        replace(run, protocol=replace(run.protocol, seed=run.protocol.seed + n))
        for run in runs
        for n in range(plan.seeds)
    ]
    done = _apart(plan, parts, console) if plan.jobs > 1 else _here(plan, dataset, parts, console)
    by_name: dict[str, list[Any]] = {}
    for part, result in zip(parts, done, strict=True):
        by_name.setdefault(part.name, []).append(result)
    return {
        name: over_seeds(found) if isinstance(found[0], Report) else scenarios_over_seeds(found)
        for name, found in by_name.items()
    }


def _here(plan: Plan, dataset: Dataset, runs: Sequence[Run], console: "Console") -> list[Result]:
    """Run one after the other, with a bar a model."""
    _compile(plan, dataset, runs[0])
    results = []
    for number, run in enumerate(runs, 1):
        label = f"{number}/{len(runs)} {run.name} " if len(runs) > 1 else ""
        with _bars(console) as tell:
            results.append(_run(plan, dataset, run, partial(_labelled, tell, label)))
    return results


def _apart(plan: Plan, runs: Sequence[Run], console: "Console") -> list[Result]:
    """Run in several processes, with one bar for all."""
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from multiprocessing import get_context

    pool = ProcessPoolExecutor(plan.jobs, get_context("spawn"), _open, (plan, runs[0]))
    with pool, _bars(console) as tell:
        tell("runs", 0, len(runs))
        futures: dict[Future[Result], Run] = {pool.submit(_run_apart, plan, run): run for run in runs}
        try:
            for done, future in enumerate(as_completed(futures), 1):
                future.result()
                tell("runs", done, len(runs))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [future.result() for future in futures]


def _labelled(tell: Tell, label: str, name: str, done: int, total: int) -> None:
    tell(label + name, done, total)


_OPENED: list[Dataset] = []
"""The file's content, in a process of the pool."""


def _open(plan: Plan, run: Run) -> None:
    """Make a process of the pool ready."""
    _OPENED[:] = [read_ratings(plan.ratings)]
    _compile(plan, _OPENED[0], run)


def _run_apart(plan: Plan, run: Run) -> Result:
    return _run(plan, _OPENED[0], run, None)


def _compile(plan: Plan, dataset: Dataset, run: Run) -> None:
    _run(plan, dataset, replace(run, protocol=replace(run.protocol, limit=WARM_UP_EVENTS)), None)


def _run(plan: Plan, dataset: Dataset, run: Run, tell: Tell | None) -> Result:
    seed = run.protocol.seed
    build = entrants(plan, dataset, seed=seed)
    if run.scenario == STREAM:
        return evaluate(dataset.ratings, build(None), run.protocol, clock=perf_counter, progress=tell)
    return SCENARIOS[run.scenario](dataset.ratings, build, run.protocol, tell)


@contextmanager
def _bars(console: "Console") -> Iterator[Tell]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:>20}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        tasks: dict[str, Any] = {}

        def tell(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total)
            bars.update(tasks[name], completed=done)

        yield tell
