"""Validity of an experiment, alone and together with others; whether it runs, and for whom."""

from collections.abc import Iterable

from online_models.catalog.business_rules import applies_to
from online_models.errors import ModelError
from online_models.page.config import page_faults
from schemas.assignment import BUCKETS, width
from schemas.experiments import RANKING_FIELDS, Experiment, ExperimentKind, ExperimentState, Metric, Treatment

__all__ = ["InvalidExperimentError", "arm_label", "check", "in_audience", "problems", "runs_at"]

_EXACT = 1e-9
"""Tolerance for a share being a multiple of .0001: shares are decimal fractions."""
_LABEL = 64
"""Longest label on the wire, characters."""
_PAGE_FIELDS = tuple(name for name in Treatment.__struct_fields__ if name not in RANKING_FIELDS)
"""Fields of a treatment that apply to the whole page."""


class InvalidExperimentError(ModelError, ValueError):
    """An experiment is invalid: correct the definition; the message lists each problem."""


def arm_label(experiment_id: str, arm: str) -> str:
    """Return the label of an arm on impressions.

    Examples
    --------
    >>> arm_label("popularity-or-blend", "blend")
    'popularity-or-blend/blend'
    """
    return f"{experiment_id}/{arm}"


def problems(experiment: Experiment, others: Iterable[Experiment] = ()) -> list[str]:
    """Return every problem of an experiment; an empty list if it is valid.

    Parameters
    ----------
    experiment
        The experiment.
    others
        All experiments; only running ones count.

    Examples
    --------
    >>> from schemas.experiments import Arm
    >>> half = Arm(name="control", share=0.5)
    >>> problems(Experiment(experiment_id="x", state=ExperimentState.DRAFT, arms=(half, half)))
    ['two arms are named control']
    """
    names = [arm.name for arm in experiment.arms]
    found = [f"two arms are named {name}" for name in dict.fromkeys(names) if names.count(name) > 1]
    if len(names) < 2:
        found.append("there is one arm: nothing to compare")
    total = sum(width(arm.share) for arm in experiment.arms)
    if total > BUCKETS:
        found.append(f"the shares add up to {total / BUCKETS:g}")
    for arm in experiment.arms:
        if arm.share == 0 or abs(arm.share * BUCKETS - width(arm.share)) > _EXACT * BUCKETS:
            found.append(f"the share of {arm.name} is not a multiple of .0001 above 0")
        if "/" in arm.name or len(arm_label(experiment.experiment_id, arm.name)) > _LABEL:
            found.append(f"{arm.name}: no slash, and at most {_LABEL} characters together with the id")
        if arm.treatment is not None:
            found += [f"{arm.name}: {why}" for why in page_faults(arm.treatment)]
    found += (
        _time_problems(experiment) + _rule_problems(experiment, names) + _interleaving_problems(experiment)
    )
    return found + [_collision(experiment, other) for other in others if _collide(experiment, other)]


def check(experiment: Experiment, others: Iterable[Experiment] = ()) -> None:
    """Raise an error for an invalid experiment.

    Raises
    ------
    InvalidExperimentError
        Lists every problem.
    """
    found = problems(experiment, others)
    if found:
        raise InvalidExperimentError("; ".join(found))


def runs_at(experiment: Experiment, at_ms: int) -> bool:
    """Return whether an experiment assigns viewers at a time (ms)."""
    return (
        experiment.state is ExperimentState.RUNNING
        and (experiment.starts_at_ms is None or experiment.starts_at_ms <= at_ms)
        and (experiment.ends_at_ms is None or at_ms < experiment.ends_at_ms)
    )


def in_audience(experiment: Experiment, *, country: str | None, maturity: int | None) -> bool:
    """Return whether a viewer is in the audience, by the attributes that are known when a list is made.

    Parameters
    ----------
    experiment
        Its audience counts.
    country
        The viewer's country; None if unknown.
    maturity
        The profile's maturity limit, years; None for no limit.
    """
    about = experiment.audience
    return about is None or applies_to(
        about.countries, about.maturity_at_most, country=country, maturity=maturity
    )


def _time_problems(experiment: Experiment) -> list[str]:
    starts, ends = experiment.starts_at_ms, experiment.ends_at_ms
    return ["it ends before it starts"] if starts is not None and ends is not None and ends <= starts else []


def _rule_problems(experiment: Experiment, names: list[str]) -> list[str]:
    found = []
    if any(guardrail.metric is experiment.metric for guardrail in experiment.guardrails):
        found.append(f"{experiment.metric} is both the metric and a guardrail")
    if experiment.winner is not None and experiment.winner not in names:
        found.append(f"the winner {experiment.winner} is no arm")
    if experiment.state is ExperimentState.ROLLED_OUT and experiment.winner is None:
        found.append("it is rolled out without a winner")
    if experiment.group is not None and experiment.group_to <= experiment.group_from:
        found.append("its part of the exclusion group is empty")
    if experiment.audience is not None and experiment.audience.new_viewers and not experiment.starts_at_ms:
        found.append("new viewers are those since the start: it needs a start")
    return found


def _interleaving_problems(experiment: Experiment) -> list[str]:
    """Return the problems of an interleaving experiment."""
    if experiment.kind is not ExperimentKind.INTERLEAVE:
        return []
    found = []
    if len(experiment.arms) != 2:
        found.append("two arms are interleaved, not more and not fewer")
    if experiment.metric is not Metric.WATCH_MINUTES or experiment.guardrails:
        found.append(
            "both arms are in one list: what is watched decides, and no other metric knows whose it is"
        )
    treatments = [arm.treatment for arm in experiment.arms if arm.treatment is not None]
    odd = [name for name in _PAGE_FIELDS if any(getattr(one, name) is not None for one in treatments)]
    if odd:
        found.append(f"both arms are on one page: {', '.join(odd)} cannot differ")
    return found


def _collide(one: Experiment, other: Experiment) -> bool:
    """Return whether two experiments of a group share buckets, or both interleave without a common group."""
    if other.experiment_id == one.experiment_id or other.state is not ExperimentState.RUNNING:
        return False
    if one.group is None or one.group != other.group:
        return one.kind is other.kind is ExperimentKind.INTERLEAVE
    return one.group_from < other.group_to and other.group_from < one.group_to


def _collision(one: Experiment, other: Experiment) -> str:
    if one.group is None or one.group != other.group:
        return f"{other.experiment_id} interleaves, too, and a list has room for one: give both a group"
    return (
        f"{other.experiment_id} runs in buckets {other.group_from} to {other.group_to} of group {one.group}, "
        f"which {one.group_from} to {one.group_to} overlaps"
    )
