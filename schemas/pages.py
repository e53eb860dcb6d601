"""Published messages: home pages, trending lists and alerts.

The kernel that encodes home pages (`online_models.page.encoding`) relies on the order of the fields here: it
writes compact JSON with the fields in the order of the struct, and leaves out fields at their default.
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
    """The position of the record that caused a message.

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
        Predicted fit for the viewer, higher is better; comparable within one page only. Each kind of row
        orders its items by its own criterion: recency, diversity, trend.
    because
        What the reason refers to: with `co_watch` the id of a title that the viewer liked, with `taste` a tag
        that the viewer prefers, as ``kind:value``. Absent: nothing in particular, or what the row refers to.
    progress
        Of titles to continue: share watched, from 0 to 1. Absent: unknown, as the catalog has no duration.
    left_s
        Of titles to continue: seconds that are left; absent as `progress`.
    reason
        Reason for the recommendation; absent: the reason of the row.
    artwork
        Id of the artwork variant to show; absent: the title's first.
    trailer
        Id of the trailer to show; absent: the title's first.
    arm
        In a row that interleaves two arms: the arm that picked the title, as ``experiment_id/arm``. Players
        copy it into impressions.
    propensity
        Probability with which the title was chosen for this position; if the item names an `artwork`, the
        probability with which the artwork was chosen. Absent: 1.
    """

    title_id: Id
    score: Score
    because: Label | None = None
    progress: Annotated[float, Meta(ge=0.0, le=1.0)] | None = None
    left_s: Annotated[int, Meta(ge=0, le=604_800)] | None = None
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
        Kind of the row.
    title
        Heading in the language of the page.
    title_id
        The title that the row refers to (`because_you_watched`, `because_you_liked`).
    tags
        Tags that all of its titles have, as ``kind:value`` in the vocabulary of the catalog (`genre`).
    reason
        Reason of the items that have none of their own.
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
    """A genre or mood of the catalog that the viewer can open.

    Attributes
    ----------
    tag
        The tag, as ``kind:value`` in the vocabulary of the catalog.
    title
        Its name in the language of the page.
    score
        Expected share of the viewer's watches that have the tag, from 0 to 1, rounded to hundredths.
    """

    tag: Label
    title: Text
    score: Score


class Home(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A viewer's home page. The newest record of a viewer is the complete page; a tombstone means forget.

    Attributes
    ----------
    viewer_id
        The viewer; the record's key.
    list_id
        Id of the page, derived from `source` and `seq`. Players copy it into impressions and plays.
    seq
        Increases with every page of the viewer. A consumer ignores a page without a higher `seq` than the
        last.
    generated_at_ms
        Event time as of which the page was computed (UTC, ms since 1970).
    expires_at_ms
        The page should not be shown from this time on (UTC, ms since 1970).
    model_version
        Version of the model and fingerprint of its configuration, as `name@fingerprint`.
    language
        Language of the headings as a BCP 47 tag; absent: English.
    country
        Country of the viewer for which availability was checked; absent: unknown.
    maturity
        Age limit of the profile; no title on the page has a higher maturity. Absent: no limit.
    arms
        Experiments that changed the page, each with the viewer's arm and its probability; absent: none.
    source
        The event that caused the page.
    rows
        The rows, top to bottom.
    categories
        Genres and moods with titles that the viewer may see and has not watched, most watched first. Absent:
        none.
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
        """Return the items of the first row of a kind; none if there is no such row.

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
    """Return the id of a page. The same cause gives the same id in every process and replay.

    Parameters
    ----------
    partition, offset
        Position of the event that caused the page; an event belongs to one viewer, so the viewer is implied.
    seq
        Number of the page among the viewer's pages.

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
        Decayed count of watches; comparable within one list only.
    """

    title_id: Id
    score: Score


class Trending(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """The most watched titles of a scope. The newest record of a scope is the complete list.

    Attributes
    ----------
    scope
        `global`, `genre:…`, `country:…` or `device:…` (`tv`, `phone`, `tablet`, `web`, `console`); the key.
    generated_at_ms
        Event time up to which watches are counted (UTC, ms since 1970).
    half_life_s
        Half-life of the decayed counts in seconds.
    items
        The titles, most watched first.
    model_version
        Version of the model and fingerprint of its configuration, as `name@fingerprint`.
    schema_version
        Version of the contract; absent means 1.
    """

    scope: Text
    generated_at_ms: TimeMs
    half_life_s: Annotated[float, Meta(gt=0.0, le=31_622_400.0)]
    items: Annotated[tuple[TrendingItem, ...], Meta(max_length=1000)]
    model_version: Id | None = None
    schema_version: SchemaVersion = 1


# Alerts.


class Alert(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A new title that strongly fits a viewer's taste. At most one per viewer and title, and few a week.

    Attributes
    ----------
    viewer_id
        The viewer to notify; the record's key.
    alert_id
        Id derived from viewer and title, so that the delivering service can detect duplicates.
    title_id
        The title.
    text
        Text of the notification, in `language`.
    language
        Language of the text as a BCP 47 tag; absent: English.
    reason
        Reason: `taste` or `co_watch`.
    score
        Predicted fit; comparable with the scores of the page that the same event caused.
    above
        Share of the titles the viewer may see and has not watched that score no higher, from 0 to 1.
    since_ms
        Since when the title is released and licensed (UTC, ms since 1970).
    generated_at_ms
        Event time as of which the alert was computed (UTC, ms since 1970).
    expires_at_ms
        The alert should not be delivered from this time on (UTC, ms since 1970).
    model_version
        Version of the model and fingerprint of its configuration, as `name@fingerprint`.
    source
        The event that caused the alert.
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
    """Return the id of the alert; the same in every process, replay and version of the model.

    Examples
    --------
    >>> alert_id("ada", "t1") == alert_id("ada", "t1"), len(alert_id("ada", "t1"))
    (True, 32)
    """
    return blake2b(f"{viewer_id}\0{title_id}".encode(), digest_size=16).hexdigest()
