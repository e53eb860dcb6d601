"""Texts of pages in the reader's language: headings, names of categories, reasons and alerts.

The English texts stand here; message catalogs (``translations/*.po``, read by Babel) have their translations,
and those of tags: forms alone and in combination, their order, and nouns for genres. Names of languages are
those of the Unicode CLDR, which Babel brings. What a catalog does not translate stays English, a tag stays as
in the titles' catalog. Another language is another file, and two letters in
:mod:`online_models.catalog.languages`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final, NamedTuple

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from online_models.catalog.languages import LANGUAGES
from online_models.errors import ModelError
from schemas.fields import ItemReason, RowKind

__all__ = ["MessagePart", "Messages", "UnknownLanguageError", "messages"]

ALERT: Final = "New for you: {}"
ROWS: Final[Mapping[RowKind, str]] = {
    RowKind.TOP_PICKS: "Top picks for you",
    RowKind.BECAUSE_YOU_WATCHED: "Because you watched {}",
    RowKind.BECAUSE_YOU_LIKED: "Because you liked {}",
    RowKind.CONTINUE_WATCHING: "Continue watching",
    RowKind.MY_LIST: "My list",
    RowKind.TRENDING_NOW: "Trending now",
    RowKind.TRENDING_IN_COUNTRY: "Trending in your country",
    RowKind.NEW_RELEASES: "New releases",
    RowKind.PEOPLE_LIKE_YOU: "Popular with people like you",
    RowKind.WATCH_AGAIN: "Watch again",
    RowKind.HIDDEN_GEMS: "Hidden gems for you",
    RowKind.EXPLORE: "Something different",
    RowKind.FEATURED: "Featured",
}
"""Headings; rows of tags are named by their tags."""
REASONS: Final[Mapping[ItemReason, str]] = {
    ItemReason.TASTE: "Fits your taste",
    ItemReason.CO_WATCH: "Fits your taste",
    ItemReason.TRENDING: "Trending now",
    ItemReason.COUNTRY: "Popular in your country",
    ItemReason.COHORT: "Popular with people like you",
    ItemReason.POPULAR: "Popular with many viewers",
    ItemReason.NEW: "New",
    ItemReason.EXPLORE: "Something different",
    ItemReason.AGAIN: "You liked it",
    ItemReason.FEATURED: "Featured",
}
"""Reasons that refer to nothing."""
WATCHED_WITH: Final = "Often watched with {}"
LIKES: Final = "You like: {}"
SAVED: Final = "On your list"
LEFT: Final = "{} left"
ORDER: Final = "pace mood language theme genre director cast decade"
"""Kinds of tags in the order in which English names them."""
FORMS: Final = {
    "pace": "{}-paced",
    "mood": "{}",
    "language": "{}-language",
    "theme": "{}",
    "genre": "{}",
    "director": "by {}",
    "cast": "with {}",
    "decade": "of the {}",
}
"""How a tag reads among others."""
ALONE: Final = {
    "pace": "{}-paced titles",
    "mood": "{} titles",
    "language": "{}-language titles",
    "theme": "{} titles",
    "genre": "{}",
    "director": "directed by {}",
    "cast": "starring {}",
    "decade": "from the {}",
}
"""How a tag reads alone."""
OTHER_NOUN: Final = "{} titles"
"""How a genre reads that has no noun."""
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
    >>> english, hindi, german = messages("en"), messages("hi"), messages("de")
    >>> english.heading(RowKind.BECAUSE_YOU_WATCHED, "Alien"), hindi.heading(RowKind.MY_LIST)
    ('Because you watched Alien', 'मेरी सूची')
    >>> slow = ["genre:Drama", "pace:slow", "genre:Romance", "mood:emotional"]
    >>> english.named(slow), english.named(["language:hi"])
    ('Slow-paced emotional romantic dramas', 'Hindi-language titles')
    >>> hindi.named(slow)
    'धीमी रफ़्तार भावुक रोमांटिक ड्रामा'
    >>> german.named(slow)
    'Langsame gefühlvolle romantische Dramen'
    """

    language: str
    catalog: Catalog

    def text(self, context: str, english: str) -> str:
        """Return the translation of a text, itself where there is none."""
        found = self.catalog.get(english, context)
        return str(found.string) if found is not None and found.string else english

    @property
    def alert(self) -> str:
        """Return the text of an alert, with ``{}`` for the title's name."""
        return self.text("alert", ALERT)

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
        return self.named(labels) if labels else self.text("row", ROWS[kind]).replace("{}", name)[:LONGEST]

    def reason(self, reason: ItemReason, *, title: str | None = None, tag: str | None = None) -> str:
        """Return why a title is on a page.

        Parameters
        ----------
        reason
            Reason of the title.
        title
            Name of the title that the reason refers to.
        tag
            Tag that the reason refers to, as ``kind:value``.

        Examples
        --------
        >>> messages("en").reason(ItemReason.CO_WATCH, title="Alien")
        'Often watched with Alien'
        >>> messages("en").reason(ItemReason.TASTE, tag="genre:Horror")
        'You like: horror films'
        """
        if title is not None:
            return self.text("reason", WATCHED_WITH).replace("{}", title)
        if tag is not None:
            kind, _, value = tag.partition(":")
            liked = value if kind in ("director", "cast") else self.parts([tag])[0].text
            return self.text("reason", LIKES).replace("{}", liked)
        if reason is ItemReason.RESUME:
            return self.text("reason", SAVED)
        return self.text("reason", REASONS[reason])

    def left(self, seconds: float) -> str:
        """Return how much of a title is left.

        Examples
        --------
        >>> messages("en").left(3480), messages("de").left(5400)
        ('58 min left', 'noch 1 h 30 min')
        """
        hours, minutes = divmod(max(1, round(seconds / 60)), 60)
        shown = f"{hours} h {minutes} min" if hours else f"{minutes} min"
        return self.text("reason", LEFT).replace("{}", shown)

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
        order = self.text("order of tags", ORDER).split()
        first = order.index("genre") < order.index("mood")  # then the noun leads, as in Romance languages
        ordered = sorted(
            tags, key=lambda tag: (_place(order, tag[0]), (tag == ("genre", noun)) != first, tag[1])
        )
        return tuple(
            MessagePart(kind, value, self._text(kind, value, noun, single=len(tags) == 1))
            for kind, value in ordered
        )

    def _text(self, kind: str, value: str, noun: str | None, *, single: bool) -> str:
        if kind == "genre" and value == noun:
            found = self.catalog.get(value.lower(), "genre as noun")
            if found is not None and found.string:
                return str(found.string)
            return self.text("other genre as noun", OTHER_NOUN).replace("{}", self._word(kind, value))
        context, forms = (f"alone: {kind}", ALONE) if single else (f"with other tags: {kind}", FORMS)
        return self.text(context, forms.get(kind, "{}")).replace("{}", self._word(kind, value))

    def _word(self, kind: str, value: str) -> str:
        if kind == "language":
            code = value.split("-", maxsplit=1)[0].lower()
            return str(Locale.parse(self.language).languages.get(code, value))
        found = self.text(kind, value.lower())
        return value if found == value.lower() and kind in CAPITALS else found


def _place(order: Sequence[str], kind: str) -> int:
    return order.index(kind) if kind in order else len(order)


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
    # Read out of the installed package, wherever it is: nothing is compiled when it is built.
    with resources.files(__package__).joinpath("translations", f"{language}.po").open("rb") as file:
        return Messages(language, read_po(file, locale=language))


def _headiness(genre: str) -> tuple[int, str]:
    name = genre.lower()
    return (HEADS.index(name) if name in HEADS else len(HEADS), name)
