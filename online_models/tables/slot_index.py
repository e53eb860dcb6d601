"""Which slot of a table a viewer is in, by name: found by the name's hash, then compared."""

from collections.abc import Sequence

import numpy as np

from online_models.jit import jit, jit_inline
from online_models.tables.history import release
from online_models.tables.layout import I4, U8, Int, Viewers
from online_models.tables.packing import hash_text

__all__ = ["SlotIndex"]


# Which slot a viewer is in: an open-addressing table of slots, by the keys that the slots hold themselves.
#
# A place of the table holds a slot, -1 where it is free. A key's places begin at its lowest bits and go on one
# by one; the table's size is a power of two, at most half of it taken. Names are not compared here: who asks
# does so, and goes on with the next slot of the key where it is another name's (``slot_index``).


@jit_inline
def place_of_key(index: I4, keys: U8, key: Int, nth: int) -> np.int64:
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


class SlotIndex:
    """The hot viewers of a table, found by name.

    It holds four bytes for each of two to four places a slot, and neither names nor keys: those it reads
    where the table has them. Names of the same hash can be made in seconds, so that no hash is trusted.

    Parameters
    ----------
    ids
        Names by slot, as the table keeps them.
    keys
        Hashes of the names by slot (`hash_ids`), 0 where a slot is free.

    Examples
    --------
    >>> from online_models.tables.viewers import hash_ids
    >>> names = ["ada", "bob"]
    >>> index = SlotIndex(names, hash_ids(names))
    >>> index.find_many(["bob", "eve"], hash_ids(["bob", "eve"])).tolist(), index.find("ada")
    ([1, -1], 0)
    """

    def __init__(self, ids: list[str], keys: U8) -> None:
        self._ids, self._keys = ids, keys
        self._places: I4 = np.full(1 << (2 * keys.size).bit_length(), -1, np.int32)
        self.put(np.flatnonzero(keys).astype(np.int32))

    def find(self, name: str) -> int | None:
        """Return the slot of a name, None where it has none."""
        text, nth = name.encode(), 0
        while (slot := slot_of(self._places, self._keys, text, nth)) >= 0:
            if self._ids[slot] == name:
                return int(slot)
            nth += 1
        return None

    def find_many(self, names: Sequence[str], hashes: U8) -> I4:
        """Return the slots of names, whose hashes are told, -1 for those without one: [names]."""
        out = np.empty(len(names), np.int32)
        slots_of(self._places, self._keys, hashes, out)
        ids = self._ids
        for n, slot in enumerate(out.tolist()):
            if slot >= 0 and ids[slot] != names[n]:
                found = self.find(names[n])
                out[n] = -1 if found is None else found
        return out

    def put(self, slots: I4) -> None:
        """Take slots in that have got a name and a key."""
        put_in(self._places, self._keys, slots)

    def release(self, viewers: Viewers, slots: I4) -> None:
        """Let slots go that still have their keys, and what their viewers know of titles."""
        take_out(self._places, viewers, slots)
