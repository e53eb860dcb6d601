r"""Search that learns: which titles are watched after a query, and the order of the results.

An index scores how well the words of a title match the query (`lexical`, 0 to 1). The order adds:

.. math:: lexical_j + .2\, taste_j + .05\, trend_j + .6\, \frac{c_{qj}}{c_q + 3}

with taste and trend by place (1 for the first, 0 beyond the last), and :math:`c_{qj}` the decayed count of
quality watches of title j after query q. Titles that others watched after the same query are found even if no
word matches.
"""

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from typing import NamedTuple

__all__ = ["SearchModel", "SearchedQuery", "by_place", "hashed", "normal", "order", "words_of"]

TASTE = 0.2
"""Added to the first title of the viewer's page: among titles that match about equally, those of the viewer's
taste come first, and no title passes one that matches clearly better (a correct prefix of a word counts .85
of it)."""
TREND = 0.05
"""Added to the first title of the trending list: it decides between equals only."""
LEARNED = 0.6
"""Added to a title that all viewers watched after the query: more than a mistyped or unfinished word
costs."""
DOUBT = 3.0
"""Watches after a query at which half of `LEARNED` is added."""
MOST_BYTES = 40
"""Bytes of a query that are kept; longer ones are cut: long sentences hardly repeat."""
MOST_QUERIES = 20_000
"""Queries kept; beyond that, those with the lowest recent counts are forgotten."""
TITLES = 16
"""Titles kept for a query: a page of results."""
HALF_LIFE_S = 30 * 86_400.0
"""Event time after which a watch counts half: a month; what a name means changes slowly (assumed)."""
_KEEP = 7 / 8  # share of the queries kept when there are too many
_RESCALE = 40.0  # half-lives after which counts are rescaled


def words_of(text: str) -> list[str]:
    """Return the normalized words of a text: lower case, without accents, digits included.

    Vowel signs, such as those of Devanagari, stay: only the accents of Latin, Greek and Cyrillic are removed.

    Examples
    --------
    >>> words_of("Amélie's 2nd WALL·E"), words_of("हिन्दी फ़िल्म") == words_of("हिन्दी  फ़िल्म!")
    (['amelies', '2nd', 'wall', 'e'], True)
    """
    folded = unicodedata.normalize("NFKD", text.replace("'", "").replace("\u2019", "")).casefold()
    kept = (
        c if unicodedata.category(c)[0] in "LNM" else " " for c in folded if not "\u0300" <= c <= "\u036f"
    )
    return "".join(kept).split()


def normal(query: str) -> str:
    """Return a normalized query: its words, at most 40 bytes of them.

    Examples
    --------
    >>> normal("  The GODFATHER ")
    'the godfather'
    """
    return " ".join(words_of(query)).encode()[:MOST_BYTES].decode(errors="ignore").strip()


def hashed(query: str) -> str:
    """Return the hash under which watches after a query are counted: what one person typed is not stored.

    Examples
    --------
    >>> hashed("the godfather")
    'f626783bc98341ccd1c4690a'
    """
    return hashlib.blake2b(query.encode(), digest_size=12).hexdigest()


def by_place(titles: Sequence[str]) -> dict[str, float]:
    """Return a value for each title of a list by its place: 1 for the first, towards 0 for the last.

    Examples
    --------
    >>> by_place(["a", "b"])
    {'a': 1.0, 'b': 0.5}
    """
    out: dict[str, float] = {}
    for place, title in enumerate(titles):
        out.setdefault(title, 1.0 - place / len(titles))
    return out


