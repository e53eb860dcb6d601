"""Viewers' known titles, out of the pool of chunks and back."""

import numpy as np

from online_models.jit import jit, jit_inline
from online_models.tables.hashing import mix
from online_models.tables.history import append
from online_models.tables.layout import CHUNK, I4, I8, U1, U8, Viewers


@jit
def gather_known(viewers: Viewers, keys: U8, slots: I4, starts: I8, out: U8) -> None:
    """Write each viewer's known titles as keys, oldest first, from ``starts[q]`` on.

    The lowest bit of a key marks the unliked.
    """
    for q in range(slots.size):
        v = slots[q]
        at = starts[q] + viewers.known[v]
        c = viewers.tail[v]
        used = (viewers.known[v] - 1) % CHUNK + 1
        while c >= 0:
            for s in range(used - 1, -1, -1):
                t = viewers.chunk[c, s]
                at -= 1
                out[at] = keys[t] if t >= 0 else keys[~t] | np.uint64(1)
            c = viewers.prev[c]
            used = CHUNK


@jit
def restore_known(viewers: Viewers, slots: I4, starts: I8, rows: I4, unliked: U1) -> None:
    """Append known titles, oldest first, to empty slots; titles without a row (-1) are left out."""
    for q in range(slots.size):
        for at in range(starts[q], starts[q + 1]):
            if rows[at] >= 0:
                append(viewers, slots[q], ~rows[at] if unliked[at] else rows[at], np.int64(1 << 30))


@jit_inline
def hash_text(text: U1 | bytes, start: int, end: int) -> np.uint64:
    """Hash the bytes of a text, 64 bits and never 0: SplitMix64 chained over them."""
    state = np.uint64(end - start)
    for b in range(start, end):
        state = mix(state ^ np.uint64(text[b]))
    return state if state != np.uint64(0) else np.uint64(1)


@jit
def hash_texts(text: U1, ends: I8, out: U8) -> None:
    """Hash many texts that lie end to end."""
    start = 0
    for i in range(ends.size):
        out[i] = hash_text(text, start, ends[i])
        start = ends[i]


@jit
def murmur2_texts(text: U1, ends: I8, out: U8) -> None:
    """Hash many texts that lie end to end as ``schemas.partitioner.murmur2`` does: 32 bits each."""
    multiplier, mask, start = np.uint64(0x5BD1E995), np.uint64(0xFFFFFFFF), np.int64(0)
    for i in range(ends.size):
        n = ends[i] - start
        h, whole = np.uint64(0x9747B28C) ^ np.uint64(n), start + (n & ~3)
        for at in range(start, whole, 4):
            k = np.uint64(0)
            for b in range(3, -1, -1):
                k = (k << np.uint64(8)) | np.uint64(text[at + b])
            k = (k * multiplier) & mask
            k = ((k ^ (k >> np.uint64(24))) * multiplier) & mask
            h = ((h * multiplier) & mask) ^ k
        if whole < ends[i]:
            for b in range(whole, ends[i]):
                h ^= np.uint64(text[b]) << np.uint64(8 * (b - whole))
            h = (h * multiplier) & mask
        h = ((h ^ (h >> np.uint64(13))) * multiplier) & mask
        out[i], start = h ^ (h >> np.uint64(15)), ends[i]
