"""Experiments decide by evidence: each part against numbers made by hand."""

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.experiments import trials
from online_models.experiments.decision import DAY_MS, Standing, evidence, result, split_p
from online_models.experiments.definition import InvalidExperimentError, check, concerns, faults, runs_at
from online_models.experiments.intervals import half_width, lift, rho
from online_models.experiments.metrics import Estimate, estimates
from online_models.experiments.moments import COUNTS, Moments
from online_models.experiments.parts import Tally
from online_models.experiments.ratio import FAILED, log_bayes_factor, sample_ratio_p
from schemas.experiment_results import Verdict
from schemas.experiments import (
    Arm,
    Audience,
    Experiment,
    ExperimentKind,
    ExperimentState,
    Guardrail,
    Metric,
    Rule,
    Treatment,
)

ARMS = (Arm(name="control", share=0.5), Arm(name="new", share=0.5))
START = 1_700_000_000_000


def trial(**more: Any) -> Experiment:
    """Make a running experiment with two arms."""
    given = {"arms": ARMS, "starts_at_ms": START, **more}
    return Experiment(experiment_id="trial", state=ExperimentState.RUNNING, **given)


def _arm(**more: Any) -> Arm:
    """Make an arm that changes something."""
    return Arm(name="new", share=0.5, treatment=msgspec.convert(more, Treatment))


DRAFTED = {"kind": ExperimentKind.INTERLEAVE}
THREE = (Arm(name="control", share=0.4), Arm(name="new", share=0.4), Arm(name="more", share=0.2))


# definitions -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"arms": ARMS[:1]}, "one arm"),
        ({"arms": (*ARMS, Arm(name="more", share=0.1))}, "add up to 1.1"),
        ({"arms": (ARMS[0], Arm(name="new", share=0.33333))}, "multiple of .0001"),
        ({"arms": (ARMS[0], Arm(name="a/b", share=0.5))}, "no slash"),
        ({"ends_at_ms": START}, "ends before"),
        ({"guardrails": (Guardrail(metric=Metric.WATCH_MINUTES),)}, "both the metric and a guardrail"),
        ({"winner": "nobody"}, "is no arm"),
        ({"group": "g", "group_from": 5, "group_to": 5}, "is empty"),
        ({"starts_at_ms": None, "audience": Audience(new_viewers=True)}, "needs a start"),
        ({"arms": (ARMS[0], _arm(rows_without=("top_picks",)))}, "new: top_picks is on every page"),
        ({"arms": (ARMS[0], _arm(rows=1, explore=0.5))}, "new: a page of one row is top picks alone"),
        ({"arms": THREE, **DRAFTED}, "two arms are interleaved"),
        ({"metric": Metric.COMPLETION, **DRAFTED}, "what is watched decides"),
        ({"arms": (ARMS[0], _arm(rows=3, ranking="trending")), **DRAFTED}, "rows cannot differ"),
    ],
)
def test_a_bad_definition_is_refused_with_the_reason(more: dict[str, Any], why: str) -> None:
    """Each rule that is broken is named; the sound experiment breaks none."""
    assert faults(trial()) == []
    with pytest.raises(InvalidExperimentError, match=why):
        check(trial(**more))


def test_two_experiments_of_a_group_may_not_overlap_while_both_run() -> None:
    """The one that runs is named; another group, a disjoint part, or a stopped one are no hindrance."""
    mine = trial(group="ranking", group_to=6_000)
    other = msgspec.structs.replace(mine, experiment_id="other", group_from=5_999, group_to=10_000)
    assert "other runs in buckets 5999 to 10000" in faults(mine, [other])[0]
    assert faults(mine, [mine]) == []
    for free in ({"group": "page"}, {"group_from": 6_000}, {"state": ExperimentState.STOPPED}):
        assert faults(mine, [msgspec.structs.replace(other, **free)]) == []


