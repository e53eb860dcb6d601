"""Tags of titles as kernels read them: by title, by genre, and by the words that viewers use for them."""

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from online_models.catalog.catalog import Catalog
from online_models.catalog.vocabulary import canonical_keys
from online_models.tables.layout import F4, I4, U8

__all__ = ["GENRES", "TagTable", "TaggedTitles"]

_Words: TypeAlias = tuple[NDArray[np.uint32], I4]

GENRES = 64
"""Genres that are compared, the first of the catalog: the bits of a word."""


class TagTable(NamedTuple):
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
        self._table = _table(np.zeros(1, np.int32), np.zeros(0, np.int32), [], self._words)

    def table(self) -> TagTable:
        """Return the tags of the titles as the catalog has them now."""
        if self._version != self._catalog.version:
            with self._catalog.lock:
                self._version, names = self._catalog.version, list(self._catalog.tag_names)
                indptr, ids = self._catalog.tags_of(np.arange(len(self._catalog.titles)))
            if names != self._names:  # most records of titles bring no new tag
                self._names, self._words = names, _words(names)
            self._table = _table(indptr, ids, names, self._words)
        return self._table


def _table(indptr: I4, ids: I4, names: list[str], words: _Words) -> TagTable:
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
    return TagTable(indptr, ids.astype(np.int32), rarity, genres, tag_of, *words)


def _words(names: list[str]) -> _Words:
    """Return the keys of the words that name tags, sorted, and their tags: "mood:dark" and "genre:dark"."""
    if not names:
        return np.zeros(0, np.uint32), np.zeros(0, np.int32)
    spelled = [*names, *(f"genre:{name.partition(':')[2]}" for name in names)]
    pairs = np.stack([canonical_keys(spelled).astype(np.int64), np.tile(np.arange(len(names)), 2)])
    word, named = np.unique(pairs, axis=1)  # a genre's two spellings are one
    return word.astype(np.uint32), named.astype(np.int32)
