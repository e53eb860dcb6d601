"""Headings of shelves and names of categories in the viewer's language, and pages as messages have them.

Message catalogs (``messages/*.json``) have the headings of each kind and how tags read: order of the
words, forms alone and in combination, nouns for genres, and translations of tags. A tag without a
translation stays as in the titles' catalog. Another language is another file.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final, NamedTuple

import numpy as np

from online_models.catalog.languages import LANGUAGES
from online_models.errors import ModelError
from online_models.page.layout import Pages
from online_models.page.shelf_kinds import KINDS, REASONS
from online_models.tables.codes import EXPLORE, NO_SHELF, NOT_DRAWN, TAG_SHELF
from online_models.tables.layout import F4, I4
from schemas.fields import RowKind
from schemas.pages import Category, Item, Row

__all__ = [
    "DECIMALS",
    "MessagePart",
    "Messages",
    "PageDecoder",
    "UnknownLanguageError",
    "hundredths",
    "last_propensity",
    "messages",
]

HEADS: Final = (
    "documentary",
    "western",
    "musical",
    "horror",
    "thriller",
    "comedy",
    "drama",
    "adventure",
    "mystery",
    "romance",
)
"""Genres that can be the noun of a name, in order of precedence; another genre where none of these is
present."""
CAPITALS: Final = ("director", "cast", "decade", "language")
"""Kinds of tags whose values keep their capitals."""


class UnknownLanguageError(ModelError):
    """There are no messages in a language. The error names the languages that have some: use one of them."""


class MessagePart(NamedTuple):
    """Part of a name: one tag."""

    kind: str
    """Kind of the tag: `genre`, `mood`, ..."""
    value: str
    """The tag as in the catalog."""
    text: str
    """The tag as it reads in the name."""


LONGEST = 256
"""Characters of a heading, as the contract has it (`schemas.fields.Text`): the name of a title alone may have
so many."""


@dataclass(frozen=True, slots=True)
class Messages:
    """Messages of one language.

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
        """Return the heading of a shelf.

        Parameters
        ----------
        kind
            Kind of the shelf.
        name
            Name of its seed.
        labels
            Tags that name it, as ``kind:value``.
        """
        return self.named(labels) if labels else self.rows[kind].replace("{}", name)[:LONGEST]

    def named(self, labels: Sequence[str]) -> str:
        """Return the name of titles that have all of these tags, with a capital first letter."""
        text = " ".join(part.text for part in self.parts(labels))
        return (text[:1].upper() + text[1:])[:LONGEST]

    def parts(self, labels: Sequence[str]) -> tuple[MessagePart, ...]:
        """Order and translate tags (``kind:value``). Of several tags at least one is a genre.

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
    """Return the messages of a language.

    Raises
    ------
    UnknownLanguageError
        There are no messages in the language.
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


DECIMALS = 4
"""Decimals of a score on the wire."""


def hundredths(part: F4) -> I4:
    """Return shares in hundredths, the precision of categories.

    Examples
    --------
    >>> hundredths(np.array([0.256, 1.0], np.float32)).tolist()
    [26, 100]
    """
    out: I4 = np.rint(100.0 * part).astype(np.int32)
    return out


def last_propensity(drawn: int, share: float) -> float | None:
    """Return the propensity of a list's last title; None if it was certain.

    Parameters
    ----------
    drawn
        Titles that it was drawn from, or ``NOT_DRAWN``, or 0 (`online_models.tables.layout.Lists`).
    share
        Share of lists whose last title is drawn.

    Examples
    --------
    >>> last_propensity(40, 0.2), last_propensity(-1, 0.2), last_propensity(0, 0.2)
    (0.005, 0.8, None)
    """
    if drawn == NOT_DRAWN:
        return 1.0 - share
    return share / drawn if drawn else None


class PageDecoder:
    """Turns pages of kernels into shelves as messages have them, in any language.

    Parameters
    ----------
    ids
        Title ids by row.
    names
        Names by row; a title without one goes by its id.
    tags
        Tags by number, as ``kind:value``.

    Examples
    --------
    >>> from online_models.page.headings import messages
    >>> decoder = PageDecoder(["a"], {0: "Alien"}, ["pace:slow", "genre:Horror"])
    >>> row = decoder.head(7, [1, 0, -1, -1], messages("en"))
    >>> row.title, row.tags, row.reason
    ('Slow-paced horror films', ('pace:slow', 'genre:Horror'), <ItemReason.TASTE: 'taste'>)
    """

    def __init__(self, ids: Sequence[str], names: Mapping[int, str], tags: Sequence[str]) -> None:
        self.ids, self.names, self.tags = ids, names, tags

    def head(self, kind: int, arg: Sequence[int], messages: Messages) -> Row:
        """Return a shelf without titles: kind, heading, seed or tags, and reason."""
        plain, said = KINDS[kind], [one for one in arg if one >= 0]
        labels: tuple[str, ...] = ()
        seed = name = None
        if kind == TAG_SHELF:
            parts = messages.parts([self.tags[tag] for tag in said])
            labels = tuple(f"{part.kind}:{part.value}" for part in parts)
        elif said:
            seed = self.ids[said[0]]
            name = self.names.get(said[0], seed)
        heading = messages.heading(plain.wire, name or "", labels)
        return Row(kind=plain.wire, title=heading, title_id=seed, tags=labels, reason=plain.reason, items=())

    def category(self, tag: int, messages: Messages) -> tuple[str, str]:
        """Return the tag of a category and its name."""
        label = self.tags[tag]
        return label, messages.named([label])

    def categories(self, pages: Pages, q: int, messages: Messages) -> tuple[Category, ...]:
        """Return the categories of the ``q``-th page, those that the viewer watches most first."""
        pairs = zip(pages.category[q].tolist(), hundredths(pages.category_share[q]).tolist(), strict=True)
        named = ((*self.category(tag, messages), part) for tag, part in pairs if tag >= 0)
        return tuple(Category(tag=label, title=name, score=part / 100) for label, name, part in named)

    def rows(self, pages: Pages, q: int, messages: Messages, explored: float = 1.0) -> tuple[Row, ...]:
        """Return the shelves of the ``q``-th page, top to bottom.

        `explored` is the share of viewers whose page explores, or of lists whose last title is drawn:
        propensities are multiplied by it.
        """
        out, drawn = [], int(pages.candidates[q])
        last = last_propensity(drawn, explored) if pages.kind.shape[1] == 1 else None
        for r, kind in enumerate(pages.kind[q].tolist()):
            if kind == NO_SHELF:
                break
            head = self.head(kind, pages.arg[q, r].tolist(), messages)
            chance = explored / drawn if kind == EXPLORE else None
            columns = (pages.title[q, r].tolist(), pages.score[q, r].tolist(), pages.reason[q, r].tolist())
            items = tuple(
                Item(
                    title_id=self.ids[title],
                    score=round(score, DECIMALS),
                    reason=None if REASONS[reason] is head.reason else REASONS[reason],
                    propensity=last if k == pages.title.shape[2] - 1 and last else chance,
                )
                for k, (title, score, reason) in enumerate(zip(*columns, strict=True))
                if title >= 0
            )
            out.append(
                Row(
                    kind=head.kind,
                    title=head.title,
                    title_id=head.title_id,
                    tags=head.tags,
                    reason=head.reason,
                    items=items,
                )
            )
        return tuple(out)
