"""Which slot of a table a viewer is in, by name: found by the name's hash, then compared."""

from collections.abc import Sequence

import numpy as np

from online_models.kernels.layout import I4, U8, Viewers
from online_models.kernels.slots import put_in, slot_of, slots_of, take_out

__all__ = ["SlotIndex"]


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
    >>> from online_models.viewers import hash_ids
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
