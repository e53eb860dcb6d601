"""The arrays of a table of titles as they begin, and the configuration as kernels take it."""

import numpy as np

from online_models.config import WAYS, BlendConfig, ModelConfig
from online_models.tables.aligned import aligned_zeros
from online_models.tables.derived_columns import BACKOFF
from online_models.tables.feedback_layout import reward_params
from online_models.tables.layout import F4, TAGS, Params, Titles

__all__ = ["LEARNING", "empty_titles", "kernel_params", "prior_of_unwatched"]


def kernel_params(config: ModelConfig, seed: int) -> Params:
    """Return the configuration as the kernels take it."""
    f, c, b = config.factorization, config.cowatch, config.blend
    on = int(c.enabled)
    return Params(
        factors=f.factors,
        horizons=np.array(f.horizons, np.float64),
        history=f.history,
        negatives=f.negatives,
        learning_rate=f.learning_rate,
        tag_learning_rate=f.tag_learning_rate,
        viewer_learning_rate=f.viewer_learning_rate,
        taste_rejection=f.rejection * (f.negatives > 0),
        window=c.window * on,
        pair_decay=c.pair_decay,
        seeds=c.seeds * on,
        seed_decay=c.seed_decay,
        before_streak=c.before_streak,
        long_seeds=c.long_seeds * on,
        long_seed_decay=c.long_seed_decay,
        alpha=c.alpha,
        half_lives_ms=np.array(config.trending.half_lives_s, np.float64) * 1e3,
        floor=b.floor,
        blend_rate=b.rate,
        rivals=b.rivals,
        rejection=b.rejection,
        satisfaction=b.satisfaction,
        dislike=b.dislike,
        turn=b.turn,
        session_gap_ms=config.session_gap_s * 1e3,
        streak_gap_ms=c.streak_gap_s * 1e3,
        publish_drift=config.publish_drift,
        known_titles=config.known_titles,
        reward=reward_params(config.reward),
        seed=seed,
    )


START_PLACES = 16_384
"""Places of neighbours allocated at first: 128 kB. More follow before they are needed."""


LEARNING = ("acc", "tags", "share", "drift", "changed")
"""Columns that learning alone reads and writes, 53 bytes a title."""


def empty_titles(config: ModelConfig, capacity: int, *, learns: bool = True) -> Titles:
    """Allocate rows without titles; the columns of `LEARNING` have none in a table that does not learn."""
    c, h, learning = config, len(config.factorization.horizons), capacity if learns else 0
    pool = np.full(2 + c.cowatch.neighbours // WAYS, -1, np.int64)
    pool[0] = pool[-1] = 0
    return Titles(
        out=np.zeros((capacity, c.width), np.float32),
        inp=aligned_zeros((capacity, c.input_width), np.float32),
        bias=np.zeros(capacity, np.float32),
        acc=np.full((learning, 2 + h), c.factorization.initial_accumulator, np.float32),
        watches=np.zeros(capacity),
        norm=np.ones(capacity, np.float32),
        span=np.zeros(capacity, np.int64),
        nbr=aligned_zeros((START_PLACES,), np.int32),
        nbr_w=aligned_zeros((START_PLACES,), np.float32),
        pool=pool,
        trend=np.zeros((capacity, 3)),
        trend_at=np.zeros(capacity, np.int64),
        counts=np.zeros((capacity, 3), np.int64),
        active=np.zeros(capacity, np.int32),
        key=np.zeros(capacity, np.uint64),
        drift=np.zeros(learning, np.float32),
        changed=np.zeros(learning, np.uint8),
        prior=np.tile(prior_of_unwatched(c.blend), (capacity, 1)),
        totals=np.array([0.0, 0.0, 1.0, 0.0]),
        tags=np.full((learning, TAGS), -1, np.int16),
        share=np.zeros(learning, np.float32),
        tag_out=np.zeros((c.factorization.tags, c.width + 1), np.float32),
        tag_published=np.zeros((c.factorization.tags, c.width + 1), np.float32),
        tag_acc=np.full(c.factorization.tags, c.factorization.initial_accumulator, np.float32),
        size=np.zeros(5, np.int64),
    )


def prior_of_unwatched(config: BlendConfig) -> F4:
    """Return the prior of a title without watches (`Titles.prior`).

    Examples
    --------
    >>> prior_of_unwatched(BlendConfig(floor=1.0)).tolist()
    [0.0, 0.0, 1.0, 0.0]
    """
    floor = np.log(config.floor)
    return np.array([floor, floor, np.exp(-BACKOFF * floor), 0.0], np.float32)
