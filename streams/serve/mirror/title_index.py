"""Full-text search for titles: names, people and tags in memory, tolerant of typing errors.

An inverted index: for each word, the titles that have it. A query costs a bounded number of vectorised steps,
whatever is typed (`python -m tests.benchmarks search`). Its first :data:`WORDS` words count. Each is compared
with the vocabulary of all titles: whole words and beginnings by bisection; typing errors by one call of
rapidfuzz, and only if few titles match all words without an error. The scores of all titles follow from the
postings of the words that are near, with NumPy:

    score = mean over the query's words of  max over the title's words of  field * likeness

So a score depends on the query and the title alone. The likeness of a word is 1 if it is equal, at least .85
if the query's word is a prefix of it, and .8 of the similarity (optimal string alignment) if it has no more
typing errors than a word of its length may have. The order that viewers see is decided in
:mod:`online_models.learners.search`.

The lock is held while postings are copied or changed, never while words are compared.
"""

from array import array
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Sequence
from threading import Lock
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import OSA

from online_models.learners.search import words_of
from schemas import Title

__all__ = ["WORDS", "Hit", "TitleIndex"]

WORDS: Final = 6
"""Words of a query that count: names of titles are found by fewer."""
_LETTERS: Final = 32
"""Letters of a word up to which typing errors are considered: comparing long words costs more, and a text
without spaces is found by its beginning."""
_EXPANSIONS: Final = 2_000
"""Words of titles that one word of a query may begin, or be near to: more only for single letters."""
_FIELDS: Final = np.array((1.0, 0.8, 0.6))
"""Weight of a match in the name, in cast and directors, in other tags: viewers mostly type names."""
_FIELD_BITS: Final = 2
"""A posting is a title's row and the field, packed: ``row << 2 | field``."""
_PREFIX: Final = 0.85
"""Likeness of a word of which only the first letter was typed."""
_MISTYPED: Final = 0.8
"""Factor of a word with typing errors: below every correct prefix."""
_ENOUGH: Final = 5
"""Titles that match all words without an error; with fewer, typing errors are considered."""
_LEAST: Final = 0.45
"""Lowest score of a hit: below it less than half of the query matches."""
_EQUALS: Final = 1_000
"""Equally good titles that are put in order of their ids; of more, those that came first."""
_SHORTEST: Final = 3
"""Letters of the shortest word that is corrected."""


class Hit(NamedTuple):
    """A title that matches a query."""

    title_id: str
    lexical: float
    """How well the words match: above 0, at most 1."""


