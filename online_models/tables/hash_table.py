"""One hash table for all: rows by 64-bit key, over a column of keys that the caller owns.

Open addressing with linear probing (Knuth, TAOCP 3, 6.4 algorithm L). The table holds row numbers alone, four
bytes for each of two to four places a row; keys are read from the caller's column, names from the caller's
list. So a lookup touches two cache lines: one of places, one of keys.
"""

from collections.abc import Sequence
from operator import ne

import numpy as np

from online_models.jit import jit, jit_inline
from online_models.tables.hashing import hash_text, mix
from online_models.tables.layout import I4, U8, Int

__all__ = ["KeyIndex", "NameIndex", "find_row", "insert_row"]


@jit_inline
def place_of(places: I4, keys: U8, key: Int, nth: int) -> np.int64:
    """Return the place of the ``nth`` row of a key, or the free place where the key's probe sequence ends."""
    # Sizes are powers of two, so that a mask takes the remainder. Keys are mixed first: those of titles are
    # even, those of choices have a title's number in their upper bits.
    mask = np.uint64(places.size - 1)
    at = mix(key) & mask
    while places[at] >= 0:  # ends: at most half of the places are taken
        if keys[places[at]] == np.uint64(key):
            if nth == 0:
                break
            nth -= 1
        at = (at + np.uint64(1)) & mask
    return np.int64(at)


@jit_inline
def find_row(places: I4, keys: U8, key: Int) -> np.int64:
    """Return the first row of a key, -1 if it has none."""
    return np.int64(places[place_of(places, keys, key, 0)])


@jit_inline
def insert_row(places: I4, keys: U8, row: Int) -> None:
    """Insert a row that is not in the table; its key stands in ``keys`` already."""
    mask = np.uint64(places.size - 1)
    at = mix(keys[row]) & mask
    while places[at] >= 0:
        at = (at + np.uint64(1)) & mask
    places[at] = row


@jit
def find_rows(places: I4, keys: U8, wanted: U8, out: I4) -> int:
    """Write the first row of each wanted key, -1 where it has none. Returns how many have none."""
    missing = 0
    for i in range(wanted.size):
        out[i] = find_row(places, keys, wanted[i])
        if out[i] < 0:
            missing += 1
    return missing


@jit
def insert_rows(places: I4, keys: U8, rows: I4) -> None:
    """Insert rows that are not in the table."""
    for i in range(rows.size):
        insert_row(places, keys, rows[i])


@jit
def remove_rows(places: I4, keys: U8, rows: I4) -> None:
    """Remove rows that still have their keys, without tombstones (Knuth, TAOCP 3, 6.4 algorithm R)."""
    mask, one = np.uint64(places.size - 1), np.uint64(1)
    for i in range(rows.size):
        row = rows[i]
        gap = mix(keys[row]) & mask
        while places[gap] != row:
            gap = (gap + one) & mask
        at = (gap + one) & mask
        while places[at] >= 0:
            # Distances are taken modulo the size, since probe sequences wrap around. A row moves into the gap
            # if its own sequence begins at the gap or before it: else nobody would look for it there.
            if (at - (mix(keys[places[at]]) & mask)) & mask >= (at - gap) & mask:
                places[gap] = places[at]
                gap = at
            at = (at + one) & mask
        places[gap] = -1


@jit
def row_of_name(places: I4, keys: U8, name: bytes, nth: int) -> np.int64:
    """Return the ``nth`` row of the key of a name, -1 where there are no more."""
    return np.int64(places[place_of(places, keys, hash_text(name, 0, len(name)), nth)])


class KeyIndex:
    """Rows by key, for keys that are unique.

    Threads may look up while one inserts: a row's key is written before its place, and a longer column of
    keys needs a new index.

    Parameters
    ----------
    keys
        [rows] the column of keys, as long as rows may ever be inserted.
    rows
        Rows that have their keys already.

    Examples
    --------
    >>> index = KeyIndex(np.array([30, 10, 0], np.uint64), np.arange(2, dtype=np.int32))
    >>> index.find_many(np.array([10, 20, 30], np.uint64)).tolist()
    [1, -1, 0]
    """

    def __init__(self, keys: U8, rows: I4) -> None:
        self._keys = keys
        self._places: I4 = np.full(1 << (2 * keys.size).bit_length(), -1, np.int32)
        self.insert(rows)

    def find_many(self, wanted: U8) -> I4:
        """Return the row of each key, -1 where it has none: [wanted]."""
        out = np.empty(wanted.size, np.int32)
        find_rows(self._places, self._keys, wanted, out)
        return out

    def insert(self, rows: I4) -> None:
        """Insert rows that are not in the index and have their keys in the column."""
        insert_rows(self._places, self._keys, rows)

    def remove(self, rows: I4) -> None:
        """Remove rows that still have their keys in the column."""
        remove_rows(self._places, self._keys, rows)


class NameIndex(KeyIndex):
    """Rows by name: found by the hash of the name, then compared.

    Names of the same hash can be made in seconds (SplitMix64 is no cryptographic hash), so that no hash is
    trusted.

    Parameters
    ----------
    names
        Names by row, as the caller keeps them.
    keys
        Hashes of the names by row (`online_models.tables.hashing.hash_ids`), 0 where a row is free.

    Examples
    --------
    >>> from online_models.tables.hashing import hash_ids
    >>> names = ["ada", "bob"]
    >>> index = NameIndex(names, hash_ids(names))
    >>> index.find_named(["bob", "eve"], hash_ids(["bob", "eve"])).tolist(), index.find("ada")
    ([1, -1], 0)
    """

    def __init__(self, names: list[str], keys: U8) -> None:
        super().__init__(keys, np.flatnonzero(keys).astype(np.int32))
        self._names = names

    def find(self, name: str) -> int | None:
        """Return the row of a name, None if it has none."""
        text, nth = name.encode(), 0
        while (row := row_of_name(self._places, self._keys, text, nth)) >= 0:
            if self._names[row] == name:
                return int(row)
            nth += 1
        return None

    def find_named(self, names: Sequence[str], hashes: U8) -> I4:
        """Return the row of each name, whose hashes the caller has, -1 where it has none: [names]."""
        out = self.find_many(hashes)
        if not self._names:
            return out
        others = map(ne, map(self._names.__getitem__, out.tolist()), names)  # where it has none, the last one
        for n in np.flatnonzero(np.fromiter(others, np.bool_, out.size) & (out >= 0)).tolist():
            found = self.find(names[n])  # another name has the same hash
            out[n] = -1 if found is None else found
        return out
