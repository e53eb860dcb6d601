"""Ratings for the prequential test."""

import numpy as np

from online_models.evaluation import Ratings


def uniform(viewers: int, titles: int, each: int, seed: int = 3) -> Ratings:
    """Viewers who each watch some titles, all equally likely, taking turns."""
    rng = np.random.default_rng(seed)
    watched = np.array([rng.permutation(titles)[:each] for _ in range(viewers)]).T.ravel()
    who = np.tile(np.arange(viewers), each)
    times = np.arange(len(who)) * 1000
    return Ratings.from_columns(
        [f"v{v}" for v in who], [f"t{t}" for t in watched], np.full(len(who), 5.0), times
    )
