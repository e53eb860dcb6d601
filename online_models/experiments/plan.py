"""All experiments together: what a viewer's list is made by, and under which arms."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from online_models.experiments.definition import arm_label, in_audience, runs_at
from schemas.assignment import assign, in_holdout
from schemas.experiments import Experiment, ExperimentKind, ExperimentState, ListArm, Treatment

__all__ = ["INTERLEAVED", "NO_TREATMENT", "ExperimentPlan", "InterleavedRankers", "ListTreatment", "merged"]

INTERLEAVED: Final = "interleaved"
"""Arm of a viewer whose list holds the titles of both."""


class InterleavedRankers(NamedTuple):
    """Two rankers of one list: the compared one, and the control."""

    new: Treatment
    control: Treatment
    labels: tuple[str, str]
    """How items name them, in this order."""
    salt: str
    """Of the coins."""


class ListTreatment(NamedTuple):
    """How a viewer's list is made."""

    arms: tuple[ListArm, ...]
    """Winners that were rolled out, then arms of running experiments."""
    treatment: Treatment
    rivals: InterleavedRankers | None = None
    """Who else is in top picks; None: nobody."""


NO_TREATMENT = ListTreatment((), Treatment())
"""Nothing varies."""


class ExperimentPlan:
    """What there is at one time; never changes, a new record makes a new one.

    Parameters
    ----------
    experiments
        All of them.

    Examples
    --------
    >>> from schemas.experiments import Arm, Ranking
    >>> arms = (Arm(name="a", share=0.5), Arm(name="b", share=0.5, treatment=Treatment(list_length=5)))
    >>> trial = Experiment(experiment_id="trial", state=ExperimentState.RUNNING, arms=arms)
    >>> plan = Plan([trial])
    >>> found = plan.treat("bob", at_ms=10**12, country=None, maturity=None)
    >>> found.arms[0].arm, found.treatment.list_length
    ('b', 5)
    """

    def __init__(self, experiments: Iterable[Experiment] = ()) -> None:
        everything = sorted(experiments, key=lambda one: (one.decided_at_ms or 0, one.experiment_id))
        self.by_id = {one.experiment_id: one for one in everything}
        self.running = [one for one in everything if one.state is ExperimentState.RUNNING]
        self.defaults = [one for one in everything if one.state is ExperimentState.ROLLED_OUT and one.winner]

    @property
    def idle(self) -> bool:
        """Return whether nothing varies for anybody."""
        return not self.running and not self.defaults

    def treat(
        self, viewer_id: str, *, at_ms: int, country: str | None, maturity: int | None
    ) -> ListTreatment:
        """Return how a viewer's list is made.

        Later roll-outs win over earlier ones, and experiments that run over both. The arms of the first
        interleaving that a viewer is in are laid over all that; there is no second (`definition`).

        Parameters
        ----------
        viewer_id
            The viewer.
        at_ms
            The moment that the list speaks of: an experiment runs by it.
        country, maturity
            As far as known, for the audience.
        """
        if self.idle:
            return NO_TREATMENT
        arms: list[ListArm] = []
        treatment = NO_TREATMENT.treatment
        for one in self.defaults:
            if in_audience(one, country=country, maturity=maturity) and not in_holdout(one, viewer_id):
                arms.append(ListArm(experiment_id=one.experiment_id, arm=str(one.winner)))
                treatment = merged(treatment, _treatment(one, str(one.winner)))
        drafted: Experiment | None = None
        for one in self.running:
            if not runs_at(one, at_ms) or not in_audience(one, country=country, maturity=maturity):
                continue
            mine = assign(one, viewer_id)
            if mine is None:
                continue
            if one.kind is ExperimentKind.AB:
                arms.append(mine)
                treatment = merged(treatment, _treatment(one, mine.arm))
            elif drafted is None:
                arms.append(_both(one))
                drafted = one
        return ListTreatment(tuple(arms), treatment, _rivals(drafted, treatment) if drafted else None)


def merged(under: Treatment, over: Treatment | None) -> Treatment:
    """Return a treatment with another's fields laid over it.

    Examples
    --------
    >>> merged(Treatment(list_length=5, trending=2.0), Treatment(list_length=9)).list_length
    9
    """
    if over is None:
        return under
    both = {name: (getattr(under, name), getattr(over, name)) for name in Treatment.__struct_fields__}
    return Treatment(**{name: old if new is None else new for name, (old, new) in both.items()})


def _both(experiment: Experiment) -> ListArm:
    """Return what a page says of an experiment whose arms are both in its list."""
    share = sum(arm.share for arm in experiment.arms)
    return ListArm(experiment_id=experiment.experiment_id, arm=INTERLEAVED, propensity=min(1.0, share))


def _rivals(experiment: Experiment, under: Treatment) -> InterleavedRankers:
    """Return the two rankers of an interleaving, over how the list would be made without."""
    control, new = experiment.arms
    name = experiment.experiment_id
    return InterleavedRankers(
        merged(under, new.treatment),
        merged(under, control.treatment),
        (arm_label(name, new.name), arm_label(name, control.name)),
        experiment.salt or name,
    )


def _treatment(experiment: Experiment, arm: str) -> Treatment | None:
    return next((one.treatment for one in experiment.arms if one.name == arm), None)