def test_a_list_has_room_for_one_interleaving() -> None:
    """Two that run need disjoint parts of a group; beside an A/B one is free."""
    mine = trial(**DRAFTED)
    other = msgspec.structs.replace(mine, experiment_id="other")
    assert "other interleaves, too" in faults(mine, [other])[0]
    assert faults(trial(), [other]) == []
    apart = [
        msgspec.structs.replace(one, group="lists", group_from=5_000 * n, group_to=5_000 * n + 5_000)
        for n, one in enumerate((mine, other))
    ]
    assert faults(apart[0], apart[1:]) == []


def test_it_runs_between_its_start_and_its_end() -> None:
    """The first moment is in, the last is out, and a draft never runs."""
    one = trial(ends_at_ms=START + 10)
    assert [runs_at(one, START + n) for n in (-1, 0, 9, 10)] == [False, True, True, False]
    assert not runs_at(msgspec.structs.replace(one, state=ExperimentState.DRAFT), START)


def test_the_audience_is_asked_what_a_list_can_know() -> None:
    """Country and the profile's limit decide; who has said nothing is not in a restricted audience."""
    one = trial(audience=Audience(countries=("IN",), maturity_at_most=12))
    assert concerns(one, country="IN", maturity=12)
    assert not concerns(one, country="DE", maturity=12)
    assert not concerns(one, country=None, maturity=12)
    assert not concerns(one, country="IN", maturity=None)
    assert concerns(trial(), country=None, maturity=None)


# moments and metrics ---------------------------------------------------------------------------------------

counts = st.lists(st.integers(0, 100_000), min_size=len(COUNTS), max_size=len(COUNTS))


@given(st.lists(counts, max_size=8), st.integers(0, 8))
def test_moments_do_not_depend_on_order_or_partition(viewers: list[list[int]], cut: int) -> None:
    """Added one by one, at once, or in two parts that are merged: the same whole numbers."""
    one = Moments()
    for viewer in viewers:
        one.add(viewer)
    table = np.array(viewers, np.int64).reshape(-1, len(COUNTS))
    assert Moments.of(table) == one
    assert Moments.merged([Moments.of(table[cut:]), Moments.of(table[:cut])]) == one
    for viewer in reversed(viewers):
        one.add(viewer, -1)
    assert one == Moments()


def test_covariances_are_numpys() -> None:
    """Also where the numbers are large and vary little, which floating-point sums would lose."""
    table = np.random.default_rng(1).integers(10**6, 10**6 + 50, (40, len(COUNTS)))
    np.testing.assert_allclose(Moments.of(table).covariances(), np.cov(table.T), rtol=1e-9)


def _viewers(n: int, seed: int = 3, gain: float = 1.0) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """Make viewers whose watching resembles their past."""
    chance = np.random.default_rng(seed)
    before = chance.exponential(3_000, n)
    seconds = gain * (0.8 * before + chance.exponential(1_000, n))
    impressions, starts = chance.poisson(30, n) + 1, chance.poisson(3, n) + 1
    clicks, done = chance.binomial(impressions, 0.1), chance.binomial(starts, 0.4)
    rest = [done, chance.binomial(starts, 0.6), chance.binomial(starts, 0.1)]
    pairs = 4 * impressions
    lists = [pairs, chance.binomial(pairs, 0.8) * 1_000]
    return np.column_stack([impressions, clicks, starts, seconds, *rest, before, *lists]).astype(np.int64)


def test_a_ratio_has_the_variance_of_the_delta_method() -> None:
    """Clicks per impression, where viewers' impressions differ: as spread as over resampled viewers."""
    table = _viewers(2_000)
    found = estimates(Metric.CLICK_THROUGH, [Moments.of(table)], cuped=False)
    assert found is not None
    assert found[0].value == pytest.approx(table[:, 1].sum() / table[:, 0].sum())
    chance = np.random.default_rng(5)
    again = [table[chance.integers(0, 2_000, 2_000)] for _ in range(400)]
    spread = np.std([some[:, 1].sum() / some[:, 0].sum() for some in again])
    assert (found[0].variance / 2_000) ** 0.5 == pytest.approx(spread, rel=0.1)


