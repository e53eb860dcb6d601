"""An experiment on simulated viewers: what it says, and what is true."""

from dataclasses import dataclass
from typing import Any

from msgspec import to_builtins

from online_models.simulation import World
from online_models.simulation.catalogue import DAY_S
from online_models.simulation.closed_loop import close_the_loop
from online_models.simulation.compared import Compared, Interleaved, viewers_needed
from schemas.experiment_results import ExperimentResult
from schemas.experiments import Arm, Experiment, ExperimentState, Ranking, Rule, Treatment
from streams.errors import SettingsError

__all__ = ["LOST", "Found", "Wishes", "experiment", "simulated"]

NAME = "simulated"
LOST = 0.3
"""Share of one arm's viewers whose impressions are lost where the split is broken."""
RULE = Rule(min_days=1.0, min_viewers=100)

POPULARITY = Arm(name="popularity", share=0.5, treatment=Treatment(ranking=Ranking.POPULARITY))
BLEND = Arm(name="blend", share=0.5)
SAME = Arm(name="same", share=0.5)
KINDS = {"ab": (POPULARITY, BLEND), "aa": (BLEND, SAME), "broken": (POPULARITY, BLEND)}


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


@dataclass(frozen=True, slots=True)
class Found:
    """What came of it."""

    result: ExperimentResult
    truth: float | None
    needed: dict[str, int | None]

    @property
    def covered(self) -> bool | None:
        """Return whether the bounds of the lift hold the truth; None where one of them is not known."""
        one = next((lift for lift in self.result.lifts if lift.metric == "watch_minutes"), None)
        return None if one is None or self.truth is None else one.low <= self.truth <= one.high

    def facts(self) -> dict[str, Any]:
        """Return the comparison for people."""
        return {"true_lift": self.truth, "covered": str(self.covered), "viewers_needed": self.needed}

    def to_dict(self) -> dict[str, Any]:
        """Return everything for JSON."""
        return {
            "result": to_builtins(self.result),
            "truth": self.truth,
            "covered": self.covered,
            "needed": self.needed,
        }


def experiment(world: World, arms: tuple[Arm, ...], wishes: Wishes) -> Experiment:
    """Return the experiment: it starts when the warm-up is over, and decides on watch minutes."""
    return Experiment(
        experiment_id=NAME,
        salt=f"seed-{wishes.seed}",
        state=ExperimentState.RUNNING,
        arms=arms,
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
    if arms is None or wishes.warm_up >= wishes.days:
        what = f"no experiment {wishes.kind} of {wishes.days - wishes.warm_up} days"
        raise SettingsError(what, next_step=f"--kind {' | '.join(KINDS)}, and more --days than --warm-up")
    world = _world(wishes)
    policy = Compared(world, experiment(world, arms, wishes), lost=LOST if wishes.kind == "broken" else 0.0)
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
    return Found(policy.counter.result(NAME), _truth(wishes, arms) if wishes.truth else None, needed)


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
        minutes.append(_run(world, Compared(world, experiment(world, (alone,), wishes)), wishes))
    return minutes[1] / minutes[0] - 1
