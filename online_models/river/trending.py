"""Watches that decay in event time, alone."""

from online_models.config import CoWatchConfig, FactorizationConfig, ModelConfig, TrendingConfig
from online_models.river.ranker import Expert, alone

__all__ = ["Trending"]


class Trending(Expert):
    r"""Decayed popularity, the same for everyone, in event time.

    .. math::

        t_j \leftarrow t_j\, 2^{-\Delta / H} + w
        \qquad \hat y_{uj} = \log\Big(\frac{t_j}{\sum_k t_k} + \frac{.05}{n}\Big)

    :math:`\Delta` is the time since the item's last positive; one that arrives late counts what it would have
    decayed to. Without ``event_time_ms`` in the context time stands still, and this is popularity.

    Parameters
    ----------
    half_life_s
        Seconds after which a positive counts half.
    viewer_slots, title_capacity
        Users and items remembered at most.
    seed
        Nothing is drawn; it is here for River's sake.

    Examples
    --------
    >>> from online_models.river import Trending
    >>> model = Trending(half_life_s=3600)
    >>> for user in ("ada", "bob", "eve"):
    ...     model.learn_one(user, "last night's", 1, {"event_time_ms": 0})
    >>> model.learn_one("ada", "this morning's", 1, {"event_time_ms": 8 * 3_600_000})
    >>> model.rank("dan", {"last night's", "this morning's"})
    ["this morning's", "last night's"]
    """

    def __init__(
        self,
        *,
        half_life_s: float = 604_800.0,
        viewer_slots: int = 200_000,
        title_capacity: int = 200_000,
        seed: int = 0,
    ) -> None:
        self.half_life_s = half_life_s
        super().__init__(viewer_slots=viewer_slots, title_capacity=title_capacity, seed=seed)

    def _config(self) -> ModelConfig:
        h = self.half_life_s
        return ModelConfig(
            factorization=FactorizationConfig(factors=1, horizons=(), history=1, negatives=0),
            cowatch=CoWatchConfig(enabled=False, window=0, seeds=0, long_seeds=0, neighbours=16),
            trending=TrendingConfig(half_lives_s=(h, h, h)),
            blend=alone(trending=1.0),
            viewer_slots=self.viewer_slots,
            title_capacity=self.title_capacity,
        )
