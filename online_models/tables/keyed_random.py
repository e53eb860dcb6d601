"""Draws that come out of keys alone: the same in every process, whatever else was drawn before."""

from collections.abc import Sequence

import numpy as np

from online_models.tables.hashing import mix
from online_models.tables.layout import F8, I4, U8

__all__ = ["draw_key", "name_hash", "race", "sampled"]

_MASK = (1 << 64) - 1


def race(chances: F8 | Sequence[float], arms: Sequence[str], key: int) -> int:
    """Return the index of the arm that wins a race with exponential times of these rates.

    Each arm's time is drawn from its own name and the key: an arm more or less, or another order, changes
    nothing for viewers whom it does not concern.

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
    """Return the key of a draw: 64 bits out of a seed and numbers such as keys and a day.

    Examples
    --------
    >>> draw_key(7, 1, 2) == draw_key(7, 1, 2), draw_key(7, 1, 2) == draw_key(7, 2, 1)
    (True, False)
    """
    state = int(mix(np.uint64(seed & _MASK)))
    for part in parts:
        state = int(mix(np.uint64(state ^ (int(part) & _MASK))))
    return state


def name_hash(arm: str) -> int:
    """Return the 64-bit FNV-1a hash of an arm's name.

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
    """Return 1 for a share of events, picked by the hashes of their ids: the same ones at every replay.

    Examples
    --------
    >>> sampled(np.array([1, 2**62, 2**63], np.uint64), 0.3).tolist()
    [1, 1, 0]
    """
    out: I4 = (events < np.uint64(share * float(2**64 - 2**12))).astype(np.int32)
    return out


def _uniform(key: int, arm: str) -> float:
    """Return a number in [0, 1) out of a key and a name."""
    return (int(mix(np.uint64(name_hash(arm) ^ key))) >> 11) * 2.0**-53
