"""An experiment on simulated viewers: its result, and the true lift."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any, Final

from msgspec import ValidationError, convert, structs, to_builtins

from online_models.experiments.metrics import LOWER_IS_BETTER
from online_models.simulation import World
from online_models.simulation.catalog import DAY_S
from online_models.simulation.closed_loop import run_closed_loop
from schemas.experiment_results import ExperimentResult, Verdict
from schemas.experiments import (
    Arm,
    Experiment,
    ExperimentKind,
    ExperimentState,
    Metric,
    Ranking,
    Rule,
    Treatment,
)
from streams.errors import SettingsError
from streams.ops.runs.worker_process import own_cluster
from tests.simulations.ab_test import AbTestPolicy, InterleavedPolicy, lossy, viewers_needed
from tests.simulations.experiment_pipeline import by_workers, through
from tests.simulations.truth import (
    Measure,
    in_process,
    lifts_in_the_experiment,
    lifts_of_everybody,
)

__all__ = ["LOST", "ExperimentOptions", "SimulatedExperiment", "experiment", "simulated"]

NAME = "simulated"
LOST = 0.6
"""Share of one arm's viewers whose impressions are lost in the `broken` kind. About 200 exposed viewers are
enough to detect it; a share of .3 takes 750."""
FOLDER = Path(".nearline/experiment")
RULE = Rule(min_days=1.0, min_viewers=100, automatic=True)

POPULARITY = Arm(name="popularity", share=0.5, treatment=Treatment(ranking=Ranking.POPULARITY))
BLEND = Arm(name="blend", share=0.5)
SAME = Arm(name="same", share=0.5)
MODES = ("process", "embedded", "kafka")
KINDS = {
    "ab": (POPULARITY, BLEND),
    "aa": (BLEND, SAME),
    "broken": (POPULARITY, BLEND),
    "objective": (),
    "interleave": (POPULARITY, BLEND),
}
"""Arms of each kind of experiment; those of `objective` follow from the options (`objective_arms`)."""
OBJECTIVES: Final = ("watch_time", "completion", "satisfaction", "calibration", "diversity")
OPEN = (Verdict.OPEN, Verdict.COLLECTING)


@dataclass(frozen=True, slots=True)
class ExperimentOptions:
    """Options of the command."""

    kind: str
    viewers: int
    titles: int
    days: int
    warm_up: int
    seed: int
    truth: bool
    interleave: bool
    through: str = "process"
    """`process`, `embedded` (cluster) or `kafka`."""
    metric: Metric = Metric.WATCH_MINUTES
    """The metric that decides."""
    objective: str = "watch_time=1"
    """Objective of the second arm of kind `objective`."""
    ranker: Ranking = Ranking.POPULARITY
    """Ranker of both of its arms."""
    everybody: bool = False
    """Whether to measure the lift of a roll-out, too."""


@dataclass(frozen=True, slots=True)
class SimulatedExperiment:
    """A result, with what is known about the world."""

    result: ExperimentResult
    metric: Metric
    """The metric that decided."""
    truths: Mapping[Metric, float]
    """True relative lifts in the experiment, by metric; empty if unknown."""
    everybody: Mapping[Metric, float]
    """The same between worlds in which everybody is in one arm; empty if unknown."""
    needed: dict[str, int | None] = field(default_factory=dict)
    pages: dict[str, dict[str, int]] = field(default_factory=dict)
    """Newest published pages by the arms that they name: in the experiment, and after a roll-out on the day
    after it and on the day after the roll-back."""
    broken: bool = False
    """Whether impressions were lost on purpose."""

    @property
    def truth(self) -> float | None:
        """Return the true lift of the deciding metric; None if unknown."""
        return self.truths.get(self.metric)

    @property
    def covered(self) -> bool | None:
        """Return whether the bounds of the lift contain the truth; None if either is unknown."""
        one = next((lift for lift in self.result.lifts if lift.metric == self.metric), None)
        return None if one is None or self.truth is None else one.low <= self.truth <= one.high

    @property
    def right(self) -> bool | None:
        """Return whether the verdict is the true one; None if the truth is unknown or the verdict is open."""
        verdict = self.result.verdict
        if self.broken:
            return verdict is Verdict.SAMPLE_RATIO
        if self.truth is None:
            return None
        if self.truth == 0:
            return verdict in OPEN
        if verdict in OPEN:
            return None
        better = (self.truth > 0) != (self.metric in LOWER_IS_BETTER)
        return verdict is (Verdict.WINNER if better else Verdict.NO_WINNER)

    def facts(self) -> dict[str, Any]:
        """Return the comparison for people."""
        return {
            "metric": str(self.metric),
            "true_lift": "-" if self.truth is None else f"{self.truth:+.2%}",
            "decided_rightly": str(self.right),
            "covered": str(self.covered),
            **({"viewers_needed": self.needed} if self.needed else {}),
            **{
                f"pages_{name}": {arm or "none": count for arm, count in sorted(counts.items())}
                for name, counts in self.pages.items()
            },
        }

    def to_dict(self) -> dict[str, Any]:
        """Return everything for JSON."""
        return {
            "result": to_builtins(self.result),
            "truth": self.truth,
            "truths": to_builtins(self.truths),
            "everybody": to_builtins(self.everybody),
            "right": self.right,
            "covered": self.covered,
            "needed": self.needed,
            "pages": self.pages,
        }


def experiment(world: World, arms: tuple[Arm, ...], options: ExperimentOptions) -> Experiment:
    """Return the experiment: it starts after the warm-up, and decides by the chosen metric."""
    return Experiment(
        experiment_id=NAME,
        salt=f"seed-{options.seed}",
        state=ExperimentState.RUNNING,
        arms=arms,
        kind=ExperimentKind.INTERLEAVE if options.kind == "interleave" else ExperimentKind.AB,
        starts_at_ms=world.event_ms(options.warm_up * DAY_S),
        metric=options.metric,
        rule=RULE,
    )


def objective_arms(options: ExperimentOptions) -> tuple[Arm, Arm]:
    """Return two arms of one ranker: without an objective, and with it.

    Raises
    ------
    SettingsError
        There is no such objective, or its exponent is out of range.
    """
    pairs = (pair.partition("=") for pair in options.objective.split(","))
    wanted = {name.strip(): exponent.strip() for name, _, exponent in pairs}
    what = f"{options.objective} is no objective"
    step = f"give --objective NAME=EXPONENT[,…] of {', '.join(OBJECTIVES)}, from -4 to 4"
    if unknown := ", ".join(sorted(wanted.keys() - set(OBJECTIVES))):
        raise SettingsError(what, why=f"{unknown} is none", next_step=step)
    plain = Treatment(ranking=options.ranker)
    try:
        changed = convert({"ranking": options.ranker, **wanted}, Treatment, strict=False)
    except ValidationError as error:
        raise SettingsError(what, why=str(error), next_step=step) from error
    if changed.diversity is not None or changed.calibration is not None:
        if options.through != "process":
            what, why = (
                "pages of one row cannot have a diversity or a calibration",
                "it reorders the top picks of pages with several rows",
            )
            raise SettingsError(what, why=why, next_step="run it with --through process")
        own = {name: 0.0 for name in ("calibration", "diversity") if getattr(changed, name) is not None}
        plain = structs.replace(plain, **own)
    return (
        Arm(name="plain", share=0.5, treatment=plain),
        Arm(name="objective", share=0.5, treatment=changed),
    )


def simulated(options: ExperimentOptions) -> SimulatedExperiment:
    """Run the experiment, and the worlds that it is compared with.

    Raises
    ------
    SettingsError
        There is no such kind or mode, or no day is left for the experiment.
    """
    if options.through not in MODES:
        what = f"unknown mode --through {options.through}"
        raise SettingsError(what, next_step=f"--through {' | '.join(MODES)}")
    if options.kind not in KINDS or options.warm_up >= options.days:
        what = f"no experiment {options.kind} of {options.days - options.warm_up} days"
        raise SettingsError(what, next_step=f"--kind {' | '.join(KINDS)}, and more --days than --warm-up")
    if options.kind == "interleave" and options.through == "process":
        what = "interleaving needs published pages"
        raise SettingsError(what, next_step="--through embedded | kafka, or --kind ab --interleave")
    arms = KINDS[options.kind] or objective_arms(options)
    return _in_process(options, arms) if options.through == "process" else _through(options, arms)


def _in_process(options: ExperimentOptions, arms: tuple[Arm, ...]) -> SimulatedExperiment:
    """Run the experiment on a recommender in this process."""
    world, lost = _world(options), _lost(options)
    one = experiment(world, arms, options)
    policy = AbTestPolicy(world, one, lost=lost)
    _run(world, policy, options)
    credit: list[tuple[float, float]] = []
    if options.interleave:
        other = _world(options)
        drafted = InterleavedPolicy(other, one, since_s=options.warm_up * DAY_S)
        _run(other, drafted, options)
        credit = drafted.preferences()
    needed = viewers_needed(one, policy.counter.parts.values(), credit)
    if not options.interleave:
        needed.pop("interleaving")
    found = policy.counter.result(NAME)
    return SimulatedExperiment(found, one.metric, *_truths(options, one), needed, broken=lost > 0)


def _through(options: ExperimentOptions, arms: tuple[Arm, ...]) -> SimulatedExperiment:
    """Run the experiment through a cluster of its own."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    world, lost = _world(options), _lost(options)
    one = experiment(world, arms, options)
    with own_cluster(
        FOLDER, "nearline-experiment", kafka=options.through == "kafka", event_time=True
    ) as settings:
        days = {"days": options.days, "warm_up": options.warm_up}
        ran = through(world, settings, FOLDER, one, lossy(one, lost, options.seed), **days)
    counted = structs.replace(one, ends_at_ms=ran.decided_at_ms)
    return SimulatedExperiment(
        ran.result, one.metric, *_truths(options, counted), {}, ran.pages, broken=lost > 0
    )


