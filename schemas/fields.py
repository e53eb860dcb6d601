"""Field types shared by all messages: each is a plain Python type with its range, unit and description.

The ranges are checked by msgspec in C while it parses. They are meant to catch nonsense (a negative duration,
an event from the year 52,000 because someone sent microseconds), not to be opinions about viewing.
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
"""The newest version of every message that this code reads and writes."""

MIN_TIME_MS: Final = 631_152_000_000
"""1990-01-01T00:00:00Z. Public rating data sets, which people replay, begin in the 1990s (MovieLens:
1995)."""

MAX_TIME_MS: Final = 4_102_444_800_000
"""2100-01-01T00:00:00Z. Microseconds or nanoseconds sent by mistake land far beyond it."""

_ONE_LINE: Final = {"not": {"pattern": "[\\u0000-\\u001f\\u007f]"}}
# msgspec's own `pattern` costs 0.5 µs a field (measured); the codec looks for control characters once per
# record.

Id = Annotated[str, Meta(min_length=1, max_length=64, extra_json_schema=_ONE_LINE)]
"""An opaque identifier: 1 to 64 characters, no control characters (a UUID has 36, a ULID 26)."""

Label = Annotated[str, Meta(min_length=1, max_length=64, extra_json_schema=_ONE_LINE)]
"""A short name out of the sender's vocabulary: a genre, a device, a surface. Compared exactly, case
included."""

Labels = Annotated[tuple[Label, ...], Meta(max_length=64)]
"""At most 64 labels."""

Text = Annotated[str, Meta(min_length=1, max_length=256, extra_json_schema=_ONE_LINE)]
"""One line of text for people: 1 to 256 characters, no control characters."""

Uri = Annotated[str, Meta(min_length=1, max_length=2048, extra_json_schema=_ONE_LINE)]
"""Where something can be fetched; 2,048 characters is what browsers and CDNs take."""

Country = Annotated[str, Meta(min_length=2, max_length=2, extra_json_schema={"pattern": "^[A-Z]{2}$"})]
"""ISO 3166-1 alpha-2, upper case."""

TimeMs = Annotated[int, Meta(ge=MIN_TIME_MS, lt=MAX_TIME_MS)]
"""Milliseconds since 1970-01-01T00:00:00 UTC, as an integer."""

Seconds = Annotated[float, Meta(ge=0.0, le=604_800.0)]
"""A duration or position in seconds, 0 to 7 days (the longest single video is far shorter)."""

Count = Annotated[int, Meta(ge=0, le=1_000_000)]
"""A small count."""

Index = Annotated[int, Meta(ge=0, le=999)]
"""A place in a list, from 0."""

Maturity = Annotated[int, Meta(ge=0, le=18)]
"""The youngest age in years for which something is meant."""

Score = Annotated[float, Meta(ge=-1e9, le=1e9)]
"""A model's score; comparable inside one list only."""

Propensity = Annotated[float, Meta(gt=0.0, le=1.0)]
"""The probability with which an item was chosen to be shown here."""

Offset = Annotated[int, Meta(ge=0, le=9_223_372_036_854_775_807)]
"""A Kafka offset."""

Seq = Annotated[int, Meta(ge=0, le=9_007_199_254_740_991)]
"""A counter that never goes backwards; at most 2^53 - 1, which every JSON reader keeps exactly."""

SchemaVersion = Annotated[int, Meta(ge=1, le=SCHEMA_VERSION)]
"""The version of the contract that the message was written under; absent means 1."""


class RowKind(StrEnum):
    """What a row of a page is; the set is closed."""

    TOP_PICKS = "top_picks"
    """The best for this viewer, whatever the reason."""
    BECAUSE_YOU_WATCHED = "because_you_watched"
    """Like one title that the viewer watched: the row's `title_id`."""
    BECAUSE_YOU_LIKED = "because_you_liked"
    """Like one title that the viewer said they like: the row's `title_id`."""
    CONTINUE_WATCHING = "continue_watching"
    """Begun and not finished."""
    MY_LIST = "my_list"
    """What the viewer put on their list."""
    TRENDING_NOW = "trending_now"
    """What everyone watches now."""
    TRENDING_IN_COUNTRY = "trending_in_country"
    """What the viewer's country watches now."""
    NEW_RELEASES = "new_releases"
    """New in the catalogue."""
    GENRE = "genre"
    """Out of one genre, mood, theme, person or the like, or several: the row's `tags` say which."""
    WATCH_AGAIN = "watch_again"
    """Finished and loved, a while ago."""
    HIDDEN_GEMS = "hidden_gems"
    """Fits the viewer, and few have watched it."""
    PEOPLE_LIKE_YOU = "people_like_you"
    """What viewers of like taste watch, and more than others do."""
    EXPLORE = "explore"
    """Off the beaten track, to learn what the viewer thinks of it."""
    FEATURED = "featured"
    """Put there by the service's rules, not by the viewer's taste."""


class ItemReason(StrEnum):
    """Why a title is on a list; the set is closed."""

    CO_WATCH = "co_watch"
    """Watched by people who watched what you watched."""
    TASTE = "taste"
    """Fits the taste that your viewing shows, or your words."""
    TRENDING = "trending"
    """Watched a lot right now."""
    COUNTRY = "country"
    """Watched a lot in your country right now."""
    COHORT = "cohort"
    """Watched a lot by viewers of like taste, and more than by others."""
    POPULAR = "popular"
    """Watched a lot, for a long time."""
    NEW = "new"
    """New in the catalogue."""
    EXPLORE = "explore"
    """Shown to learn; the item's `propensity` says how likely that was."""
    RESUME = "resume"
    """Begun and not finished, or on your list."""
    AGAIN = "again"
    """You finished it and loved it, a while ago."""
    FEATURED = "featured"
    """Put there by the service's rules."""