def test_the_past_is_taken_out_and_the_difference_stays() -> None:
    """CUPED: adjusted means differ by what the arms differ, and a large part of the variance is gone."""
    arms = [Moments.of(_viewers(4_000, 1)), Moments.of(_viewers(4_000, 2, gain=1.2))]
    plain, with_past = (estimates(Metric.WATCH_MINUTES, arms, cuped=on) for on in (False, True))
    assert plain is not None
    assert with_past is not None
    assert with_past[0].variance_left < 0.4
    assert with_past[0].value == plain[0].value
    gains = [found[1].adjusted / found[0].adjusted for found in (plain, with_past)]
    assert abs(gains[1] - 1.2) < 0.03
    assert abs(gains[1] - 1.2) < abs(gains[0] - 1.2) + 0.01


def test_without_viewers_or_divisor_there_is_no_metric() -> None:
    """Nothing is divided by zero."""
    idle = np.zeros((5, len(COUNTS)), np.int64)
    assert estimates(Metric.WATCH_MINUTES, [Moments(), Moments.of(idle)]) is None
    assert estimates(Metric.COMPLETION, [Moments.of(idle)]) is None


# bounds ----------------------------------------------------------------------------------------------------


def test_the_confidence_sequence_is_the_papers() -> None:
    """Numbers worked out from the formula by hand: -2 ln .05 = 5.99146, ln(6.99146) = 1.94469."""
    assert rho(0.05, 5_000) == pytest.approx(((5.991465 + 1.944690) / 5_000) ** 0.5, rel=1e-6)
    r2 = rho(0.05) ** 2
    by_hand = (2 * (1_000 * r2 + 1) * np.log((1_000 * r2 + 1) ** 0.5 / 0.05)) ** 0.5 / (1_000 * r2**0.5)
    assert half_width(1_000, 3.0, 0.05) == pytest.approx(3 * by_hand, rel=1e-9)


def test_it_is_howards_boundary_in_other_words() -> None:
    """sqrt((V + r) ln((V + r) / (r alpha^2))) / n with V = n s^2 and r = s^2 / rho^2 is the same number."""
    n, s, alpha = 7_000, 2.5, 0.01
    v, r = n * s**2, s**2 / rho(alpha) ** 2
    howard = ((v + r) * np.log((v + r) / (r * alpha**2))) ** 0.5 / n
    assert half_width(n, s, alpha) == pytest.approx(howard, rel=1e-9)


def test_a_lift_is_relative_with_the_noise_of_both_arms() -> None:
    """10 against 11, standard deviation 10, 5,000 viewers each: .1 and its half width by hand."""
    bounds = lift(Estimate(5_000, 10, 10, 100, 1), Estimate(5_000, 11, 11, 100, 1), 0.05)
    assert bounds is not None
    deviation = (10_000 * (100 / 5_000 + 1.21 * 100 / 5_000) / 100) ** 0.5
    assert bounds.value == pytest.approx(0.1)
    assert bounds.high - bounds.value == pytest.approx(float(half_width(10_000, deviation, 0.05)))
    assert lift(Estimate(9, 0, 0, 1, 1), Estimate(9, 1, 1, 1, 1), 0.05) is None


@pytest.mark.slow
def test_equals_are_told_apart_in_at_most_five_per_cent() -> None:
    """2,000 A/A trials, looked at all along: the exact form holds, what people do instead does not."""

    def misprint(n: Any, deviation: Any, alpha: float) -> Any:
        """Compute the bound as the documentation page prints it."""
        r = rho(alpha)
        inner = 2 * (n * r**2 + 1) / (n**2 * (r + alpha**2)) * np.log(np.sqrt(n * r**2 + 1) / alpha)
        return deviation * np.sqrt(inner)

    assert trials.run(2_000, 10_000).wrong <= 0.05
    assert trials.run(2_000, 10_000, width=trials.naive).wrong > 0.3
    assert trials.run(100, 10_000, width=misprint).wrong > 0.5


