"""Objectives: what lists are ranked for varies by arm, what is learned does not."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.page.config import PageConfig, treated_page
from online_models.ranking.objectives import objective
from online_models.recommender import Recommender
from online_models.simulation import World
from online_models.simulation.closed_loop import run_closed_loop
from schemas import Stop, Title
from schemas.experiments import Arm, Experiment, ExperimentState, Treatment
from tests.simulations.ab_test import AbTestPolicy

T0 = 1_700_000_000_000


def _model() -> Recommender:
    """Return a model of a short, a long and an unmeasured title, each watched by the same five."""
    model = Recommender(seed=1)
    for name, minutes in (("short", 30), ("long", 120), ("unknown", None)):
        model.catalog.put(Title(title_id=name, duration_s=60.0 * minutes if minutes else None))
        for v in range(5):
            about = {"event_id": f"{name}{v}", "viewer_id": f"v{v}", "event_time_ms": T0 + v}
            model.learn_one(
                Stop(**about, title_id=name, watched_s=1_800.0, position_s=1_800.0, duration_s=1_800.0)
            )
    return model


MODEL = _model()


def _added(model: Recommender, **more: float) -> dict[str, float]:
    out = objective(model.titles.arrays, model.catalog, Treatment(**more), len(model.titles))
    assert out is not None
    return dict(zip(model.titles.ids, out.tolist(), strict=False))


def test_without_an_objective_nothing_is_added() -> None:
    """Absent or zero exponents, and whatever else an arm varies."""
    model = _model()
    for how in (Treatment(), Treatment(watch_time=0.0), Treatment(trending=2.0, diversity=1.0)):
        assert objective(model.titles.arrays, model.catalog, how, 3) is None


@given(st.floats(-4, 4).filter(lambda a: abs(a) > 0.01))
def test_length_counts_by_its_exponent(exponent: float) -> None:
    """Four times as long is worth four to the exponent; of no length is worth a middling one."""
    added = _added(MODEL, watch_time=exponent)
    assert added["long"] - added["short"] == pytest.approx(exponent * np.log(4), rel=1e-4)
    assert added["unknown"] == 0


def test_feedback_counts_by_its_exponents() -> None:
    """Liked titles above less liked ones, rejected ones below both; little feedback moves little."""
    model = _model()
    a = model.titles.arrays
    a.counts[:3, 0], a.counts[:3, 1], a.watches[:3] = (400, 400, 4), (0, 400, 0), (400.0, 100.0, 1.0)
    kept, enjoyed = _added(model, satisfaction=1.0), _added(model, completion=1.0)
    assert kept["short"] > 0 > kept["long"]
    assert enjoyed["short"] > 0 > enjoyed["long"]
    assert enjoyed["long"] < enjoyed["unknown"]
    assert abs(kept["unknown"]) < abs(kept["short"])


def test_an_arm_ranks_for_it_and_learning_is_untouched() -> None:
    """Under the objective the long title leads; the counters and weights are what they were."""
    model = _model()
    side = model.viewers
    slots = side.viewers.acquire(["unknown"])
    weights, watches = side.blending.weights.copy(), model.titles.arrays.watches.copy()
    with side.blending.under(Treatment(watch_time=2.0)):
        ranked = [model.titles.ids[t] for t in side.rank(slots, T0 + 9, 3).title[0].tolist()]
    assert ranked == ["long", "unknown", "short"]
    assert (side.blending.weights == weights).all()
    assert (model.titles.arrays.watches == watches).all()


def test_an_arm_has_its_own_calibration_and_variety() -> None:
    """The arm decides where it has a value, else the worker."""
    config = PageConfig(calibration=0.3, variety=0.5)
    assert treated_page(config, Treatment()) == config
    assert treated_page(config, Treatment(calibration=0.0)) == replace(config, calibration=0.0)
    assert treated_page(config, Treatment(diversity=0.0)) == replace(config, variety=0.0)


def test_mixed_top_picks_are_lists_too() -> None:
    """In the closed loop an arm with another mixture has lists as long, of the same viewers' titles."""
    mixed = Treatment(diversity=4.0)
    arms = (Arm(name="plain", share=0.5), Arm(name="mixed", share=0.5, treatment=mixed))
    trial = Experiment(experiment_id="x", state=ExperimentState.RUNNING, arms=arms)
    world = World(seed=2, viewers=100, titles=80)
    policy = AbTestPolicy(world, trial)
    run_closed_loop("x", world, policy, days=2, warm_up=1)
    names, at_ms = [f"viewer-{n:07d}" for n in range(20)], world.event_ms(world.now_s)
    plain, mixture = (policy.ranked(names, at_ms, how) for how in (Treatment(diversity=0.0), mixed))
    assert ((plain >= 0).sum(axis=1) == (mixture >= 0).sum(axis=1)).all()
    assert (plain != mixture).any()
