"""The result of an experiment: estimates, conclusion (the field ``verdict`` on the wire) and its reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from online_models.experiments.exposure import Tally, preferences
from online_models.experiments.intervals import Bounds, half_width, lift
from online_models.experiments.metrics import LOWER_IS_BETTER, Estimate, estimates
from online_models.experiments.moments import COUNTS, Moments
from online_models.experiments.plan import INTERLEAVED
from online_models.experiments.sample_ratio import FAILED, sample_ratio_p
from schemas.experiment_results import ArmResult, ExperimentResult, Lift, MetricValue, Preference, Verdict
from schemas.experiments import (
    Arm,
    Evidence,
    Experiment,
    ExperimentKind,
    ExperimentState,
    Metric,
    Rule,
)

__all__ = ["DAY_MS", "AnalysisInput", "analyze", "evidence", "split_p_value", "undecided"]

DAY_MS: Final = 86_400_000
_DEFAULT_RULE: Final = Rule()


@dataclass(frozen=True, slots=True)
class AnalysisInput:
    """The input of an analysis: what was counted so far.

    Attributes
    ----------
    arms
        Moments by arm name; an arm without viewers may be absent.
    sample_ratio_p
        Sequential p-value of the split.
    first_ms, at_ms
        Time of the first exposure and of the newest counted event.
    crossed
        Impressions with another arm than the viewer's first one.
    """

    arms: Mapping[str, Moments]
    sample_ratio_p: float
    first_ms: int
    at_ms: int
    crossed: int = 0


def analyze(experiment: Experiment, standing: AnalysisInput) -> ExperimentResult:
    """Return the current result of an experiment.

    The lifts of k arms over the control share alpha evenly (Bonferroni): the probability that any of them is
    wrong is at most alpha. Guardrails use bounds of the same width.
    """
    if experiment.kind is ExperimentKind.INTERLEAVE:
        return _interleaved_result(experiment, standing)
    arms = [standing.arms.get(arm.name, Moments()) for arm in experiment.arms]
    lifts, values = _compare(experiment, arms)
    verdict, because, winner = _conclude(experiment, standing, arms, lifts)
    if verdict is Verdict.SAMPLE_RATIO:  # invalid numbers are not shown
        lifts, values = {}, [[] for _ in arms]
    return ExperimentResult(
        experiment_id=experiment.experiment_id,
        at_ms=standing.at_ms,
        viewers=sum(arm.viewers for arm in arms),
        arms=tuple(map(_arm_result, experiment.arms, arms, values)),
        lifts=tuple(one for found in lifts.values() for one in found),
        sample_ratio_p=standing.sample_ratio_p,
        verdict=verdict,
        because=because,
        winner=winner,
        crossed=standing.crossed,
    )


def evidence(experiment: Experiment, found: ExperimentResult, arm: str, by: str) -> Evidence:
    """Return the evidence for the roll-out of an arm; all zeros for an arm that was not compared."""
    bounds = next((one for one in found.lifts if (one.arm, one.metric) == (arm, experiment.metric)), None)
    value, low, high = (bounds.relative, bounds.low, bounds.high) if bounds else (0.0, 0.0, 0.0)
    if found.preference is not None and found.preference.arm == arm:
        mine = found.preference
        value, low, high = mine.mean, mine.low or 0.0, mine.high or 0.0
    return Evidence(
        metric=experiment.metric,
        lift=value,
        low=low,
        high=high,
        viewers=found.viewers,
        sample_ratio_p=found.sample_ratio_p,
        by=by,
    )


def undecided(experiment: Experiment, found: ExperimentResult | None, arm: str) -> list[str]:
    """Return what is missing for the roll-out of an arm; empty if the results decide for it.

    Parameters
    ----------
    experiment
        The experiment.
    found
        Its results so far; None: nobody was counted.
    arm
        The arm. The control may be rolled out where it is shown to be better than all others.

    Examples
    --------
    >>> half = (Arm(name="a", share=0.5), Arm(name="b", share=0.5))
    >>> draft = Experiment(experiment_id="x", state=ExperimentState.DRAFT, arms=half)
    >>> undecided(draft, None, "b")
    ['it was never started', 'it has no results']
    """
    out = ["it was never started"] if experiment.state is ExperimentState.DRAFT else []
    if found is None:
        return [*out, "it has no results"]
    if found.verdict is Verdict.NO_WINNER and arm == experiment.arms[0].name:
        return out
    if found.verdict is not Verdict.WINNER:
        out.append(found.because)
    elif found.winner != arm:
        out.append(f"the results decide for {found.winner}: {found.because}")
    return out


def split_p_value(experiment: Experiment, tally: Tally, before: float) -> float:
    """Return the smallest p-value of the split so far, given the smallest of the interim looks before.

    An interleaving experiment splits no viewers: the value does not change.
    """
    if experiment.kind is ExperimentKind.INTERLEAVE:
        return before
    counts = [tally.arms[arm.name].viewers if arm.name in tally.arms else 0 for arm in experiment.arms]
    return sample_ratio_p(before, counts, [arm.share for arm in experiment.arms])


def _interleaved_result(experiment: Experiment, standing: AnalysisInput) -> ExperimentResult:
    """Return the result of an interleaving experiment."""
    found = standing.arms.get(INTERLEAVED, Moments())
    mine, bounds = preferences(found), preferences(found).bounds(experiment.alpha)
    new = experiment.arms[1].name
    preference = Preference(
        arm=new,
        viewers=mine.viewers,
        mean=mine.mean,
        low=bounds.low if bounds else None,
        high=bounds.high if bounds else None,
    )
    verdict, because = _preferred(experiment, standing, preference)
    both = Arm(name=INTERLEAVED, share=min(1.0, sum(arm.share for arm in experiment.arms)))
    values = _compare_one(experiment, found)
    return ExperimentResult(
        experiment_id=experiment.experiment_id,
        at_ms=standing.at_ms,
        viewers=found.viewers,
        arms=(_arm_result(both, found, values),),
        lifts=(),
        sample_ratio_p=standing.sample_ratio_p,
        verdict=verdict,
        because=because,
        winner=new if verdict is Verdict.WINNER else None,
        preference=preference,
        crossed=standing.crossed,
    )


def _preferred(experiment: Experiment, standing: AnalysisInput, found: Preference) -> tuple[Verdict, str]:
    """Return the conclusion of an interleaving experiment, and the reason."""
    early = _too_early(experiment, standing, found.viewers, "viewers who watched of either")
    if early:
        return Verdict.COLLECTING, early
    control = experiment.arms[0].name
    if found.low is None or found.high is None or found.low <= 0 <= found.high:
        return Verdict.OPEN, f"neither {found.arm} nor {control} is shown to be preferred"
    words = f"preference {found.mean:+.3f} ({found.low:+.3f} to {found.high:+.3f})"
    if found.low > 0:
        return Verdict.WINNER, f"{found.arm} is watched more than {control} out of one list: {words}"
    return Verdict.NO_WINNER, f"{control} is watched more than {found.arm} out of one list: {words}"


def _compare_one(experiment: Experiment, found: Moments) -> list[MetricValue]:
    """Return the metrics of a single group of viewers."""
    each = [(metric, estimates(metric, [found])) for metric in Metric]
    return [_value(experiment, metric, mine[0]) for metric, mine in each if mine is not None]


def _value(experiment: Experiment, metric: Metric, found: Estimate) -> MetricValue:
    half = float(half_width(found.viewers, found.variance**0.5, experiment.alpha))
    return MetricValue(
        metric=metric,
        value=found.value,
        adjusted=found.adjusted,
        low=found.adjusted - half,
        high=found.adjusted + half,
    )


def _compare(
    experiment: Experiment, arms: Sequence[Moments]
) -> tuple[dict[Metric, list[Lift]], list[list[MetricValue]]]:
    """Return the lifts by metric, and the values of each arm."""
    alpha = experiment.alpha / max(1, len(arms) - 1)
    values: list[list[MetricValue]] = [[] for _ in arms]
    lifts: dict[Metric, list[Lift]] = {}
    for metric in Metric:
        found = estimates(metric, arms)
        if found is None:
            continue
        for mine, one in zip(values, found, strict=True):
            mine.append(_value(experiment, metric, one))
        bounds = [lift(found[0], one, alpha) for one in found[1:]]
        lifts[metric] = [
            _lift(metric, arm, one, estimate.variance_left)
            for arm, one, estimate in zip(experiment.arms[1:], bounds, found[1:], strict=True)
            if one is not None
        ]
    return lifts, values


def _lift(metric: Metric, arm: Arm, bounds: Bounds, left: float) -> Lift:
    return Lift(
        metric=metric,
        arm=arm.name,
        relative=bounds.value,
        low=bounds.low,
        high=bounds.high,
        variance_left=left,
    )


def _arm_result(arm: Arm, found: Moments, values: list[MetricValue]) -> ArmResult:
    counts = dict(zip(COUNTS, found.first, strict=True))
    return ArmResult(
        arm=arm.name,
        share=arm.share,
        viewers=found.viewers,
        impressions=counts["impressions"],
        clicks=counts["clicks"],
        starts=counts["starts"],
        completions=counts["completions"],
        quality_watches=counts["quality_watches"],
        abandoned=counts["abandoned"],
        watch_minutes=counts["seconds"] / 60,
        metrics=tuple(values),
    )


def _conclude(
    experiment: Experiment,
    standing: AnalysisInput,
    arms: Sequence[Moments],
    lifts: Mapping[Metric, list[Lift]],
) -> tuple[Verdict, str, str | None]:
    """Return the conclusion, the reason, and the winner."""
    rule = experiment.rule or _DEFAULT_RULE
    if standing.sample_ratio_p < FAILED:
        seen = " : ".join(str(arm.viewers) for arm in arms)
        return (
            Verdict.SAMPLE_RATIO,
            f"{seen} viewers are not the planned shares: look for what is lost",
            None,
        )
    least = min(arm.viewers for arm in arms)
    early = _too_early(experiment, standing, least, "viewers in the smallest arm")
    if early:
        return Verdict.COLLECTING, early, None
    sign = -1 if experiment.metric in LOWER_IS_BETTER else 1
    found = lifts.get(experiment.metric, [])
    worse = [one for one in found if _bounds(one, sign)[1] < 0]
    better = [one for one in found if _bounds(one, sign)[0] > rule.min_lift]
    if not better:
        if found and len(worse) == len(arms) - 1:
            return Verdict.NO_WINNER, "every other arm is worse than the control", None
        return Verdict.OPEN, f"no arm is shown to be better by more than {rule.min_lift:.1%}", None
    unbroken = [one for one in better if not _broken(experiment, one.arm, lifts)]
    if not unbroken:
        return (
            Verdict.GUARDRAIL,
            f"{better[0].arm} is better, but {_broken(experiment, better[0].arm, lifts)}",
            None,
        )
    best = max(unbroken, key=lambda one: sign * one.relative)
    why = f"{best.arm}: {experiment.metric} {best.relative:+.1%} ({best.low:+.1%} to {best.high:+.1%})"
    return Verdict.WINNER, why, best.arm


def _too_early(experiment: Experiment, standing: AnalysisInput, viewers: int, which: str) -> str:
    """Return what the rule still waits for; empty if its minimums are reached."""
    rule = experiment.rule or _DEFAULT_RULE
    days = (standing.at_ms - (experiment.starts_at_ms or standing.first_ms)) / DAY_MS
    if viewers >= rule.min_viewers and days >= rule.min_days:
        return ""
    return f"{viewers} of {rule.min_viewers} {which}, {days:.1f} of {rule.min_days:g} days"


def _bounds(one: Lift, sign: int) -> tuple[float, float]:
    """Return the bounds of an improvement: the sign is flipped for metrics where lower is better."""
    return (one.low, one.high) if sign > 0 else (-one.high, -one.low)


def _broken(experiment: Experiment, arm: str, lifts: Mapping[Metric, list[Lift]]) -> str:
    """Return the guardrail that an arm may violate; empty if it keeps all of them."""
    for guardrail in experiment.guardrails:
        one = next((found for found in lifts.get(guardrail.metric, []) if found.arm == arm), None)
        sign = -1 if guardrail.metric in LOWER_IS_BETTER else 1
        if one is None or _bounds(one, sign)[0] < -guardrail.worst:
            seen = "has no value yet" if one is None else f"may be {-_bounds(one, sign)[0]:.1%} worse"
            return f"{guardrail.metric} {seen}"
    return ""
