"""Business rules as data: boost, bury, pin or exclude titles, for some viewers and some time.

The newest record of a rule id is the complete rule; a tombstone removes it. Rules change pages, not the
learned state.
"""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from schemas.catalog import Tags
from schemas.fields import Country, Id, Maturity, SchemaVersion, Text, TimeMs

__all__ = ["BusinessRule", "PinRow", "RuleKind"]


class RuleKind(StrEnum):
    """Effect of a rule on the titles that it matches."""

    BOOST = "boost"
    """Multiplies their odds by `factor`, above 1."""
    BURY = "bury"
    """Multiplies their odds by `factor`, below 1."""
    PIN = "pin"
    """Places a title at a position, unless a guard forbids it."""
    EXCLUDE = "exclude"
    """Removes them from all lists."""


class PinRow(StrEnum):
    """Row in which a title can be pinned."""

    FEATURED = "featured"
    """The row `featured`, above all others; players show its first title largest."""
    TOP_PICKS = "top_picks"
    """The row of top picks; the reason of the item is `featured`."""


class BusinessRule(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A business rule.

    Attributes
    ----------
    rule_id
        Id of the rule; the record's key.
    kind
        Effect of the rule.
    titles
        Titles that it matches. A pin has exactly one.
    tags
        The rule also matches titles with at least one of the tags of every kind given here.
    factor
        For a boost (above 1) and a bury (below 1): factor on the odds of a title against the others.
    row
        For a pin: the row.
    slot
        For a pin: position in the row, from 0. If several rules pin one position, the lowest id wins.
    countries
        Viewers in these countries; empty: all.
    maturity_at_most
        Only profiles with an age limit of at most this many years. Absent: all.
    starts_at_ms
        Start (UTC, ms since 1970); absent: no start.
    ends_at_ms
        End, exclusive (UTC, ms since 1970); absent: no end.
    note
        Comment for other operators.
    schema_version
        Version of the contract; absent means 1.
    """

    rule_id: Id
    kind: RuleKind
    titles: Annotated[tuple[Id, ...], Meta(max_length=1000)] = ()
    tags: Tags = Tags()
    factor: Annotated[float, Meta(ge=0.01, le=100.0)] | None = None
    row: PinRow | None = None
    slot: Annotated[int, Meta(ge=0, le=49)] | None = None
    countries: Annotated[tuple[Country, ...], Meta(max_length=300)] = ()
    maturity_at_most: Maturity | None = None
    starts_at_ms: TimeMs | None = None
    ends_at_ms: TimeMs | None = None
    note: Text | None = None
    schema_version: SchemaVersion = 1
