"""A small model for tests of judgements."""

from online_models.config import CoWatchConfig, FactorizationConfig, ModelConfig

T0 = 10**12
TINY = ModelConfig(
    factorization=FactorizationConfig(factors=1, horizons=(0.5,), history=8, negatives=1),
    cowatch=CoWatchConfig(window=4, pair_decay=0.5, seeds=2, seed_decay=0.5, neighbours=16),
)
