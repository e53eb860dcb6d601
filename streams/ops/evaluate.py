"""Runs of `nearline evaluate`: models by name, several seeds, one or several processes, through a worker."""

import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from online_models.config import ModelConfig
from online_models.errors import UnknownRankerError
from online_models.evaluation import (
    SCENARIOS,
    EvaluationProtocol,
    ModelFactory,
    PrequentialModel,
    Report,
    ScenarioReport,
    evaluate,
    over_seeds,
    prepare,
    scenarios_over_seeds,
)
from online_models.evaluation.baselines import BASELINES, QUICK, baseline, ranker_by_name
from online_models.evaluation.recommender import RecommenderModel
from online_models.recommender import COLUMNS, Recommender
from online_models.river.external_rankers import ExternalRankers
from streams.errors import SettingsError
from streams.ops.ratings import Dataset, read_ratings
from streams.ops.runs.pacing import Speed
from streams.ops.runs.replay import OnProgress as OnReplay
from streams.ops.runs.replay import replay_cluster, run_replay

__all__ = [
    "STREAM",
    "Comparison",
    "EvaluationPlan",
    "OnProgress",
    "Result",
    "Run",
    "baseline_names",
    "compare_through_kafka",
    "entrants",
    "experts",
    "external_experts",
    "run_all",
]

STREAM = "stream"
"""Name of the run on the unchanged stream."""
WARM_UP_EVENTS = 64
"""Events shown to throw-away models first, so that compiling kernels is outside the measured time."""

Result = Report | ScenarioReport
OnProgress = Callable[[str, int, int], None]
"""Called with a label, what is done, and the total."""
ShowProgress = Callable[[], AbstractContextManager[OnProgress]]
"""Opens a display of progress for a run, or for all runs of a pool."""


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """What all runs have in common.

    Attributes
    ----------
    ratings
        The file.
    compare
        Names of the baselines.
    every
        River's rankers are tested on every n-th event.
    seeds
        Runs of each scenario; seeds count up from the protocol's.
    jobs
        Processes.
    external
        River rankers that join the model's blend as experts.
    model
        The model's configuration.
    """

    ratings: Path
    compare: tuple[str, ...]
    every: int = 20
    seeds: int = 1
    jobs: int = 1
    external: tuple[str, ...] = ()
    model: ModelConfig = field(default_factory=ModelConfig)


@dataclass(frozen=True, slots=True)
class Run:
    """A scenario under a protocol; the protocol's seed is also the models' seed."""

    name: str
    scenario: str
    protocol: EvaluationProtocol


def baseline_names(compare: str) -> tuple[str, ...]:
    """Return the baselines named in a text, each once; commas inside brackets do not separate.

    Raises
    ------
    SettingsError
        There is no baseline of such a name.

    Examples
    --------
    >>> baseline_names("popularity, river.reco.FunkMF(n_factors=20, seed=1),popularity")
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
    """Return the product's own rankings, without those that a baseline of the same name covers."""
    return [name for name in COLUMNS if name not in compare or name not in BASELINES]


def external_experts(names: Sequence[str], compare: Sequence[str]) -> tuple[str, ...]:
    """Return the external rankers that join the blend, each once.

    Raises
    ------
    SettingsError
        There is no ranker of such a name, or it is also a baseline: a report identifies rankings by name.
    """
    for name in names:
        try:
            ranker_by_name(name)
        except UnknownRankerError as error:
            what = f"{name} cannot join the blend"
            raise SettingsError(what, why=str(error), next_step="see --expert in --help") from error
        if name in compare:
            what, why = f"{name} cannot be expert and baseline", "a report identifies rankings by name"
            raise SettingsError(what, why=why, next_step="write it with one of its arguments in --compare")
    return tuple(dict.fromkeys(names))


def entrants(plan: EvaluationPlan, dataset: Dataset, *, seed: int) -> ModelFactory:
    """Return a function that builds untrained models: the product's, then the baselines."""
    ratings, compare = dataset.ratings, plan.compare

    def build(opens_ms: Mapping[str, int] | None) -> dict[str, PrequentialModel]:
        rest = [name for name in COLUMNS if name not in experts(compare)]
        external = ExternalRankers(plan.external, seed=seed) if plan.external else None
        own = RecommenderModel(
            Recommender(plan.model, seed=seed, experts=external),
            ratings.viewer_ids,
            ratings.title_ids,
            rest,
            dataset.catalog(opens_ms),
            lists=opens_ms is not None,
        )
        return {"nearline": own} | {name: baseline(name, seed=seed, every=plan.every) for name in compare}

    return build