def _truths(options: ExperimentOptions, one: Experiment) -> tuple[dict[Metric, float], dict[Metric, float]]:
    """Return the true lifts over the counted time: in the experiment, and of a roll-out."""
    if not options.truth or options.kind == "broken":
        return {}, {}
    if one.arms[0].treatment == one.arms[1].treatment:
        return dict.fromkeys(Metric, 0.0), {}
    world = _world(options)
    days = options.days
    if one.ends_at_ms is not None:
        days = min(days, ceil((one.ends_at_ms - world.event_ms(0.0)) / 1000 / DAY_S))
    measure = _measure(options, days)
    of_everybody = lifts_of_everybody(measure, one) if options.everybody else {}
    return lifts_in_the_experiment(measure, one), of_everybody


def _measure(options: ExperimentOptions, days: int) -> Measure:
    """Return the measure of true lifts: its lists come from the same mode as those of the experiment."""
    span = {"days": days, "warm_up": options.warm_up}
    if options.through == "process":
        return in_process(lambda: _world(options), **span)
    return by_workers(lambda: _world(options), FOLDER / "truth", **span)


def _lost(options: ExperimentOptions) -> float:
    return LOST if options.kind == "broken" else 0.0


def _world(options: ExperimentOptions) -> World:
    return World(options.seed, options.viewers, options.titles)


def _run(world: World, policy: AbTestPolicy, options: ExperimentOptions) -> None:
    run_closed_loop("experiment", world, policy, days=options.days, warm_up=options.warm_up)