class TitleIndex:
    """Titles by their names, people and tags. Safe to use from several threads.

    Examples
    --------
    >>> from schemas import Tags
    >>> index = TitleIndex()
    >>> index.put(Title(title_id="a", name="The Godfather", tags=Tags(cast=("Al Pacino",))))
    >>> index.put(Title(title_id="b", name="Godzilla"))
    >>> [hit.title_id for hit in index.find("god")], [hit.title_id for hit in index.find("godfahter")]
    (['b', 'a'], ['a'])
    >>> index.find("pacino")
    [Hit(title_id='a', lexical=0.8)]
    >>> index.remove("a")
    >>> index.find("pacino"), len(index)
    ([], 1)
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._rows: dict[str, int] = {}
        self._free: list[int] = []
        self._ids: list[str] = []
        self._codes: list[frozenset[tuple[str, int]]] = []
        """Words of each row's title, with their fields."""
        self._name_words = array("H")
        """How many words the name of each row's title has."""
        self._postings: dict[str, array[int]] = {}
        self._words: list[str] = []
        """The vocabulary, sorted."""
        self._uses: Counter[str] = Counter()
        """In how many fields of titles a word stands."""

    def __len__(self) -> int:
        """Return the number of titles."""
        return len(self._rows)

    def put(self, title: Title) -> None:
        """Add or replace a title; one without a name is found by its id."""
        tags = title.tags
        people = (*tags.cast, *tags.director)
        about = (*tags.genre, *tags.mood, *tags.theme, *tags.pace)
        texts = ((title.name or title.title_id,), people, about)
        codes = frozenset(
            (word, n) for n, part in enumerate(texts) for text in part for word in words_of(text)
        )
        with self._lock:
            row = self._row(title.title_id)
            self._name_words[row] = min(sum(n == 0 for _, n in codes), 0xFFFF)
            self._replace(row, codes)

    def remove(self, title_id: str) -> None:
        """Remove a title; does nothing if it is not in the index."""
        with self._lock:
            row = self._rows.pop(title_id, None)
            if row is not None:
                self._replace(row, frozenset())
                self._ids[row] = ""
                self._free.append(row)

    def find(self, query: str, limit: int = 50) -> list[Hit]:
        """Return the titles that match a query, best first, equal ones by id.

        Parameters
        ----------
        query
            Any text as it was typed; words may be incomplete.
        limit
            Most hits.
        """
        asked = _asked(query)
        if not asked or limit < 1:
            return []
        with self._lock:
            name_words = np.array(self._name_words)
            begun = [self._begun(word) for word in asked]
            parts = [self._copied(words) for words in begun]
        best = np.stack([
            _best(_begun_likeness(word, own), part, name_words.size)
            for word, own, part in zip(asked, begun, parts, strict=True)
        ])  # fmt: skip
        if np.count_nonzero((best > 0).all(axis=0)) < _ENOUGH:
            near = self._near(asked, [_errors_allowed(word) for word in asked])
            with self._lock:
                parts = [self._copied(own) for own, _ in near]
            for n, (word, (own, errors)) in enumerate(zip(asked, near, strict=True)):
                likeness = _mistyped_likeness(word, own, errors)
                found = _best(likeness, parts[n], name_words.size)
                np.maximum(best[n], found, out=best[n])
        # among titles that have all words, one with fewer other words in its name scores higher: "alien"
        # finds `Alien` before `Alien Resurrection`
        spare = np.clip(name_words.astype(np.int64) - len(asked), 0, 5)
        return self._hits(np.round(best.mean(axis=0) * (1.0 - 0.02 * spare), 4), limit)

    def corrected(self, query: str) -> str | None:
        """Return a query without its typing errors, None if it has none.

        A word that no title has, nor as a prefix, is replaced by the word with the fewest typing errors, of
        those by the one that most titles have. A third of its letters may be wrong; a word without such a
        neighbour stays.

        Examples
        --------
        >>> index = TitleIndex()
        >>> index.put(Title(title_id="a", name="The Godfather"))
        >>> index.corrected("teh gofdather"), index.corrected("the god"), index.corrected("zzzz")
        ('the godfather', None, None)
        """
        asked = _asked(query)
        with self._lock:
            wrong = [word for word in asked if not self._begun(word, most=1)]
        allowed = [
            max(_errors_allowed(word), len(word) // 3) if _SHORTEST <= len(word) <= _LETTERS else 0
            for word in wrong
        ]
        right = {}
        for word, (own, errors) in zip(wrong, self._near(wrong, allowed), strict=True):
            if own:
                right[word] = min(zip(errors.tolist(), own, strict=True), key=self._by_errors)[1]
        return " ".join(right.get(word, word) for word in asked) if right else None

    def _by_errors(self, near: tuple[int, str]) -> tuple[int, int, str]:
        errors, own = near
        return errors, -self._uses[own], own

    def _begun(self, word: str, most: int = _EXPANSIONS) -> list[str]:
        """Return the words of titles that begin with a word, itself included."""
        first = bisect_left(self._words, word)
        last = bisect_left(self._words, word + chr(0x10FFFF), lo=first)
        return self._words[first : min(last, first + most)]

    def _near(
        self, asked: Sequence[str], allowed: Sequence[int]
    ) -> list[tuple[list[str], NDArray[np.int64]]]:
        """Return the words of titles with at most so many typing errors, nearest first, and their errors."""
        if not any(allowed):
            return [([], np.zeros(0, np.int64))] * len(asked)
        with self._lock:
            words = list(self._words)
        errors = process.cdist(
            asked, words, scorer=OSA.distance, score_cutoff=max(allowed), dtype=np.uint8, processor=None
        ).astype(np.int64)
        out = []
        for row, most in zip(errors, allowed, strict=True):
            near = np.flatnonzero(row <= most) if most else np.zeros(0, np.int64)
            near = near[np.argsort(row[near], kind="stable")][:_EXPANSIONS]
            out.append(([words[n] for n in near.tolist()], row[near]))
        return out

    def _copied(self, words: Iterable[str]) -> list[NDArray[np.uint32]]:
        """Return copies of the postings of some words; one that has gone meanwhile has none."""
        nothing = array("I")
        return [np.array(self._postings.get(word, nothing), np.uint32) for word in words]

    def _hits(self, scores: NDArray[np.float64], limit: int) -> list[Hit]:
        """Return the titles with the highest scores."""
        rows = np.flatnonzero(scores >= _LEAST)
        if rows.size > limit + _EQUALS:
            last = np.partition(scores[rows], rows.size - limit)[rows.size - limit]
            equal = rows[scores[rows] == last][:_EQUALS]
            rows = np.concatenate((rows[scores[rows] > last], equal))
        with self._lock:
            hits = [
                Hit(self._ids[row], score)
                for row, score in zip(rows.tolist(), scores[rows].tolist(), strict=True)
            ]
        return sorted((hit for hit in hits if hit.title_id), key=lambda hit: (-hit.lexical, hit.title_id))[
            :limit
        ]

    def _row(self, title_id: str) -> int:
        """Return the row of a title, a new one if it has none."""
        row = self._rows.get(title_id)
        if row is None:
            if not self._free:
                self._free.append(len(self._ids))
                self._ids.append("")
                self._codes.append(frozenset())
                self._name_words.append(0)
            row = self._rows[title_id] = self._free.pop()
            self._ids[row] = title_id
        return row

    def _replace(self, row: int, codes: frozenset[tuple[str, int]]) -> None:
        """Change the words of a row's title; a title that is published again as it was changes nothing."""
        was, self._codes[row] = self._codes[row], codes
        for word, field in was - codes:
            self._uses[word] -= 1
            if not self._uses[word]:
                del self._uses[word], self._postings[word]
                del self._words[bisect_left(self._words, word)]
                continue
            kept = np.array(self._postings[word], np.uint32)
            self._postings[word] = array("I", kept[kept != (row << _FIELD_BITS | field)].tobytes())
        for word, field in codes - was:
            if word not in self._postings:
                self._postings[word] = array("I")
                insort(self._words, word)
            self._postings[word].append(row << _FIELD_BITS | field)
            self._uses[word] += 1


def _asked(query: str) -> list[str]:
    """Return the words of a query that count, each once."""
    return list(dict.fromkeys(words_of(query)))[:WORDS]


def _best(
    likeness: NDArray[np.float64], postings: Sequence[NDArray[np.uint32]], rows: int
) -> NDArray[np.float64]:
    """Return the best match of one word of a query in each row's title, 0 for none."""
    best = np.zeros(rows)
    if postings:
        codes = np.concatenate(postings)
        values = np.repeat(likeness, [part.size for part in postings]) * _FIELDS[codes & 3]
        places = codes >> _FIELD_BITS
        known = places < rows  # of a title that came meanwhile there is no row
        np.maximum.at(best, places[known], values[known])
    return best


def _begun_likeness(word: str, own: Sequence[str]) -> NDArray[np.float64]:
    """Return how similar titles' words are of which a query has the beginning, or the whole.

    Examples
    --------
    >>> _begun_likeness("god", ["god", "godfather"]).round(2).tolist()
    [1.0, 0.9]
    """
    lengths = np.array([len(one) for one in own], np.float64)
    partly = _PREFIX + (1.0 - _PREFIX) * len(word) / np.maximum(lengths, 1.0) * 0.99
    return np.where(lengths == len(word), 1.0, partly)


def _mistyped_likeness(word: str, own: Sequence[str], errors: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how similar titles' words are with these numbers of typing errors.

    Examples
    --------
    >>> _mistyped_likeness("godfahter", ["godfather"], np.array([1])).round(2).tolist()
    [0.71]
    """
    longer = np.array([max(len(one), len(word)) for one in own], np.float64)
    return _MISTYPED * (1.0 - errors / np.maximum(longer, 1.0))


def _errors_allowed(word: str) -> int:
    """Return how many typing errors a word may have: none up to two letters, one up to five, else two.

    Elasticsearch's ``fuzziness: AUTO`` allows the same.
    """
    letters = len(word)
    if letters > _LETTERS:
        return 0
    return 0 if letters <= 2 else 1 if letters <= 5 else 2  # noqa: PLR2004 - see above
