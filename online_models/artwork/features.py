"""What viewers like, in the words by which pictures are chosen (:mod:`online_models.artwork.gallery`)."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple, Self

import numpy as np

from online_models.catalog.catalog import Catalog
from online_models.jit import jit, jit_inline
from online_models.tables.history import newest
from online_models.tables.layout import I4, I8, U1, U4, TagColumns, Viewers
from online_models.tables.viewers import ViewerTable

__all__ = [
    "FITS",
    "FIT_BITS",
    "MOST_VARIANTS",
    "MOST_WORDS",
    "RECENT_TITLES",
    "TRAILER",
    "WORDS",
    "LikedWords",
    "TasteFeatures",
    "VariantFeatures",
    "code_of",
    "context_of_bits",
    "count_liked_words",
    "fit_of",
    "word_of",
]

FITS = 3
"""Contexts: none of the picture's tags fits, one does, more do."""

FIT_BITS = 2
"""What one takes in a code (`code_of`)."""

MOST_VARIANTS = 8
"""Pictures of a title that compete, the first ones: each needs some hundred trials."""

TRAILER = MOST_VARIANTS * FIT_BITS
"""The bit of a code where the trailer begins."""


class VariantFeatures(NamedTuple):
    """How ``E`` titles can be shown that had something to choose from."""

    word: I4
    """[E, MOST_WORDS] numbers of the words of each; -1: no more, or they make no difference."""
    artwork: U4
    """[E, MOST_VARIANTS] which of them each picture bears, a bit each; 0 where there is nothing to choose."""
    trailer: U4
    """[E, MOST_VARIANTS] the same of each trailer."""
    version: I8
    """[E] moves when something about a title does: its pictures, or what is known of them."""


@jit
def count_liked_words(viewers: Viewers, slots: I4, titles: int, tags: TagColumns, word: I4, out: I4) -> None:
    """Write the words that most of each viewer's newest liked titles bear; of equals, the lower number.

    ``word`` says which word a tag is, -1 for none. ``out`` [p, W] is filled from the front.
    """
    history = np.empty(titles, np.int32)
    count = np.zeros(word.max() + 1 if word.size else 0, np.int32)
    found = np.empty(count.size, np.int32)
    for p in range(slots.size):
        n = 0
        for step in range(newest(viewers, slots[p], False, history)):  # noqa: FBT003 - a kernel
            t = history[step]
            if t >= tags.start.size:
                continue
            first = tags.start[t]
            for at in range(first, min(first + tags.length[t], tags.pool.size)):
                w = word[tags.pool[at]] if tags.pool[at] < word.size else -1
                if w >= 0:
                    if count[w] == 0:
                        found[n] = w
                        n += 1
                    count[w] += 1
        for k in range(min(n, out.shape[1])):
            best = -1
            for m in range(n):
                w = found[m]
                if count[w] > 0 and (best < 0 or (-count[w], w) < (-count[best], best)):
                    best = w
            out[p, k] = best
            count[best] = 0
        count[found[:n]] = 0


@jit_inline
def context_of_bits(words: int) -> np.uint32:
    """Return the context of what bears some of the words that are liked: a bit each."""
    some, more = words != 0, words & (words - np.uint32(1)) != 0
    return np.uint32(some) + np.uint32(more)


@jit_inline
def code_of(row: int, features: VariantFeatures, liked: U1) -> np.int32:
    """Return how well each of a title's pictures fits, and which trailer fits best."""
    found, code = np.uint32(0), np.uint32(0)
    for k in range(features.word.shape[1]):
        word = features.word[row, k]
        if word < 0:
            break
        if word < liked.size and liked[word]:  # words may have come since
            found |= np.uint32(1) << np.uint32(k)
    if found == 0:
        return np.int32(0)
    best, most = np.uint32(0), np.uint32(0)
    for a in range(MOST_VARIANTS):
        code |= context_of_bits(found & features.artwork[row, a]) << np.uint32(a * FIT_BITS)
        fit = context_of_bits(found & features.trailer[row, a])
        if fit > most:
            best, most = np.uint32(a), fit
    return np.int32(code | (best << np.uint32(TRAILER)))


MOST_WORDS = 32
"""Different tags of a title's pictures and trailers that are looked at, the first ones: four a picture."""

WORDS = 8
"""Tags that stand for what a viewer likes: the ones that most of the titles they liked of late bear."""


def fit_of(tags: frozenset[str], liked: frozenset[str]) -> int:
    """Return the context of a picture for a viewer.

    Examples
    --------
    >>> fit_of(frozenset({"romance", "Paris"}), frozenset({"romance", "war"}))
    1
    """
    return min(len(tags & liked), FITS - 1)


@lru_cache(maxsize=65_536)
def word_of(label: str) -> str | None:
    """Return what a tag (``kind:value``) says of a picture, None for nothing; large catalogs' all are kept.

    Examples
    --------
    >>> word_of("genre:Drama"), word_of("decade:1990s")
    ('Drama', None)
    """
    kind, _, value = label.partition(":")
    return None if kind in {"decade", "year", "language"} else value


RECENT_TITLES: Final = 20
"""Liked titles whose tags say what a viewer likes: as the long co-watch's seeds."""


class LikedWords(NamedTuple):
    """The words of some viewers.

    Examples
    --------
    >>> liked = LikedWords.of([frozenset({"Drama"}), frozenset()])
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

    def of(self, slots: I4) -> LikedWords:
        """Return the words of hot viewers, by their slots."""
        tags = self._catalog.tags.columns()  # before the names: each tag in it has one
        self._number_words(self._catalog.tag_names)
        numbers = np.full((slots.size, WORDS), -1, np.int32)
        count_liked_words(self._viewers.arrays, slots, RECENT_TITLES, tags, self._word, numbers)
        return LikedWords(numbers, self._vocabulary)

    def _number_words(self, labels: Sequence[str]) -> None:
        """Give words numbers in the order of the alphabet, where there are new ones."""
        if len(labels) == self._word.size:
            return
        words = [*map(word_of, labels[:])]
        self._vocabulary = sorted({word for word in words if word is not None})
        place = {word: n for n, word in enumerate(self._vocabulary)}
        self._word = np.array([-1 if word is None else place[word] for word in words], np.int32)
