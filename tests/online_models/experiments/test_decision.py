"""Experiments decide by evidence: what it takes to win, and what forbids it."""

from dataclasses import replace

import numpy as np
import pytest

from online_models.experiments.decision import DAY_MS, AnalysisInput, analyze, evidence, split_p_value
from online_models.experiments.exposure import Tally
from online_models.experiments.moments import COUNTS, Moments
from schemas.experiment_results import Verdict
from schemas.experiments import Guardrail, Metric, Rule
from tests.online_models.experiments.trials import DRAFTED, START, sample, trial


def standing(n: int, gain: float, days: float = 8.0, p: float = 1.0) -> AnalysisInput:
    """Make the standing of two arms of which the second watches more."""
    arms = {"control": Moments.of(sample(n, 1)), "new": Moments.of(sample(n, 2, gain))}
    return AnalysisInput(arms, p, START, int(START + days * DAY_MS))


def test_a_winner_needs_viewers_days_a_bound_and_a_fair_split() -> None:
    """The same numbers are a winner, or not, as each condition of the rule says."""
    one, clear = trial(), standing(4_000, 1.3)
    assert analyze(one, clear).verdict is Verdict.WINNER
    assert analyze(one, clear).winner == "new"
    assert analyze(one, standing(4_000, 1.3, days=6.9)).verdict is Verdict.COLLECTING
    assert analyze(one, standing(999, 1.3)).verdict is Verdict.COLLECTING
    assert analyze(one, standing(4_000, 1.0)).verdict is Verdict.OPEN
    assert analyze(one, standing(4_000, 0.7)).verdict is Verdict.NO_WINNER
    assert analyze(trial(rule=Rule(min_lift=0.29)), clear).verdict is Verdict.OPEN


def _drafted(viewers: int, preferred: int, days: float = 8.0) -> AnalysisInput:
    """Make the standing of an interleaving whose viewers prefer the new ranker by so many millionths."""
    arm, chance = Moments(), np.random.default_rng(3)
    for noise in chance.integers(-400_000, 400_000, viewers).tolist():
        arm.add([5, 0, 1, 60, 0, 0, 0, 0, 4, 2_000, 1, preferred + noise])
    return AnalysisInput({"interleaved": arm}, 1.0, START, int(START + days * DAY_MS))


def test_a_preference_is_a_winner_by_the_same_rule() -> None:
    """Bounds above zero, days and viewers; below zero the control wins; nothing is split."""
    one = trial(rule=Rule(min_days=7.0, min_viewers=500), **DRAFTED)
    found = analyze(one, _drafted(1_000, 100_000))
    assert (found.verdict, found.winner) == (Verdict.WINNER, "new")
    assert found.preference is not None
    assert found.preference.mean == pytest.approx(0.1, abs=0.03)
    assert (found.preference.low or 0) > 0
    assert found.arms[0].arm == "interleaved"
    mine = evidence(one, found, "new", "rule")
    assert (mine.lift, mine.low) == (found.preference.mean, found.preference.low)
    assert analyze(one, _drafted(1_000, -100_000)).verdict is Verdict.NO_WINNER
    assert analyze(one, _drafted(1_000, 0)).verdict is Verdict.OPEN
    assert analyze(one, _drafted(1_000, 100_000, days=1.0)).verdict is Verdict.COLLECTING
    assert analyze(one, _drafted(400, 100_000)).verdict is Verdict.COLLECTING
    assert analyze(one, AnalysisInput({}, 1.0, START, START)).verdict is Verdict.COLLECTING
    assert split_p_value(one, Tally(), 0.7) == 0.7


def test_a_metric_has_bounds_of_its_own() -> None:
    """Each arm's value lies inside its confidence sequence, which narrows with viewers."""
    wide, narrow = (analyze(trial(), standing(n, 1.0)).arms[0].metrics for n in (1_000, 4_000))
    for one, other in zip(wide, narrow, strict=True):
        assert one.low is not None
        assert one.high is not None
        assert other.high is not None
        assert one.low < one.adjusted < one.high
        assert other.high - other.adjusted < one.high - one.adjusted


def test_never_on_a_failed_split() -> None:
    """However clear the lift, arms without their viewers say nothing."""
    found = analyze(trial(), standing(4_000, 1.3, p=0.0009))
    assert (found.verdict, found.winner, found.lifts) == (Verdict.SAMPLE_RATIO, None, ())
    assert all(arm.metrics == () for arm in found.arms)
    assert "4000 : 4000" in found.because


def test_a_guardrail_has_to_be_shown_to_hold() -> None:
    """Abandonment that may be worse by more than is tolerated stops a winner; a tolerant one does not."""
    strict = trial(guardrails=(Guardrail(metric=Metric.ABANDONMENT, worst=0.001),))
    loose = trial(guardrails=(Guardrail(metric=Metric.ABANDONMENT, worst=0.9),))
    clear = standing(4_000, 1.3)
    assert analyze(strict, clear).verdict is Verdict.GUARDRAIL
    assert "abandonment may be" in analyze(strict, clear).because
    assert analyze(loose, clear).verdict is Verdict.WINNER


def test_what_should_fall_wins_by_falling() -> None:
    """With abandonment as the metric the arm that is left less often is the winner."""
    worse, better = sample(6_000, 1), sample(6_000, 2)
    worse[:, COUNTS.index("abandoned")] *= 3
    arms = {"control": Moments.of(worse), "new": Moments.of(better)}
    found = analyze(trial(metric=Metric.ABANDONMENT), replace(standing(2, 1.0), arms=arms))
    assert (found.verdict, found.winner) == (Verdict.WINNER, "new")


def test_the_result_says_what_was_counted_and_the_evidence_what_it_rests_on() -> None:
    """Counts of each arm, a lift for every metric, and the winner's bounds."""
    found = analyze(trial(), standing(4_000, 1.3))
    table = sample(4_000, 1)
    assert found.arms[0].impressions == table[:, 0].sum()
    assert found.arms[0].watch_minutes == pytest.approx(table[:, 3].sum() / 60)
    assert {one.metric for one in found.lifts} == set(Metric)
    about = evidence(trial(), found, "new", "rule")
    assert about.low > 0.2 < about.lift < about.high
    assert about.viewers == 8_000


def test_nobody_yet_is_a_result_too() -> None:
    """An experiment without a single viewer is collecting."""
    found = analyze(trial(), AnalysisInput({}, 1.0, START, START))
    assert (found.verdict, found.viewers, found.lifts) == (Verdict.COLLECTING, 0, ())
