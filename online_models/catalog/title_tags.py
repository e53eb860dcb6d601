"""Tags of titles from the catalog, as numbers: growing compressed sparse rows (CSR)."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain, pairwise
from sys import intern
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from online_models.tables.growing import grown
from online_models.tables.layout import DAY_MS, I4, TagColumns
from online_models.tables.numbering import Numbering, spans_of
from schemas import Title

__all__ = ["DECADE", "NO_YEAR", "TitleTags", "labels_of", "year_label", "year_of"]

DECADE = "decade"
"""Kind of the tag derived from a title's first release."""
NO_YEAR = int(np.iinfo(np.int32).min)
"""Year of a first release that is not known."""


def labels_of(title: Title) -> list[str]:
    """Return a title's tags as ``kind:value``, the decade of its first release last, each once.

    Examples
    --------
    >>> from schemas import Tags
    >>> labels_of(Title(title_id="t", tags=Tags(genre=("Drama",)), release_ms=-1))
    ['genre:Drama', 'decade:1960s']
    """
    labels = title.tag_labels()
    if len(set(labels)) < len(labels):
        labels = list(dict.fromkeys(labels))
    if title.release_ms is not None:
        labels.append(_decade_label(year_of(title)))
    return labels


def year_of(title: Title) -> int:
    """Return the year of a title's first release, `NO_YEAR` if it is not known.

    Examples
    --------
    >>> year_of(Title(title_id="t", release_ms=-1)), year_of(Title(title_id="t")) == NO_YEAR
    (1969, True)
    """
    return NO_YEAR if title.release_ms is None else _year_of_day(title.release_ms // DAY_MS)


@lru_cache(1 << 15)
def _year_of_day(day: int) -> int:
    """Return the year of a day since 1970: films of a century are of fewer days than are kept."""
    return int(np.datetime64(day, "D").astype("datetime64[Y]").astype(int)) + 1970


@lru_cache(1 << 10)
def _decade_label(year: int) -> str:
    return intern(f"{DECADE}:{year // 10 * 10}s")


@lru_cache(1 << 10)
def year_label(year: int) -> tuple[str, ...]:
    """Return the tag of a year, none for `NO_YEAR`: used to learn by, too fine to name a shelf.

    Examples
    --------
    >>> year_label(1969), year_label(NO_YEAR)
    (('year:1969',), ())
    """
    return () if year == NO_YEAR else (intern(f"year:{year}"),)


class TitleTags:
    """Tags of every row of a table of titles: 6 bytes a title, and 4 for each of its tags.

    Examples
    --------
    >>> tags = TitleTags()
    >>> tags.put(np.array([2, 0]), [["genre:Drama", "genre:Crime"], ["genre:Crime"]])
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

    def put(self, rows: I4, labels: Sequence[Sequence[str]]) -> None:
        """Apply the tags of titles (`labels_of`) as their newest records have them; each row once."""
        former, length = self.of(rows), np.fromiter(map(len, labels), np.int32, len(labels))
        start = spans_of(length)
        ids = self._numbering.replace_all(former, start, [*chain.from_iterable(labels)])
        if former[1].size:
            spans = zip(pairwise(former[0].tolist()), pairwise(start.tolist()), strict=True)
            changed = [former[1][a:b].tolist() != ids[c:d].tolist() for (a, b), (c, d) in spans]
            rows, ids, length = rows[changed], ids[np.repeat(changed, length)], length[changed]
        if rows.size:
            self._reserve(int(rows.max()) + 1, self._used + ids.size)
            self._start[rows] = self._used + spans_of(length)[:-1]
            self._length[rows] = length
            self._pool[self._used : self._used + ids.size] = ids
            self._used += ids.size

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

    def _fill(self, indptr: NDArray[Any], ids: NDArray[Any]) -> None:
        self._start = indptr[:-1].astype(np.int32)
        self._length = np.diff(indptr).astype(np.uint16)
        self._pool, self._used = ids.astype(np.int32), ids.size

    def _reserve(self, rows: int, used: int) -> None:
        """Make room; drops replaced entries before it allocates more."""
        self._start, self._length = grown(self._start, rows), grown(self._length, rows)
        if used > self._pool.size:
            wanted = used - self._used
            self._fill(*self.of(np.arange(self._start.size)))
            self._pool = np.concatenate((self._pool, np.zeros(self._used + wanted, np.int32)))
