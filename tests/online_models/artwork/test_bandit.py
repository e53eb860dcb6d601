"""Bandits: probabilities against simulation and by hand, shares of draws, discounting and priors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.artwork.bandit import BanditConfig, Thompson, choice_probabilities
from online_models.artwork.best_arm import (
    best_arm_probabilities,
    exp_all,
    log_parts,
    new_arm_mean,
    new_scratch,
)
from online_models.tables.keyed_random import draw_key, race
from online_models.tables.layout import F8

DAY_MS = 86_400_000
QUARTER = 0.6744897501960817**2
"""Square of the normal quantile of a probability of 3/4."""


def kernel_probabilities(alpha: F8, beta: F8) -> F8:
    """Return the probabilities of the kernel."""
    out = np.empty(alpha.size)
    best_arm_probabilities(alpha, beta, new_scratch(alpha.size), out)
    return out


def reference_probabilities(alpha: F8, beta: F8) -> F8:
    """Return the same integral, at the same nodes, in numpy."""
    middle, steps = np.log(alpha / beta), np.linspace(-1.0, 1.0, 257)
    spread = 8.0 * np.sqrt(1 / alpha + 1 / alpha**2 + 1 / beta + 1 / beta**2)
    t = np.unique(middle[:, None] + spread[:, None] * steps)
    log_density = -alpha[:, None] * np.logaddexp(0.0, -t) - beta[:, None] * np.logaddexp(0.0, t)
    density = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    mass = 0.5 * (density[:, 1:] + density[:, :-1]) * np.diff(t)
    mass /= mass.sum(axis=1, keepdims=True)
    below = np.cumsum(mass, axis=1) - 0.5 * mass
    out = np.array([(mass[a] * np.delete(below, a, axis=0).prod(axis=0)).sum() for a in range(alpha.size)])
    return out / out.sum()


def reference_posteriors(cells: F8, contexts: list[int]) -> tuple[F8, F8]:
    """Return the posteriors of arms from trials and wins, with the priors of the default bandit."""
    (trials, wins), m, every = cells.sum(axis=1).T, 20.0, np.arange(len(cells))
    pooled, best = (wins.sum() + 0.1 * m) / (trials.sum() + m), trials.argmax()
    ahead = wins[best] + m * pooled
    start = new_arm_mean(ahead, trials[best] + m - ahead, m, QUARTER) if trials[best] >= m else pooled
    mean = (wins + m * np.where(every == best, pooled, start)) / (trials + m)
    mine = cells[every, contexts]
    return mine[:, 1] + m * mean, mine[:, 0] - mine[:, 1] + m * (1.0 - mean)


def test_exponentials_and_logarithms_are_exact() -> None:
    """To the last bits, as far as they count."""
    x = -np.random.default_rng(3).uniform(0, 75, 5_000)
    found, log_x, log_rest = x.copy(), x.copy(), x.copy()
    exp_all(found, x.size)
    assert np.allclose(found, np.exp(x), rtol=1e-15, atol=0)
    t = np.concatenate([x, -x, [0.0]])
    log_x, log_rest = np.empty((2, t.size))
    log_parts(t, t.size, log_x, log_rest)
    assert np.allclose(log_x, -np.logaddexp(0.0, -t), rtol=1e-15, atol=1e-30)
    assert np.allclose(log_rest, -np.logaddexp(0.0, t), rtol=1e-15, atol=1e-30)


@given(st.lists(st.tuples(st.floats(0.05, 1e4), st.floats(0.05, 1e4)), min_size=1, max_size=8))
def test_chances_are_the_integral_as_numpy_works_it_out(arms: list[tuple[float, float]]) -> None:
    """Within rounding: 1e-12, times a thousandth of the trials where there are more; equal arms are equal."""
    alpha, beta = (np.array(column) for column in zip(*arms, arms[0], strict=True))
    found, bound = kernel_probabilities(alpha, beta), 1e-12 * max(1.0, (alpha + beta).max() / 1_000)
    assert np.abs(found - reference_probabilities(alpha, beta)).max() < bound
    assert found[0] == found[-1]


def test_many_decisions_at_once_are_each_alone() -> None:
    """Titles with one to eight arms, with and without trials, each in several contexts."""
    rng, config = np.random.default_rng(8), BanditConfig()
    tried, sizes = np.zeros((8, 8, 3, 2)), np.arange(1, 9)
    tried[:6, ..., 0] = rng.integers(0, 90, (6, 8, 3))
    tried[..., 1] = np.floor(tried[..., 0] * rng.uniform(0, 0.3, (8, 8, 3)))
    tried[3:6, 2:] = 0.0
    which, contexts = rng.integers(0, 8, 60), rng.integers(0, 3, (60, 8))
    found = choice_probabilities(tried, sizes, which, contexts, config)
    assert np.allclose(found.sum(axis=1), 1.0, rtol=0, atol=1e-14)
    for n, fits, mine in zip(which.tolist(), contexts.tolist(), found, strict=True):
        bandit, arms = Thompson(config), [f"a{a}" for a in range(n + 1)]
        bandit.load(dict(zip(arms, tried[n], strict=False)), 0)
        assert np.array_equal(mine[: n + 1], bandit.probabilities(fits[: n + 1], arms, 0))
        assert not mine[n + 1 :].any()
        won = reference_probabilities(*reference_posteriors(tried[n, : n + 1], fits[: n + 1]))
        assert np.allclose(mine[: n + 1], (0.99 - 0.01 * n) * won + 0.01, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("alpha", "beta"),
    [
        ([2.0, 3.0, 1.5], [20.0, 25.0, 30.0]),
        ([0.4, 0.7], [8.0, 9.0]),
        ([3000.0, 3050.0, 12.0], [7000.0, 6950.0, 20.0]),
        ([1.0, 50.0, 2.0, 9.0], [1.0, 50.0, 5.0, 10.0]),
    ],
)
def test_chances_are_those_of_a_million_draws(alpha: list[float], beta: list[float]) -> None:
    """The integral is what sampling would find, for skewed, narrow and wide posteriors."""
    rng = np.random.default_rng(5)
    draws = rng.beta(alpha, beta, size=(400_000, len(alpha)))
    sampled = np.bincount(draws.argmax(axis=1), minlength=len(alpha)) / 400_000
    assert np.abs(kernel_probabilities(np.array(alpha), np.array(beta)) - sampled).max() < 0.004


@given(st.lists(st.tuples(st.floats(0.05, 1e5), st.floats(0.05, 1e5)), min_size=2, max_size=6))
def test_chances_are_probabilities(arms: list[tuple[float, float]]) -> None:
    """Finite, not negative, summing to one, and the same for the same arms in another order."""
    alpha, beta = (np.array(column) for column in zip(*arms, strict=True))
    probabilities = kernel_probabilities(alpha, beta)
    assert np.isfinite(probabilities).all()
    assert (probabilities >= 0).all()
    assert probabilities.sum() == pytest.approx(1.0)
    assert np.allclose(kernel_probabilities(alpha[::-1], beta[::-1])[::-1], probabilities, atol=1e-9)


def test_arms_are_drawn_as_often_as_they_should_be() -> None:
    """Over keys the shares are the probabilities; for one key the draw is always the same."""
    probabilities, arms = [0.5, 0.3, 0.2], ["a", "b", "c"]
    drawn = np.bincount([race(probabilities, arms, draw_key(1, viewer)) for viewer in range(6_000)]) / 6_000
    assert np.abs(drawn - probabilities).max() < 4 * (0.25 / 6_000) ** 0.5
    assert race(probabilities, arms, draw_key(1, 5)) == race(probabilities, arms, draw_key(1, 5))


def test_a_small_change_of_chances_moves_few_viewers() -> None:
    """With .02 moved from one arm to another, only viewers between the two change."""
    arms = ["a", "b", "c"]
    keys = [draw_key(3, viewer) for viewer in range(4_000)]
    before = [race([0.50, 0.30, 0.20], arms, key) for key in keys]
    after = [race([0.48, 0.32, 0.20], arms, key) for key in keys]
    changed = [(b, a) for b, a in zip(before, after, strict=True) if a != b]
    assert len(changed) / 4_000 < 0.04
    assert all(
        was == 0 or now == 1 for was, now in changed
    )  # they leave the one that lost, or join the one that gained


def test_the_better_arm_is_found_and_none_is_lost() -> None:
    """A closed loop: rates .2 and .1; the better one gets most of the draws, the other at least its floor."""
    bandit, rng = Thompson(BanditConfig(contexts=1)), np.random.default_rng(11)
    rates, shown = {"a": 0.1, "b": 0.2}, []
    for n in range(2_000):
        arm, propensity = bandit.choose([0, 0], ["a", "b"], n, draw_key(1, n))
        assert 0.01 <= propensity <= 0.99
        shown.append(arm)
        bandit.learn(0, arm, trials=1, wins=float(rng.random() < rates[arm]), at_ms=n)
    assert shown[-500:].count("b") > 425
    assert bandit.probabilities([0, 0], ["a", "b"], 0).min() >= 0.01


def test_it_follows_when_the_world_turns() -> None:
    """Old trials decay: after some half-lives the other arm has the higher probability."""
    bandit = Thompson(BanditConfig(contexts=1, half_life_s=86_400.0))
    bandit.learn(0, "a", trials=1_000, wins=300, at_ms=0)
    bandit.learn(0, "b", trials=1_000, wins=100, at_ms=0)
    assert bandit.probabilities([0, 0], ["a", "b"], 0)[0] > 0.98
    later = 10 * DAY_MS
    bandit.learn(0, "b", trials=300, wins=90, at_ms=later)
    bandit.learn(0, "a", trials=300, wins=30, at_ms=later)
    assert bandit.probabilities([0, 0], ["a", "b"], later)[1] > 0.98


def test_late_trials_count_what_they_have_decayed_to() -> None:
    """The order of arrival makes no difference."""
    one, other = (Thompson(BanditConfig(contexts=1, half_life_s=86_400.0)) for _ in range(2))
    first, second = {"trials": 8, "wins": 4, "at_ms": 0}, {"trials": 8, "wins": 2, "at_ms": DAY_MS}
    one.learn(0, "a", **first), one.learn(0, "a", **second)
    other.learn(0, "a", **second), other.learn(0, "a", **first)
    assert one.cells("a").tolist() == other.cells("a").tolist() == [[12.0, 4.0]]


def test_contexts_learn_apart_and_share_what_they_know() -> None:
    """An arm that wins in one context is shown there; without data, the overall rate of the arm counts."""
    bandit = Thompson(BanditConfig(contexts=3))
    for context, a, b in ((0, 100, 20), (1, 20, 100)):
        bandit.learn(context, "a", trials=400, wins=a, at_ms=0)
        bandit.learn(context, "b", trials=400, wins=b, at_ms=0)
    assert bandit.probabilities([0, 0], ["a", "b"], 0)[0] > 0.98
    assert bandit.probabilities([1, 1], ["a", "b"], 0)[1] > 0.98
    assert (
        0.25 < bandit.probabilities([2, 2], ["a", "b"], 0)[0] < 0.75
    )  # both rates are alike over all contexts


def test_a_newcomer_beats_the_established_arm_with_the_set_chance() -> None:
    """The closed form is right to a few hundredths, whatever the established arm's rate."""
    assert new_arm_mean(100.0, 900.0, 20.0, QUARTER) == pytest.approx(0.064, abs=5e-4)
    assert new_arm_mean(100.0, 900.0, 20.0, 0.0) == pytest.approx(0.1)
    for alpha, beta in ((100.0, 900.0), (300.0, 700.0), (40.0, 160.0)):
        mean = new_arm_mean(alpha, beta, 20.0, QUARTER)
        probabilities = kernel_probabilities(np.array([alpha, 20 * mean]), np.array([beta, 20 * (1 - mean)]))
        assert probabilities[1] == pytest.approx(0.25, abs=0.07)


def test_what_was_learned_can_be_taken_over() -> None:
    """The cells are the whole state."""
    one, other = Thompson(), Thompson()
    one.learn(1, "a", trials=50, wins=20, at_ms=DAY_MS)
    one.learn(2, "b", trials=50, wins=5, at_ms=DAY_MS)
    other.load({arm: one.cells(arm) for arm in one.arms}, one.at_ms)
    assert np.array_equal(
        one.probabilities([1, 2], ["a", "b"], 0), other.probabilities([1, 2], ["a", "b"], 0)
    )
