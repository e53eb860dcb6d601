"""Small worlds for the core's tests."""

from collections.abc import Callable

import numpy as np
import pytest

from online_models.config import CoWatchConfig, FactorizationConfig, ModelConfig
from online_models.feedback.reward_function import Action
from online_models.ranking.viewer_side import EventColumns

Row = tuple[str, str]
MakeBatch = Callable[..., EventColumns]


@pytest.fixture
def tiny() -> ModelConfig:
    """Return a configuration that a hand can check: one factor, horizon and negative, pairs two deep."""
    return ModelConfig(
        factorization=FactorizationConfig(factors=1, horizons=(0.5,), history=4, negatives=1),
        cowatch=CoWatchConfig(window=2, pair_decay=0.5, seeds=2, seed_decay=0.5, alpha=0.5, neighbours=16),
    )


@pytest.fixture
def batch() -> MakeBatch:
    """Make a batch of (viewer, title) rows, positives of weight 1 a second apart unless said otherwise."""

    def make(
        *rows: Row, action: Action = Action.POSITIVE, weight: float = 1.0, at: int = 0, first: int = 0
    ) -> EventColumns:
        n = len(rows)
        events = np.arange(first, first + n, dtype=np.uint64) if first else np.zeros(n, np.uint64)
        times = [at + 1_000 * k for k in range(n)]
        return EventColumns(
            [v for v, _ in rows], [t for _, t in rows], [action] * n, [weight] * n, times, events
        )

    return make
