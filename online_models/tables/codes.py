"""Numbers that kernels use for words of the wire contract: kinds of shelves, and reasons of items."""

KINDS = 14

(
    TOP_PICKS,
    CONTINUE_WATCHING,
    MY_LIST,
    BECAUSE_WATCHED,
    BECAUSE_LIKED,
    TRENDING,
    NEW_RELEASES,
    TAG_SHELF,
    WATCH_AGAIN,
    HIDDEN_GEMS,
    EXPLORE,
    TRENDING_IN_COUNTRY,
    PEOPLE_LIKE_YOU,
    FEATURED,
) = range(KINDS)
"""Kinds of shelves (their names on the wire: ``online_models.page.shelf_kinds``)."""

NO_SHELF = 255
"""Ends a page that has fewer shelves than there is room for."""

TASTE, CO_WATCH, TREND, NEW, EXPLORED, RESUME, LOVED, POPULAR, COUNTRY, COHORT, PINNED = range(11)
"""Reasons of items. The first three come from `ranking.scorer`, too."""

NOT_DRAWN = -1
"""The last title of a list is there by its score, although the list was open to exploration."""
