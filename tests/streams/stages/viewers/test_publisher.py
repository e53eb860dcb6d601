"""Pages of a batch are grouped by experiment arm, and each names its arms."""

import json
from types import SimpleNamespace
from typing import Any

import numpy as np

from online_models.catalog.catalog import country_code
from online_models.experiments.plan import ExperimentPlan
from schemas.assignment import assign
from schemas.experiments import Arm, Audience, Experiment, ExperimentState, Ranking, Treatment
from streams.stages.viewers.publisher import group_by_variant
from tests.streams.steps import T0

POPULAR = Treatment(ranking=Ranking.POPULARITY)
ARMS = (Arm(name="popular", share=0.5, treatment=POPULAR), Arm(name="blend", share=0.5))
REQUESTS = np.array([(n, 10 + n, T0) for n in (3, 1, 2, 0, 1)])


def _viewers(country: str = "IN", limit: int = 255) -> Any:
    arrays = SimpleNamespace(
        limit=np.full(4, limit, np.uint8), country=np.full(4, country_code(country), np.uint16)
    )
    return SimpleNamespace(ids=["v0", "v1", "v2", "v3"], arrays=arrays)


def _trial(**more: Any) -> Experiment:
    return Experiment(experiment_id="x", state=ExperimentState.RUNNING, arms=ARMS, **more)


def test_without_experiments_a_batch_stays_together() -> None:
    """No arms, no treatment, the same order."""
    ((variant, requests),) = group_by_variant(REQUESTS, _viewers(), ExperimentPlan(), T0)
    assert (variant.treatment, variant.arms, requests.tolist()) == (Treatment(), b"", REQUESTS.tolist())


def test_each_viewer_is_in_the_group_of_their_arm() -> None:
    """All pages once, a viewer's in order, and the arm with its propensity as JSON."""
    groups = list(group_by_variant(REQUESTS, _viewers(), ExperimentPlan([_trial()]), T0))
    assert sorted(one for _, group in groups for one in group.tolist()) == sorted(REQUESTS.tolist())
    for variant, requests in groups:
        (arm,) = json.loads("{" + variant.arms.decode()[1:] + "}")["arms"]
        for slot, _, _ in requests.tolist():
            mine = assign(_trial(), f"v{slot}")
            assert mine is not None
            assert arm == {"experiment_id": "x", "arm": mine.arm, "propensity": 0.5}
        assert variant.treatment == (POPULAR if arm["arm"] == "popular" else Treatment())
        assert requests[requests[:, 0] == 1].tolist() in ([], [[1, 11, T0], [1, 11, T0]])


def test_the_audience_is_that_of_the_row() -> None:
    """Country and maturity limit are the viewer's as the partition knows them."""
    about = Audience(countries=("IN",), maturity_at_most=12)
    plan = ExperimentPlan([_trial(audience=about)])
    for viewers, inside in ((_viewers("IN", 7), True), (_viewers("DE", 7), False), (_viewers("IN"), False)):
        assert any(variant.arms for variant, _ in group_by_variant(REQUESTS, viewers, plan, T0)) is inside


def test_before_the_start_nothing_varies() -> None:
    """The batch's newest event decides."""
    plan = ExperimentPlan([_trial(starts_at_ms=T0 + 1)])
    assert [variant.arms for variant, _ in group_by_variant(REQUESTS, _viewers(), plan, T0)] == [b""]
