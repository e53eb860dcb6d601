"""What goes out: home pages and trending lists.

The order of the fields is part of the contract of this package with the kernel that writes home pages by
hand: compact JSON, fields in the order of the struct, a field at its default left out.
"""

from hashlib import blake2b
from typing import Annotated

from msgspec import Meta, Struct

from schemas.experiments import ListArm
from schemas.fields import (
    Country,
    Id,
    ItemReason,
    Label,
    Labels,
    Maturity,
    Offset,
    Propensity,
    RowKind,
    SchemaVersion,
    Score,
    Seq,
    Text,
    TimeMs,
)

__all__ = [
    "Alert",
    "Category",
    "Home",
    "Item",
    "ItemReason",
    "Row",
    "RowKind",
    "Source",
    "Trending",
    "TrendingItem",
    "alert_id",
    "list_id",
]


class Source(Struct, frozen=True, kw_only=True, gc=False):
    """The record that caused something: enough to find it again.

    Attributes
    ----------
    topic
        Kafka topic.
    partition
        Partition of that topic.
    offset
        Offset in that partition.
    """

    topic: Annotated[str, Meta(min_length=1, max_length=249)]
    partition: Annotated[int, Meta(ge=0, le=2_147_483_647)]
    offset: Offset


class Item(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One title on a list.

    Attributes
    ----------
    title_id
        The title.
    score
        How well it fits the viewer, higher is better; comparable inside one page only. The order of the
        items is their row's own: by recency, diversity, trend.
    reason
        Why it is here; absent: the row's reason.
    artwork
        Id of the artwork variant to show; absent: the title's first.
    trailer
        Id of the trailer to show; absent: the title's first.
    arm
        Where a row holds the titles of two arms: whose pick this one is, as ``experiment_id/arm``;
        impressions echo it.
    propensity
        Probability with which this title came to be in this place, or, where `artwork` stands beside it, with
        which the picture was chosen; absent: 1.
    """

    title_id: Id
    score: Score
    reason: ItemReason | None = None
    artwork: Id | None = None
    trailer: Id | None = None
    arm: Label | None = None
    propensity: Propensity | None = None


class Row(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One row of a page.

    Attributes
    ----------
    kind
        What kind of row.
    title
        Heading in the page's language.
    title_id
        The title that the row refers to (`because_you_watched`, `because_you_liked`).
    tags
        What all of its titles have, as ``kind:value`` in the catalogue's words (`genre`).
    reason
        Why the row's titles are here, where an item does not say otherwise.
    items
        The titles, best first.
    """

    kind: RowKind
    title: Text | None = None
    title_id: Id | None = None
    tags: Labels = ()
    reason: ItemReason | None = None
    items: Annotated[tuple[Item, ...], Meta(max_length=1000)]


class Category(Struct, frozen=True, kw_only=True, gc=False):
    """A genre or mood of the catalogue that a viewer can look into.

    Attributes
    ----------
    tag
        Which, as ``kind:value`` in the catalogue's words.
    title
        Its name in the page's language.
    score
        The part of what the viewer watches that is expected to have it: of 1, in hundredths.
    """

    tag: Label
    title: Text
    score: Score


class Home(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A viewer's home page; the newest record of a viewer is the whole page, a tombstone means forget.

    Attributes
    ----------
    viewer_id
        Whose page; the record's key.
    list_id
        Deterministic from where the page came from, see `list_id`; players echo it in impressions and plays.
    seq
        Grows with every page of this viewer: a consumer ignores a page whose seq is not above the last one's.
    generated_at_ms
        The moment the page speaks of (UTC, ms since 1970).
    expires_at_ms
        From when on the page should not be shown any more.
    model_version
        Name of the version of the model and fingerprint of its configuration, `name@fingerprint`.
    language
        Language of the headings as a BCP 47 tag; absent: English.
    country
        Where the viewer was when it was made, for its titles' windows; absent: nobody said.
    maturity
        The profile's limit when it was made: no title is for older ones. Absent: none.
    arms
        Experiments under which it was made, each with the viewer's arm and its probability; absent: none.
    source
        The event that caused the page.
    rows
        The rows, top to bottom.
    categories
        Genres and moods of which there are titles that the viewer may see and does not know, those that they
        watch most first; absent: none.
    schema_version
        Version of the contract; absent means 1.
    """

    viewer_id: Id
    list_id: Id
    seq: Seq
    generated_at_ms: TimeMs
    expires_at_ms: TimeMs
    model_version: Id
    language: Label | None = None
    country: Country | None = None
    maturity: Maturity | None = None
    arms: Annotated[tuple[ListArm, ...], Meta(max_length=64)] = ()
    source: Source
    rows: Annotated[tuple[Row, ...], Meta(max_length=100)]
    categories: Annotated[tuple[Category, ...], Meta(max_length=100)] = ()
    schema_version: SchemaVersion = 1

    def items_of(self, kind: RowKind) -> tuple[Item, ...]:
        """Return the titles of the first row of a kind, none where there is no such row.

        Examples
        --------
        >>> row = Row(kind=RowKind.TOP_PICKS, items=(Item(title_id="a", score=1.0),))
        >>> about = {"viewer_id": "v", "list_id": "l", "seq": 1, "model_version": "m"}
        >>> at = {"generated_at_ms": 0, "expires_at_ms": 0}
        >>> source = Source(topic="t", partition=0, offset=0)
        >>> home = Home(**about, **at, source=source, rows=(row,))
        >>> [i.title_id for i in home.items_of(RowKind.TOP_PICKS)], home.items_of(RowKind.MY_LIST)
        (['a'], ())
        """
        return next((row.items for row in self.rows if row.kind is kind), ())


def list_id(partition: int, offset: int, seq: int) -> str:
    """Name a page after what caused it; the same cause gives the same name in every process and replay.

    Parameters
    ----------
    partition, offset
        Where the event stands that caused the page; an event belongs to one viewer, so the viewer is implied.
    seq
        The page's number among the viewer's pages.

    Returns
    -------
    str
        ``partition-offset-seq`` in decimal.

    Examples
    --------
    >>> list_id(3, 48213, 17)
    '3-48213-17'
    """
    return f"{partition}-{offset}-{seq}"


class TrendingItem(Struct, frozen=True, kw_only=True, gc=False):
    """One title of a trending list.

    Attributes
    ----------
    title_id
        The title.
    score
        Its decayed count of watches; comparable inside one list only.
    """

    title_id: Id
    score: Score


class Trending(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What is watched most in one scope; the newest record of a scope is the whole list.

    Attributes
    ----------
    scope
        `global`, `genre:…`, `country:…` or `device:…` (`tv`, `phone`, `tablet`, `web`, `console`); the key.
    generated_at_ms
        The moment of event time up to which watches were counted (UTC, ms since 1970).
    half_life_s
        After so many seconds without a watch a title counts half.
    items
        The titles, most watched first.
    model_version
        Name of the version of the model and fingerprint of its configuration, `name@fingerprint`.
    schema_version
        Version of the contract; absent means 1.
    """

    scope: Text
    generated_at_ms: TimeMs
    half_life_s: Annotated[float, Meta(gt=0.0, le=31_622_400.0)]
    items: Annotated[tuple[TrendingItem, ...], Meta(max_length=1000)]
    model_version: Id | None = None
    schema_version: SchemaVersion = 1


# What goes out besides lists: that a new title is one for this viewer.


class Alert(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A new title that strongly fits a viewer's taste: one for a viewer and title, few a week.

    Attributes
    ----------
    viewer_id
        Whom to tell; the record's key.
    alert_id
        Deterministic from viewer and title, see `alert_id`: who delivers alerts can tell one that they had.
    title_id
        The title.
    text
        What to say, in `language`.
    language
        Language of the text as a BCP 47 tag; absent: English.
    reason
        Why it fits: `taste`, or `co_watch`.
    score
        The viewer's score of it; comparable with those of one page, the one that the same event caused.
    above
        The part of the titles that the viewer may see and does not know which score no higher, of 1.
    since_ms
        Since when it is there: released and licensed (UTC, ms since 1970).
    generated_at_ms
        The moment the alert speaks of (UTC, ms since 1970).
    expires_at_ms
        From when on it is no news and should not be delivered any more.
    model_version
        Name of the version of the model and fingerprint of its configuration, `name@fingerprint`.
    source
        The event after which it was found.
    schema_version
        Version of the contract; absent means 1.
    """

    viewer_id: Id
    alert_id: Id
    title_id: Id
    text: Text
    language: Label | None = None
    reason: ItemReason
    score: Score
    above: Annotated[float, Meta(ge=0.0, le=1.0)]
    since_ms: TimeMs
    generated_at_ms: TimeMs
    expires_at_ms: TimeMs
    model_version: Id
    source: Source
    schema_version: SchemaVersion = 1


def alert_id(viewer_id: str, title_id: str) -> str:
    """Name the alert of a viewer and a title; the same in every process, replay and version of the model.

    Examples
    --------
    >>> alert_id("ada", "t1") == alert_id("ada", "t1"), len(alert_id("ada", "t1"))
    (True, 32)
    """
    return blake2b(f"{viewer_id}\0{title_id}".encode(), digest_size=16).hexdigest()
