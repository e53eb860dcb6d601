"""The catalogue: what there is to watch, and what is known about it before anyone has watched it."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from schemas.fields import Country, Id, Label, Labels, Maturity, SchemaVersion, Seconds, Text, TimeMs, Uri

__all__ = ["Artwork", "Availability", "Tags", "Title", "TitleKind", "Trailer"]


class TitleKind(StrEnum):
    """What kind of thing a title is."""

    FILM = "film"
    SERIES = "series"
    """A series as a whole; its episodes are titles of their own."""
    EPISODE = "episode"


class Tags(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What a title is about, kind by kind, in the catalogue's own words; compared exactly.

    Attributes
    ----------
    genre
        Such as `Drama`.
    mood
        How it feels: `dark`, `feel-good`.
    pace
        How fast it moves: `slow`, `fast`.
    cast
        Ids or names of who is in it.
    director
        Ids or names of who made it; creators too.
    language
        The language it was made in, as a BCP 47 tag.
    theme
        What it is about: `heist`, `coming of age`.
    """

    genre: Labels = ()
    mood: Labels = ()
    pace: Labels = ()
    cast: Labels = ()
    director: Labels = ()
    language: Labels = ()
    theme: Labels = ()

    def labels_by_kind(self) -> list[list[Label]]:
        """Return the tags kind by kind as ``kind:value``, kinds without any left out.

        Examples
        --------
        >>> Tags(genre=("Drama", "Crime"), mood=("dark",)).labels_by_kind()
        [['genre:Drama', 'genre:Crime'], ['mood:dark']]
        """
        kinds = ((kind, getattr(self, kind)) for kind in self.__struct_fields__)
        return [[f"{kind}:{value}" for value in values] for kind, values in kinds if values]


class Availability(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """When and where a title may be shown; outside of it, it is never recommended.

    Attributes
    ----------
    start_ms
        First millisecond (UTC) of the licence; absent: always was.
    end_ms
        First millisecond (UTC) after the licence; absent: no end.
    countries
        Where, as ISO 3166-1 alpha-2 codes; empty: everywhere.
    """

    start_ms: TimeMs | None = None
    end_ms: TimeMs | None = None
    countries: Annotated[tuple[Country, ...], Meta(max_length=300)] = ()

    def __post_init__(self) -> None:
        if self.start_ms is not None and self.end_ms is not None and self.start_ms >= self.end_ms:
            msg = "Expected `start_ms` < `end_ms`"
            raise ValueError(msg)


class Artwork(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One picture that can stand for a title.

    Attributes
    ----------
    id
        Unique within the title; this is what lists and impressions name.
    uri
        Where the picture is.
    tags
        What it shows (`romance`, the id of an actor), in the words of the title's tags.
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
        Where the video is.
    duration_s
        Its length in seconds.
    tags
        What it shows, in the words of the title's tags.
    """

    id: Id
    uri: Uri
    duration_s: Seconds | None = None
    tags: Labels = ()


class Title(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A title of the catalogue; the newest record of a title id is the whole truth, a tombstone withdraws it.

    Attributes
    ----------
    title_id
        Opaque id; the record's key.
    kind
        Film, series or episode.
    name
        What people call it; shown on pages, never learned from.
    series_id
        Title id of the series that an episode belongs to.
    duration_s
        Length in seconds; absent for a series, or where unknown.
    release_ms
        First release anywhere (UTC, ms since 1970; below 0 before 1970); absent where unknown.
    maturity
        The youngest age in years for which it is meant; 0 for everyone.
    tags
        What it is about.
    languages
        Languages in which it can be heard, as BCP 47 tags.
    subtitles
        Languages in which it can be read, as BCP 47 tags.
    availability
        When and where it may be shown.
    artwork
        Pictures to choose from; the first is the default.
    trailers
        Trailers to choose from; the first is the default.
    schema_version
        Version of the contract; absent means 1.
    """

    title_id: Id
    kind: TitleKind = TitleKind.FILM
    name: Text | None = None
    series_id: Id | None = None
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
            What tag models and facets count by.

        Examples
        --------
        >>> Title(title_id="t1", tags=Tags(genre=("Drama",), mood=("dark",))).tag_labels()
        ['genre:Drama', 'mood:dark']
        """
        return [label for labels in self.tags.labels_by_kind() for label in labels]
