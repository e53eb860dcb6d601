r"""What is true of an experiment: the lift that its bounds are to hold, and the one that a roll-out brings.

*In the experiment.* Lists differ by arm, the model does not: it learns from the viewers of both arms. What an
experiment estimates is therefore what a viewer does in one arm and in the other *beside such a model*. Two
worlds with the same viewers and the same luck tell: the second one's split is the mirror of the first one's,
so that every viewer is in each arm once,

.. math:: L = \frac{\sum_v y_v(b)}{\sum_v y_v(a)} - 1

and nothing is left of who happened to be where. The split is another one than the experiment's own: the truth
shares no noise with the estimate.

*Everybody in one arm.* Once a winner is rolled out, the model learns from its viewers alone, and popularity
counts what popularity showed. That is another lift, often a larger one: in the experiment each arm lives off
what the other one's viewers found. No split of viewers measures it.
"""

from collections.abc import Callable, Mapping
from typing import Final

from online_models.experiments.metrics import estimates
from online_models.experiments.moments import Moments
from online_models.simulation.closed_loop import run_closed_loop
from online_models.simulation.world import World
from schemas.experiments import Arm, Experiment, ExperimentKind, Metric
from tests.simulations.ab_test import AbTestPolicy

__all__ = ["Measure", "in_process", "lifts_in_the_experiment", "lifts_of_everybody"]

OTHER_SPLIT: Final = " mirrored"
"""Behind the experiment's salt: another split, independent of its own."""
Measure = Callable[[Experiment], Mapping[str, Moments]]
"""Runs the same world anew under an experiment, and returns what was counted of its arms."""


def in_process(make: Callable[[], World], *, days: int, warm_up: int) -> Measure:
    """Return a measure whose lists are made here, by one recommender without Kafka.

    Parameters
    ----------
    make
        Returns a fresh world, the same each time.
    days, warm_up
        Of the world.
    """

    def measure(experiment: Experiment) -> Mapping[str, Moments]:
        world = make()
        policy = AbTestPolicy(world, experiment)
        run_closed_loop("truth", world, policy, days=days, warm_up=warm_up)
        return policy.counter.tallies[experiment.experiment_id].arms

    return measure


def lifts_in_the_experiment(measure: Measure, experiment: Experiment) -> dict[Metric, float]:
    """Return the relative lift of the second arm over the first while both teach the model.

    Parameters
    ----------
    measure
        Where lists are made; they are to be made where the experiment's are: an arm's pages differ between a
        worker and a bare recommender (what explores, how often they are renewed).
    experiment
        Two arms of equal shares; what counts is between its start and its end.

    Returns
    -------
    dict
        By metric; without those that have no value.

    Examples
    --------
    >>> from schemas.experiments import ExperimentState, Treatment
    >>> arms = (Arm(name="a", share=0.5), Arm(name="b", share=0.5, treatment=Treatment(list_length=2)))
    >>> trial = Experiment(experiment_id="x", state=ExperimentState.RUNNING, arms=arms)
    >>> measure = in_process(lambda: World(3, 40, 60), days=2, warm_up=1)
    >>> lifts_in_the_experiment(measure, trial)[Metric.WATCH_MINUTES] < 0
    True
    """
    salt = f"{experiment.salt or experiment.experiment_id}{OTHER_SPLIT}"
    orders = (experiment.arms, experiment.arms[::-1])
    found = [measure(_trial(experiment, *arms, salt=salt)) for arms in orders]
    control, new = (
        Moments.merged(moments[arm.name] for moments in found if arm.name in moments)
        for arm in experiment.arms
    )
    return _lifts(control, new)


def lifts_of_everybody(measure: Measure, experiment: Experiment) -> dict[Metric, float]:
    """Return the same between two worlds in each of which everybody is in one arm, and teaches its model.

    Parameters are those of `lifts_in_the_experiment`.
    """
    control, new = (
        Moments.merged(measure(_trial(experiment, *_alike(arm))).values()) for arm in experiment.arms
    )
    return _lifts(control, new)


def _alike(arm: Arm) -> tuple[Arm, Arm]:
    """Return two arms with the treatment of one: fewer are no experiment, and workers refuse it."""
    names = (arm.name, f"{arm.name}-too")
    first, second = (Arm(name=name, share=0.5, treatment=arm.treatment) for name in names)
    return first, second


def _trial(experiment: Experiment, *arms: Arm, salt: str | None = None) -> Experiment:
    """Return the experiment with other arms: nothing is decided by it, and lists are one arm's each."""
    fields = {name: getattr(experiment, name) for name in Experiment.__struct_fields__}
    changed = {"arms": arms, "salt": salt or experiment.salt, "kind": ExperimentKind.AB, "rule": None}
    return Experiment(**fields | changed)


def _lifts(control: Moments, new: Moments) -> dict[Metric, float]:
    """Return the relative differences of the metrics as they were seen."""
    each = ((metric, estimates(metric, [control, new], cuped=False)) for metric in Metric)
    return {metric: two[1].value / two[0].value - 1 for metric, two in each if two and two[0].value > 0}
