"""Features of artwork selection: the words that viewers like, the tags of variants, and how well they fit.

A *word* is the value of a tag. A viewer's liked words are those that most of their newest liked titles
have, each with their number as its weight. The *context* of an artwork for a viewer is how many of its tags
are among them: none, one, or more. Of a title's words those count that weigh at least half of its strongest
one: who has liked twenty romances, one of them with action in it, gets the romantic artwork.
"""

from bisect import bisect_left
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
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
"""Number of contexts: none of the artwork's tags fits, one does, or more do."""

FIT_BITS = 2
"""Bits of a context in a code (`code_of`)."""

MOST_VARIANTS = 8
"""Artworks of a title that compete, the first ones: each needs some hundred trials."""

TRAILER = MOST_VARIANTS * FIT_BITS
"""First bit of the trailer in a code."""


class VariantFeatures(NamedTuple):
    """Tags of the variants of ``E`` titles that have, or had, several."""

    word: I4
    """[E, MOST_WORDS] numbers of the title's words; -1: no more, or they make no difference."""
    artwork: U4
    """[E, MOST_VARIANTS] which of these words each artwork has, one bit each; 0 without a choice."""
    trailer: U4
    """[E, MOST_VARIANTS] the same of each trailer."""
    version: I8
    """[E] increases when the title's variants or its bandit change."""


@jit
def count_liked_words(
    viewers: Viewers, slots: I4, titles: int, tags: TagColumns, word: I4, out: I4, weight: U1
) -> None:
    """Write the words that most of each viewer's newest liked titles have; ties go to the lower number.

    ``word`` is the word of each tag, -1 for none. ``out`` [p, W] and ``weight`` [p, W], how many titles have
    each, are filled from the front.
    """
    history = np.empty(titles, np.int32)
    words = 0
    for tag in range(word.size):
        words = max(words, word[tag] + 1)
    count = np.zeros(words, np.int32)
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
            out[p, k], weight[p, k] = best, count[best]
            count[best] = 0
        for m in range(n):
            count[found[m]] = 0


@jit_inline
def context_of_bits(words: int) -> np.uint32:
    """Return the context of a variant that has some of the liked words, one bit each."""
    # x & (x - 1) clears the lowest bit: it is not 0 if two or more bits are set.
    some, more = words != 0, words & (words - np.uint32(1)) != 0
    return np.uint32(some) + np.uint32(more)


@jit_inline
def code_of(row: int, features: VariantFeatures, liked: U1) -> np.int32:
    """Return the code of a title for a viewer: the context of each artwork, and the best-fitting trailer.

    ``liked`` has the weight of each word, 0 if it is not liked.
    """
    found, code, most_liked = np.uint32(0), np.uint32(0), np.uint8(0)
    for k in range(features.word.shape[1]):
        word = features.word[row, k]
        if 0 <= word < liked.size:  # the vocabulary may have grown since `liked` was made
            most_liked = max(most_liked, liked[word])
    if most_liked == 0:
        return np.int32(0)
    for k in range(features.word.shape[1]):
        word = features.word[row, k]
        if word < 0:
            break
        if word < liked.size and liked[word] > 0 and 2 * liked[word] >= most_liked:
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
"""Distinct tags of a title's artworks and trailers that count, the first ones: four per artwork."""

WORDS = 8
"""Liked words of a viewer: those that most of their recent liked titles have."""


def fit_of(tags: frozenset[str], liked: frozenset[str]) -> int:
    """Return the context of an artwork for a viewer.

    Examples
    --------
    >>> fit_of(frozenset({"romance", "Paris"}), frozenset({"romance", "war"}))
    1
    """
    return min(len(tags & liked), FITS - 1)


def word_of(label: str) -> str | None:
    """Return the word of a tag (``kind:value``), None for a tag that says nothing about artwork.

    Examples
    --------
    >>> word_of("genre:Drama"), word_of("decade:1990s")
    ('Drama', None)
    """
    kind, _, value = label.partition(":")
    return None if kind in {"decade", "year", "language"} else value


RECENT_TITLES: Final = 20
"""Newest liked titles whose tags count: as many as the long co-watch has seeds."""


