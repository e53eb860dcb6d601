"""All experiments of a moment: the arms and the treatment of a viewer's list."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from online_models.experiments.definition import arm_label, in_audience, runs_at
from schemas.assignment import assign, in_holdout
from schemas.experiments import Experiment, ExperimentKind, ExperimentState, ListArm, Treatment

__all__ = [
    "INTERLEAVED",
    "NO_TREATMENT",
    "ExperimentPlan",
    "InterleavedRankers",
    "ListTreatment",
    "merged_treatment",
]

INTERLEAVED: Final = "interleaved"
"""Arm of viewers in an interleaving experiment: their list has titles of both rankers."""


class InterleavedRankers(NamedTuple):
    """The two rankers of an interleaved list."""

    new: Treatment
    control: Treatment
    labels: tuple[str, str]
    """Labels of the two arms on items, in this order."""
    salt: str
    """Salt of the coin flips of the team draft."""


class ListTreatment(NamedTuple):
    """The arms and the treatment of a viewer's list."""

    arms: tuple[ListArm, ...]
    """Rolled-out winners, then arms of running experiments."""
    treatment: Treatment
    rivals: InterleavedRankers | None = None
    """The two rankers whose top picks are interleaved; None for one ranker."""


NO_TREATMENT = ListTreatment((), Treatment())
"""The treatment without experiments."""


class ExperimentPlan:
    """All experiments at one time. Immutable: a new record makes a new plan.

    Parameters
    ----------
    experiments
        All experiments.

    Examples
    --------
    >>> from schemas.experiments import Arm, Ranking
    >>> arms = (Arm(name="a", share=0.5), Arm(name="b", share=0.5, treatment=Treatment(list_length=5)))
    >>> trial = Experiment(experiment_id="trial", state=ExperimentState.RUNNING, arms=arms)
    >>> plan = ExperimentPlan([trial])
    >>> found = plan.treatment_for("bob", at_ms=10**12, country=None, maturity=None)
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
        """Return whether no experiment is running or rolled out."""
        return not self.running and not self.defaults

    def treatment_for(
        self, viewer_id: str, *, at_ms: int, country: str | None, maturity: int | None
    ) -> ListTreatment:
        """Return the treatment of a viewer's list.

        Later roll-outs override earlier ones, and running experiments override roll-outs. The arms of the
        viewer's first interleaving experiment override all of these; there is at most one (`definition`).

        Parameters
        ----------
        viewer_id
            The viewer.
        at_ms
            Time of the list, ms: it decides which experiments run.
        country, maturity
            For the audience; None if unknown.
        """
        if self.idle:
            return NO_TREATMENT
        arms: list[ListArm] = []
        treatment = NO_TREATMENT.treatment
        for one in self.defaults:
            if in_audience(one, country=country, maturity=maturity) and not in_holdout(one, viewer_id):
                arms.append(ListArm(experiment_id=one.experiment_id, arm=str(one.winner)))
                treatment = merged_treatment(treatment, _treatment(one, str(one.winner)))
        drafted: Experiment | None = None
        for one in self.running:
            if not runs_at(one, at_ms) or not in_audience(one, country=country, maturity=maturity):
                continue
            mine = assign(one, viewer_id)
            if mine is None:
                continue
            if one.kind is ExperimentKind.AB:
                arms.append(mine)
                treatment = merged_treatment(treatment, _treatment(one, mine.arm))
            elif drafted is None:
                arms.append(_both(one))
                drafted = one
        return ListTreatment(tuple(arms), treatment, _rivals(drafted, treatment) if drafted else None)


def merged_treatment(under: Treatment, over: Treatment | None) -> Treatment:
    """Return a treatment with the fields of another one taking precedence.

    Examples
    --------
    >>> merged_treatment(Treatment(list_length=5, trending=2.0), Treatment(list_length=9)).list_length
    9
    """
    if over is None:
        return under
    both = {name: (getattr(under, name), getattr(over, name)) for name in Treatment.__struct_fields__}
    return Treatment(**{name: old if new is None else new for name, (old, new) in both.items()})


def _both(experiment: Experiment) -> ListArm:
    """Return the arm that a page reports for an interleaving experiment."""
    share = sum(arm.share for arm in experiment.arms)
    return ListArm(experiment_id=experiment.experiment_id, arm=INTERLEAVED, propensity=min(1.0, share))


def _rivals(experiment: Experiment, under: Treatment) -> InterleavedRankers:
    """Return the two rankers of an interleaving experiment; ``under`` is the treatment without it."""
    control, new = experiment.arms
    name = experiment.experiment_id
    return InterleavedRankers(
        merged_treatment(under, new.treatment),
        merged_treatment(under, control.treatment),
        (arm_label(name, new.name), arm_label(name, control.name)),
        experiment.salt or name,
    )


def _treatment(experiment: Experiment, arm: str) -> Treatment | None:
    return next((one.treatment for one in experiment.arms if one.name == arm), None)
