"""What content teams read of titles: how they are watched, and by whom.

A group of fewer than 20 distinct viewers is never told: what may not be told is absent. Counts that come from
a bounded memory say by how much they may be too high.
"""

from typing import Annotated

from msgspec import Meta, Struct

from schemas.experiments import Figure, Share
from schemas.fields import Country, Id, Label, SchemaVersion, Seq, Text, TimeMs

__all__ = [
    "Amount",
    "CohortDemand",
    "CurvePoint",
    "FacetDemand",
    "GroupInsight",
    "SearchDemand",
    "ServedTitle",
    "Steepest",
    "TitleInsight",
    "TopTitles",
    "ViewerCount",
    "Wanted",
]


Minute = Annotated[int, Meta(ge=0, le=10_080)]
"""A minute of a title, from 0."""
ViewerCount = Annotated[int, Meta(ge=20, le=9_007_199_254_740_991)]
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
    viewers: ViewerCount


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
    viewers: ViewerCount
    starts: Seq
    watch_minutes: Amount
    finished: ViewerCount | None = None
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
    viewers: ViewerCount
    starts: Seq
    watch_minutes: Amount
    curve: Annotated[tuple[CurvePoint, ...], Meta(max_length=300)]
    steepest: Steepest | None = None
    finished: ViewerCount | None = None
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


# What content teams read of demand: what is wanted, what is not there, what serves whom.
#
# The rule of 20 viewers is as in :mod:`schemas.insights`. Counts that come from a bounded memory say by how
# much they may be too high.


Key = Annotated[str, Meta(min_length=1, max_length=300)]
"""Key of a record."""
Tag = Annotated[str, Meta(min_length=1, max_length=96)]
"""A tag as ``kind:tag``."""


class FacetDemand(
    Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="type", tag="facets"
):
    """Demand for a combination of tags; minutes fade by half in 28 days.

    Attributes
    ----------
    key
        The tags, and the country, separated by ``|``; the record's key.
    labels
        The tags as ``kind:tag``.
    country
        Where; absent: everywhere. Shares are then of what is watched there, and of the titles shown there.
    at_ms
        Newest event that is counted (UTC, ms since 1970).
    watch_minutes
        Watched of late; at most so many.
    error_minutes
        By so many it may be too much.
    watch_share
        Of all minutes.
    titles
        That have all of these tags.
    catalogue_share
        Of all titles.
    excess
        The difference of the shares: above 0 more is watched than there is to watch.
    trend
        Share of the last days' minutes over the share of the last weeks': above 1 it rises.
    schema_version
        Version of the contract; absent means 1.
    """

    key: Key
    labels: Annotated[tuple[Tag, ...], Meta(min_length=1, max_length=3)]
    at_ms: TimeMs
    watch_minutes: Amount
    error_minutes: Amount
    watch_share: Share
    titles: Seq
    catalogue_share: Share
    excess: Figure
    trend: Amount
    country: Country | None = None
    schema_version: SchemaVersion = 1


class SearchDemand(
    Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="type", tag="search"
):
    """What is searched for, and how often in vain.

    Attributes
    ----------
    key
        ``search|`` and the query; the record's key.
    query
        What at least 20 viewers typed, in lower case.
    at_ms
        Newest event that is counted (UTC, ms since 1970).
    searches
        How often.
    error_searches
        Searches, at most, that are another query's.
    without_result
        Found nothing; absent: fewer than 20 viewers, or all but so few.
    watches
        Came to a watch within half an hour; absent: of fewer than 20 viewers.
    schema_version
        Version of the contract; absent means 1.
    """

    key: Key
    query: Text
    at_ms: TimeMs
    searches: Seq
    error_searches: Amount = 0.0
    without_result: Seq | None = None
    watches: Seq | None = None
    schema_version: SchemaVersion = 1


class ServedTitle(Struct, frozen=True, kw_only=True, gc=False):
    """A title, and how it serves a cohort.

    Attributes
    ----------
    title_id
        The title.
    viewers
        Of the cohort, who watched some of it.
    finished
        Of these, who reached the credits; at least.
    watch_minutes
        Watched by the cohort of late, at most.
    error_minutes
        By so many it may be too much.
    """

    title_id: Id
    viewers: ViewerCount
    finished: ViewerCount
    watch_minutes: Amount
    error_minutes: Amount


class CohortDemand(
    Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="type", tag="cohort"
):
    """What serves a cohort best: whom it keeps to the end, by the lower bound of that share.

    Attributes
    ----------
    key
        ``cohort|`` and the genre; the record's key.
    cohort
        The genre that these viewers watch most.
    at_ms
        Newest event that is counted (UTC, ms since 1970).
    titles
        Best first.
    schema_version
        Version of the contract; absent means 1.
    """

    key: Key
    cohort: Label
    at_ms: TimeMs
    titles: Annotated[tuple[ServedTitle, ...], Meta(max_length=20)]
    schema_version: SchemaVersion = 1


class Wanted(Struct, frozen=True, kw_only=True, gc=False):
    """What is wanted.

    Attributes
    ----------
    facets
        Combinations of tags, in the order that was asked for.
    searches
        Queries, those that came to nothing most often first.
    cohorts
        What serves each cohort best.
    """

    facets: Annotated[tuple[FacetDemand, ...], Meta(max_length=1000)]
    searches: Annotated[tuple[SearchDemand, ...], Meta(max_length=1000)]
    cohorts: Annotated[tuple[CohortDemand, ...], Meta(max_length=1000)]
