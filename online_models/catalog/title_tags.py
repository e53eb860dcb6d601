"""Tags of titles from the catalog, as numbers: growing compressed sparse rows (CSR)."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from sys import intern
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from online_models.tables.layout import DAY_MS, I4, TagColumns
from online_models.tables.numbering import Numbering
from schemas import Title

__all__ = ["DECADE", "TitleTags", "labels_of", "year_of"]

DECADE = "decade"
"""Kind of the tag derived from a title's first release."""


def labels_of(title: Title) -> list[str]:
    """Return a title's tags as ``kind:value``, the decade of its first release last, each once.

    Examples
    --------
    >>> from schemas import Tags
    >>> labels_of(Title(title_id="t", tags=Tags(genre=("Drama",)), release_ms=-1))
    ['genre:Drama', 'decade:1960s']
    """
    labels = title.tag_labels()
    if title.release_ms is not None:
        labels.append(intern(f"{DECADE}:{_released(title.release_ms) // 10 * 10}s"))
    return list(dict.fromkeys(labels))


def year_of(title: Title) -> list[str]:
    """Return the year of a title's first release as a tag: used to learn by, too fine to name a shelf.

    Examples
    --------
    >>> year_of(Title(title_id="t", release_ms=-1)), year_of(Title(title_id="t"))
    (['year:1969'], [])
    """
    return [] if title.release_ms is None else [intern(f"year:{_released(title.release_ms)}")]


def _released(release_ms: int) -> int:
    """Return the year of a time."""
    return _year_of(release_ms // DAY_MS)


@lru_cache(1 << 15)
def _year_of(day: int) -> int:
    """Return the year of a day since 1970: films of a century are released on fewer days than are kept."""
    return int(np.datetime64(day, "D").astype("datetime64[Y]").astype(int)) + 1970


class TitleTags:
    """Tags of every row of a table of titles: 6 bytes a title, and 4 for each of its tags.

    Examples
    --------
    >>> tags = TitleTags()
    >>> tags.put(2, ["genre:Drama", "genre:Crime"])
    >>> tags.put(0, ["genre:Crime"])
    >>> indptr, ids = tags.of(np.array([0, 1, 2]))
    >>> indptr.tolist(), [tags.names[t] for t in ids]
    ([0, 1, 1, 3], ['genre:Crime', 'genre:Drama', 'genre:Crime'])
    """

    def __init__(self) -> None:
        self._numbering = Numbering()
        self._start: I4 = np.zeros(0, np.int32)
        self._length: NDArray[np.uint16] = np.zeros(0, np.uint16)
        self._pool: I4 = np.zeros(0, np.int32)
        self._used = 0  # of the pool; replaced entries stay until it is full

    @property
    def names(self) -> list[str]:
        """Tags by number, as ``kind:value``, in the order of their first use."""
        return self._numbering.names

    @property
    def reused(self) -> int:
        """How often a number of a tag that no title has any more became another's."""
        return self._numbering.reused

    def put(self, row: int, labels: Sequence[str]) -> None:
        """Apply the tags of a row's title (`labels_of`) as its newest record has them."""
        start, length = self._span(row)
        former: list[int] = self._pool[start : start + length].tolist() if length else []
        ids = self._numbering.replace(former, labels)
        if former == ids:
            return
        self._reserve(row + 1, self._used + len(ids))
        self._start[row], self._length[row] = self._used, len(ids)
        self._pool[self._used : self._used + len(ids)] = ids
        self._used += len(ids)

    def of(self, rows: NDArray[Any]) -> tuple[I4, I4]:
        """Return the tags of rows: those of ``rows[n]`` are ``ids[indptr[n] : indptr[n + 1]]``.

        Returns
        -------
        indptr
            [n + 1]
        ids
            [number of their tags] indices of :attr:`names`, in the order of each title's record.
        """
        rows = np.asarray(rows, np.int64)
        known = (rows >= 0) & (rows < self._start.size)
        start, length = np.zeros(rows.size, np.int64), np.zeros(rows.size, np.int64)
        start[known], length[known] = self._start[rows[known]], self._length[rows[known]]
        indptr = np.zeros(rows.size + 1, np.int32)
        np.cumsum(length, out=indptr[1:])
        at = np.repeat(start - indptr[:-1], length) + np.arange(indptr[-1])
        return indptr, self._pool[at]

    def columns(self) -> TagColumns:
        """Return the arrays themselves. Another thread may write: do not read past the pool's end."""
        return TagColumns(self._start, self._length, self._pool)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return names and arrays for :meth:`from_state`."""
        indptr, ids = self.of(np.arange(self._start.size))
        return {"tag_names": self.names}, {"tag_indptr": indptr, "tag_ids": ids}

    @classmethod
    def from_state(cls, facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Return the tags of a state; none if it was stored without tags."""
        out = cls()
        if "tag_indptr" in arrays:
            out._fill(arrays["tag_indptr"], arrays["tag_ids"])
            out._numbering = Numbering.of(facts["tag_names"], out._pool)
        return out

    def _span(self, row: int) -> tuple[int, int]:
        return (int(self._start[row]), int(self._length[row])) if row < self._start.size else (0, 0)

    def _fill(self, indptr: NDArray[Any], ids: NDArray[Any]) -> None:
        self._start = indptr[:-1].astype(np.int32)
        self._length = np.diff(indptr).astype(np.uint16)
        self._pool, self._used = ids.astype(np.int32), ids.size

    def _reserve(self, rows: int, used: int) -> None:
        """Make room; drops replaced entries before it allocates more."""
        more = max(rows, 2 * self._start.size) - self._start.size if rows > self._start.size else 0
        self._start = np.concatenate((self._start, np.zeros(more, np.int32))) if more else self._start
        self._length = np.concatenate((self._length, np.zeros(more, np.uint16))) if more else self._length
        if used > self._pool.size:
            wanted = used - self._used
            self._fill(*self.of(np.arange(self._start.size)))
            self._pool = np.concatenate((self._pool, np.zeros(self._used + wanted, np.int32)))
