"""Field types that several messages share: types with range and unit, kinds of rows, and reasons.

msgspec checks the ranges in C while it parses. They catch defects of a producer, such as a negative duration,
or an event in the year 52,000 because the time was sent in microseconds.
"""

from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta

__all__ = [
    "MAX_TIME_MS",
    "MIN_TIME_MS",
    "SCHEMA_VERSION",
    "Count",
    "Country",
    "Id",
    "Index",
    "ItemReason",
    "Label",
    "Labels",
    "Maturity",
    "Offset",
    "Ordinal",
    "Propensity",
    "RowKind",
    "SchemaVersion",
    "Score",
    "Seconds",
    "Seq",
    "Text",
    "TimeMs",
    "Uri",
]

SCHEMA_VERSION: Final = 1
"""The newest version of the messages that this code reads and writes."""

MIN_TIME_MS: Final = 631_152_000_000
"""1990-01-01T00:00:00Z. Public rating data sets, which are replayed, begin in the 1990s (MovieLens:
1995)."""

MAX_TIME_MS: Final = 4_102_444_800_000
"""2100-01-01T00:00:00Z. Microseconds or nanoseconds sent by mistake are far above it."""

_ONE_LINE: Final = {"not": {"pattern": "[\\u0000-\\u001f\\u007f]"}}
# msgspec's own `pattern` costs 0.5 µs a field (measured); the codec looks for control characters once per
# record.

Id = Annotated[str, Meta(min_length=1, max_length=64, extra_json_schema=_ONE_LINE)]
"""An opaque identifier: 1 to 64 characters, no control characters (a UUID has 36, a ULID 26)."""

Label = Annotated[str, Meta(min_length=1, max_length=64, extra_json_schema=_ONE_LINE)]
"""A short name from the vocabulary of the sender: a genre, a device, a surface. Compared exactly, with
case."""

Labels = Annotated[tuple[Label, ...], Meta(max_length=64)]
"""At most 64 labels."""

Text = Annotated[str, Meta(min_length=1, max_length=256, extra_json_schema=_ONE_LINE)]
"""One line of text for people: 1 to 256 characters, no control characters."""

Uri = Annotated[str, Meta(min_length=1, max_length=2048, extra_json_schema=_ONE_LINE)]
"""An address; 2,048 characters is the limit of browsers and CDNs."""

Country = Annotated[str, Meta(min_length=2, max_length=2, extra_json_schema={"pattern": "^[A-Z]{2}$"})]
"""ISO 3166-1 alpha-2, upper case."""

TimeMs = Annotated[int, Meta(ge=MIN_TIME_MS, lt=MAX_TIME_MS)]
"""Milliseconds since 1970-01-01T00:00:00 UTC, as an integer."""

Seconds = Annotated[float, Meta(ge=0.0, le=604_800.0)]
"""A duration or position in seconds, 0 to 7 days (the longest single video is far shorter)."""

Count = Annotated[int, Meta(ge=0, le=1_000_000)]
"""A small count."""

Index = Annotated[int, Meta(ge=0, le=999)]
"""A position in a list, from 0."""

Ordinal = Annotated[int, Meta(ge=0, le=65_535)]
"""Number of a season or an episode; 0 for a special."""

Maturity = Annotated[int, Meta(ge=0, le=18)]
"""Minimum age of the audience in years."""

Score = Annotated[float, Meta(ge=-1e9, le=1e9)]
"""A score of the model; comparable within one list only."""

Propensity = Annotated[float, Meta(gt=0.0, le=1.0)]
"""Probability with which an item was chosen for a position."""

Offset = Annotated[int, Meta(ge=0, le=9_223_372_036_854_775_807)]
"""A Kafka offset."""

Seq = Annotated[int, Meta(ge=0, le=9_007_199_254_740_991)]
"""A counter that never decreases; at most 2^53 - 1, which every JSON reader represents exactly."""

SchemaVersion = Annotated[int, Meta(ge=1, le=SCHEMA_VERSION)]
"""The version of the contract that the message was written under; absent means 1."""


class RowKind(StrEnum):
    """Kind of a row of a page; a closed set."""

    TOP_PICKS = "top_picks"
    """The titles with the highest scores for the viewer, for any reason."""
    BECAUSE_YOU_WATCHED = "because_you_watched"
    """Titles similar to one that the viewer watched: the `title_id` of the row."""
    BECAUSE_YOU_LIKED = "because_you_liked"
    """Titles similar to one that the viewer marked as liked: the `title_id` of the row."""
    CONTINUE_WATCHING = "continue_watching"
    """Titles begun and not finished."""
    MY_LIST = "my_list"
    """Titles on the viewer's own list."""
    TRENDING_NOW = "trending_now"
    """Titles that are watched most now."""
    TRENDING_IN_COUNTRY = "trending_in_country"
    """Titles that are watched most now in the viewer's country."""
    NEW_RELEASES = "new_releases"
    """Titles that are new in the catalog."""
    GENRE = "genre"
    """Titles that share one or several genres, moods, themes, people and so on: the `tags` of the row."""
    WATCH_AGAIN = "watch_again"
    """Titles that the viewer finished and liked some time ago."""
    HIDDEN_GEMS = "hidden_gems"
    """Titles that fit the viewer and have been watched by few."""
    PEOPLE_LIKE_YOU = "people_like_you"
    """Titles that viewers of similar taste watch more than others do."""
    EXPLORE = "explore"
    """Titles shown to learn about the viewer (exploration)."""
    FEATURED = "featured"
    """Titles pinned by business rules."""


class ItemReason(StrEnum):
    """Reason why a title is on a list; a closed set."""

    CO_WATCH = "co_watch"
    """Watched by viewers who watched the same titles."""
    TASTE = "taste"
    """Fits the taste, as learned from watches and stated preferences."""
    TRENDING = "trending"
    """Watched most now."""
    COUNTRY = "country"
    """Watched most now in the viewer's country."""
    COHORT = "cohort"
    """Watched more by viewers of similar taste than by others."""
    POPULAR = "popular"
    """Watched most over all time."""
    NEW = "new"
    """New in the catalog."""
    EXPLORE = "explore"
    """Exploration; the `propensity` of the item is its probability."""
    RESUME = "resume"
    """Begun and not finished, or on the viewer's own list."""
    AGAIN = "again"
    """Finished and liked some time ago."""
    FEATURED = "featured"
    """Pinned by a business rule."""
