"""Tags of titles as kernels read them: by title, tag, genre, and the words that viewers use for them."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from online_models.catalog.catalog import Catalog
from online_models.catalog.vocabulary import canonical_keys
from online_models.jit import jit_no_alloc
from online_models.passed_by_pointer import PassedByPointer
from online_models.tables.layout import F4, I4, U8

__all__ = ["GENRES", "TagTable", "TaggedTitles", "index_titles"]

_Words: TypeAlias = tuple[NDArray[np.uint32], I4]
"""Sorted keys, and what each of them means."""

GENRES = 64
"""Genres that are compared, the first of the catalog: the bits of a word."""


class TagTable(PassedByPointer):
    """Tags of the titles of a catalog; titles beyond its rows have none."""

    indptr: I4
    """[T + 1] the tags of title ``t`` are ``ids[indptr[t] : indptr[t + 1]]``."""
    ids: I4
    rarity: F4
    """[G] share of titles without the tag."""
    genres: U8
    """[T] genres of a title, one bit each."""
    tag_of: I4
    """[GENRES] the tag of each bit, -1 for none."""
    word: NDArray[np.uint32]
    """[N] keys of the words that name a tag, sorted: of the whole tag, or of its value as a genre."""
    named: I4
    """[N] the tag that each word names."""
    starts: I4
    """[G + 1] the titles with tag ``g`` are ``titles[starts[g] : starts[g + 1]]``, in order."""
    titles: I4
    half: NDArray[np.uint32]
    """[K] upper halves of the titles' keys, sorted (``learners.intent``)."""
    having: I4
    """[K] the title of each half."""


class TaggedTitles:
    """The tags of a catalog's titles.

    Parameters
    ----------
    catalog
        The tags of the titles.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._version = -1
        self._names: list[str] = []
        self._words = _words([])
        self._halves = _halves(np.zeros(0, np.uint32))
        self._table = _table(np.zeros(1, np.int32), np.zeros(0, np.int32), [], self._words, self._halves)

    def table(self) -> TagTable:
        """Return the tags of the titles as the catalog has them now."""
        if self._version != self._catalog.version:
            with self._catalog.lock:
                self._version, names = self._catalog.version, list(self._catalog.tag_names)
                indptr, ids = self._catalog.tags_of(np.arange(len(self._catalog.titles)))
                keys = self._catalog.titles.arrays.key[: indptr.size - 1]
            halves = (keys >> np.uint64(32)).astype(np.uint32)
            if names != self._names:  # most records of titles bring no new tag
                self._names, self._words = names, _words(names)
            half, title = self._halves
            if halves.size != half.size or not np.array_equal(halves[title], half):
                self._halves = _halves(halves)
            self._table = _table(indptr, ids, names, self._words, self._halves)
        return self._table


@jit_no_alloc
def _index_titles(indptr: I4, ids: I4, starts: I4, titles: I4) -> None:
    """Write the titles with each tag: ``starts`` [G + 1] is zero, ``titles`` has the size of ``ids``."""
    last = starts.size - 1
    for a in range(ids.size):
        if ids[a] + 2 <= last:
            starts[ids[a] + 2] += 1
    for g in range(2, last + 1):
        starts[g] += starts[g - 1]
    for t in range(indptr.size - 1):  # starts[g + 1] is where the next title with tag g goes
        for a in range(indptr[t], indptr[t + 1]):
            titles[starts[ids[a] + 1]] = t
            starts[ids[a] + 1] += 1


def index_titles(indptr: I4, ids: I4, tags: int) -> tuple[I4, I4]:
    """Return the titles with each of so many tags, in order: where they begin [tags + 1], and the titles.

    Examples
    --------
    >>> starts, titles = index_titles(np.array([0, 1, 3], np.int32), np.array([1, 0, 1], np.int32), 2)
    >>> starts.tolist(), titles.tolist()
    ([0, 1, 3], [1, 0, 1])
    """
    starts, titles = np.zeros(tags + 1, np.int32), np.empty(ids.size, np.int32)
    _index_titles(indptr, ids, starts, titles)
    return starts, titles


def _table(indptr: I4, ids: I4, names: list[str], words: _Words, halves: _Words) -> TagTable:
    tagged = max(1, int(np.count_nonzero(np.diff(indptr))))
    share = np.bincount(ids, minlength=len(names)) / tagged
    some = np.flatnonzero(np.array([name.startswith("genre:") for name in names], np.bool_))[:GENRES]
    tag_of = np.full(GENRES, -1, np.int32)
    tag_of[: some.size] = some
    bit = np.zeros(len(names), np.uint64)
    bit[some] = np.uint64(1) << np.arange(some.size, dtype=np.uint64)
    genres = np.zeros(indptr.size - 1, np.uint64)
    np.bitwise_or.at(genres, np.repeat(np.arange(genres.size), np.diff(indptr)), bit[ids])
    rarity = (1.0 - share).astype(np.float32)
    ids = ids.astype(np.int32)
    starts, titles = index_titles(indptr, ids, len(names))
    return TagTable(indptr, ids, rarity, genres, tag_of, *words, starts, titles, *halves)


def _halves(halves: NDArray[np.uint32]) -> _Words:
    """Return the halves of titles' keys, sorted, and their titles."""
    titles = np.argsort(halves, kind="stable").astype(np.int32)
    return halves[titles], titles


def _words(names: list[str]) -> _Words:
    """Return the keys of the words that name tags, sorted, and their tags: "mood:dark" and "genre:dark"."""
    if not names:
        return np.zeros(0, np.uint32), np.zeros(0, np.int32)
    spelled = [*names, *(f"genre:{name.partition(':')[2]}" for name in names)]
    pairs = np.stack([canonical_keys(spelled).astype(np.int64), np.tile(np.arange(len(names)), 2)])
    word, named = np.unique(pairs, axis=1)  # a genre's two spellings are one
    return word.astype(np.uint32), named.astype(np.int32)