def test_a_true_lift_is_found_and_the_past_helps() -> None:
    """With +6 % most trials are decided rightly, sooner with CUPED, none wrongly."""
    plain, helped = (trials.run(100, 40_000, lift=0.06, every=50, cuped=on) for on in (False, True))
    assert helped.wrong == 0
    assert helped.power > 0.9
    assert helped.decided_by(0.5) < 0.9 * plain.decided_by(0.5)


# the split -------------------------------------------------------------------------------------------------


def test_the_bayes_factor_is_that_of_counting_one_by_one() -> None:
    """The closed form is the product of predictive probabilities against the planned shares."""
    shares, concentration, seen, log = [0.25, 0.75], 10_000.0, [0, 0], 0.0
    for arm in [0, 1, 1, 0, 0, 1, 1, 1]:
        log += np.log((concentration * shares[arm] + seen[arm]) / (concentration + sum(seen)) / shares[arm])
        seen[arm] += 1
    assert log_bayes_factor(seen, shares) == pytest.approx(log, abs=1e-9)


def test_a_broken_split_is_caught_and_a_fair_one_is_not() -> None:
    """5 % of one arm lost: caught within 100,000 viewers; of 200 fair splits looked at all along, none."""
    chance = np.random.default_rng(7)
    p = 1.0
    for n in range(1_000, 100_001, 1_000):
        p = sample_ratio_p(p, [n // 2, int(n // 2 * 0.95)], [0.5, 0.5])
    assert p < FAILED
    for _ in range(200):
        p, heads = 1.0, np.cumsum(chance.binomial(500, 0.5, 40))
        for look, count in enumerate(heads.tolist(), 1):
            p = sample_ratio_p(p, [count, 500 * look - count], [0.5, 0.5])
        assert p >= FAILED


# verdicts --------------------------------------------------------------------------------------------------


def standing(n: int, gain: float, days: float = 8.0, p: float = 1.0) -> Standing:
    """Make the standing of two arms of which the second watches more."""
    arms = {"control": Moments.of(_viewers(n, 1)), "new": Moments.of(_viewers(n, 2, gain))}
    return Standing(arms, p, START, int(START + days * DAY_MS))


def test_a_winner_needs_viewers_days_a_bound_and_a_fair_split() -> None:
    """The same numbers are a winner, or not, as each condition of the rule says."""
    one, clear = trial(), standing(4_000, 1.3)
    assert result(one, clear).verdict is Verdict.WINNER
    assert result(one, clear).winner == "new"
    assert result(one, standing(4_000, 1.3, days=6.9)).verdict is Verdict.COLLECTING
    assert result(one, standing(999, 1.3)).verdict is Verdict.COLLECTING
    assert result(one, standing(4_000, 1.0)).verdict is Verdict.OPEN
    assert result(one, standing(4_000, 0.7)).verdict is Verdict.NO_WINNER
    assert result(trial(rule=Rule(min_lift=0.29)), clear).verdict is Verdict.OPEN


def _drafted(viewers: int, preferred: int, days: float = 8.0) -> Standing:
    """Make the standing of an interleaving whose viewers prefer the new ranker by so many millionths."""
    arm, chance = Moments(), np.random.default_rng(3)
    for noise in chance.integers(-400_000, 400_000, viewers).tolist():
        arm.add([5, 0, 1, 60, 0, 0, 0, 0, 4, 2_000, 1, preferred + noise])
    return Standing({"interleaved": arm}, 1.0, START, int(START + days * DAY_MS))


def test_a_preference_is_a_winner_by_the_same_rule() -> None:
    """Bounds above zero, days and viewers; below zero the control wins; nothing is split."""
    one = trial(rule=Rule(min_days=7.0, min_viewers=500), **DRAFTED)
    found = result(one, _drafted(1_000, 100_000))
    assert (found.verdict, found.winner) == (Verdict.WINNER, "new")
    assert found.preference is not None
    assert found.preference.mean == pytest.approx(0.1, abs=0.03)
    assert (found.preference.low or 0) > 0
    assert found.arms[0].arm == "interleaved"
    mine = evidence(one, found, "new", "rule")
    assert (mine.lift, mine.low) == (found.preference.mean, found.preference.low)
    assert result(one, _drafted(1_000, -100_000)).verdict is Verdict.NO_WINNER
    assert result(one, _drafted(1_000, 0)).verdict is Verdict.OPEN
    assert result(one, _drafted(1_000, 100_000, days=1.0)).verdict is Verdict.COLLECTING
    assert result(one, _drafted(400, 100_000)).verdict is Verdict.COLLECTING
    assert result(one, Standing({}, 1.0, START, START)).verdict is Verdict.COLLECTING
    assert split_p(one, Tally(), 0.7) == 0.7


def test_a_metric_has_bounds_of_its_own() -> None:
    """Each arm's value lies inside its confidence sequence, which narrows with viewers."""
    wide, narrow = (result(trial(), standing(n, 1.0)).arms[0].metrics for n in (1_000, 4_000))
    for one, other in zip(wide, narrow, strict=True):
        assert one.low is not None
        assert one.high is not None
        assert other.high is not None
        assert one.low < one.adjusted < one.high
        assert other.high - other.adjusted < one.high - one.adjusted


def test_never_on_a_failed_split() -> None:
    """However clear the lift, arms without their viewers say nothing."""
    found = result(trial(), standing(4_000, 1.3, p=0.0009))
    assert (found.verdict, found.winner, found.lifts) == (Verdict.SAMPLE_RATIO, None, ())
    assert all(arm.metrics == () for arm in found.arms)
    assert "4000 : 4000" in found.because


def test_a_guardrail_has_to_be_shown_to_hold() -> None:
    """Abandonment that may be worse by more than is tolerated stops a winner; a tolerant one does not."""
    strict = trial(guardrails=(Guardrail(metric=Metric.ABANDONMENT, worst=0.001),))
    loose = trial(guardrails=(Guardrail(metric=Metric.ABANDONMENT, worst=0.9),))
    clear = standing(4_000, 1.3)
    assert result(strict, clear).verdict is Verdict.GUARDRAIL
    assert "abandonment may be" in result(strict, clear).because
    assert result(loose, clear).verdict is Verdict.WINNER


def test_what_should_fall_wins_by_falling() -> None:
    """With abandonment as the metric the arm that is left less often is the winner."""
    worse, better = _viewers(6_000, 1), _viewers(6_000, 2)
    worse[:, COUNTS.index("abandoned")] *= 3
    arms = {"control": Moments.of(worse), "new": Moments.of(better)}
    found = result(trial(metric=Metric.ABANDONMENT), replace(standing(2, 1.0), arms=arms))
    assert (found.verdict, found.winner) == (Verdict.WINNER, "new")


def test_the_result_says_what_was_counted_and_the_evidence_what_it_rests_on() -> None:
    """Counts of each arm, a lift for every metric, and the winner's bounds."""
    found = result(trial(), standing(4_000, 1.3))
    table = _viewers(4_000, 1)
    assert found.arms[0].impressions == table[:, 0].sum()
    assert found.arms[0].watch_minutes == pytest.approx(table[:, 3].sum() / 60)
    assert {one.metric for one in found.lifts} == set(Metric)
    about = evidence(trial(), found, "new", "rule")
    assert about.low > 0.2 < about.lift < about.high
    assert about.viewers == 8_000


def test_nobody_yet_is_a_result_too() -> None:
    """An experiment without a single viewer is collecting."""
    found = result(trial(), Standing({}, 1.0, START, START))
    assert (found.verdict, found.viewers, found.lifts) == (Verdict.COLLECTING, 0, ())
