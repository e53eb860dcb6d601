"""Which titles a query may mean: an index of names, people and tags in memory, tolerant of typos.

Candidates come from two SQLite FTS5 tables: one of words, which finds words and their beginnings, and one of
trigrams, which is asked where words find little, together with words one error away: two words that differ
by one letter, or by two swapped ones, have a word in common once each has lost a letter (Garbe's symmetric
deletes). Each candidate is then compared with the query word by word, and the comparison alone is its lexical
score, so that the score means the same in every index:

    score = mean over the query's words of  max over the title's words of  field * likeness

A word's likeness is 1 if it is the same, down to .85 if the query's word begins it, and .8 of the part that
is right if it is so many typing errors away as a word of its length may have. What order viewers see is
:mod:`online_models.learners.search`'s business.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from threading import Lock
from typing import NamedTuple

from online_models.learners.search import words_of
from schemas import Title

__all__ = ["Hit", "TitleIndex"]

_FIELDS = (1.0, 0.8, 0.6)
"""What a match counts in the name, among cast and directors, among other tags: a viewer who types mostly
types names."""
_BEGUN = 0.85
"""Likeness of a word of which only the beginning was typed, when that is one letter."""
_MISTYPED = 0.8
"""Factor of a word with typing errors: below every word begun right."""
_CANDIDATES = 200
"""Titles that are compared at most of each table: some milliseconds."""
_ENOUGH = 5
"""Titles in which all words are found right; with fewer, typing errors are looked for."""
_LEAST = 0.45
"""Score below which a title is no hit: less than half of what was typed is in it."""
_GRAM = 3  # letters, of SQLite's trigram tokenizer


class Hit(NamedTuple):
    """A title that a query may mean."""

    title_id: str
    lexical: float
    """How well the words match: above 0, at most 1."""


class TitleIndex:
    """Titles by what is said of them. Safe to use from several threads.

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
    >>> index.withdraw("a")
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
        self._uses: Counter[str] = Counter()
        self._shortened: dict[str, set[str]] = {}

    def __len__(self) -> int:
        """Return the number of titles."""
        return len(self._rows)

    def put(self, title: Title) -> None:
        """Take a title's newest record over; one without a name is found by its id."""
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
                self._uses[word] += 1
                for short in _shortened(word) if self._uses[word] == 1 else ():
                    self._shortened.setdefault(short, set()).add(word)

    def withdraw(self, title_id: str) -> None:
        """Find a title no more; one that is not there is no matter."""
        with self._lock:
            self._remove(title_id)

    def find(self, query: str, limit: int = 50) -> list[Hit]:
        """Return the titles that a query may mean, the likeliest first, equal ones by id.

        Parameters
        ----------
        query
            As it was typed: any text, the last word perhaps only begun.
        limit
            Hits at most.
        """
        asked = words_of(query)[:16]
        if not asked or limit < 1:
            return []
        with self._lock:
            rows = set(self._ask("words", (f'"{word}"*' for word in asked)))
            whole = sum(all(_within(word, self._titles[row][1]) for word in asked) for row in rows)
            if whole < _ENOUGH:
                grams = {word[n : n + _GRAM] for word in asked for n in range(len(word) - _GRAM + 1)}
                near = {
                    own
                    for word in asked
                    for short in _shortened(word)
                    for own in self._shortened.get(short, ())
                }
                rows.update(self._ask("words", (f'"{word}"' for word in sorted(near))))
                rows.update(self._ask("grams", (f'"{gram}"' for gram in sorted(grams))))
            hits = [Hit(self._titles[row][0], _score(asked, self._titles[row][1])) for row in rows]
        found = [hit for hit in hits if hit.lexical >= _LEAST]
        return sorted(found, key=lambda hit: (-hit.lexical, hit.title_id))[:limit]

    def meant(self, query: str) -> str | None:
        """Return what a query was probably meant to be, None where every word of it is begun right.

        A word that no title has becomes the one of the fewest typing errors, of those the most used; a third
        of its letters may be wrong. A word without such a neighbour stays.

        Examples
        --------
        >>> index = TitleIndex()
        >>> index.put(Title(title_id="a", name="The Godfather"))
        >>> index.meant("teh gofdather"), index.meant("the god"), index.meant("zzzz")
        ('the godfather', None, None)
        """
        asked = words_of(query)[:16]
        with self._lock:
            words = [self._nearest(word) for word in asked]
        return " ".join(words) if words != asked else None

    def _nearest(self, word: str) -> str:
        """Return the word of a title that is nearest to one that was typed; itself where that is one."""
        if word in self._uses or self._ask("words", (f'"{word}"*',)):
            return word
        near = {own for short in _shortened(word) for own in self._shortened.get(short, ())}
        grams = {word[n : n + _GRAM] for n in range(len(word) - _GRAM + 1)}
        for row in self._ask("grams", (f'"{gram}"' for gram in sorted(grams))):
            near.update(own for field in self._titles[row][1] for own in field)
        allowed = max(_errors_allowed(len(word)), len(word) // 3) if len(word) >= _GRAM else 0
        ranked = [
            (errors, -self._uses[own], own)
            for own in near
            if abs(len(own) - len(word)) <= allowed and (errors := _distance(word, own)) <= allowed
        ]
        return min(ranked)[2] if ranked else word

    def _ask(self, table: str, terms: Iterable[str]) -> list[int]:
        """Return the rows that match any of some terms, those that match most and rarest first."""
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
                self._uses[word] -= 1
                if self._uses[word] == 0:
                    self._forget(word)
            self._base.execute("DELETE FROM words WHERE rowid = ?", (row,))
            self._base.execute("DELETE FROM grams WHERE rowid = ?", (row,))

    def _forget(self, word: str) -> None:
        """Take a word that no title has any more out of those that may be mistyped."""
        del self._uses[word]
        for short in _shortened(word):
            self._shortened[short].discard(word)
            if not self._shortened[short]:
                del self._shortened[short]


def _shortened(word: str) -> set[str]:
    """Return a word and what is left of it without one of its letters; nothing of very short or long ones."""
    if not 3 <= len(word) <= 24:  # noqa: PLR2004 - shorter ones allow no errors, nobody types longer ones
        return set()
    return {word, *(word[:n] + word[n + 1 :] for n in range(len(word)))}


def _within(word: str, fields: tuple[tuple[str, ...], ...]) -> bool:
    """Say whether a title has a word that begins so."""
    return any(own.startswith(word) for field in fields for own in field)


def _score(asked: list[str], fields: tuple[tuple[str, ...], ...]) -> float:
    """Return the mean over the words asked of the best match among the title's.

    Among titles that have all words, the one with fewer others is what was meant: "alien" is `Alien` before
    `Alien Resurrection`.
    """
    total = sum(max(_matches(word, fields), default=0.0) for word in asked) / len(asked)
    spare = max(0, len(fields[0]) - len(asked))
    return round(total * (1.0 - 0.02 * min(spare, 5)), 4) if total > 0 else 0.0


def _matches(word: str, fields: tuple[tuple[str, ...], ...]) -> Iterator[float]:
    for weight, field in zip(_FIELDS, fields, strict=True):
        yield from (weight * _likeness(word, own) for own in field)


def _likeness(word: str, own: str) -> float:
    """Return how like a word of the title is to the one asked for: 0 to 1."""
    if word == own:
        return 1.0
    if own.startswith(word):
        return _BEGUN + (1.0 - _BEGUN) * len(word) / len(own) * 0.99
    allowed = _errors_allowed(len(word))
    if not allowed or abs(len(word) - len(own)) > allowed:
        return 0.0
    errors = _distance(word, own)
    return _MISTYPED * (1.0 - errors / max(len(word), len(own))) if errors <= allowed else 0.0


def _errors_allowed(letters: int) -> int:
    """Return how many typing errors a word may have: none up to two letters, one up to five, else two.

    It is what Elasticsearch's ``fuzziness: AUTO`` allows.
    """
    return 0 if letters <= 2 else 1 if letters <= 5 else 2  # noqa: PLR2004 - see above


def _distance(a: str, b: str) -> int:
    """Return the optimal string alignment distance: letters put in, left out, changed, or two swapped.

    Examples
    --------
    >>> _distance("godfahter", "godfather"), _distance("matrx", "matrix")
    (1, 1)
    """
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]
