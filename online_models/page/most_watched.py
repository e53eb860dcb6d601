"""The titles of a catalog that are watched most: of all, of each tag, and of the hidden gems.

Pages of a very large catalog are made of them and of the viewers' own titles (`page.catalog_part`).
"""

from typing import NamedTuple

import numpy as np

from online_models.jit import jit
from online_models.page.layout import CatalogIndexArrays
from online_models.tables.layout import F4, F8, I4
from online_models.tables.top_k import sift

__all__ = ["OF_TAG", "MostWatched", "most_watched"]

TITLES = 12_288
"""Titles of the whole catalog: about as many as pages were designed for; a thousand more take 2 us a page."""
OF_TAG = 40
"""Titles of each tag: the candidates of a shelf of twenty (`page.scratch.CandidateShelves`)."""
GEMS = 2_048
"""Hidden gems, those with the most evidence: a viewer's taste chooses forty of them."""


class MostWatched(NamedTuple):
    """Rows of titles; of equally watched ones any."""

    titles: I4
    """Of all titles."""
    of_tag: I4
    """[G, OF_TAG] titles with each tag, -1 where there are no more."""
    gems: I4
    """Of the rarely watched ones."""


@jit
def _most_of_tags(tagged_start: I4, tagged: I4, watches: F8, out: I4) -> None:
    heap = np.empty(out.shape[1], np.float32)
    for g in range(tagged_start.size - 1):
        heap[:] = -1.0
        out[g] = -1
        for a in range(tagged_start[g], tagged_start[g + 1]):
            if watches[tagged[a]] > heap[0]:
                sift(heap, out[g], heap.size, np.float32(watches[tagged[a]]), tagged[a])


def most_watched(index: CatalogIndexArrays) -> MostWatched:
    """Return the titles of a catalog that are watched most.

    Examples
    --------
    >>> from online_models.config import ModelConfig
    >>> from online_models.catalog.catalog import Catalog
    >>> from online_models.page.catalog_index import CatalogIndex
    >>> from online_models.page.config import PageConfig
    >>> from online_models.tables.titles import TitleTable
    >>> from schemas import Tags, Title
    >>> titles = TitleTable(ModelConfig()); catalog = Catalog(titles)
    >>> for name in "ab":
    ...     catalog.put(Title(title_id=name, tags=Tags(genre=("Drama",))))
    >>> found = most_watched(CatalogIndex(titles, catalog, PageConfig()).arrays())
    >>> sorted(found.titles.tolist()), sorted(found.of_tag[0].tolist())[-3:]
    ([0, 1], [-1, 0, 1])
    """
    of_tag = np.empty((index.tag_kind.size, OF_TAG), np.int32)
    _most_of_tags(index.tagged_start, index.tagged, index.watches, of_tag)
    gems = np.flatnonzero(index.hidden_gems == 0).astype(np.int32)
    every = np.arange(index.watches.size, dtype=np.int32)
    return MostWatched(largest(every, index.watches, TITLES), of_tag, largest(gems, index.watches, GEMS))


def largest(some: I4, values: F8 | F4, most: int) -> I4:
    """Return those rows of some with the largest values, at most so many, in ascending order.

    Examples
    --------
    >>> largest(np.array([0, 1, 3], np.int32), np.array([5.0, 1.0, 9.0, 2.0]), 2).tolist()
    [0, 3]
    """
    if some.size > most:
        some = np.sort(some[np.argpartition(values[some], some.size - most)[-most:]])
    return some
