"""The closed sets of words on the lists: kinds of rows, and reasons why a title is there."""

from enum import StrEnum

__all__ = ["ItemReason", "RowKind"]


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
