"""64-bit hashes: of numbers, of texts one by one and in batches, and what is derived from them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from online_models.jit import jit, jit_inline, jit_no_alloc
from online_models.tables.layout import I4, I8, U1, U8, Int


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
def fill_shards(keys: U8, shards: int, out: I4) -> None:
    """Write the shard of each title key."""
    for i in range(keys.size):
        out[i] = np.int32(mix(keys[i]) % np.uint64(shards))


@jit_inline
def hash_text(text: U1 | bytes, start: int, end: int) -> np.uint64:
    """Hash the bytes of a text, 64 bits and never 0: SplitMix64 chained over them."""
    state = np.uint64(end - start)
    for b in range(start, end):
        state = mix(state ^ np.uint64(text[b]))
    return state if state != np.uint64(0) else np.uint64(1)


@jit
def hash_texts(text: U1, sizes: I8, out: U8) -> None:
    """Hash many texts, concatenated in ``text``; ``sizes`` are their bytes."""
    start = 0
    for i in range(sizes.size):
        out[i] = hash_text(text, start, start + sizes[i])
        start += sizes[i]


def shortened(hashes: U8) -> NDArray[np.uint32]:
    """Return the upper halves of hashes, enough to tell a few thousand names apart; 0 only for 0.

    Two of 5,000 names share a half with a chance of .3 %.

    Examples
    --------
    >>> [hex(half) for half in shortened(np.array([0, 1, 0x1234567890ABCDEF], np.uint64)).tolist()]
    ['0x0', '0x1', '0x12345678']
    """
    halves = (hashes >> np.uint64(32)).astype(np.uint32)
    out: NDArray[np.uint32] = np.maximum(halves, hashes != 0, dtype=np.uint32)
    return out


def hash_ids(ids: Sequence[str]) -> U8:
    """Hash many ids to 64 bits each, never 0; independent of PYTHONHASHSEED.

    Examples
    --------
    >>> bool(hash_ids(["a"])[0] == hash_ids(["b", "a"])[1])
    True
    """
    text, out = "".join(ids).encode(), np.empty(len(ids), np.uint64)
    sizes = np.fromiter(map(len, ids), np.int64, len(ids))
    if sum(map(len, ids)) != len(text):  # some characters take several bytes
        sizes = np.fromiter((len(i.encode()) for i in ids), np.int64, len(ids))
    hash_texts(np.frombuffer(text, np.uint8), sizes, out)
    return out


def tag_keys(names: Sequence[str]) -> NDArray[np.uint32]:
    """Return the keys of tags (``kind:value``) as viewers' rows hold them: 32-bit hashes, never 0.

    Examples
    --------
    >>> tag_keys(["genre:Drama"]).tolist() == tag_keys(["genre:War", "genre:Drama"]).tolist()[1:]
    True
    """
    return shortened(hash_ids(names))
