"""Experiments and their arms, for tests of the evidence."""

from typing import Any

import numpy as np

from schemas.experiments import Arm, Experiment, ExperimentKind, ExperimentState

ARMS = (Arm(name="control", share=0.5), Arm(name="new", share=0.5))
START = 1_700_000_000_000


def trial(**more: Any) -> Experiment:
    """Make a running experiment with two arms."""
    given = {"arms": ARMS, "starts_at_ms": START, **more}
    return Experiment(experiment_id="trial", state=ExperimentState.RUNNING, **given)


DRAFTED = {"kind": ExperimentKind.INTERLEAVE}


def sample(n: int, seed: int = 3, gain: float = 1.0) -> "np.ndarray[Any, np.dtype[np.int64]]":
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
