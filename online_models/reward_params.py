"""The reward's constants, as the kernels take them."""

from online_models.config import RewardConfig
from online_models.kernels.reward_layout import Reward

__all__ = ["reward_params"]

_DAY_MS = 86_400e3


def reward_params(config: RewardConfig) -> Reward:
    """Hand the reward's constants to the kernels: times in milliseconds, shares and weights as they are."""
    return Reward(
        rejection_ms=config.rejection_days * _DAY_MS,
        quick_s=config.quick_stop_s,
        quick_share=config.quick_stop_share,
        quick_weight=config.quick_stop,
        liked_share=config.liked_share,
        least=config.least,
        complete_share=config.complete_share,
        completion=config.completion_bonus,
        binge=config.binge_bonus,
        sitting_ms=config.sitting_gap_s * 1e3,
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
