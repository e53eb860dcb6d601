"""Full-text search for titles: an index of names, people and tags in memory, tolerant of typing errors.

Candidates come from two SQLite FTS5 tables. One holds words and finds whole words and prefixes. The other
holds trigrams; it is asked only if few titles match all words, together with every word of the vocabulary
that is a few typing errors away. Each candidate is then compared with the query word by word. That comparison
alone is its lexical score, so a score does not depend on which other titles are in the index:

    score = mean over the query's words of  max over the title's words of  field * likeness

The likeness of a word is 1 if it is equal, at least .85 if the query's word is a prefix of it, and .8 of the
similarity (optimal string alignment) if it has no more typing errors than a word of its length may have. The
order that viewers see is decided in :mod:`online_models.learners.search`.
"""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from threading import Lock
from typing import NamedTuple

from rapidfuzz import process
from rapidfuzz.distance import OSA

from online_models.learners.search import words_of
from schemas import Title

__all__ = ["Hit", "TitleIndex"]

_FIELDS = (1.0, 0.8, 0.6)
"""Weight of a match in the name, in cast and directors, in other tags: viewers mostly type names."""
_PREFIX = 0.85
"""Likeness of a word of which only the first letter was typed."""
_MISTYPED = 0.8
"""Factor of a word with typing errors: below every correct prefix."""
_CANDIDATES = 200
"""Most titles from each table: comparing them takes some milliseconds."""
_ENOUGH = 5
"""Titles that match all words without an error; with fewer, typing errors are considered."""
_LEAST = 0.45
"""Lowest score of a hit: below it less than half of the query matches."""
_GRAM = 3  # letters, of SQLite's trigram tokenizer


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
        self._base = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        # marks belong to words, or Devanagari would fall apart at every vowel sign
        self._base.execute(
            "CREATE VIRTUAL TABLE words USING fts5(text, prefix='1 2 3', "
            "tokenize=\"unicode61 remove_diacritics 0 categories 'L* N* M* Co'\")"
        )
        self._base.execute("CREATE VIRTUAL TABLE grams USING fts5(text, tokenize='trigram')")
        self._rows: dict[str, int] = {}
        self._titles: dict[int, tuple[str, tuple[tuple[str, ...], ...]]] = {}
        self._next = 0
        self._uses: defaultdict[int, Counter[str]] = defaultdict(Counter)
        """How many titles have a word, by its length."""

    def __len__(self) -> int:
        """Return the number of titles."""
        return len(self._rows)

    def put(self, title: Title) -> None:
        """Add or replace a title; one without a name is found by its id."""
        tags = title.tags
        people = (*tags.cast, *tags.director)
        about = (*tags.genre, *tags.mood, *tags.theme, *tags.pace)
        fields = tuple(
            tuple(dict.fromkeys(word for text in texts for word in words_of(text)))
            for texts in ((title.name or title.title_id,), people, about)
        )
        with self._lock:
            self._remove(title.title_id)
            self._next += 1
            words = [word for field in fields for word in field]
            row, text = self._next, " ".join(words)
            self._base.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (row, text))
            self._base.execute("INSERT INTO grams (rowid, text) VALUES (?, ?)", (row, text))
            self._rows[title.title_id] = row
            self._titles[row] = (title.title_id, fields)
            for word in words:
                self._uses[len(word)][word] += 1

    def remove(self, title_id: str) -> None:
        """Remove a title; does nothing if it is not in the index."""
        with self._lock:
            self._remove(title_id)

    def find(self, query: str, limit: int = 50) -> list[Hit]:
        """Return the titles that match a query, best first, equal ones by id.

        Parameters
        ----------
        query
            Any text as it was typed; the last word may be incomplete.
        limit
            Most hits.
        """
        asked = words_of(query)[:16]
        if not asked or limit < 1:
            return []
        with self._lock:
            rows = set(self._ask("words", (f'"{word}"*' for word in asked)))
            whole = sum(all(_within(word, self._titles[row][1]) for word in asked) for row in rows)
            if whole < _ENOUGH:
                grams = {word[n : n + _GRAM] for word in asked for n in range(len(word) - _GRAM + 1)}
                near = {own for word in asked for own, _ in self._near(word, _errors_allowed(len(word)))}
                rows.update(self._ask("words", (f'"{word}"' for word in sorted(near))))
                rows.update(self._ask("grams", (f'"{gram}"' for gram in sorted(grams))))
            hits = [Hit(self._titles[row][0], _score(asked, self._titles[row][1])) for row in rows]
        found = [hit for hit in hits if hit.lexical >= _LEAST]
        return sorted(found, key=lambda hit: (-hit.lexical, hit.title_id))[:limit]

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
        asked = words_of(query)[:16]
        with self._lock:
            words = [self._nearest(word) for word in asked]
        return " ".join(words) if words != asked else None

    def _nearest(self, word: str) -> str:
        """Return the nearest word of any title; the word itself if titles have it, or nothing is near."""
        if word in self._uses[len(word)] or self._ask("words", (f'"{word}"*',)):
            return word
        allowed = max(_errors_allowed(len(word)), len(word) // 3) if len(word) >= _GRAM else 0
        ranked = [(errors, -self._uses[len(own)][own], own) for own, errors in self._near(word, allowed)]
        return min(ranked)[2] if ranked else word

    def _near(self, word: str, allowed: int) -> Iterator[tuple[str, int]]:
        """Yield the words of titles with at most so many typing errors, and their number of errors."""
        # each error changes the length by one at most
        for length in range(len(word) - allowed, len(word) + allowed + 1) if allowed else ():
            words = self._uses.get(length, {}).keys()
            for own, errors, _ in process.extract(
                word, words, scorer=OSA.distance, processor=None, limit=None, score_cutoff=allowed
            ):
                yield own, errors

    def _ask(self, table: str, terms: Iterable[str]) -> list[int]:
        """Return the rows that match any of some terms, by FTS5's rank (BM25)."""
        match = " OR ".join(terms)
        if not match:
            return []
        # `table` is one of two names of ours; terms are quoted, and hold letters, digits and marks only
        sql = f"SELECT rowid FROM {table} WHERE {table} MATCH ? ORDER BY rank LIMIT ?"  # noqa: S608
        return [row for (row,) in self._base.execute(sql, (match, _CANDIDATES))]

    def _remove(self, title_id: str) -> None:
        row = self._rows.pop(title_id, None)
        if row is not None:
            _, fields = self._titles.pop(row)
            for word in (word for field in fields for word in field):
                uses = self._uses[len(word)]
                uses[word] -= 1
                if uses[word] == 0:
                    del uses[word]
            self._base.execute("DELETE FROM words WHERE rowid = ?", (row,))
            self._base.execute("DELETE FROM grams WHERE rowid = ?", (row,))


def _within(word: str, fields: tuple[tuple[str, ...], ...]) -> bool:
    """Return whether a title has a word with this prefix."""
    return any(own.startswith(word) for field in fields for own in field)


def _score(asked: list[str], fields: tuple[tuple[str, ...], ...]) -> float:
    """Return the mean over the query's words of the best match among the title's.

    Among titles that have all words, one with fewer other words in its name scores higher: "alien" finds
    `Alien` before `Alien Resurrection`.
    """
    total = sum(max(_matches(word, fields), default=0.0) for word in asked) / len(asked)
    spare = max(0, len(fields[0]) - len(asked))
    return round(total * (1.0 - 0.02 * min(spare, 5)), 4) if total > 0 else 0.0


def _matches(word: str, fields: tuple[tuple[str, ...], ...]) -> Iterator[float]:
    for weight, field in zip(_FIELDS, fields, strict=True):
        yield from (weight * _likeness(word, own) for own in field)


def _likeness(word: str, own: str) -> float:
    """Return how similar a title's word is to a word of the query: 0 to 1.

    Examples
    --------
    >>> [round(_likeness(word, "godfather"), 2) for word in ("god", "godfahter", "b")]
    [0.9, 0.71, 0.0]
    """
    if word == own:
        return 1.0
    if own.startswith(word):
        return _PREFIX + (1.0 - _PREFIX) * len(word) / len(own) * 0.99
    allowed = _errors_allowed(len(word))
    if OSA.distance(word, own, score_cutoff=allowed) > allowed:
        return 0.0
    return _MISTYPED * OSA.normalized_similarity(word, own)


def _errors_allowed(letters: int) -> int:
    """Return how many typing errors a word may have: none up to two letters, one up to five, else two.

    Elasticsearch's ``fuzziness: AUTO`` allows the same.
    """
    return 0 if letters <= 2 else 1 if letters <= 5 else 2  # noqa: PLR2004 - see above
