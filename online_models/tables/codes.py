"""Numbers that stand for words of the wire contract in kernels: kinds of shelves, and reasons of items."""

KINDS = 14

(
    TOP_PICKS, CONTINUE_WATCHING, MY_LIST, BECAUSE_WATCHED, BECAUSE_LIKED, TRENDING, NEW_RELEASES, TAG_SHELF, WATCH_AGAIN, HIDDEN_GEMS, EXPLORE, TRENDING_IN_COUNTRY, PEOPLE_LIKE_YOU,
    FEATURED,
) = range(KINDS)  # fmt: skip
"""Kinds of rows (``online_models.page.shelf_kinds`` says what each is on the wire)."""

NO_SHELF = 255
"""Ends a page of fewer rows."""

TASTE, CO_WATCH, TREND, NEW, EXPLORED, RESUME, LOVED, POPULAR, COUNTRY, COHORT, PINNED = range(11)
"""Reasons of items; the first three are ``rank``'s, and `POPULAR` is given by an experiment's arm alone."""

NOT_DRAWN = -1
"""The last title of a list stands there by its score, and could have had to make way for one drawn."""
