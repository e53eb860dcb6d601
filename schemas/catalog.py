"""The catalog: the titles, and their metadata."""

from enum import StrEnum
from sys import intern
from typing import Annotated, Final

from msgspec import Meta, Struct
from msgspec.structs import astuple

from schemas.fields import (
    Country,
    Id,
    Label,
    Labels,
    Maturity,
    Ordinal,
    SchemaVersion,
    Seconds,
    Text,
    TimeMs,
    Uri,
)

__all__ = ["Artwork", "Availability", "Tags", "Title", "TitleKind", "Trailer"]


class TitleKind(StrEnum):
    """Kind of a title."""

    FILM = "film"
    SERIES = "series"
    """A series as a whole; its episodes are titles of their own."""
    EPISODE = "episode"


class _Texts(dict[str, Label]):
    """Tags of a kind as text, by value: thousands of titles have one and the same, in memory, too."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def __missing__(self, value: str) -> Label:
        if len(self) >= MOST_TEXTS:
            self.clear()
        text = self[value] = intern(f"{self._kind}:{value}")
        return text


MOST_TEXTS: Final = 1 << 16
"""Texts of a kind that are kept: 8 MB."""


class Tags(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Tags of a title by kind, in the vocabulary of the catalog; compared exactly.

    Attributes
    ----------
    genre
        For example `Drama`.
    mood
        For example `dark`, `feel-good`.
    pace
        For example `slow`, `fast`.
    cast
        Ids or names of the actors.
    director
        Ids or names of the directors and creators.
    language
        Original language, as a BCP 47 tag.
    theme
        For example `heist`, `coming of age`.
    """

    genre: Labels = ()
    mood: Labels = ()
    pace: Labels = ()
    cast: Labels = ()
    director: Labels = ()
    language: Labels = ()
    theme: Labels = ()

    def labels_by_kind(self) -> list[list[Label]]:
        """Return the tags as ``kind:value``, one list for each kind that has any.

        Examples
        --------
        >>> Tags(genre=("Drama", "Crime"), mood=("dark",)).labels_by_kind()
        [['genre:Drama', 'genre:Crime'], ['mood:dark']]
        """
        return [[*map(text, values)] for text, values in zip(_TEXTS, astuple(self), strict=True) if values]


_TEXTS: Final = [_Texts(kind).__getitem__ for kind in Tags.__struct_fields__]


class Availability(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """When and where a title may be shown. It is not recommended outside of its window and countries.

    Attributes
    ----------
    start_ms
        First millisecond (UTC) of the licence; absent: no start.
    end_ms
        First millisecond (UTC) after the licence; absent: no end.
    countries
        Countries, as ISO 3166-1 alpha-2 codes; empty: all.
    """

    start_ms: TimeMs | None = None
    end_ms: TimeMs | None = None
    countries: Annotated[tuple[Country, ...], Meta(max_length=300)] = ()

    def __post_init__(self) -> None:
        if self.start_ms is not None and self.end_ms is not None and self.start_ms >= self.end_ms:
            msg = "Expected `start_ms` < `end_ms`"
            raise ValueError(msg)


class Artwork(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One artwork variant of a title.

    Attributes
    ----------
    id
        Unique within the title; lists and impressions refer to it.
    uri
        Address of the image.
    tags
        What the image shows (`romance`, the id of an actor), in the vocabulary of the title's tags.
    """

    id: Id
    uri: Uri
    tags: Labels = ()


class Trailer(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One trailer of a title.

    Attributes
    ----------
    id
        Unique within the title.
    uri
        Address of the video.
    duration_s
        Length in seconds.
    tags
        What the trailer shows, in the vocabulary of the title's tags.
    """

    id: Id
    uri: Uri
    duration_s: Seconds | None = None
    tags: Labels = ()


class Title(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A title of the catalog. The newest record of a title id is complete; a tombstone withdraws the title.

    Attributes
    ----------
    title_id
        Opaque id; the record's key.
    kind
        Film, series or episode.
    name
        Name for people; shown on pages, not used by the models.
    series_id
        Title id of the series to which an episode belongs.
    season
        Number of an episode's season; absent where a series has none.
    episode
        Number of an episode in its season. An episode is recommended to those who know the one before it, and
        after a finished one it is on continue watching. Leave it out where episodes stand alone, as those of
        news do; absent: no order is known.
    duration_s
        Length in seconds; absent for a series, or if unknown.
    release_ms
        First release anywhere (UTC, ms since 1970; negative before 1970); absent if unknown.
    maturity
        Minimum age of the audience in years; 0: all ages.
    tags
        Genres, moods, cast and so on.
    languages
        Languages of the sound tracks, as BCP 47 tags.
    subtitles
        Languages of the subtitles, as BCP 47 tags.
    availability
        When and where the title may be shown.
    artwork
        Artwork variants to choose from; the first is the default.
    trailers
        Trailers to choose from; the first is the default.
    schema_version
        Version of the contract; absent means 1.
    """

    title_id: Id
    kind: TitleKind = TitleKind.FILM
    name: Text | None = None
    series_id: Id | None = None
    season: Ordinal | None = None
    episode: Ordinal | None = None
    duration_s: Seconds | None = None
    release_ms: Annotated[int, Meta(ge=-2_840_140_800_000, lt=4_102_444_800_000)] | None = None
    """Not before 1880: the oldest surviving film is of 1888."""
    maturity: Maturity = 0
    tags: Tags = Tags()
    languages: Labels = ()
    subtitles: Labels = ()
    availability: Availability = Availability()
    artwork: Annotated[tuple[Artwork, ...], Meta(max_length=64)] = ()
    trailers: Annotated[tuple[Trailer, ...], Meta(max_length=64)] = ()
    schema_version: SchemaVersion = 1

    def tag_labels(self) -> list[Label]:
        """Return all tags as ``kind:value``, in the order of the kinds.

        Returns
        -------
        list of str
            The labels by which tag models and facets count.

        Examples
        --------
        >>> Title(title_id="t1", tags=Tags(genre=("Drama",), mood=("dark",))).tag_labels()
        ['genre:Drama', 'mood:dark']
        """
        out: list[Label] = []
        for text, values in zip(_TEXTS, astuple(self.tags), strict=True):
            if values:
                out += map(text, values)
        return out
