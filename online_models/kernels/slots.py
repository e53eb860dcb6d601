"""Which slot a viewer is in: an open-addressing table of slots, by the keys that the slots hold themselves.

A place of the table holds a slot, -1 where it is free. A key's places begin at its lowest bits and go on one
by one; the table's size is a power of two, at most half of it taken. Names are not compared here: who asks
does so, and goes on with the next slot of the key where it is another name's (``slot_index``).
"""

import numpy as np

from online_models.kernels.history import release
from online_models.kernels.layout import I4, U8, Viewers, inlined, jit
from online_models.kernels.pack import hash_text


@inlined
def place_of_key(index: I4, keys: U8, key: int, nth: int) -> np.int64:
    """Return the place of the ``nth`` slot of a key, or the free one where its places end."""
    mask = np.uint64(index.size - 1)
    at = np.uint64(key) & mask
    while index[at] >= 0:
        if keys[index[at]] == np.uint64(key):
            if nth == 0:
                break
            nth -= 1
        at = (at + np.uint64(1)) & mask
    return np.int64(at)


@jit
def slot_of(index: I4, keys: U8, name: bytes, nth: int) -> np.int64:
    """Return the ``nth`` slot of a name's key, -1 where there are no more."""
    return np.int64(index[place_of_key(index, keys, hash_text(name, 0, len(name)), nth)])


@jit
def slots_of(index: I4, keys: U8, wanted: U8, out: I4) -> None:
    """Write the first slot of each key, -1 where there is none."""
    for i in range(wanted.size):
        out[i] = index[place_of_key(index, keys, wanted[i], 0)]


@jit
def put_in(index: I4, keys: U8, slots: I4) -> None:
    """Put slots that hold their keys, and are not in the table, into it."""
    mask = np.uint64(index.size - 1)
    for s in slots:
        at = keys[s] & mask
        while index[at] >= 0:
            at = (at + np.uint64(1)) & mask
        index[at] = s


@jit
def take_out(index: I4, viewers: Viewers, slots: I4) -> None:
    """Take slots that still hold their keys out of the table, and give their known titles' chunks back.

    What stands behind a gap and began before it moves up (Knuth, TAOCP 3, 6.4 algorithm R).
    """
    keys, mask = viewers.key, np.uint64(index.size - 1)
    one = np.uint64(1)
    for s in slots:
        release(viewers, s)
        gap = keys[s] & mask
        while index[gap] != s:
            gap = (gap + one) & mask
        at = (gap + one) & mask
        while index[at] >= 0:
            if (at - (keys[index[at]] & mask)) & mask >= (at - gap) & mask:
                index[gap] = index[at]
                gap = at
            at = (at + one) & mask
        index[gap] = -1
