"""Fragments of encoded pages, stored end to end, found under a key and named by a number."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from online_models.page.encoding import hash_rows
from online_models.tables.hash_table import KeyIndex
from online_models.tables.layout import I4, I8, U1, U8
from online_models.tables.texts import STRIDE

__all__ = ["FragmentStore", "ShelfFragments", "distinct"]

_SPARE = bytes(STRIDE)
_SPARSE = 8
"""Range of numbers per number present: above it, sorting costs less than a table of the range."""
MOST_BYTES = 2_000_000
"""Bytes of a store's texts: 20,000 headings, of which forty categories in two languages have 8,000 by their
scores of two decimals. With its key an artwork takes thrice its text."""
_START = 1 << 8
"""Keys that there is room for at first."""
K = TypeVar("K", bound=Hashable)


class _JoinedTexts:
    """Texts as the kernel takes them, end to end and by number; ``first`` have the numbers from 0 on."""

    def __init__(self, first: Sequence[bytes] = ()) -> None:
        self._first = first
        self.clear()

    def clear(self) -> None:
        """Begin anew, with the first texts alone."""
        first = self._first
        # Writable, as later arrays are: for a read-only array numba would compile the kernel again, for
        # seconds
        self._bytes: U1 = np.frombuffer(bytearray(b"".join(first) + _SPARE), np.uint8)
        self._ends = [0, *np.cumsum([len(text) for text in first]).tolist()]
        self._at: I8 = np.array(self._ends, np.int64)
        self._unjoined: list[bytes] = []
        self.longest = max(map(len, first), default=0)
        """Bytes of the longest text."""

    def clear_if_large(self) -> None:
        """Begin anew if the texts take more than `MOST_BYTES`."""
        if self._ends[-1] > MOST_BYTES:
            self.clear()

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self._ends) - 1

    def _append(self, text: bytes) -> int:
        """Append a text and return its number."""
        self._unjoined.append(text)
        self.longest = max(self.longest, len(text))
        self._ends.append(self._ends[-1] + len(text))
        return len(self) - 1

    def flat(self) -> tuple[U1, I8]:
        """Return all texts, the start of each and the end of the last."""
        if self._unjoined:
            more = np.frombuffer(b"".join(self._unjoined) + _SPARE, np.uint8)
            self._bytes, self._unjoined = np.concatenate((self._bytes[:-STRIDE], more)), []
            self._at = np.array(self._ends, np.int64)
        return self._bytes, self._at


class FragmentStore(_JoinedTexts):
    """Texts under any hashable keys, looked up one by one.

    Parameters
    ----------
    first
        Texts with the numbers from 0 on, without a key.

    Examples
    --------
    >>> texts = FragmentStore([b"a"])
    >>> texts.many(["x", "y", "x"], lambda key: key.encode() * 2)
    [1, 2, 1]
    >>> flat, at = texts.flat()
    >>> bytes(flat[at[2] : at[3]])
    b'yy'
    """

    def clear(self) -> None:
        """Begin anew, with the first texts alone."""
        super().clear()
        self._numbers: dict[object, int] = {}

    def many(self, keys: Iterable[K], make: Callable[[K], bytes]) -> list[int]:
        """Return the numbers of texts; missing texts are made."""
        numbers, out = self._numbers, []
        for key in keys:  # one at a time: a list of all keys of a batch would trigger the garbage collector
            number = numbers.get(key)
            if number is None:
                number = numbers[key] = self._append(make(key))
            out.append(number)
        return out


class ShelfFragments(_JoinedTexts):
    """Texts under rows of integers, looked up a batch at a time.

    A row is identified by 64 bits of its hash: two of 20,000 rows collide with a probability of 1e-11.

    Examples
    --------
    >>> texts = ShelfFragments([b"a"])
    >>> rows = np.array([[7, 1], [7, 2], [7, 1]], np.int32)
    >>> texts.of_rows(rows, lambda row: b"%d" % sum(row)).tolist()
    [1, 2, 1]
    """

    def clear(self) -> None:
        """Begin anew, with the first texts alone."""
        super().clear()
        self._unkeyed = len(self)
        """Texts before the first one with a key."""
        self._keys: U8 = np.zeros(_START, np.uint64)
        self._index = KeyIndex(self._keys, np.empty(0, np.int32))

    def of_rows(self, rows: I4, make: Callable[[list[int]], bytes]) -> I4:
        """Return the numbers [m] of the texts of rows [m, k]; missing texts are made."""
        keys = np.empty(len(rows), np.uint64)
        hash_rows(rows, keys)
        out = self._index.find_many(keys)
        if (missing := out < 0).any():
            unseen, at = np.unique(keys[missing], return_index=True)
            self._insert(unseen)
            for row in rows[missing][at].tolist():
                self._append(make(row))
            out = self._index.find_many(keys)
        return out + np.int32(self._unkeyed)

    def _insert(self, unseen: U8) -> None:
        """Insert the keys of the next texts; the column of keys doubles when it is full."""
        first = len(self) - self._unkeyed
        last = first + unseen.size
        if last > self._keys.size:
            grown = np.zeros(max(last, 2 * self._keys.size), np.uint64)
            grown[:first] = self._keys[:first]
            self._keys, self._index = grown, KeyIndex(grown, np.arange(first, dtype=np.int32))
        self._keys[first:last] = unseen
        self._index.insert(np.arange(first, last, dtype=np.int32))


def distinct(numbers: I4 | I8) -> tuple[I8, NDArray[Any]]:
    """Return the distinct values of non-negative numbers, ascending, and the index of each number in them.

    As `numpy.unique` with `return_inverse`, without sorting where the range is small.

    Examples
    --------
    >>> [found.tolist() for found in distinct(np.array([7, 3, 7]))]
    [[3, 7], [1, 0, 1]]
    """
    size = int(numbers.max(initial=-1)) + 1
    if size > _SPARSE * numbers.size:
        return np.unique(numbers, return_inverse=True)
    place = np.zeros(size, np.int64)
    place[numbers] = 1
    found = np.flatnonzero(place)
    place[found] = np.arange(found.size)
    return found, place[numbers]
