"""Business rules as data: what is lifted, lowered, pinned or never shown, to whom and when.

The newest record of a rule's id is the whole rule; a tombstone takes it away. Rules move pages, never what is
learned.
"""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from schemas.catalog import Tags
from schemas.fields import Country, Id, Maturity, SchemaVersion, Text, TimeMs

__all__ = ["BusinessRule", "PinRow", "RuleKind"]


class RuleKind(StrEnum):
    """What a rule does with the titles that it matches."""

    BOOST = "boost"
    """Lifts them: `factor` times the odds."""
    BURY = "bury"
    """Lowers them: `factor` times the odds."""
    PIN = "pin"
    """Puts a title in a place, unless a guard forbids it."""
    EXCLUDE = "exclude"
    """Shows them nowhere."""


class PinRow(StrEnum):
    """Where a title can be pinned."""

    FEATURED = "featured"
    """A row of its own above all others, called so; players show its first title largest."""
    TOP_PICKS = "top_picks"
    """Among the viewer's top picks; the item's reason says that it was put there."""


class BusinessRule(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A rule of the business.

    Attributes
    ----------
    rule_id
        Its name; the record's key.
    kind
        What it does.
    titles
        Titles that it matches. A pin names one.
    tags
        Titles match, too, that have one of the tags of every kind named here, in the catalogue's words.
    factor
        Of a boost (above 1) and a bury (below 1): what a title's odds against the others are multiplied by.
    row
        Of a pin: where.
    slot
        Of a pin: its place in the row, from 0. Of several on one place the one whose id comes first has it.
    countries
        Viewers who are there; empty: everywhere.
    maturity_at_most
        Profiles with a limit, and one of at most so many years: children's. Absent: all.
    starts_at_ms
        From this moment on (UTC, ms since 1970); absent: always was.
    ends_at_ms
        Before this moment (UTC, ms since 1970); absent: no end.
    note
        Why, in words, for those who come after.
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
