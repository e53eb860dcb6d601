"""An experiment on simulated viewers: what it says, and what is true."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any, Final

from msgspec import ValidationError, convert, structs, to_builtins

from online_models.experiments.metrics import LOWER_IS_BETTER
from online_models.simulation import World
from online_models.simulation.ab_test import AbTestPolicy, InterleavedPolicy, lossy, viewers_needed
from online_models.simulation.catalog import DAY_S
from online_models.simulation.closed_loop import close_the_loop
from online_models.simulation.truth import (
    Measure,
    in_process,
    lifts_in_the_experiment,
    lifts_of_everybody,
)
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

__all__ = ["LOST", "ExperimentOptions", "SimulatedExperiment", "experiment", "simulated"]

NAME = "simulated"
LOST = 0.6
"""Share of one arm's viewers whose impressions are lost where the split is broken. Some 200 exposed viewers
are enough to see it; three in ten lost take 750."""
FOLDER = Path(".nearline/experiment")
RULE = Rule(min_days=1.0, min_viewers=100, automatic=True)

POPULARITY = Arm(name="popularity", share=0.5, treatment=Treatment(ranking=Ranking.POPULARITY))
BLEND = Arm(name="blend", share=0.5)
SAME = Arm(name="same", share=0.5)
WAYS = ("process", "embedded", "kafka")
KINDS = {
    "ab": (POPULARITY, BLEND),
    "aa": (BLEND, SAME),
    "broken": (POPULARITY, BLEND),
    "objective": (),
    "interleave": (POPULARITY, BLEND),
}
"""Kinds of experiments, and their arms; those of `objective` are what is asked for (`objective_arms`)."""
OBJECTIVES: Final = ("watch_time", "completion", "satisfaction", "diversity")
OPEN = (Verdict.OPEN, Verdict.COLLECTING)


@dataclass(frozen=True, slots=True)
class ExperimentOptions:
    """What the user asked for."""

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
    """What decides."""
    objective: str = "watch_time=1"
    """What the second arm of an `objective` ranks for."""
    ranker: Ranking = Ranking.POPULARITY
    """Who ranks in both arms of it."""
    everybody: bool = False
    """Whether the lift of a roll-out is to be told, too."""


@dataclass(frozen=True, slots=True)
class SimulatedExperiment:
    """What came of it."""

    result: ExperimentResult
    metric: Metric
    """What decided."""
    truths: Mapping[Metric, float]
    """True relative lifts in the experiment, by metric; empty where they are not known."""
    everybody: Mapping[Metric, float]
    """The same between worlds in which everybody is in one arm; empty where they are not known."""
    needed: dict[str, int | None] = field(default_factory=dict)
    pages: dict[str, dict[str, int]] = field(default_factory=dict)
    """Newest pages by the arms that they name, where pages were published: in the experiment, and, where a
    winner was rolled out, on the day after that and on the day after it was taken back."""
    broken: bool = False
    """Whether impressions were lost on purpose."""

    @property
    def truth(self) -> float | None:
        """Return the true lift of what decided; None where it is not known."""
        return self.truths.get(self.metric)

    @property
    def covered(self) -> bool | None:
        """Return whether the bounds of the lift hold the truth; None where one of them is not known."""
        one = next((lift for lift in self.result.lifts if lift.metric == self.metric), None)
        return None if one is None or self.truth is None else one.low <= self.truth <= one.high

    @property
    def right(self) -> bool | None:
        """Return whether the verdict is the true one; None where the truth is not known, or it is open."""
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


def experiment(world: World, arms: tuple[Arm, ...], wishes: ExperimentOptions) -> Experiment:
    """Return the experiment: it starts when the warm-up is over, and decides by the metric asked for."""
    return Experiment(
        experiment_id=NAME,
        salt=f"seed-{wishes.seed}",
        state=ExperimentState.RUNNING,
        arms=arms,
        kind=ExperimentKind.INTERLEAVE if wishes.kind == "interleave" else ExperimentKind.AB,
        starts_at_ms=world.event_ms(wishes.warm_up * DAY_S),
        metric=wishes.metric,
        rule=RULE,
    )


def objective_arms(wishes: ExperimentOptions) -> tuple[Arm, Arm]:
    """Return two arms of one ranker: without an objective, and with it.

    Raises
    ------
    SettingsError
        There is no such objective, or its exponent is out of range.
    """
    pairs = (pair.partition("=") for pair in wishes.objective.split(","))
    wanted = {name.strip(): exponent.strip() for name, _, exponent in pairs}
    what = f"{wishes.objective} is no objective"
    step = f"give --objective NAME=EXPONENT[,…] of {', '.join(OBJECTIVES)}, from -4 to 4"
    if unknown := ", ".join(sorted(wanted.keys() - set(OBJECTIVES))):
        raise SettingsError(what, why=f"{unknown} is none", next_step=step)
    plain = Treatment(ranking=wishes.ranker)
    try:
        changed = convert({"ranking": wishes.ranker, **wanted}, Treatment, strict=False)
    except ValidationError as error:
        raise SettingsError(what, why=str(error), next_step=step) from error
    if changed.diversity is not None:
        if wishes.through != "process":
            what, why = "diversity is not for pages of one row", "it mixes the top picks of pages with rows"
            raise SettingsError(what, why=why, next_step="run it with --through process")
        plain = structs.replace(plain, diversity=0.0)
    return (
        Arm(name="plain", share=0.5, treatment=plain),
        Arm(name="objective", share=0.5, treatment=changed),
    )


def simulated(wishes: ExperimentOptions) -> SimulatedExperiment:
    """Run the experiment, and whatever it is to be compared with.

    Raises
    ------
    SettingsError
        There is no such kind, or no day is left for the experiment.
    """
    if wishes.through not in WAYS:
        what = f"nothing runs through {wishes.through}"
        raise SettingsError(what, next_step=f"--through {' | '.join(WAYS)}")
    if wishes.kind not in KINDS or wishes.warm_up >= wishes.days:
        what = f"no experiment {wishes.kind} of {wishes.days - wishes.warm_up} days"
        raise SettingsError(what, next_step=f"--kind {' | '.join(KINDS)}, and more --days than --warm-up")
    if wishes.kind == "interleave" and wishes.through == "process":
        what = "two rankers in one list are in published pages only"
        raise SettingsError(what, next_step="--through embedded | kafka, or --kind ab --interleave")
    arms = KINDS[wishes.kind] or objective_arms(wishes)
    return _in_process(wishes, arms) if wishes.through == "process" else _through(wishes, arms)


def _in_process(wishes: ExperimentOptions, arms: tuple[Arm, ...]) -> SimulatedExperiment:
    """Run the experiment on a recommender without Kafka."""
    world, lost = _world(wishes), _lost(wishes)
    one = experiment(world, arms, wishes)
    policy = AbTestPolicy(world, one, lost=lost)
    _run(world, policy, wishes)
    credit: list[tuple[float, float]] = []
    if wishes.interleave:
        other = _world(wishes)
        drafted = InterleavedPolicy(other, one, since_s=wishes.warm_up * DAY_S)
        _run(other, drafted, wishes)
        credit = drafted.preferences()
    needed = viewers_needed(one, policy.counter.parts.values(), credit)
    if not wishes.interleave:
        needed.pop("interleaving")
    found = policy.counter.result(NAME)
    return SimulatedExperiment(found, one.metric, *_truths(wishes, one), needed, broken=lost > 0)


def _through(wishes: ExperimentOptions, arms: tuple[Arm, ...]) -> SimulatedExperiment:
    """Run the experiment through a cluster of its own."""
    from streams.ops.experiments.pipeline import through  # noqa: PLC0415 - nobody else needs Kafka
    from streams.ops.runs.session import own_cluster  # noqa: PLC0415

    shutil.rmtree(FOLDER, ignore_errors=True)
    world, lost = _world(wishes), _lost(wishes)
    one = experiment(world, arms, wishes)
    with own_cluster(FOLDER, "nearline-experiment", kafka=wishes.through == "kafka") as settings:
        days = {"days": wishes.days, "warm_up": wishes.warm_up}
        ran = through(world, settings, FOLDER, one, lossy(one, lost, wishes.seed), **days)
    counted = structs.replace(one, ends_at_ms=ran.decided_at_ms)
    return SimulatedExperiment(
        ran.result, one.metric, *_truths(wishes, counted), {}, ran.pages, broken=lost > 0
    )


def _truths(wishes: ExperimentOptions, one: Experiment) -> tuple[dict[Metric, float], dict[Metric, float]]:
    """Return the true lifts over the time that was counted: in the experiment, and of a roll-out."""
    if not wishes.truth or wishes.kind == "broken":
        return {}, {}
    if one.arms[0].treatment == one.arms[1].treatment:
        return dict.fromkeys(Metric, 0.0), {}
    world = _world(wishes)
    days = wishes.days
    if one.ends_at_ms is not None:
        days = min(days, ceil((one.ends_at_ms - world.event_ms(0.0)) / 1000 / DAY_S))
    measure = _measure(wishes, days)
    of_everybody = lifts_of_everybody(measure, one) if wishes.everybody else {}
    return lifts_in_the_experiment(measure, one), of_everybody


def _measure(wishes: ExperimentOptions, days: int) -> Measure:
    """Return what makes the lists of worlds that tell the truth: whatever makes those of the experiment."""
    span = {"days": days, "warm_up": wishes.warm_up}
    if wishes.through == "process":
        return in_process(lambda: _world(wishes), **span)
    from streams.ops.experiments.pipeline import by_workers  # noqa: PLC0415 - nobody else needs Kafka

    return by_workers(lambda: _world(wishes), FOLDER / "truth", **span)


def _lost(wishes: ExperimentOptions) -> float:
    return LOST if wishes.kind == "broken" else 0.0


def _world(wishes: ExperimentOptions) -> World:
    return World(wishes.seed, wishes.viewers, wishes.titles)


def _run(world: World, policy: AbTestPolicy, wishes: ExperimentOptions) -> None:
    close_the_loop("experiment", world, policy, days=wishes.days, warm_up=wishes.warm_up)
