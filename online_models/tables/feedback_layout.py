"""State of a viewer's feedback as `tables.layout` holds it, and the constants of the reward for kernels."""

from typing import Protocol

import numpy as np

from online_models.config import RewardConfig
from online_models.passed_by_pointer import PassedByPointer

SECOND = 1_000
"""Milliseconds in a second, the unit of times that are kept for weeks: four bytes each, until 2106."""
MOST_REJECTED = 2.0
"""Largest weight of a rejected title: that of a thumb down."""
REJECTIONS = 16
"""Rejected titles remembered per viewer, the strongest of a month if there are more: 192 bytes."""
INTERACTIONS = 6
"""Interactions per viewer whose weight may still change: titles watched at the same time; 36 bytes each."""
SHOWN = 12
"""Titles per viewer whose impressions are counted: a little more than a screen shows of the first shelf."""
INTENTS = 6
"""Tags and titles of a viewer's search intent: what was searched for, browsed or opened in an evening."""
MOST_INTENT = 3.0
"""Bound of the weight of one of them."""
STATED_TAGS = 8
"""Tags that a viewer may state: six genres and two languages, more than an onboarding screen asks for."""
MY_LIST_SIZE = 32
"""Titles on a viewer's own list, the newest ones: enough for two shelves; 128 bytes."""
FINISHED_TITLES = 8
"""Finished titles per viewer that are worth watching again: half a shelf; 12 bytes each."""
BUCKETS, BINS = 16, 64
"""Buckets of duration, and bins of the share watched in each (``feedback.watch_time``)."""

INTERACTION = np.dtype(
    [
        ("at", "<i8"),
        ("session", "<u4"),
        ("watched_before", "<f4"),
        ("watched_now", "<f4"),
        ("implicit", "<f4"),
        ("explicit", "<f4"),
        ("flags", "u1"),
        ("bucket", "u1"),
        ("bin", "u1"),
        ("spare", "u1"),
    ]
)
"""State of one viewer's interaction with one title (``feedback.interaction_state``): event time of its newest
event, ms; hash of the session of its newest playback; seconds watched in earlier playbacks and in the newest;
implicit weight (of what the viewer did) and explicit weight (of what they said), negative for a rejection;
flags; bucket and bin of its watch time in the histograms (bin counted from 1, 0 for none)."""

CHOICE = np.dtype([("title", "<u4"), ("on", "<u2"), ("odds", "u1"), ("spare", "u1")])
"""A viewer's newest choice of a title from a list (``feedback.impression_counts``): title, list and
1 / propensity as in ``Viewers.shown``, ``shown_on`` and ``shown_odds``; list 0 for no choice."""


class InteractionState(Protocol):
    """A record of ``INTERACTION`` for the type checker; kernels write through it."""

    at: int
    session: int
    watched_before: float
    watched_now: float
    implicit: float
    explicit: float
    flags: int
    bucket: int
    bin: int


class RewardParams(PassedByPointer):
    """Constants of the reward as kernels take them (`online_models.config.RewardConfig`)."""

    rejection_ms: float
    quick_s: float
    quick_share: float
    quick_weight: float
    liked_share: float
    least: float
    complete_share: float
    completion: float
    binge: float
    rewatch: float
    searched: float
    abandoned: float
    abandon_ms: float
    ignored: float
    ignored_after: int
    neutral: float
    neutral_choice: float
    former: float
    unknown_s: float
    quantile_from: int
    quantile_memory: int
    intent_ms: float


_HOUR_MS = 3_600e3
_DAY_MS = 86_400e3


def reward_params(config: RewardConfig) -> RewardParams:
    """Return the constants of the reward as kernels take them: times in milliseconds, the rest unchanged."""
    return RewardParams(
        rejection_ms=config.rejection_days * _DAY_MS,
        quick_s=config.quick_stop_s,
        quick_share=config.quick_stop_share,
        quick_weight=config.quick_stop,
        liked_share=config.liked_share,
        least=config.least,
        complete_share=config.complete_share,
        completion=config.completion_bonus,
        binge=config.binge_bonus,
        rewatch=config.rewatch_bonus,
        searched=config.search_bonus,
        abandoned=config.abandoned,
        abandon_ms=config.abandoned_after_s * 1e3,
        ignored=config.ignored,
        ignored_after=config.ignored_after,
        neutral=config.neutral,
        neutral_choice=config.neutral_choice,
        former=config.former,
        unknown_s=config.unknown_duration_s,
        quantile_from=config.quantile_from,
        quantile_memory=config.quantile_memory,
        intent_ms=config.intent_hours * _HOUR_MS,
    )
