"""Estimates from logs: by hand, and against the truth of a made-up world."""

import numpy as np
import pytest

from online_models.bandit_estimates import ips, snips


def test_by_hand() -> None:
    """Weights 2, 0, 4: rewards 1, 1, 0."""
    chance, propensity, reward = (
        np.array([1.0, 0.0, 1.0]),
        np.array([0.5, 0.5, 0.25]),
        np.array([1.0, 1.0, 0.0]),
    )
    assert ips(chance, propensity, reward).value == pytest.approx(2 / 3)
    estimate = snips(chance, propensity, reward)
    assert estimate.value == pytest.approx(2 / 6)
    assert estimate.effective == pytest.approx(36 / 20)
    assert estimate.error == pytest.approx(((2 * 2 / 3) ** 2 + (4 / 3) ** 2) ** 0.5 / 6)


def test_a_policy_that_never_agrees_is_not_estimated() -> None:
    """Nothing is known of arms that were not shown."""
    assert np.isnan(snips(np.zeros(3), np.full(3, 0.5), np.ones(3)).value)
    assert ips(np.zeros(3), np.full(3, 0.5), np.ones(3)).value == 0.0


def test_estimates_find_the_truth_that_a_biased_log_hides() -> None:
    """The log shows arm 0 to viewers who like it; intervals hold the truth as often as they say."""
    rates = np.array([[0.30, 0.10], [0.10, 0.20]])  # kind of viewer x arm
    shown_first = np.array([0.9, 0.3])
    truth = float(rates[:, 1].mean())  # the new policy: always arm 1
    held = {ips: 0, snips: 0}
    for seed in range(200):
        rng = np.random.default_rng(seed)
        kind = rng.integers(0, 2, 2_000)
        arm = (rng.random(2_000) >= shown_first[kind]).astype(int)
        propensity = np.where(arm == 0, shown_first[kind], 1 - shown_first[kind])
        reward = (rng.random(2_000) < rates[kind, arm]).astype(float)
        naive = reward[arm == 1].mean()
        for estimate in held:
            low, high = estimate((arm == 1).astype(float), propensity, reward).interval()
            held[estimate] += low <= truth <= high
        if seed == 0:
            assert abs(naive - truth) > 0.02
    assert all(180 <= count <= 198 for count in held.values())
