"""Where a partition's viewers lie in memory, and what an empty slot holds."""

import numpy as np

from online_models.config import ModelConfig
from online_models.kernels.layout import CHUNK, RING, STATED, Viewers
from online_models.kernels.reward_layout import (
    BINS,
    BUCKETS,
    CHOICE,
    JUDGEMENT,
    JUDGEMENTS,
    LOVED_TITLES,
    REJECTIONS,
    SHOWN,
    WISHES,
)

__all__ = ["NO_LIMIT", "NUMBERS", "SHARED", "TITLES", "blank"]

NO_LIMIT = 255
NUMBERS = (
    "limit", "country", "stated", "positives", "last_at", "seq", "ring_n", "acc", "ring", "taste",
    "rejected_at", "rejected_weight", "judgement", "shown", "shown_n", "loved_at", "loved_weight", "language",
    "fresh", "shown_on", "shown_odds", "chosen",
)  # fmt: skip
"""Arrays that are packed as they are."""
TITLES = ("rejected", "judged", "wished", "loved")
"""Rows of titles, -1 for none: packed as keys, 0 for none."""
SHARED = ("chunk", "prev", "free", "pool", "watch_time", "watch_moved")
"""What is nobody's slot."""


def blank(config: ModelConfig, capacity: int, chunks: int) -> Viewers:
    """Return the arrays of so many empty slots and so many chunks of known titles, none of them free yet."""
    f = config.factorization
    return Viewers(
        taste=np.zeros((capacity, f.factors), np.float32),
        acc=np.full(capacity, f.initial_accumulator, np.float32),
        known=np.zeros(capacity, np.int32),
        positives=np.zeros(capacity, np.int64),
        tail=np.full(capacity, -1, np.int32),
        last_at=np.zeros(capacity, np.int64),
        fresh=np.zeros(capacity, np.int32),
        key=np.zeros(capacity, np.uint64),
        seq=np.zeros(capacity, np.int64),
        limit=np.full(capacity, NO_LIMIT, np.uint8),
        country=np.zeros(capacity, np.uint16),
        stated=np.zeros((capacity, STATED), np.uint64),
        ring=np.zeros((capacity, RING), np.uint64),
        ring_n=np.zeros(capacity, np.int32),
        rejected=np.full((capacity, REJECTIONS), -1, np.int32),
        rejected_at=np.zeros((capacity, REJECTIONS), np.int64),
        rejected_weight=np.zeros((capacity, REJECTIONS), np.float32),
        judged=np.full((capacity, JUDGEMENTS), -1, np.int32),
        judgement=np.zeros((capacity, JUDGEMENTS), JUDGEMENT),
        shown=np.zeros((capacity, SHOWN), np.uint32),
        shown_n=np.zeros((capacity, SHOWN), np.uint8),
        shown_on=np.zeros((capacity, SHOWN), np.uint16),
        shown_odds=np.zeros((capacity, SHOWN), np.uint8),
        chosen=np.zeros(capacity, CHOICE),
        wished=np.full((capacity, WISHES), -1, np.int32),
        loved=np.full((capacity, LOVED_TITLES), -1, np.int32),
        loved_at=np.zeros((capacity, LOVED_TITLES), np.uint32),
        loved_weight=np.zeros((capacity, LOVED_TITLES), np.float32),
        language=np.zeros(capacity, np.uint16),
        chunk=np.zeros((chunks, CHUNK), np.int32),
        prev=np.full(chunks, -1, np.int32),
        free=np.zeros(chunks, np.int32),
        pool=np.zeros(1, np.int64),
        watch_time=np.zeros((BUCKETS, BINS), np.uint16),
        watch_moved=np.zeros(1, np.uint8),
    )
