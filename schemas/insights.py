"""Insights for content teams: how titles are watched, and which titles are in demand.

A figure is published only if it is about at least 20 distinct viewers (k-anonymity); otherwise it is absent.
Counts from a bounded memory state by how much they may be too high.
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
"""A number of viewers large enough to be published: at least 20."""
Amount = Annotated[float, Meta(ge=0.0, le=1e12)]
"""Minutes, or another amount that is no whole number."""


class CurvePoint(Struct, frozen=True, kw_only=True, gc=False):
    """A point of a completion curve; between two points at least 20 viewers left.

    Attributes
    ----------
    minute
        Minute of the title, from 0.
    viewers
        Viewers who reached it; 0, or at least 20.
    """

    minute: Minute
    viewers: Seq


class Steepest(Struct, frozen=True, kw_only=True, gc=False):
    """The step of the curve with the most departures per minute.

    Attributes
    ----------
    minute
        Begin of the step.
    until
        End of the step; the next minute if at least 20 viewers left within one.
    viewers
        Viewers who left there.
    """

    minute: Minute
    until: Minute
    viewers: ViewerCount


class GroupInsight(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A title among the viewers of one country or cohort.

    Attributes
    ----------
    name
        The country (ISO 3166-1 alpha-2), or the genre that the cohort watches most.
    viewers
        Viewers who watched some of it.
    starts
        Playbacks that ended.
    watch_minutes
        Minutes watched.
    finished
        Lower bound of the viewers who reached the credits; absent: too few to publish.
    error_starts
        Upper bound of the starts that belong to another group, counted before this group was tracked.
    """

    name: Label
    viewers: ViewerCount
    starts: Seq
    watch_minutes: Amount
    finished: ViewerCount | None = None
    error_starts: Seq = 0


class TitleInsight(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """How a title is watched, since it is tracked.

    Attributes
    ----------
    title_id
        The title; the record's key.
    at_ms
        Time of the newest event that is counted (UTC, ms since 1970).
    viewers
        Viewers who watched some of it; a viewer who returns after 64 other titles counts again.
    starts
        Playbacks that ended, without previews that started automatically.
    watch_minutes
        Minutes watched.
    curve
        Completion curve: remaining viewers by minute, in steps of at least 20 viewers.
    steepest
        The step of the curve with the most departures per minute; absent: too few to publish.
    finished
        Lower bound of the viewers who reached the credits; absent: too few to publish.
    rewatches
        Watches by viewers who had finished it before; absent, like the next fields: fewer than 20 viewers.
    skips
        Number of rejections.
    thumbs_up
        Thumbs up, and ratings of four stars or more.
    thumbs_down
        Thumbs down, and ratings of two stars or less.
    from_search
        Watches that began at a search result.
    countries
        By country, most starts first.
    cohorts
        By cohort: the genre that viewers watch most.
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
    """Titles, most watched first.

    Attributes
    ----------
    items
        The titles as published.
    """

    items: Annotated[tuple[TitleInsight, ...], Meta(max_length=1000)]


# Demand: tags, searches without a result, and the titles that serve a cohort.


Key = Annotated[str, Meta(min_length=1, max_length=300)]
"""Key of a record."""
Tag = Annotated[str, Meta(min_length=1, max_length=96)]
"""A tag as ``kind:tag``."""


class FacetDemand(
    Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="type", tag="facets"
):
    """Demand for a combination of tags. Minutes decay with a half-life of 28 days.

    Attributes
    ----------
    key
        The tags, and the country, separated by ``|``; the record's key.
    labels
        The tags as ``kind:tag``.
    country
        Country; absent: all. Shares are of the minutes watched and the titles available there.
    at_ms
        Time of the newest event that is counted (UTC, ms since 1970).
    watch_minutes
        Decayed minutes watched; an upper bound.
    error_minutes
        Maximum error of `watch_minutes`.
    watch_share
        Share of all minutes.
    titles
        Number of titles with all of these tags.
    catalogue_share
        Share of all titles.
    excess
        `watch_share` minus `catalogue_share`: above 0, demand exceeds supply.
    trend
        Share of minutes in recent days over the share in recent weeks: above 1, demand rises. Absent: fewer
        than two weeks are counted, too early to tell.
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
    trend: Amount | None = None
    country: Country | None = None
    schema_version: SchemaVersion = 1


class SearchDemand(
    Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="type", tag="search"
):
    """A search query, and how often it had no result.

    Attributes
    ----------
    key
        ``search|`` and the query; the record's key.
    query
        A query of at least 20 viewers, in lower case.
    at_ms
        Time of the newest event that is counted (UTC, ms since 1970).
    searches
        Number of searches.
    error_searches
        Upper bound of the searches that belong to another query.
    without_result
        Searches without a result; absent: by fewer than 20 viewers, or by all but fewer than 20.
    watches
        Searches followed by a watch within half an hour; absent: by fewer than 20 viewers.
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
    """A title, and how it is watched by a cohort.

    Attributes
    ----------
    title_id
        The title.
    viewers
        Viewers of the cohort who watched some of it.
    finished
        Lower bound of those who reached the credits.
    watch_minutes
        Upper bound of the decayed minutes watched by the cohort.
    error_minutes
        Maximum error of `watch_minutes`.
    """

    title_id: Id
    viewers: ViewerCount
    finished: ViewerCount
    watch_minutes: Amount
    error_minutes: Amount


class CohortDemand(
    Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="type", tag="cohort"
):
    """The titles that a cohort finishes most often, by the lower confidence bound of the share.

    Attributes
    ----------
    key
        ``cohort|`` and the genre; the record's key.
    cohort
        The genre that the cohort watches most.
    at_ms
        Time of the newest event that is counted (UTC, ms since 1970).
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
    """Demand of all kinds.

    Attributes
    ----------
    facets
        Combinations of tags, in the requested order.
    searches
        Queries, most searches without a result first.
    cohorts
        The best titles of each cohort.
    """

    facets: Annotated[tuple[FacetDemand, ...], Meta(max_length=1000)]
    searches: Annotated[tuple[SearchDemand, ...], Meta(max_length=1000)]
    cohorts: Annotated[tuple[CohortDemand, ...], Meta(max_length=1000)]
