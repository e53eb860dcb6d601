"""What content teams read of titles: how they are watched, and by whom.

A group of fewer than 20 distinct viewers is never told: what may not be told is absent. Counts that come from
a bounded memory say by how much they may be too high.
"""

from typing import Annotated

from msgspec import Meta, Struct

from schemas.fields import Id, Label, SchemaVersion, Seq, TimeMs

__all__ = [
    "Amount",
    "CurvePoint",
    "GroupInsight",
    "Steepest",
    "TitleInsight",
    "Told",
    "TopTitles",
]

Minute = Annotated[int, Meta(ge=0, le=10_080)]
"""A minute of a title, from 0."""
Told = Annotated[int, Meta(ge=20, le=9_007_199_254_740_991)]
"""A number of viewers that may be told."""
Amount = Annotated[float, Meta(ge=0.0, le=1e12)]
"""Minutes, or something else that is counted in parts."""


class CurvePoint(Struct, frozen=True, kw_only=True, gc=False):
    """A point of a completion curve; between two points at least 20 viewers left.

    Attributes
    ----------
    minute
        Of the title, from 0.
    viewers
        Who reached it; 0, or 20 and more.
    """

    minute: Minute
    viewers: Seq


class Steepest(Struct, frozen=True, kw_only=True, gc=False):
    """Where most viewers left in a minute.

    Attributes
    ----------
    minute
        Where the step begins.
    until
        Where it ends; the next minute, where 20 viewers left in one.
    viewers
        Who left there.
    """

    minute: Minute
    until: Minute
    viewers: Told


class GroupInsight(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A title with the viewers of one country or cohort.

    Attributes
    ----------
    name
        The country (ISO 3166-1 alpha-2), or the cohort: the genre that they watch most.
    viewers
        Who watched some of it.
    starts
        Playbacks that ended.
    watch_minutes
        Watched.
    finished
        Viewers who reached the credits, at least; absent: too few to be told.
    error_starts
        Starts of this group, at most, that were counted before it was followed, and are another's.
    """

    name: Label
    viewers: Told
    starts: Seq
    watch_minutes: Amount
    finished: Told | None = None
    error_starts: Seq = 0


class TitleInsight(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """How a title is watched, since it is followed.

    Attributes
    ----------
    title_id
        The title; the record's key.
    at_ms
        Newest event that is counted (UTC, ms since 1970).
    viewers
        Who watched some of it; who comes back after 64 other titles counts again.
    starts
        Playbacks that ended; not previews that played by themselves.
    watch_minutes
        Watched.
    curve
        Who was still there, minute by minute, in steps of at least 20 viewers.
    steepest
        The step of the curve where most viewers left in a minute; absent: no step can be told.
    finished
        Viewers who reached the credits, at least; absent: too few to be told.
    rewatches
        Watches by who had finished it before; absent, as below: by fewer than 20 viewers.
    skips
        How often it was turned down.
    thumbs_up
        Thumbs up, and four stars and more.
    thumbs_down
        Thumbs down, and two stars and less.
    from_search
        Watches that a search led to.
    countries
        By country, most starts first.
    cohorts
        By the genre that viewers watch most.
    schema_version
        Version of the contract; absent means 1.
    """

    title_id: Id
    at_ms: TimeMs
    viewers: Told
    starts: Seq
    watch_minutes: Amount
    curve: Annotated[tuple[CurvePoint, ...], Meta(max_length=300)]
    steepest: Steepest | None = None
    finished: Told | None = None
    rewatches: Seq | None = None
    skips: Seq | None = None
    thumbs_up: Seq | None = None
    thumbs_down: Seq | None = None
    from_search: Seq | None = None
    countries: Annotated[tuple[GroupInsight, ...], Meta(max_length=20)] = ()
    cohorts: Annotated[tuple[GroupInsight, ...], Meta(max_length=20)] = ()
    schema_version: SchemaVersion = 1


class TopTitles(Struct, frozen=True, kw_only=True, gc=False):
    """Titles, those watched most first.

    Attributes
    ----------
    items
        Each as it was published.
    """

    items: Annotated[tuple[TitleInsight, ...], Meta(max_length=1000)]
