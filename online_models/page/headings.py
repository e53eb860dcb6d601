"""Headings in the reader's language, out of message catalogs (``messages/*.json``).

A catalog says how rows are called and how tags read: the order of a name's words, the form of each kind,
alone and beside others, nouns for genres that can be one, and words for tags. A tag that a catalog has no
word for stays as the titles' catalog has it. Another language is another file.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final, NamedTuple

from online_models.catalog.languages import LANGUAGES
from online_models.errors import ModelError
from schemas.fields import RowKind

__all__ = ["MessagePart", "Messages", "UnknownLanguageError", "messages"]

HEADS: Final = (
    "documentary", "western", "musical", "horror", "thriller", "comedy", "drama", "adventure", "mystery",
    "romance",
)  # fmt: skip
"""Genres that can be the noun, those that go before others first; others where none of these is."""
CAPITALS: Final = ("director", "cast", "decade", "language")
"""Kinds whose values keep their capitals."""


class UnknownLanguageError(ModelError):
    """There are no messages in a language: give one of those that the error names."""


class MessagePart(NamedTuple):
    """One word of a name."""

    kind: str
    """Kind of the tag: `genre`, `mood`, ..."""
    value: str
    """The tag in the catalog's words."""
    text: str
    """How it reads in the name."""


@dataclass(frozen=True, slots=True)
class Messages:
    """One language's catalog.

    Examples
    --------
    >>> english, hindi = messages("en"), messages("hi")
    >>> english.heading(RowKind.BECAUSE_YOU_WATCHED, "Alien"), hindi.heading(RowKind.MY_LIST)
    ('Because you watched Alien', 'मेरी सूची')
    >>> slow = ["genre:Drama", "pace:slow", "genre:Romance", "mood:emotional"]
    >>> english.named(slow), english.named(["language:hi"])
    ('Slow-paced emotional romantic dramas', 'Hindi-language titles')
    >>> hindi.named(slow)
    'धीमी रफ़्तार भावुक रोमांटिक ड्रामा'
    """

    language: str
    alert: str
    rows: Mapping[str, str]
    order: Sequence[str]
    forms: Mapping[str, str]
    alone: Mapping[str, str]
    other_noun: str
    nouns: Mapping[str, str]
    words: Mapping[str, Mapping[str, str]]

    def heading(self, kind: RowKind, name: str = "", labels: Sequence[str] = ()) -> str:
        """Return a row's heading.

        Parameters
        ----------
        kind
            What kind of row.
        name
            Of the title that it refers to.
        labels
            Tags that it is out of, as ``kind:value``.
        """
        return self.named(labels) if labels else self.rows[kind].replace("{}", name)

    def named(self, labels: Sequence[str]) -> str:
        """Return the name of titles that have all of these tags, its first letter a capital."""
        text = " ".join(part.text for part in self.parts(labels))
        return text[:1].upper() + text[1:]

    def parts(self, labels: Sequence[str]) -> tuple[MessagePart, ...]:
        """Put tags (``kind:value``) in order and words; of several a genre has to be one.

        Examples
        --------
        >>> labels = ["genre:Thriller", "decade:1990s", "genre:Crime", "language:hi"]
        >>> [part.text for part in messages("en").parts(labels)]
        ['Hindi-language', 'crime', 'thrillers', 'of the 1990s']
        """
        tags = [(kind, value) for kind, _, value in (label.partition(":") for label in labels)]
        noun = min((value for kind, value in tags if kind == "genre"), key=_headiness, default=None)
        ordered = sorted(tags, key=lambda tag: (self._place(tag[0]), tag == ("genre", noun), tag[1]))
        return tuple(
            MessagePart(kind, value, self._text(kind, value, noun, single=len(tags) == 1))
            for kind, value in ordered
        )

    def _text(self, kind: str, value: str, noun: str | None, *, single: bool) -> str:
        if kind == "genre" and value == noun:
            return self.nouns.get(value.lower()) or self.other_noun.replace("{}", self._word(kind, value))
        forms = self.alone if single else self.forms
        return forms.get(kind, "{}").replace("{}", self._word(kind, value))

    def _word(self, kind: str, value: str) -> str:
        key = value.split("-", maxsplit=1)[0].lower() if kind == "language" else value.lower()
        return self.words.get(kind, {}).get(key) or (value if kind in CAPITALS else value.lower())

    def _place(self, kind: str) -> int:
        return self.order.index(kind) if kind in self.order else len(self.order)


@cache
def messages(language: str) -> Messages:
    """Return a language's catalog.

    Raises
    ------
    UnknownLanguageError
        There is none.
    """
    if language not in LANGUAGES:
        msg = f"no messages in {language!r}: there are {', '.join(LANGUAGES)}"
        raise UnknownLanguageError(msg)
    text = resources.files(__package__).joinpath("messages", f"{language}.json").read_text("utf-8")
    said: dict[str, Any] = json.loads(text)
    return Messages(language, **said)


def _headiness(genre: str) -> tuple[int, str]:
    name = genre.lower()
    return (HEADS.index(name) if name in HEADS else len(HEADS), name)
