"""The shapes of the reward: what is thought of a title, and the constants that say so (see ``layout``)."""

from typing import NamedTuple, Protocol

import numpy as np

from online_models.config import RewardConfig

SECOND = 1_000
"""Milliseconds in the unit of what is remembered for weeks: four bytes a time, until 2106."""
MOST_REJECTED = 2.0
"""No title is rejected more strongly than by a thumb down."""
REJECTIONS = 16
"""Rejected titles remembered per viewer: 192 bytes; who rejects more within a month keeps the strongest."""
JUDGEMENTS = 6
"""Titles per viewer whose judgement may still move: nobody has more in hand at once; 36 bytes each."""
SHOWN = 12
"""Titles per viewer whose impressions are counted: what stands in sight on the first row, and then some."""
STATED = 8
"""Tags that a viewer may state: six genres and two languages, more than onboarding screens ask for."""
WISHES = 32
"""Titles on a viewer's own list: the newest, two rows' worth; 128 bytes."""
LOVED_TITLES = 8
"""Finished titles per viewer that are worth watching again: half a row; 12 bytes each."""
BUCKETS, BINS = 16, 64
"""Buckets of duration, and bins of the share watched in each (``feedback.watch_time``)."""

JUDGEMENT = np.dtype(
    [
        ("at", "<i8"),
        ("session", "<u4"),
        ("before", "<f4"),
        ("now", "<f4"),
        ("played", "<f4"),
        ("said", "<f4"),
        ("flags", "u1"),
        ("bucket", "u1"),
        ("bin", "u1"),
        ("spare", "u1"),
    ]
)
"""What is thought of one title by now: event time of the newest word on it, ms; hash of the session that
plays it; seconds watched in former playbacks and in the newest; weight of what was done and of what was said;
flags; where the watch time stands in the histograms (bin from 1, 0 for nowhere). ``feedback.interaction_state``."""

CHOICE = np.dtype([("title", "<u4"), ("on", "<u2"), ("odds", "u1"), ("spare", "u1")])
"""What a viewer chose out of a list last: the title, the list and 1 / propensity, as in ``Viewers.shown``,
``shown_on`` and ``shown_odds``; a list of 0 is none. ``feedback.impression_counts``."""


class InteractionState(Protocol):
    """One row of ``JUDGEMENT``, as the type checker sees it; kernels write through it."""

    at: int
    session: int
    before: float
    now: float
    played: float
    said: float
    flags: int
    bucket: int
    bin: int


class RewardParams(NamedTuple):
    """The reward's constants as the kernels take them (``online_models.config.RewardConfig``)."""

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
    former: float
    unknown_s: float
    quantile_from: int
    quantile_memory: int


_DAY_MS = 86_400e3


def reward_params(config: RewardConfig) -> RewardParams:
    """Hand the reward's constants to the kernels: times in milliseconds, shares and weights as they are."""
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
        former=config.former,
        unknown_s=config.unknown_duration_s,
        quantile_from=config.quantile_from,
        quantile_memory=config.quantile_memory,
    )
