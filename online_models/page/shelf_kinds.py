"""Kinds of rows: what each is on the wire, why its titles are there, and what it is worth before all else."""

from typing import Final, NamedTuple

from online_models.tables import codes
from schemas.fields import ItemReason, RowKind

__all__ = ["CATEGORIES", "KINDS", "REASONS", "TAG_KINDS", "ShelfKind"]


class ShelfKind(NamedTuple):
    """One kind of row.

    Kinds stand in the order of their numbers in the kernels (``page.layout``).
    """

    wire: RowKind
    reason: ItemReason
    """Of its titles, where a title does not say otherwise."""
    prior: float
    """What its value is multiplied by. No viewer's rows are measured yet: these constants say what services
    tell of theirs (continue watching leads where the sitting is likely a resumed one: Gomez-Uribe and Hunt,
    2016), and no more."""


KINDS: Final = (
    ShelfKind(RowKind.TOP_PICKS, ItemReason.TASTE, 1.2),
    ShelfKind(RowKind.CONTINUE_WATCHING, ItemReason.RESUME, 4.0),
    ShelfKind(RowKind.MY_LIST, ItemReason.RESUME, 2.0),
    ShelfKind(RowKind.BECAUSE_YOU_WATCHED, ItemReason.CO_WATCH, 1.0),
    ShelfKind(RowKind.BECAUSE_YOU_LIKED, ItemReason.CO_WATCH, 1.0),
    ShelfKind(RowKind.TRENDING_NOW, ItemReason.TRENDING, 1.0),
    ShelfKind(RowKind.NEW_RELEASES, ItemReason.NEW, 1.0),
    ShelfKind(RowKind.GENRE, ItemReason.TASTE, 0.9),
    ShelfKind(RowKind.WATCH_AGAIN, ItemReason.AGAIN, 0.3),
    ShelfKind(RowKind.HIDDEN_GEMS, ItemReason.TASTE, 0.8),
    ShelfKind(RowKind.EXPLORE, ItemReason.EXPLORE, 0.1),
    ShelfKind(RowKind.TRENDING_IN_COUNTRY, ItemReason.COUNTRY, 1.0),
    ShelfKind(RowKind.PEOPLE_LIKE_YOU, ItemReason.COHORT, 1.0),
    ShelfKind(RowKind.FEATURED, ItemReason.FEATURED, 1.0),
)
REASONS: Final = (
    ItemReason.TASTE,
    ItemReason.CO_WATCH,
    ItemReason.TRENDING,
    ItemReason.NEW,
    ItemReason.EXPLORE,
    ItemReason.RESUME,
    ItemReason.AGAIN,
    ItemReason.POPULAR,
    ItemReason.COUNTRY,
    ItemReason.COHORT,
    ItemReason.FEATURED,
)
"""Reasons in the order of their numbers in the kernels (``page.layout``)."""
TAG_KINDS: Final = ("pace", "mood", "language", "theme", "genre", "director", "cast", "decade")
"""Kinds of tags that name rows, in the order of their numbers in the kernels."""
CATEGORIES: Final = ("genre", "mood")
"""Kinds of tags that are categories."""

assert len(KINDS) == codes.KINDS  # noqa: S101 - two tables of the same things
assert TAG_KINDS.index("genre") == 4  # noqa: S101 - page.tag_shelves.GENRE
