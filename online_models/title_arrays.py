"""The titles' arrays, fresh, and the configuration as the kernels take it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.config import BlendConfig, ModelConfig
from online_models.kernels.blend import BACKOFF
from online_models.kernels.layout import F4, I4, TAGS, Params, Titles
from online_models.reward_params import reward_params

__all__ = ["TagRows", "blank_titles", "kernel_params", "swap_tags"]


class TagRows(NamedTuple):
    """What a shard's tags have learned."""

    names: list[str]
    vectors: F4
    """[tags, D + 2] output vector, bias, AdaGrad accumulator."""


def kernel_params(config: ModelConfig, seed: int) -> Params:
    """Hand the configuration to the kernels."""
    f, c, b = config.factorization, config.cowatch, config.blend
    on = int(c.enabled)
    return Params(
        f.factors,
        np.array(f.horizons, np.float64),
        f.history,
        f.negatives,
        f.learning_rate,
        f.tag_learning_rate,
        f.viewer_learning_rate,
        f.rejection * (f.negatives > 0),
        c.window * on,
        c.pair_decay,
        c.seeds * on,
        c.seed_decay,
        c.long_seeds * on,
        c.long_seed_decay,
        c.alpha,
        np.array(config.trending.half_lives_s, np.float64) * 1e3,
        b.floor,
        b.rate,
        b.rivals,
        b.rejection,
        b.satisfaction,
        b.sitting_s * 1e3,
        config.publish_drift,
        config.known_titles,
        reward_params(config.reward),
        seed,
    )


def blank_titles(config: ModelConfig, capacity: int) -> Titles:
    """Allocate rows that no title has taken."""
    c, n, h = config, config.cowatch.neighbours, len(config.factorization.horizons)
    return Titles(
        out=np.zeros((capacity, c.width), np.float32),
        inp=np.zeros((capacity, c.input_width), np.float32),
        bias=np.zeros(capacity, np.float32),
        acc=np.full((capacity, 2 + h), c.factorization.initial_accumulator, np.float32),
        watches=np.zeros(capacity),
        norm=np.ones(capacity, np.float32),
        nbr=np.full((capacity, n), -1, np.int32),
        nbr_w=np.zeros((capacity, n), np.float32),
        trend=np.zeros((capacity, 3)),
        trend_at=np.zeros(capacity, np.int64),
        counts=np.zeros((capacity, 3), np.int64),
        active=np.zeros(capacity, np.int32),
        key=np.zeros(capacity, np.uint64),
        drift=np.zeros(capacity, np.float32),
        changed=np.zeros(capacity, np.uint8),
        prior=np.tile(unwatched(c.blend), (capacity, 1)),
        tags=np.full((capacity, TAGS), -1, np.int16),
        share=np.zeros(capacity, np.float32),
        tag_out=np.zeros((c.factorization.tags, c.width + 1), np.float32),
        tag_told=np.zeros((c.factorization.tags, c.width + 1), np.float32),
        tag_acc=np.full(c.factorization.tags, c.factorization.initial_accumulator, np.float32),
        size=np.zeros(5, np.int64),
    )


def swap_tags(titles: Titles, rows: I4, tags: NDArray[np.int16], told: NDArray[np.bool_]) -> None:
    """Give titles other tags; vectors take what these have told in place of the former ones'.

    Parameters
    ----------
    titles
        The rows.
    rows
        [n] titles, each once.
    tags
        [n, TAGS] their tags, -1 where there are no more.
    told
        [n] whether the output vector has their part already.
    """
    share = (np.maximum((tags >= 0).sum(axis=1), 1) ** -0.5).astype(np.float32)
    known = np.vstack((titles.tag_told, np.zeros_like(titles.tag_told[:1])))  # -1, no tag, is the last row
    part, former = np.zeros((2, rows.size, known.shape[1]), np.float32)
    for s in range(TAGS):
        part += known[tags[:, s]]
        former += known[titles.tags[rows, s]]
    part = share[:, None] * part - titles.share[rows][:, None] * former
    part[told] = 0.0
    titles.out[rows] += part[:, :-1]
    titles.bias[rows] += part[:, -1]
    titles.changed[rows] |= part.any(axis=1)
    titles.tags[rows], titles.share[rows] = tags, share


def unwatched(config: BlendConfig) -> F4:
    """Return the prior of a title that nobody watched (`Titles.prior`).

    Examples
    --------
    >>> unwatched(BlendConfig(floor=1.0)).tolist()
    [0.0, 0.0, 1.0, 0.0]
    """
    floor = np.log(config.floor)
    return np.array([floor, floor, np.exp(-BACKOFF * floor), 0.0], np.float32)
