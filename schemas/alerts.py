"""What goes out besides lists: that a new title is one for this viewer."""

from hashlib import blake2b
from typing import Annotated

from msgspec import Meta, Struct

from schemas.fields import Id, Label, SchemaVersion, Score, Text, TimeMs
from schemas.lists import Source
from schemas.vocabulary import ItemReason

__all__ = ["Alert", "alert_id"]


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