def run_all(
    plan: EvaluationPlan, dataset: Dataset, runs: Sequence[Run], show_progress: ShowProgress
) -> dict[str, Result]:
    """Run every scenario under every seed, and average over seeds.

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
    run_parts = _in_pool if plan.jobs > 1 else _in_process
    by_name: dict[str, list[Any]] = {}
    for part, result in zip(parts, run_parts(plan, dataset, parts, show_progress), strict=True):
        by_name.setdefault(part.name, []).append(result)
    return {
        name: over_seeds(found) if isinstance(found[0], Report) else scenarios_over_seeds(found)
        for name, found in by_name.items()
    }


def _in_process(
    plan: EvaluationPlan, dataset: Dataset, runs: Sequence[Run], show_progress: ShowProgress
) -> list[Result]:
    """Run one after the other, with progress by model."""
    _compile(plan, dataset, runs[0])
    results = []
    for number, run in enumerate(runs, 1):
        label = f"{number}/{len(runs)} {run.name} " if len(runs) > 1 else ""
        with show_progress() as report:

            def labelled(
                name: str, done: int, total: int, report: OnProgress = report, label: str = label
            ) -> None:
                report(label + name, done, total)

            results.append(_run(plan, dataset, run, labelled))
    return results


def _in_pool(
    plan: EvaluationPlan, _: Dataset, runs: Sequence[Run], show_progress: ShowProgress
) -> list[Result]:
    """Run in several processes, with progress by run; each process reads the file once."""
    pool = ProcessPoolExecutor(plan.jobs, get_context("spawn"), _open, (plan, runs[0]))
    with pool, show_progress() as report:
        report("runs", 0, len(runs))
        futures: dict[Future[Result], Run] = {pool.submit(_run_in_pool, plan, run): run for run in runs}
        try:
            for done, future in enumerate(as_completed(futures), 1):
                future.result()
                report("runs", done, len(runs))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [future.result() for future in futures]


_OPENED: list[Dataset] = []
"""The dataset of a process of the pool."""


def _open(plan: EvaluationPlan, run: Run) -> None:
    """Initialise a process of the pool."""
    _OPENED[:] = [read_ratings(plan.ratings)]
    _compile(plan, _OPENED[0], run)


def _run_in_pool(plan: EvaluationPlan, run: Run) -> Result:
    return _run(plan, _OPENED[0], run, None)


def _compile(plan: EvaluationPlan, dataset: Dataset, run: Run) -> None:
    """Compile every kernel that a run needs."""
    _run(plan, dataset, replace(run, protocol=replace(run.protocol, limit=WARM_UP_EVENTS)), None)


def _run(plan: EvaluationPlan, dataset: Dataset, run: Run, on_progress: OnProgress | None) -> Result:
    build = entrants(plan, dataset, seed=run.protocol.seed)
    if run.scenario == STREAM:
        return evaluate(dataset.ratings, build(None), run.protocol, clock=perf_counter, progress=on_progress)
    return SCENARIOS[run.scenario](dataset.ratings, build, run.protocol, on_progress)


@dataclass(frozen=True, slots=True)
class Comparison:
    """HR@10 in process and through Kafka, by ranking; and the worker's run (`RunReport.document`)."""

    in_process: dict[str, float]
    through_kafka: dict[str, float]
    run: dict[str, Any]

    def rows(self) -> list[tuple[str, ...]]:
        """Return a line a ranking: in process, through Kafka, and their ratio."""
        pairs = [(name, self.in_process[name], self.through_kafka[name]) for name in self.through_kafka]
        return [(name, f"{a:.4f}", f"{b:.4f}", f"{b / a:.1%}" if a else "-") for name, a, b in pairs]

    def to_dict(self) -> dict[str, Any]:
        """Return ``hr@10.<name>`` with ``in_process``, ``through_kafka`` and ``ratio``, and ``run``."""
        figures: dict[str, dict[str, float | None]] = {}
        for name, there in self.through_kafka.items():
            here = self.in_process[name]
            ratio = there / here if here else None
            figures[name] = {"in_process": here, "through_kafka": there, "ratio": ratio}
        return {"hr@10": figures, "run": self.run}


def compare_through_kafka(
    dataset: Dataset,
    protocol: EvaluationProtocol,
    in_process: Report,
    speed: Speed,
    on_progress: OnReplay,
    *,
    brokers: str | None = None,
    embedded: bool = False,
    partitions: int = 4,
) -> Comparison:
    """Send a protocol's stream through a worker that ranks each event before it learns it.

    Parameters
    ----------
    dataset
        Ratings and titles.
    protocol
        The rules of the run in process.
    in_process
        Report of the same stream in process.
    speed
        Of the events.
    on_progress
        As of `run_replay`.
    brokers, embedded, partitions
        As of `replay_cluster`.
    """
    events = prepare(dataset.ratings, protocol).events
    variables = {
        "NEARLINE_MODEL__REWARD__LIKED_STARS": str(protocol.min_rating),
        "NEARLINE_PAGE__ROWS": "1",  # the ranking is evaluated, not the page
    }
    with replay_cluster(brokers, None, embedded=embedded, partitions=partitions) as settings:
        report = run_replay(
            settings,
            replace(dataset, ratings=events),
            np.arange(len(events)),
            speed,
            on_progress,
            variables=variables,
            exact_warm_up=True,
        )
    rates = report.last.hit_rate(report.warm) if report.last else {}
    models = in_process.models
    there = {name: rate for name, rate in rates.items() if rate is not None and name in models}
    here = {name: models[name].metrics.hit_rate.value for name in there}
    return Comparison(here, there, report.document())
