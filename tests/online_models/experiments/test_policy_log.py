"""Policies by country, judged on an experiment's viewers; the experiment in the closed loop."""

import numpy as np
import pytest

from online_models.experiments.exposure import Exposure, ViewerTally
from online_models.experiments.off_policy import evaluate, policy_log
from online_models.ranking.shared_scores import treated_weights
from online_models.simulation import World
from online_models.simulation.closed_loop import run_closed_loop
from schemas.experiment_results import Verdict
from schemas.experiments import Arm, Experiment, ExperimentState, Ranking, Rule, Treatment
from tests.simulations.ab_test import AbTestPolicy, InterleavedPolicy, viewers_needed

POPULAR = Treatment(ranking=Ranking.POPULARITY)
ARMS = (Arm(name="popular", share=0.5, treatment=POPULAR), Arm(name="blend", share=0.5))
RULE = Rule(min_days=0.0, min_viewers=20)
TRIAL = Experiment(experiment_id="x", state=ExperimentState.RUNNING, arms=ARMS, salt="s", rule=RULE)


def _parts(n: int = 2_000) -> list[ViewerTally]:
    """Make viewers: in India the blend is watched 30 minutes longer, elsewhere 20 less."""
    chance = np.random.default_rng(6)
    out = []
    for _ in range(n):
        country, arm = str(chance.choice(["IN", "DE"])), str(chance.choice(["popular", "blend"]))
        before = int(chance.exponential(6_000))
        gain = {"IN": 30, "DE": -20}[country] if arm == "blend" else 0
        seconds = before + 60 * (60 + gain)
        out.append(
            ViewerTally(
                0, country=country, exposures={"x": Exposure(arm, 0, [1, 0, 0, seconds, 0, 0, 0, before])}
            )
        )
    return out


def test_a_policy_by_country_is_judged_without_running_it() -> None:
    """The best of both gains 15 minutes over popularity: every interval says so, DR's is narrow."""
    parts = _parts()
    past = float(np.mean([part.exposures["x"].counts[-1] for part in parts])) / 60
    found = evaluate(policy_log(TRIAL, parts, {"IN": "blend", "*": "popular"}))
    for name in ("replay", "ips", "snips", "dr"):
        assert found[name].low <= past + 60 + 15 <= found[name].high
    widths = {name: one.high - one.low for name, one in found.items()}
    assert widths["dr"] < 0.6 * widths["ips"]


def test_a_policy_has_to_fit_the_experiment() -> None:
    """An arm that is none, nobody named for the rest, nobody exposed."""
    for policy, why in (({"*": "best"}, "no arm best"), ({"IN": "blend"}, "all other countries")):
        with pytest.raises(ValueError, match=why):
            policy_log(TRIAL, _parts(5), policy)
    with pytest.raises(ValueError, match="no viewer was exposed"):
        policy_log(TRIAL, [ViewerTally(0)], {"*": "blend"})


def test_a_treatment_changes_ranking_and_nothing_else() -> None:
    """Weights under a treatment are a copy: what was learned stays."""
    learned = np.array([[0.6, 0.5, 0.1, 0.2, 0.4]])
    assert treated_weights(learned, Treatment()).tolist() == learned.tolist()
    treated_weights(learned, POPULAR)[:] = 7
    assert learned[0, 0] == 0.6


def _run(policy: AbTestPolicy, world: World) -> AbTestPolicy:
    run_closed_loop("x", world, policy, days=2, warm_up=1)
    return policy


def test_arms_get_their_lists_in_the_closed_loop() -> None:
    """Popularity's viewers share titles, but for what they know; the blend's differ; all are counted."""
    world = World(seed=2, viewers=150, titles=80)
    policy = _run(AbTestPolicy(world, TRIAL), world)
    names = [f"viewer-{n:07d}" for n in range(40)]
    at_ms = world.event_ms(world.now_s)
    popular = policy.ranked(names, at_ms, POPULAR)[:, :5]
    blend = policy.ranked(names, at_ms, Treatment())[:, :5]
    assert len(np.unique(popular)) < len(np.unique(blend))
    assert (policy.ranked(names, at_ms, Treatment(list_length=3))[:, 3:] == -1).all()
    found = policy.counter.result("x")
    assert found.viewers > 40
    assert sum(arm.impressions for arm in found.arms) > 10 * found.viewers / 2
    assert found.verdict is not Verdict.SAMPLE_RATIO


def test_a_broken_split_is_caught_in_the_closed_loop() -> None:
    """Impressions of nearly all of one arm's viewers are lost: nothing may be read."""
    world = World(seed=2, viewers=200, titles=60)
    policy = _run(AbTestPolicy(world, TRIAL, lost=0.95), world)
    assert policy.counter.result("x").verdict is Verdict.SAMPLE_RATIO


def test_interleaving_credits_both_teams() -> None:
    """Viewers watch of both rankings out of one list, and fewer of them decide."""
    world = World(seed=2, viewers=150, titles=80)
    policy = _run(InterleavedPolicy(world, TRIAL), world)
    assert isinstance(policy, InterleavedPolicy)
    credit = policy.preferences()
    assert sum(new > 0 for new, _ in credit) > 10
    assert sum(control > 0 for _, control in credit) > 10
    needed = viewers_needed(TRIAL, policy.counter.parts.values(), [(2.0, 1.0), (1.0, 0.0)] * 200)
    assert needed["interleaving"] == 100
