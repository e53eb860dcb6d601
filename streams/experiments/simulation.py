"""An experiment on simulated viewers: what it says, and what is true."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec import structs, to_builtins

from online_models.simulation import World
from online_models.simulation.catalogue import DAY_S
from online_models.simulation.closed_loop import close_the_loop
from online_models.simulation.compared import Compared, Interleaved, lossy, viewers_needed
from schemas.experiment_results import ExperimentResult, Verdict
from schemas.experiments import Arm, Experiment, ExperimentKind, ExperimentState, Ranking, Rule, Treatment
from streams.errors import SettingsError

__all__ = ["LOST", "Found", "Wishes", "experiment", "simulated"]

NAME = "simulated"
LOST = 0.3
"""Share of one arm's viewers whose impressions are lost where the split is broken."""
FOLDER = Path(".nearline/experiment")
RULE = Rule(min_days=1.0, min_viewers=100, automatic=True)

POPULARITY = Arm(name="popularity", share=0.5, treatment=Treatment(ranking=Ranking.POPULARITY))
BLEND = Arm(name="blend", share=0.5)
SAME = Arm(name="same", share=0.5)
LONG = Arm(name="watch_time", share=0.5, treatment=Treatment(ranking=Ranking.POPULARITY, watch_time=1.0))
WAYS = ("process", "embedded", "kafka")
KINDS = {
    "ab": (POPULARITY, BLEND),
    "aa": (BLEND, SAME),
    "broken": (POPULARITY, BLEND),
    "objective": (POPULARITY, LONG),
    "interleave": (POPULARITY, BLEND),
}
OPEN = (Verdict.OPEN, Verdict.COLLECTING)


@dataclass(frozen=True, slots=True)
class Wishes:
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


@dataclass(frozen=True, slots=True)
class Found:
    """What came of it."""

    result: ExperimentResult
    truth: float | None
    needed: dict[str, int | None]
    pages: dict[str, dict[str, int]] = field(default_factory=dict)
    """Newest pages by the arms that they name, where pages were published: in the experiment, and, where a
    winner was rolled out, on the day after that and on the day after it was taken back."""
    broken: bool = False
    """Whether impressions were lost on purpose."""

    @property
    def covered(self) -> bool | None:
        """Return whether the bounds of the lift hold the truth; None where one of them is not known."""
        one = next((lift for lift in self.result.lifts if lift.metric == "watch_minutes"), None)
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
        return verdict is (Verdict.WINNER if self.truth > 0 else Verdict.NO_WINNER)

    def facts(self) -> dict[str, Any]:
        """Return the comparison for people."""
        return {
            "true_lift": self.truth,
            "decided_rightly": str(self.right),
            "covered": str(self.covered),
            "viewers_needed": self.needed,
            **{f"pages_{name}": counts for name, counts in self.pages.items()},
        }

    def to_dict(self) -> dict[str, Any]:
        """Return everything for JSON."""
        return {
            "result": to_builtins(self.result),
            "truth": self.truth,
            "right": self.right,
            "covered": self.covered,
            "needed": self.needed,
            "pages": self.pages,
        }


def experiment(world: World, arms: tuple[Arm, ...], wishes: Wishes) -> Experiment:
    """Return the experiment: it starts when the warm-up is over, and decides on watch minutes."""
    return Experiment(
        experiment_id=NAME,
        salt=f"seed-{wishes.seed}",
        state=ExperimentState.RUNNING,
        arms=arms,
        kind=ExperimentKind.INTERLEAVE if wishes.kind == "interleave" else ExperimentKind.AB,
        starts_at_ms=world.event_ms(wishes.warm_up * DAY_S),
        rule=RULE,
    )


def simulated(wishes: Wishes) -> Found:
    """Run the experiment, and whatever it is to be compared with.

    Raises
    ------
    SettingsError
        There is no such kind, or no day is left for the experiment.
    """
    arms = KINDS.get(wishes.kind)
    if wishes.through not in WAYS:
        what = f"nothing runs through {wishes.through}"
        raise SettingsError(what, next_step=f"--through {' | '.join(WAYS)}")
    if arms is None or wishes.warm_up >= wishes.days:
        what = f"no experiment {wishes.kind} of {wishes.days - wishes.warm_up} days"
        raise SettingsError(what, next_step=f"--kind {' | '.join(KINDS)}, and more --days than --warm-up")
    if wishes.kind == "interleave" and wishes.through == "process":
        what = "two rankers in one list are in published pages only"
        raise SettingsError(what, next_step="--through embedded | kafka, or --kind ab --interleave")
    truth = _truth(wishes, arms) if wishes.truth else None
    lost = LOST if wishes.kind == "broken" else 0.0
    if wishes.through != "process":
        return _through(wishes, arms, lost, truth)
    world = _world(wishes)
    policy = Compared(world, experiment(world, arms, wishes), lost=lost)
    _run(world, policy, wishes)
    credit: list[tuple[float, float]] = []
    if wishes.interleave:
        other = _world(wishes)
        since_s = wishes.warm_up * DAY_S
        drafted = Interleaved(other, experiment(other, arms, wishes), since_s=since_s)
        _run(other, drafted, wishes)
        credit = drafted.preferences()
    one = policy.counter.plan.by_id[NAME]
    needed = viewers_needed(one, policy.counter.parts.values(), credit)
    if not wishes.interleave:
        needed.pop("interleaving")
    return Found(policy.counter.result(NAME), truth, needed, broken=lost > 0)


def _through(wishes: Wishes, arms: tuple[Arm, ...], lost: float, truth: float | None) -> Found:
    """Run the experiment through a cluster of its own."""
    from streams.experiments.pipeline import through  # noqa: PLC0415 - nobody else needs Kafka
    from streams.runs.session import own_cluster  # noqa: PLC0415

    shutil.rmtree(FOLDER, ignore_errors=True)
    world = _world(wishes)
    one = experiment(world, arms, wishes)
    with own_cluster(FOLDER, "nearline-experiment", kafka=wishes.through == "kafka") as settings:
        days = {"days": wishes.days, "warm_up": wishes.warm_up}
        ran = through(world, settings, FOLDER, one, lossy(one, lost, wishes.seed), **days)
        return Found(ran.result, truth, {}, ran.pages, broken=lost > 0)


def _world(wishes: Wishes) -> World:
    return World(wishes.seed, wishes.viewers, wishes.titles)


def _run(world: World, policy: Compared, wishes: Wishes) -> float:
    run = close_the_loop("experiment", world, policy, days=wishes.days, warm_up=wishes.warm_up)
    return run.measures["minutes"]


def _truth(wishes: Wishes, arms: tuple[Arm, ...]) -> float:
    """Return the relative lift between worlds in which everybody is in one arm, with the same luck."""
    if arms[0].treatment == arms[1].treatment:
        return 0.0
    minutes = []
    for arm in arms[:2]:
        world = _world(wishes)
        alone = Arm(name=arm.name, share=1.0, treatment=arm.treatment)
        whole = structs.replace(experiment(world, (alone,), wishes), kind=ExperimentKind.AB)
        minutes.append(_run(world, Compared(world, whole), wishes))
    return minutes[1] / minutes[0] - 1
