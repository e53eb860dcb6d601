"""What an arm of an experiment may change: a closed list, each with its range."""

from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta, Struct

from schemas.vocabulary import RowKind

__all__ = ["RANKING_FIELDS", "ArtworkPolicy", "Ranking", "Share", "Treatment"]


class Ranking(StrEnum):
    """Who ranks the lists of an arm."""

    BLEND = "blend"
    FACTORIZATION = "factorization"
    COWATCH = "cowatch"
    COWATCH_LONG = "cowatch_long"
    TRENDING = "trending"
    POPULARITY = "popularity"


class ArtworkPolicy(StrEnum):
    """Who chooses a title's picture."""

    BANDIT = "bandit"
    """What viewers of like taste watched after they saw it."""
    FIRST = "first"
    """The catalogue: the title's first."""
    UNIFORM = "uniform"
    """Chance, each as likely."""


Share = Annotated[float, Meta(ge=0.0, le=1.0)]
RowKinds = Annotated[tuple[RowKind, ...], Meta(max_length=len(RowKind))]
Factor = Annotated[float, Meta(ge=0.0, le=10.0)]
Exponent = Annotated[float, Meta(ge=-4.0, le=4.0)]


class Treatment(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What an arm changes; what is absent stays as the worker's settings say.

    Attributes
    ----------
    ranking
        One expert alone, or the blend.
    factorization
        Factor on the learned weight of this expert of the blend: 0 leaves it out, 1 changes nothing.
    cowatch
        The same of the co-watch over few titles.
    cowatch_long
        The same of the co-watch over many titles.
    trending
        The same of what is watched of late.
    popularity
        The same of what is watched ever.
    list_length
        Titles of a row, at most as many as the worker's setting.
    rows
        Rows of the page, at most as many as the worker's setting; 1: top picks alone.
    rows_first
        Kinds of rows that stand above all others, in this order.
    rows_without
        Kinds of rows that are not on the page.
    artwork
        Who chooses pictures.
    explore
        Share of the viewers, drawn anew each day, whose page ends with an exploring row.
    watch_time
        Exponent of a title's length, over the mean length, in the odds that titles are ranked by: 1 ranks by
        the time that is expected to be watched.
    completion
        Exponent of how much those who watched a title liked it, by the share watched and their words.
    satisfaction
        Exponent of the share of a title's verdicts that did not turn it down.
    diversity
        Weight of the viewer's own mixture of genres inside top picks, in place of the worker's setting
        (`page.calibration`): 0 ranks by score alone.
    """

    ranking: Ranking | None = None
    factorization: Factor | None = None
    cowatch: Factor | None = None
    cowatch_long: Factor | None = None
    trending: Factor | None = None
    popularity: Factor | None = None
    list_length: Annotated[int, Meta(ge=1, le=200)] | None = None
    rows: Annotated[int, Meta(ge=1, le=40)] | None = None
    rows_first: RowKinds | None = None
    rows_without: RowKinds | None = None
    artwork: ArtworkPolicy | None = None
    explore: Share | None = None
    watch_time: Exponent | None = None
    completion: Exponent | None = None
    satisfaction: Exponent | None = None
    diversity: Factor | None = None


RANKING_FIELDS: Final = (
    "ranking", "factorization", "cowatch", "cowatch_long", "trending", "popularity",
    "watch_time", "completion", "satisfaction",
)  # fmt: skip
"""What a treatment says of the order of titles; all else is about the page."""
