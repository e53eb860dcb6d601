"""Random numbers that depend on keys alone: the same in every process, whatever was drawn before."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from online_models.jit import jit, jit_no_alloc
from online_models.tables.hashing import mix
from online_models.tables.layout import F4, F8, I4, U8

__all__ = ["draw_key", "fill_keyed", "fill_keyed_rows", "name_hash", "race", "sampled"]

_MASK = (1 << 64) - 1


def race(chances: F8 | Sequence[float], arms: Sequence[str], key: int) -> int:
    """Return an arm drawn with these probabilities: the winner of a race of exponential times.

    Each arm's time depends on its own name and the key. So adding, removing or reordering arms changes the
    outcome only where an arm that came or went wins (the Gumbel-max trick in other words).

    Examples
    --------
    >>> race([1.0, 0.0], ["a", "b"], 7)
    0
    """
    times = [
        -np.log1p(-_uniform(key, arm)) / chance if chance > 0 else np.inf
        for chance, arm in zip(chances, arms, strict=True)
    ]
    return int(np.argmin(times))


def draw_key(seed: int, *parts: int) -> int:
    """Return the key of a draw: 64 bits derived from a seed and numbers such as keys and a day.

    Examples
    --------
    >>> draw_key(7, 1, 2) == draw_key(7, 1, 2), draw_key(7, 1, 2) == draw_key(7, 2, 1)
    (True, False)
    """
    state = int(mix(np.uint64(seed & _MASK)))
    for part in parts:
        state = int(mix(np.uint64(state ^ (int(part) & _MASK))))
    return state


@lru_cache(1 << 14)
def name_hash(arm: str) -> int:
    """Return the 64-bit FNV-1a hash of an arm's name; names of artworks recur from title to title.

    Examples
    --------
    >>> hex(name_hash("a"))
    '0xaf63dc4c8601ec8c'
    """
    state = 0xCBF29CE484222325
    for byte in arm.encode():
        state = ((state ^ byte) * 0x100000001B3) & _MASK
    return state


def sampled(events: U8, share: float) -> I4:
    """Return 1 for a share of events, selected by the hashes of their ids: the same at every replay.

    Examples
    --------
    >>> sampled(np.array([1, 2**62, 2**63], np.uint64), 0.3).tolist()
    [1, 1, 0]
    """
    out: I4 = (events < np.uint64(share * float(2**64 - 2**12))).astype(np.int32)
    return out


def _uniform(key: int, arm: str) -> float:
    """Return a number in [0, 1) derived from a key and a name."""
    return (int(mix(np.uint64(name_hash(arm) ^ key))) >> 11) * 2.0**-53


@jit
def fill_keyed(row: F4, seed: int, side: int, key: int, scale: float) -> None:
    """Fill a vector with uniform numbers of mean 0 and deviation ``scale``, from (seed, side, key) alone.

    So the vectors do not depend on the order in which titles or viewers arrive.
    """
    state = mix(np.uint64(key) ^ mix(np.uint64(seed) * np.uint64(8) + np.uint64(side)))
    width = scale * np.sqrt(12.0)  # a uniform distribution of width w has deviation w / sqrt(12)
    for f in range(row.size):
        state = mix(state)
        # the upper 53 bits as a number in [0, 1)
        row[f] = np.float32(width * (np.float64(state >> np.uint64(11)) * 2.0**-53 - 0.5))


@jit_no_alloc
def fill_keyed_rows(vectors: F4, rows: I4, seed: int, side: int, keys: U8, scale: float) -> None:
    """Fill some of the vectors [T, D], each by its key (`fill_keyed`)."""
    for j in rows:
        fill_keyed(vectors[j], seed, side, keys[j], scale)
