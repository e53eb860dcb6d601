"""Simulated experiments: arms, true lifts, and whether the verdict is right."""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from online_models.experiments.moments import COUNTS
from online_models.simulation import World
from schemas.experiment_results import ExperimentResult, Lift, Verdict
from schemas.experiments import Arm, Experiment, ExperimentState, Metric, Ranking, Treatment
from streams.errors import SettingsError
from tests.simulations.__main__ import main
from tests.simulations.experiment_pipeline import by_workers
from tests.simulations.experiments import (
    ExperimentOptions,
    SimulatedExperiment,
    objective_arms,
    simulated,
)

SMALL = ExperimentOptions(
    "objective", viewers=100, titles=60, days=2, warm_up=1, seed=1, truth=True, interleave=False
)


def _ask(**more: Any) -> ExperimentOptions:
    values = {name: getattr(SMALL, name) for name in ExperimentOptions.__dataclass_fields__}
    return ExperimentOptions(**values | more)


def test_an_objective_has_arms_that_differ_by_it_alone() -> None:
    """The ranker is the same; a mixture is compared with none, as both are of pages with rows."""
    plain, changed = objective_arms(_ask(objective="completion=2, satisfaction=0.5", ranker=Ranking.BLEND))
    assert plain.treatment == Treatment(ranking=Ranking.BLEND)
    assert changed.treatment == Treatment(ranking=Ranking.BLEND, completion=2.0, satisfaction=0.5)
    plain, changed = objective_arms(_ask(objective="diversity=1"))
    assert (plain.treatment, changed.treatment) == tuple(
        Treatment(ranking=Ranking.POPULARITY, diversity=weight) for weight in (0.0, 1.0)
    )


@pytest.mark.parametrize("objective", ["fame=1", "completion=9", "completion", "diversity=much"])
def test_what_is_no_objective_is_refused(objective: str) -> None:
    """The message names those that there are."""
    with pytest.raises(SettingsError, match="no objective") as caught:
        objective_arms(_ask(objective=objective))
    assert "watch_time" in str(caught.value)


def test_pages_of_one_row_are_not_mixed() -> None:
    """Published pages have one row here, where a mixture would change nothing."""
    with pytest.raises(SettingsError, match="process"):
        simulated(_ask(objective="diversity=1", through="embedded"))


def test_equals_have_no_lift_by_any_metric(tmp_path: Path) -> None:
    """Every viewer is in each arm once: an objective of nothing is worth nothing, now and rolled out."""
    path = tmp_path / "found.json"
    size = ["--viewers", "100", "--titles", "60", "--days", "2", "--warm-up", "1"]
    asked = ["--kind", "objective", "--objective", "watch_time=0", "--metric", "completion", "--everybody"]
    assert main(["experiments", *size, *asked, "--json", str(path)]) == 0
    found = json.loads(path.read_text())
    assert set(found["truths"]) >= {"watch_minutes", "completion", "list_diversity"}
    assert {found["truth"], *found["truths"].values(), *found["everybody"].values()} == {0}


def test_the_simulator_shows_result_and_truth(capsys: pytest.CaptureFixture[str]) -> None:
    """A small A/B beside the truth, and an A/A whose truth is zero."""
    small = ["--viewers", "120", "--titles", "60", "--days", "2", "--warm-up", "1", "--json", "-"]
    assert main(["experiments", "--interleave", *small]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["result"]["viewers"] > 40
    assert isinstance(found["truth"], float)
    assert set(found["needed"]) == {"ab", "interleaving"}
    assert main(["experiments", "--kind", "aa", *small]) == 0
    assert json.loads(capsys.readouterr().out)["truth"] == 0.0
    assert main(["experiments", "--kind", "other", *small]) == 2


@pytest.mark.slow
@pytest.mark.embedded
def test_what_is_true_through_workers_is_told_by_their_lists(tmp_path: Path) -> None:
    """A worker hears of the trial: who is shown two titles at a time sees fewer pairs of them."""
    arms = (Arm(name="a", share=0.5), Arm(name="b", share=0.5, treatment=Treatment(list_length=2)))
    trial = Experiment(experiment_id="x", state=ExperimentState.RUNNING, arms=arms)
    measure = by_workers(lambda: World(3, 60, 60), tmp_path, days=1, warm_up=0)
    counts = {name: dict(zip(COUNTS, one.first, strict=True)) for name, one in measure(trial).items()}
    seen = {name: one["pairs"] / one["impressions"] for name, one in counts.items()}
    assert 0 < seen["b"] < seen["a"]


def _found(verdict: Verdict, low: float, high: float, metric: Metric, truth: float) -> SimulatedExperiment:
    lift = Lift(metric=metric, arm="b", relative=(low + high) / 2, low=low, high=high)
    about: dict[str, Any] = {"experiment_id": "x", "at_ms": 0, "viewers": 9, "arms": (), "because": ""}
    result = ExperimentResult(**about, sample_ratio_p=1.0, lifts=(lift,), verdict=verdict)
    return SimulatedExperiment(result, metric, {metric: truth}, {})


def test_a_verdict_is_right_by_the_metric_that_decides() -> None:
    """Less abandonment is a win; the bounds of another metric say nothing."""
    less = _found(Verdict.WINNER, -0.3, -0.1, Metric.ABANDONMENT, -0.25)
    assert (less.right, less.covered) == (True, True)
    more = _found(Verdict.WINNER, 0.1, 0.3, Metric.WATCH_MINUTES, -0.01)
    assert (more.right, more.covered) == (False, False)
    still = _found(Verdict.OPEN, -0.1, 0.3, Metric.WATCH_MINUTES, 0.2)
    assert (still.right, still.covered) == (None, True)
    other = structs.replace(still.result.lifts[0], metric=Metric.COMPLETION)
    silent = structs.replace(still.result, lifts=(other,))
    assert SimulatedExperiment(silent, still.metric, still.truths, {}).covered is None