def order(
    lexical: Mapping[str, float],
    *,
    taste: Mapping[str, float],
    trend: Mapping[str, float],
    learned: Mapping[str, float],
) -> list[tuple[str, float]]:
    """Return the matching titles, and those watched after the same query, best first, equal ones by id.

    Parameters
    ----------
    lexical
        Score of the match of each title's words, 0 to 1.
    taste, trend
        By title, 0 to 1 (:func:`by_place`).
    learned
        Watches after the query (:meth:`SearchModel.after`).

    Examples
    --------
    >>> order({"a": 0.9, "b": 0.9}, taste={"b": 0.5}, trend={}, learned={"c": 9.0})
    [('b', 1.0), ('a', 0.9), ('c', 0.45)]
    """
    total = sum(learned.values())
    found = dict.fromkeys([*lexical, *learned])
    scores = {
        title: lexical.get(title, 0.0)
        + TASTE * taste.get(title, 0.0)
        + TREND * trend.get(title, 0.0)
        + LEARNED * learned.get(title, 0.0) / (total + DOUBT)
        for title in found
    }
    return sorted(((t, round(s, 4)) for t, s in scores.items()), key=lambda pair: (-pair[1], pair[0]))


class SearchedQuery(NamedTuple):
    """The counts of a query, as they are stored."""

    counts: dict[str, float]
    """Watches by title, decayed to ``since_ms``."""
    since_ms: int
    newest_ms: int


class SearchModel:
    """Titles watched after each query: decayed, bounded counts.

    Examples
    --------
    >>> searches = SearchModel()
    >>> searches.watched("batman", "dark-knight", 0)
    >>> searches.after("batman"), searches.take_moved()
    ({'dark-knight': 1.0}, ['batman'])
    """

    def __init__(self, most: int = MOST_QUERIES) -> None:
        self._most = most
        self._asked: dict[str, SearchedQuery] = {}
        self._moved: dict[str, None] = {}

    def __len__(self) -> int:
        """Return the number of queries."""
        return len(self._asked)

    def watched(self, query: str, title_id: str, at_ms: int) -> None:
        """Count a quality watch after a query (as :func:`normal` gives it)."""
        asked = self._asked.get(query) or SearchedQuery({}, at_ms, at_ms)
        counts, since = asked.counts, asked.since_ms
        if at_ms - since > _RESCALE * HALF_LIFE_S * 1e3:
            factor = _worth(since, at_ms)
            counts, since = {title: count * factor for title, count in counts.items()}, at_ms
        counts[title_id] = counts.get(title_id, 0.0) + 1.0 / _worth(since, at_ms)
        if len(counts) > TITLES:
            best = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:TITLES]
            counts = dict(best)
        self._asked[query] = SearchedQuery(counts, since, max(asked.newest_ms, at_ms))
        self._moved[query] = None
        if len(self._asked) > self._most:
            self._forget()

    def after(self, query: str) -> dict[str, float]:
        """Return the watches after a query by title, decayed to the newest watch."""
        asked = self._asked.get(query)
        return {} if asked is None else decayed(asked)

    def state(self, query: str) -> SearchedQuery | None:
        """Return the stored counts of a query; None if it is forgotten."""
        return self._asked.get(query)

    def load(self, query: str, asked: SearchedQuery) -> None:
        """Load a stored query."""
        self._asked[query] = asked

    def take_moved(self) -> list[str]:
        """Return the queries that changed, or were forgotten, since the last call."""
        out = list(self._moved)
        self._moved.clear()
        return out

    def _forget(self) -> None:
        """Forget the queries with the lowest recent counts."""
        newest = max(asked.newest_ms for asked in self._asked.values())
        total = {
            query: sum(asked.counts.values()) * _worth(asked.since_ms, newest)
            for query, asked in self._asked.items()
        }
        least = sorted(total, key=lambda query: (total[query], query))
        for query in least[: len(self._asked) - int(_KEEP * self._most)]:
            del self._asked[query]
            self._moved[query] = None


def decayed(asked: SearchedQuery) -> dict[str, float]:
    """Return the counts of a query, decayed to its newest watch."""
    worth = _worth(asked.since_ms, asked.newest_ms)
    return {title: round(count * worth, 6) for title, count in asked.counts.items()}


def _worth(since_ms: int, at_ms: int) -> float:
    """Return the weight of a watch after a time."""
    return float(2.0 ** ((since_ms - at_ms) / (HALF_LIFE_S * 1e3)))
