"""Which experiments can be run, when, and for whom."""

from typing import Any

import msgspec
import pytest

from online_models.experiments.definition import InvalidExperimentError, check, in_audience, problems, runs_at
from schemas.experiments import Arm, Audience, ExperimentState, Guardrail, Metric, Treatment
from tests.online_models.experiments.trials import ARMS, DRAFTED, START, trial


def _arm(**more: Any) -> Arm:
    """Make an arm that changes something."""
    return Arm(name="new", share=0.5, treatment=msgspec.convert(more, Treatment))


THREE = (Arm(name="control", share=0.4), Arm(name="new", share=0.4), Arm(name="more", share=0.2))


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
    assert problems(trial()) == []
    with pytest.raises(InvalidExperimentError, match=why):
        check(trial(**more))


def test_two_experiments_of_a_group_may_not_overlap_while_both_run() -> None:
    """The one that runs is named; another group, a disjoint part, or a stopped one are no hindrance."""
    mine = trial(group="ranking", group_to=6_000)
    other = msgspec.structs.replace(mine, experiment_id="other", group_from=5_999, group_to=10_000)
    assert "other runs in buckets 5999 to 10000" in problems(mine, [other])[0]
    assert problems(mine, [mine]) == []
    for free in ({"group": "page"}, {"group_from": 6_000}, {"state": ExperimentState.STOPPED}):
        assert problems(mine, [msgspec.structs.replace(other, **free)]) == []


def test_a_list_has_room_for_one_interleaving() -> None:
    """Two that run need disjoint parts of a group; beside an A/B one is free."""
    mine = trial(**DRAFTED)
    other = msgspec.structs.replace(mine, experiment_id="other")
    assert "other interleaves, too" in problems(mine, [other])[0]
    assert problems(trial(), [other]) == []
    apart = [
        msgspec.structs.replace(one, group="lists", group_from=5_000 * n, group_to=5_000 * n + 5_000)
        for n, one in enumerate((mine, other))
    ]
    assert problems(apart[0], apart[1:]) == []


def test_it_runs_between_its_start_and_its_end() -> None:
    """The first moment is in, the last is out, and a draft never runs."""
    one = trial(ends_at_ms=START + 10)
    assert [runs_at(one, START + n) for n in (-1, 0, 9, 10)] == [False, True, True, False]
    assert not runs_at(msgspec.structs.replace(one, state=ExperimentState.DRAFT), START)


def test_the_audience_is_asked_what_a_list_can_know() -> None:
    """Country and the profile's limit decide; who has said nothing is not in a restricted audience."""
    one = trial(audience=Audience(countries=("IN",), maturity_at_most=12))
    assert in_audience(one, country="IN", maturity=12)
    assert not in_audience(one, country="DE", maturity=12)
    assert not in_audience(one, country=None, maturity=12)
    assert not in_audience(one, country="IN", maturity=None)
    assert in_audience(trial(), country=None, maturity=None)
