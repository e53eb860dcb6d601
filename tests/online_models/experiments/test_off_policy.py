"""Off-policy estimates: by hand, against obp, and against a truth that is known."""

from typing import Any

import numpy as np
import pytest

from online_models.experiments.off_policy import PolicyLog, evaluate

OBP = {
    "ips": 0.5398740730024588,
    "clipped": 0.4332608156304062,
    "snips": 0.5275414283025227,
    "dr": 0.5082795000557593,
    "replay": 0.5106382978723404,
}
"""What `obp.ope.estimators` of obp 0.5.7 says of `_log()`, clipped at 5. Computed once: obp refuses Python
3.11 and needs torch, so it cannot run here."""


def _log(n: int = 400, k: int = 4, seed: int = 11) -> tuple[Any, ...]:
    """Make a log of k actions: probabilities, actions, rewards, another policy's probabilities, a model."""
    chance = np.random.default_rng(seed)
    logits = chance.normal(0, 1, (n, k))
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    upper = p.cumsum(1)
    action = (upper <= chance.random(n)[:, None] * upper[:, -1:]).sum(1)
    truth = 1 / (1 + np.exp(-(chance.normal(0, 1, (n, k)))))
    reward = (chance.random(n) < truth[np.arange(n), action]).astype(float)
    target = np.exp(2 * chance.normal(0, 1, (n, k)))
    target /= target.sum(1, keepdims=True)
    model = np.clip(truth + chance.normal(0, 0.2, (n, k)), 0, 1)
    return p, action, reward, target, model, truth


def test_estimates_are_those_of_obp() -> None:
    """Five estimators, one log, two programs: the same numbers."""
    p, action, reward, target, model, _ = _log()
    at = np.arange(len(action)), action
    found = evaluate(
        PolicyLog(reward, p[at], target[at], predicted=model[at], expected=(target * model).sum(1)), clip=5.0
    )
    best = (target == target.max(1, keepdims=True)).astype(float)
    replayed = evaluate(PolicyLog(reward, p[at], best[at]))["replay"]
    values = {name: one.value for name, one in found.items()} | {"replay": replayed.value}
    assert values == pytest.approx(OBP, rel=1e-12)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Over 300 logs of 400 decisions 95 % intervals hold the policy's true value in 90 to 99 %."""
    held = dict.fromkeys(("ips", "snips", "dr"), 0)
    for seed in range(300):
        p, action, reward, target, model, truth = _log(n=400, seed=seed)
        target = (p + target) / 2
        at = np.arange(len(action)), action
        true = float((target * truth).sum(1).mean())
        found = evaluate(
            PolicyLog(reward, p[at], target[at], predicted=model[at], expected=(target * model).sum(1))
        )
        for name in held:
            held[name] += found[name].low <= true <= found[name].high
    assert all(0.90 <= count / 300 <= 0.99 for count in held.values()), held


def test_a_perfect_model_leaves_only_what_the_actions_vary() -> None:
    """With the right model the doubly robust estimate is right whatever the propensities were said to be."""
    _, action, _, target, _, truth = _log()
    at = np.arange(len(action)), action
    wrong = np.full(len(action), 0.5)
    found = evaluate(
        PolicyLog(truth[at], wrong, target[at], predicted=truth[at], expected=(target * truth).sum(1))
    )
    assert found["dr"].value == pytest.approx((target * truth).sum(1).mean())


def test_decisions_of_one_viewer_count_as_one() -> None:
    """Every decision written down four times: the interval stays as it was, if the viewers are told."""
    p, action, reward, target, *_ = _log(100)
    at = np.arange(100), action
    once = evaluate(PolicyLog(reward, p[at], target[at]))["ips"]
    four = [np.repeat(column, 4) for column in (reward, p[at], target[at])]
    blind, told = (
        evaluate(PolicyLog(*four))["ips"],
        evaluate(PolicyLog(*four, clusters=np.repeat(np.arange(100), 4)))["ips"],
    )
    assert told.value == pytest.approx(once.value)
    assert told.high - told.low == pytest.approx(once.high - once.low)
    assert blind.high - blind.low == pytest.approx((once.high - once.low) / 2)


def test_a_log_that_cannot_be_read_is_refused() -> None:
    """A propensity of 0 or above 1, a reward that is not finite, or no decision at all."""
    for log in (
        PolicyLog([1], [0], [1]),
        PolicyLog([1], [1.5], [1]),
        PolicyLog([np.nan], [1], [1]),
        PolicyLog([], [], []),
    ):
        with pytest.raises(ValueError, match="a log needs decisions"):
            evaluate(log)
    assert "replay" not in evaluate(PolicyLog([1.0], [0.5], [0.4]))
