"""Genres that people state, in the words of the catalog.

A producer's vocabulary and the catalog's differ in case, hyphens, plurals and customary short forms: "Sci-Fi"
and "Science Fiction", "documentaries" and "Documentary". Both are reduced to a canonical form, and a viewer's
row holds the hash of it. So a genre that the catalog gets later counts from then on.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process

from online_models.tables.hashing import tag_keys

__all__ = ["canonical", "canonical_keys", "nearest", "unknown_genres"]

_SAME: Final = {
    "actionadventure": "action",
    "animated": "animation",
    "anime": "animation",
    "bollywood": "hindi",
    "childrens": "family",
    "children": "family",
    "doc": "documentary",
    "docu": "documentary",
    "kid": "family",
    "romantic": "romance",
    "romcom": "romanticcomedy",
    "scifi": "sciencefiction",
    "sf": "sciencefiction",
    "suspense": "thriller",
    "syfy": "sciencefiction",
    "whodunit": "mystery",
}
"""Customary other words for a genre, in their reduced form. A catalog that has both words has one genre."""
_NEAR: Final = 60.0
"""Similarity from which a word is proposed (rapidfuzz: 100 for equal words)."""


def canonical(label: str) -> str:
    """Return the canonical form of a tag (``kind:value``); only genres have another one than themselves.

    Examples
    --------
    >>> [canonical(f"genre:{word}") for word in ("Sci-Fi", "Science fiction", "COMEDIES", "Comedy", "Drames")]
    ['genre:sciencefiction', 'genre:sciencefiction', 'genre:comedy', 'genre:comedy', 'genre:drame']
    >>> canonical("language:pt-BR")
    'language:pt-BR'
    """
    kind, _, value = label.partition(":")
    if kind != "genre":
        return label
    plain = unicodedata.normalize("NFKD", value).casefold()
    word = "".join(letter for letter in plain if letter.isalnum())
    if word.endswith("ies"):
        word = f"{word[:-3]}y"
    elif word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    return f"genre:{_SAME.get(word, word)}"


def canonical_keys(labels: Sequence[str]) -> NDArray[np.uint32]:
    """Return the keys by which the rows of viewers hold stated tags, whatever the spelling.

    Examples
    --------
    >>> canonical_keys(["genre:Sci-Fi"]) == canonical_keys(["genre:Science Fiction"])
    array([ True])
    """
    return tag_keys([canonical(label) for label in labels])


def unknown_genres(stated: Iterable[str], genres: Iterable[str]) -> list[str]:
    """Return the stated genres that no genre of the catalog means.

    Examples
    --------
    >>> unknown_genres(["Sci-Fi", "Horor"], ["Science Fiction", "Horror"])
    ['Horor']
    """
    known = {canonical(f"genre:{genre}") for genre in genres}
    return [genre for genre in stated if canonical(f"genre:{genre}") not in known]


def nearest(genre: str, genres: Sequence[str]) -> str | None:
    """Return the genre of the catalog that is spelled most alike, None if none is.

    Examples
    --------
    >>> nearest("Horor", ["Drama", "Horror"]), nearest("Opera", ["Horror"])
    ('Horror', None)
    """
    found = process.extractOne(genre.casefold(), [one.casefold() for one in genres], score_cutoff=_NEAR)
    return None if found is None else genres[found[2]]