class LikedWords(NamedTuple):
    """Liked words of some viewers.

    Examples
    --------
    >>> liked = LikedWords.of([frozenset({"Drama"}), frozenset()])
    >>> liked.numbers.shape, liked.words(0), liked.words(1)
    ((2, 8), {'Drama': 1}, {})
    """

    numbers: I4
    """[p, WORDS] indices in `vocabulary`, -1 where there are no more."""
    vocabulary: Sequence[str]
    weights: U1
    """[p, WORDS] how many of the newest liked titles have each word, 0 where there are no more."""

    def words(self, viewer: int) -> dict[str, int]:
        """Return the words of one viewer, with their weights."""
        pairs = zip(self.numbers[viewer].tolist(), self.weights[viewer].tolist(), strict=True)
        return {self.vocabulary[n]: weight for n, weight in pairs if n >= 0}

    @classmethod
    def of(cls, sets: Sequence[frozenset[str]]) -> Self:
        """Build from sets of at most `WORDS` words, all of the same weight."""
        vocabulary = sorted(frozenset().union(*sets))
        place = {word: n for n, word in enumerate(vocabulary)}
        numbers = np.full((len(sets), WORDS), -1, np.int32)
        for row, some in zip(numbers, sets, strict=True):
            row[: len(some)] = [place[word] for word in some]
        return cls(numbers, vocabulary, (numbers >= 0).astype(np.uint8))


class TasteFeatures:
    """Finds the liked words of viewers: those that most of their newest liked titles have.

    Years, decades and languages are left out; ties go to the first word in the alphabet.

    Parameters
    ----------
    viewers
        Histories.
    catalog
        Tags of the titles.
    """

    def __init__(self, viewers: ViewerTable, catalog: Catalog) -> None:
        self._viewers, self._catalog = viewers, catalog
        self._vocabulary: list[str] = []
        self._labels: list[str] = []  # by which words have their numbers
        self._word: I4 = np.zeros(0, np.int32)
        self._reused = 0

    def of(self, slots: I4) -> LikedWords:
        """Return the liked words of hot viewers, by their slots."""
        tags = self._catalog.tags.columns()  # before the names: each tag in it has one
        self._number_words(self._catalog.tag_names)
        numbers = np.full((slots.size, WORDS), -1, np.int32)
        weights = np.zeros((slots.size, WORDS), np.uint8)
        count_liked_words(self._viewers.arrays, slots, RECENT_TITLES, tags, self._word, numbers, weights)
        return LikedWords(numbers, self._vocabulary, weights)

    def _number_words(self, labels: Sequence[str]) -> None:
        """Give the words of new tags their numbers, in alphabetical order; the numbers of others move up.

        Numbers of tags that no title has any more are used again, and their words stay in the vocabulary
        until they are most of it: a catalog of 40,000 tags is numbered in 110 ms, a new tag in 2.
        """
        reused = self._catalog.tags.reused
        if (len(labels), reused) == (len(self._labels), self._reused):
            return
        if len(self._vocabulary) > 2 * len(labels):
            self._vocabulary, self._labels, self._word = [], [], np.zeros(0, np.int32)
        former, self._labels = self._labels, [*labels]
        new = list(range(len(former), len(self._labels)))
        if reused != self._reused:
            pairs = zip(former, self._labels, strict=False)
            new += [number for number, (old, label) in enumerate(pairs) if old != label]
        self._reused = reused
        words = {number: word_of(self._labels[number]) for number in new}
        self._insert({word for word in words.values() if word is not None})
        self._word = np.concatenate((self._word, np.full(len(self._labels) - self._word.size, -1, np.int32)))
        for number, word in words.items():
            self._word[number] = -1 if word is None else bisect_left(self._vocabulary, word)

    def _insert(self, words: AbstractSet[str]) -> None:
        """Add words to the vocabulary that may be in it already."""
        old = self._vocabulary
        new = sorted(word for word in words if (at := bisect_left(old, word)) == len(old) or old[at] != word)
        before = [bisect_left(old, word) for word in new]
        moved = np.searchsorted(before, self._word, side="right").astype(np.int32)
        self._word = np.where(self._word < 0, self._word, self._word + moved)
        self._vocabulary = sorted(old + new)  # a list of its own: results refer to the former one
