"""Keyed randomness and the map from a title's key to its row."""

import numpy as np

from online_models.jit import jit, jit_no_alloc
from online_models.tables.layout import F4, I4, U8, Int


@jit_no_alloc
def mix(state: Int) -> np.uint64:
    """Take a step of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): 64 bits that all look random.

    Examples
    --------
    >>> hex(mix(np.uint64(0)))
    '0xe220a8397b1dcdaf'
    """
    z = np.uint64(state) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@jit_no_alloc
def below(state: Int, n: Int) -> np.int64:
    """Return a number in 0..n-1 from the state's upper half (Lemire's multiplication; bias < n / 2**32)."""
    return np.int64(((np.uint64(state) >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32))


@jit
def fill_keyed(row: F4, seed: int, side: int, key: int, scale: float) -> None:
    """Fill a vector with uniform numbers of mean 0 and deviation ``scale``, from (seed, side, key) alone.

    The order in which titles or viewers arrive leaves no trace in their vectors.
    """
    state = mix(np.uint64(key) ^ mix(np.uint64(seed) * np.uint64(8) + np.uint64(side)))
    width = scale * np.sqrt(12.0)
    for f in range(row.size):
        state = mix(state)
        row[f] = np.float32(width * (np.float64(state >> np.uint64(11)) * 2.0**-53 - 0.5))


@jit
def find(keys: U8, values: I4, key: Int) -> np.int64:
    """Return the value under a key in an open-addressing table (0 = empty key), or -1."""
    at = np.int64(mix(key) & np.uint64(keys.size - 1))
    while keys[at] != np.uint64(0):
        if keys[at] == np.uint64(key):
            return np.int64(values[at])
        at = (at + 1) & (keys.size - 1)
    return np.int64(-1)


@jit
def insert(keys: U8, values: I4, key: int, value: int) -> None:
    """Put a new key into the table; the caller keeps it at most half full and the key non-zero."""
    at = np.int64(mix(key) & np.uint64(keys.size - 1))
    while keys[at] != np.uint64(0):
        at = (at + 1) & (keys.size - 1)
    keys[at] = np.uint64(key)
    values[at] = value


@jit
def find_many(keys: U8, values: I4, wanted: U8, out: I4) -> int:
    """Look up many keys; -1 where unknown. Returns how many are unknown."""
    missing = 0
    for i in range(wanted.size):
        out[i] = find(keys, values, wanted[i])
        if out[i] < 0:
            missing += 1
    return missing


@jit
def insert_many(keys: U8, values: I4, wanted: U8, first: int) -> None:
    """Insert keys, each with the next value from ``first`` on."""
    for i in range(wanted.size):
        insert(keys, values, wanted[i], first + i)


@jit
def fill_shards(keys: U8, shards: int, out: I4) -> None:
    """Write the shard of each key."""
    for i in range(keys.size):
        out[i] = np.int32(mix(keys[i]) % np.uint64(shards))
