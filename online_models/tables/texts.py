"""Texts of rows, end to end: the text itself and eight bytes a row, where a list of `str` takes 57."""

import json
from collections.abc import Iterator, Sequence
from typing import Final, overload

import numpy as np

from online_models.tables.growing import grown
from online_models.tables.layout import I4, I8, U1

__all__ = ["SIZE", "SIZE_BITS", "STRIDE", "ByteColumn", "TextColumn"]

STRIDE = 16
"""Bytes that kernels copy at a time: there are as many spare ones behind the last text."""
SIZE_BITS: Final = 20
"""Bits of a place for the size of the text; those above are its start."""
SIZE: Final = (1 << SIZE_BITS) - 1
"""The bits of the size, and the most bytes of a text."""
_START: Final = 1 << 10
"""Bytes that there is room for at first."""
_as_json: Final = json.JSONEncoder(ensure_ascii=False).encode


class ByteColumn:
    """Bytes of each row, none for rows without any.

    One thread writes at a time, any may read.

    Attributes
    ----------
    longest
        Most bytes that a row ever had.

    Examples
    --------
    >>> column = ByteColumn()
    >>> column.put(np.array([2, 0]), [b"ada", b"bob"])
    >>> len(column), column.find(2), column.find(1), column.longest
    (3, b'ada', b'', 3)
    >>> data, place = column.flat()
    >>> start, size = place[2] >> SIZE_BITS, place[2] & SIZE
    >>> bytes(data[start : start + size])
    b'ada'
    """

    def __init__(self) -> None:
        self.longest = 0
        self._length = self._used = self._unused = 0
        self._held: tuple[U1, I8] = np.zeros(_START, np.uint8), np.zeros(1, np.int64)

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._length

    def find(self, row: int) -> bytes:
        """Return the bytes of a row.

        Raises
        ------
        IndexError
            There is no such row.
        """
        if row < 0 or row >= self._length:
            msg = f"row {row} of {self._length}"
            raise IndexError(msg)
        data, places = self._held
        start = (place := places.item(row)) >> SIZE_BITS
        return data[start : start + (place & SIZE)].tobytes()

    def flat(self) -> tuple[U1, I8]:
        """Return the bytes of all rows, and the place of each row's: 0, or start and size.

        Rows that come later are missing; those that get other bytes keep the former ones here, or have the
        new ones.
        """
        return self._held

    def extend(self, rows: int) -> None:
        """Have at least so many rows."""
        data, places = self._held
        if rows > places.size:
            self._held = data, grown(places, rows)
        self._length = max(self._length, rows)

    def put(self, rows: I4 | I8, found: Sequence[bytes]) -> None:
        """Set the bytes of rows, each once.

        Raises
        ------
        ValueError
            Some are more than `SIZE`.
        """
        joined, sizes = b"".join(found), np.fromiter(map(len, found), np.int64, len(found))
        if (longest := int(sizes.max(initial=0))) > SIZE:
            msg = f"a text of {longest} bytes; {SIZE} at most"
            raise ValueError(msg)
        self.extend(int(rows.max(initial=-1)) + 1)
        self._make_room(len(joined))
        data, places = self._held
        data[self._used : self._used + len(joined)] = np.frombuffer(joined, np.uint8)
        starts = self._used + np.cumsum(sizes) - sizes
        self._used += len(joined)
        self._unused += int((places[rows] & SIZE).sum())
        self.longest = max(self.longest, longest)
        # Behind the bytes, and each place in one write: a reader finds the former ones or the new ones
        places[rows] = np.where(sizes > 0, starts << SIZE_BITS | sizes, 0)

    def _make_room(self, more: int) -> None:
        """Make room for so many bytes, and leave out those that no row has any more."""
        data, places = self._held
        if self._used + more + STRIDE <= data.size:
            return
        sizes = places & SIZE
        if self._unused:
            spans = zip((places >> SIZE_BITS).tolist(), sizes.tolist(), strict=True)
            used = np.frombuffer(b"".join([data[a : a + n].tobytes() for a, n in spans]), np.uint8)
            places = np.where(sizes > 0, np.cumsum(sizes) - sizes << SIZE_BITS | sizes, 0)
        else:
            # A copy: the former places stay true of the former bytes
            used, places = data[: self._used], places.copy()
        wider = np.zeros(2 * used.size + more + STRIDE, np.uint8)
        wider[: used.size] = used
        self._used, self._unused = used.size, 0
        self._held = wider, places


def _decoded(encoded: bytes | memoryview) -> str:
    r"""Return the text that JSON stands for.

    Examples
    --------
    >>> _decoded(b'"ada"'), _decoded(b'"\\""')
    ('ada', '"')
    """
    text = str(encoded, "utf-8")
    if "\\" in text:
        return str(json.loads(text))
    return text[1:-1]


class TextColumn(Sequence[str]):
    r"""A text of each row, "" for rows without one; as JSON, so that kernels copy it into JSON.

    One thread writes at a time, any may read.

    Examples
    --------
    >>> texts = TextColumn()
    >>> texts.put(np.array([2, 0]), ["ada", '"'])
    >>> list(texts), texts.find(1), texts.many(np.array([2, 1])), texts.encoded.find(0)
    (['"', '', 'ada'], None, ['ada', ''], b'"\\""')
    """

    def __init__(self) -> None:
        self.encoded = ByteColumn()

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.encoded)

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        """Return the text of a row, or those of several."""
        if isinstance(row, slice):
            return [self[n] for n in range(*row.indices(len(self)))]
        return self.find(row) or ""

    def __iter__(self) -> Iterator[str]:
        return map(self.__getitem__, range(len(self)))

    def find(self, row: int) -> str | None:
        """Return the text of a row, None if it has none.

        Raises
        ------
        IndexError
            There is no such row.
        """
        found = self.encoded.find(row)
        return _decoded(found) if found else None

    def many(self, rows: I4 | I8) -> list[str]:
        """Return the texts of rows, each in half the time of one alone; there have to be such rows."""
        data, places = self.encoded.flat()
        texts, found = data.data, places[rows]
        spans = zip((found >> SIZE_BITS).tolist(), (found & SIZE).tolist(), strict=True)
        return [_decoded(texts[start : start + size]) if size else "" for start, size in spans]

    def extend(self, rows: int) -> None:
        """Have at least so many rows."""
        self.encoded.extend(rows)

    def put(self, rows: I4 | I8, texts: Sequence[str | None]) -> None:
        """Set the texts of rows, each once; None for none.

        Raises
        ------
        ValueError
            One has more than `SIZE` bytes as JSON.
        """
        self.encoded.put(rows, [b"" if text is None else _as_json(text).encode() for text in texts])
