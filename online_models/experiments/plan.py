"""All experiments together: what a viewer's list is made by, and under which arms."""

from collections.abc import Iterable
from typing import NamedTuple

from online_models.experiments.definition import concerns, runs_at
from schemas.assignment import assign, in_holdout
from schemas.experiments import Experiment, ExperimentState, ListArm, Treatment

__all__ = ["PLAIN", "Plan", "Treated", "merged"]


class Treated(NamedTuple):
    """How a viewer's list is made."""

    arms: tuple[ListArm, ...]
    """Winners that were rolled out, then arms of running experiments."""
    treatment: Treatment


PLAIN = Treated((), Treatment())
"""Nothing varies."""


class Plan:
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

    def treat(self, viewer_id: str, *, at_ms: int, country: str | None, maturity: int | None) -> Treated:
        """Return how a viewer's list is made.

        Later roll-outs win over earlier ones, and experiments that run over both.

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
            return PLAIN
        arms: list[ListArm] = []
        treatment = PLAIN.treatment
        for one in self.defaults:
            if concerns(one, country=country, maturity=maturity) and not in_holdout(one, viewer_id):
                arms.append(ListArm(experiment_id=one.experiment_id, arm=str(one.winner)))
                treatment = merged(treatment, _treatment(one, str(one.winner)))
        for one in self.running:
            if runs_at(one, at_ms) and concerns(one, country=country, maturity=maturity):
                mine = assign(one, viewer_id)
                if mine is not None:
                    arms.append(mine)
                    treatment = merged(treatment, _treatment(one, mine.arm))
        return Treated(tuple(arms), treatment)


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


def _treatment(experiment: Experiment, arm: str) -> Treatment | None:
    return next((one.treatment for one in experiment.arms if one.name == arm), None)
