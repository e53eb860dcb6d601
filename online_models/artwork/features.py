"""What viewers like, in the words by which pictures are chosen (:mod:`online_models.artwork.gallery`)."""

from collections.abc import Sequence
from typing import Final, NamedTuple, Self

import numpy as np

from online_models.artwork.gallery import WORDS, word_of
from online_models.artwork.selector_kernels import words_liked
from online_models.catalog.catalog import Catalog
from online_models.tables.layout import I4
from online_models.tables.viewers import ViewerTable

__all__ = ["LATE_TITLES", "Liked", "TasteFeatures"]

LATE_TITLES: Final = 20
"""Liked titles whose tags say what a viewer likes: as the long co-watch's seeds."""


class Liked(NamedTuple):
    """The words of some viewers.

    Examples
    --------
    >>> liked = Liked.of([frozenset({"Drama"}), frozenset()])
    >>> liked.numbers.shape, liked.words(0), liked.words(1)
    ((2, 8), frozenset({'Drama'}), frozenset())
    """

    numbers: I4
    """[p, WORDS] places in `vocabulary`, -1 where there are no more."""
    vocabulary: Sequence[str]

    def words(self, viewer: int) -> frozenset[str]:
        """Return the words of one of them."""
        return frozenset(self.vocabulary[n] for n in self.numbers[viewer].tolist() if n >= 0)

    @classmethod
    def of(cls, sets: Sequence[frozenset[str]]) -> Self:
        """Take sets of at most `WORDS` words."""
        vocabulary = sorted(frozenset().union(*sets))
        place = {word: n for n, word in enumerate(vocabulary)}
        numbers = np.full((len(sets), WORDS), -1, np.int32)
        for row, some in zip(numbers, sets, strict=True):
            row[: len(some)] = [place[word] for word in some]
        return cls(numbers, vocabulary)


class TasteFeatures:
    """Says which words stand for what viewers like: those that most of their newest liked titles bear.

    Years, decades and languages say nothing of a picture; of equal words the first in the alphabet counts.

    Parameters
    ----------
    viewers
        Who likes what.
    catalog
        The titles' tags.
    """

    def __init__(self, viewers: ViewerTable, catalog: Catalog) -> None:
        self._viewers, self._catalog = viewers, catalog
        self._vocabulary: list[str] = []
        self._word: I4 = np.zeros(0, np.int32)

    def of(self, slots: I4) -> Liked:
        """Return the words of hot viewers, by their slots."""
        tags = self._catalog.tags.columns()  # before the names: each tag in it has one
        self._meet(self._catalog.tag_names)
        numbers = np.full((slots.size, WORDS), -1, np.int32)
        words_liked(self._viewers.arrays, slots, LATE_TITLES, tags, self._word, numbers)
        return Liked(numbers, self._vocabulary)

    def _meet(self, labels: Sequence[str]) -> None:
        """Give words numbers in the order of the alphabet, where there are new ones."""
        if len(labels) == self._word.size:
            return
        words = [*map(word_of, labels[:])]
        self._vocabulary = sorted({word for word in words if word is not None})
        place = {word: n for n, word in enumerate(self._vocabulary)}
        self._word = np.array([-1 if word is None else place[word] for word in words], np.int32)
