"""Headings: in every language, for every kind, and names that read like names."""

import pytest

from online_models.catalog.languages import DEFAULT, LANGUAGES
from online_models.page.messages import (
    ALONE,
    FORMS,
    LEFT,
    LIKES,
    ORDER,
    REASONS,
    ROWS,
    SAVED,
    WATCHED_WITH,
    UnknownLanguageError,
    messages,
)
from online_models.page.shelf_kinds import KINDS
from schemas import RowKind


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_has_a_heading(language: str) -> None:
    """Each kind of shelf has a heading, and a seed's name is in its heading."""
    said = messages(language)
    tags = ("genre:Drama",)
    headings = {k.wire: said.heading(k.wire, "Alien", tags if k.wire == "genre" else ()) for k in KINDS}
    assert all(headings.values())
    assert len(set(headings.values())) == len(KINDS)
    assert "Alien" in headings["because_you_watched"]  # type: ignore[index]
    assert not any("{" in heading for heading in headings.values())
    order = said.text("order of tags", ORDER)
    assert set(order.split()) == set(FORMS) == set(ALONE)


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != DEFAULT])
def test_every_text_is_translated_and_keeps_its_places(language: str) -> None:
    """No text is missing, left over, or without the place of its name: ``{}``."""
    template, catalog = messages(DEFAULT).catalog, messages(language).catalog
    expected = {(one.context, one.id) for one in template if one.id}
    found = {(one.context, one.id): str(one.string) for one in catalog if one.id}
    assert set(found) == expected
    assert [key for key, text in found.items() if not text or text.count("{}") != key[1].count("{}")] == []
    assert {("row", text) for text in ROWS.values()} <= expected
    assert {("reason", text) for text in [*REASONS.values(), WATCHED_WITH, LIKES, SAVED, LEFT]} <= expected


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("de", "Langsame romantische Dramen auf Hindi der 1990er"),
        ("es", "Dramas de romance de ritmo lento en hindi de los años 1990"),
        ("fr", "Drames (romance) au rythme lent en hindi des années 1990"),
        ("pt", "Dramas de romance de ritmo lento em hindi dos anos 1990"),
    ],
)
def test_names_have_the_order_of_their_language(language: str, name: str) -> None:
    """Adjectives before the noun or after it."""
    labels = ["genre:Drama", "pace:slow", "genre:Romance", "language:hi", "decade:1990s"]
    assert messages(language).named(labels) == name


def test_names_read_like_names() -> None:
    """Every kind has its place; a genre without a noun gets one; the order of the tags does not matter."""
    labels = ["decade:1980s", "cast:R. Devi", "genre:Sci-Fi", "mood:Dark", "theme:heist", "pace:fast"]
    wanted = "Fast-paced dark heist sci-fi titles with R. Devi of the 1980s"
    english = messages("en")
    for order in (labels, labels[::-1]):
        assert english.named(order) == wanted
    assert [part.kind for part in english.parts(labels)] == [
        "pace", "mood", "theme", "genre", "cast", "decade"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("label", "english", "hindi"),
    [
        ("genre:Comedy", "Comedies", "कॉमेडी"),
        ("genre:War", "War titles", "युद्ध कहानियाँ"),
        ("mood:dark", "Dark titles", "गंभीर कहानियाँ"),
        ("language:pt-BR", "Portuguese-language titles", "पुर्तगाली में"),
        ("language:tlh", "Klingon-language titles", "क्लिंगन में"),
        ("director:A. Varda", "Directed by A. Varda", "A. Varda द्वारा निर्देशित"),
        ("cast:R. Devi", "Starring R. Devi", "R. Devi अभिनीत"),
        ("decade:1990s", "From the 1990s", "1990 के दशक से"),
        ("theme:{odd}", "{odd} titles", "{odd} की कहानियाँ"),
    ],
)
def test_a_tag_alone(label: str, english: str, hindi: str) -> None:
    """One tag names a shelf, too, whatever its value."""
    assert (messages("en").named([label]), messages("hi").named([label])) == (english, hindi)


def test_a_language_without_messages_is_told() -> None:
    """The error names the languages that there are."""
    with pytest.raises(UnknownLanguageError, match="en, de"):
        messages("tlh")


def test_a_heading_is_no_longer_than_the_contract_allows() -> None:
    """A title's name may be as long as a heading, and tags of 64 characters add up."""
    english = messages("en")
    assert len(english.heading(RowKind.BECAUSE_YOU_WATCHED, "x" * 256)) == 256
    labels = [f"{kind}:{'y' * 64}" for kind in ("genre", "mood", "theme", "place", "period")]
    assert len(english.heading(RowKind.GENRE, labels=labels)) == 256
    assert len(english.named(labels)) == 256
