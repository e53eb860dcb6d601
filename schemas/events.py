"""The viewing events: what happened, to whom, when.

Every event is a frozen struct with the base `ViewingEvent`. On the wire the field ``"type"``, the name of the
struct in snake case, says which it is. A field that is None or at its default is not written; a field that is not known is ignored.

*Attribution.* A player that acts on a list echoes the list's ``list_id``, ``row`` and ``slot`` (both from 0),
and so says which recommendation was shown and taken.

*Watch time* counts per playback, which is a viewer, a title and a session; ``watched_s`` is always the
playback's total so far, so that a lost or repeated heartbeat changes nothing.
"""

from enum import StrEnum
from typing import Annotated, get_args

from msgspec import Meta, Struct

from schemas.fields import (
    Count,
    Country,
    Id,
    Index,
    Label,
    Labels,
    Maturity,
    Propensity,
    RowKind,
    SchemaVersion,
    Seconds,
    Text,
    TimeMs,
)

__all__ = [
    "EVENT_TYPES",
    "Browse",
    "Event",
    "Forget",
    "History",
    "Identify",
    "Impression",
    "ListAction",
    "MyList",
    "Pause",
    "Play",
    "Preferences",
    "Progress",
    "Rate",
    "Search",
    "Select",
    "Skip",
    "Stop",
    "StopCause",
    "Thumb",
    "ViewingEvent",
]


# What every viewing event has in common.


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


class ViewingEvent(
    Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="type", tag=_snake
):
    """What every event says; not an event itself.

    Attributes
    ----------
    event_id
        Chosen by the producer, unique per event: a repeated id is a repeated event and counts once. May be
        left to the CloudEvents header `ce_id`.
    viewer_id
        Opaque id of the account whose taste this is; the record's key.
    event_time_ms
        When it happened, on the viewer's device: UTC, milliseconds since 1970. Not when it was sent or
        stored.
    schema_version
        Version of the contract; absent means 1.
    profile_id
        Which person of the account, where accounts are shared.
    tenant_id
        Which service, where several share one installation.
    session_id
        Events of one sitting share it.
    device
        Kind of device in the sender's words. What is watched on a `tv`, `phone`, `tablet`,
        `web` or `console` is counted.
    country
        Where the viewer is: ISO 3166-1 alpha-2, upper case.
    """

    event_id: Id
    viewer_id: Id
    event_time_ms: TimeMs
    schema_version: SchemaVersion = 1
    profile_id: Id | None = None
    tenant_id: Id | None = None
    session_id: Id | None = None
    device: Label | None = None
    country: Country | None = None


# Events of a title that plays.


class StopCause(StrEnum):
    """Why a playback ended."""

    ENDED = "ended"
    """The title ran to its end (or credits)."""
    EXITED = "exited"
    """The viewer left."""
    NEXT = "next"
    """The viewer went on to another title or episode."""
    TIMEOUT = "timeout"
    """Nobody answered "are you still watching?", or the session expired."""
    ERROR = "error"
    """Playback failed; says nothing about taste."""
    UNKNOWN = "unknown"
    """The sender cannot tell."""


class Play(ViewingEvent, frozen=True, kw_only=True):
    """Playback of a title began.

    Attributes
    ----------
    title_id
        What plays.
    position_s
        Where playback began, in seconds from the title's start; above 0 when resumed.
    duration_s
        Length of the title in seconds, where the player knows it.
    autoplay
        True when no one chose it: the next episode or a preview that started by itself.
    list_id
        The list that it was picked from.
    row
        Row on that list, from 0.
    slot
        Place in that row, from 0.
    """

    title_id: Id
    position_s: Seconds = 0.0
    duration_s: Seconds | None = None
    autoplay: bool = False
    list_id: Id | None = None
    row: Index | None = None
    slot: Index | None = None


class Progress(ViewingEvent, frozen=True, kw_only=True):
    """Heartbeat of a running playback, every 10 to 60 seconds.

    Attributes
    ----------
    title_id
        What plays.
    watched_s
        Seconds actually watched in this playback so far; a total, not an increment. Skipped parts do not
        count.
    position_s
        Where the player is, in seconds from the title's start.
    duration_s
        Length of the title in seconds, where the player knows it.
    """

    title_id: Id
    watched_s: Seconds
    position_s: Seconds
    duration_s: Seconds | None = None


class Pause(ViewingEvent, frozen=True, kw_only=True):
    """Playback was paused.

    Attributes
    ----------
    title_id
        What was playing.
    position_s
        Where it was paused, in seconds from the title's start.
    """

    title_id: Id
    position_s: Seconds


class Stop(ViewingEvent, frozen=True, kw_only=True):
    """Playback ended, for whatever reason.

    Attributes
    ----------
    title_id
        What was playing.
    watched_s
        Seconds actually watched in this playback; a total.
    position_s
        The position reached, in seconds from the title's start.
    duration_s
        Length of the title in seconds, where the player knows it.
    cause
        Why it ended.
    autoplay
        True when the playback had started by itself.
    """

    title_id: Id
    watched_s: Seconds
    position_s: Seconds
    duration_s: Seconds | None = None
    cause: StopCause = StopCause.UNKNOWN
    autoplay: bool = False


# Events of a viewer who looks around, chooses and judges.


class Thumb(StrEnum):
    """A judgement in one tap."""

    UP = "up"
    DOWN = "down"
    DOUBLE_UP = "double_up"


class ListAction(StrEnum):
    """What happened to the viewer's own list."""

    ADD = "add"
    REMOVE = "remove"


class Impression(ViewingEvent, frozen=True, kw_only=True):
    """A recommended title was visible to the viewer.

    Attributes
    ----------
    list_id
        The list that was shown.
    row
        Row on that list, from 0.
    slot
        Place in that row, from 0.
    title_id
        The title that was shown.
    artwork
        Id of the artwork variant that was shown.
    row_kind
        Kind of the row, as the page says it: teaches which kinds are watched from.
    arm
        Experiment arm under which it was shown, as ``experiment_id/arm``; absent: the viewer's own.
    propensity
        Probability with which the title came to stand there: the item's, unless the item names an `artwork`;
        absent: 1.
    artwork_propensity
        Probability with which the picture was drawn: the item's, if the item names an `artwork`.
    """

    list_id: Id
    row: Index
    slot: Index
    title_id: Id
    artwork: Id | None = None
    row_kind: RowKind | None = None
    arm: Label | None = None
    propensity: Propensity | None = None
    artwork_propensity: Propensity | None = None


class Select(ViewingEvent, frozen=True, kw_only=True):
    """The viewer opened a title's page.

    Attributes
    ----------
    title_id
        The title that was opened.
    list_id
        The list that it stood on.
    row
        Row on that list, from 0.
    slot
        Place in that row, from 0.
    artwork
        Id of the artwork variant that was clicked.
    """

    title_id: Id
    list_id: Id | None = None
    row: Index | None = None
    slot: Index | None = None
    artwork: Id | None = None


class Skip(ViewingEvent, frozen=True, kw_only=True):
    """A title was turned down: a preview swiped away, an autoplay cancelled, "not interested".

    Attributes
    ----------
    title_id
        What was turned down.
    position_s
        How far it had played, in seconds; 0 when it had not begun.
    list_id
        The list that it stood on.
    row
        Row on that list, from 0.
    slot
        Place in that row, from 0.
    """

    title_id: Id
    position_s: Seconds = 0.0
    list_id: Id | None = None
    row: Index | None = None
    slot: Index | None = None


class Search(ViewingEvent, frozen=True, kw_only=True):
    """The viewer searched.

    Attributes
    ----------
    query
        What was typed; 1 to 256 characters.
    result_count
        How many titles were found.
    clicked_title_id
        The title that was opened from the results, if any.
    """

    query: Text
    result_count: Count
    clicked_title_id: Id | None = None


class Browse(ViewingEvent, frozen=True, kw_only=True):
    """The viewer looked around.

    Attributes
    ----------
    surface
        Where, in the sender's words: `home`, `genre:Drama`, `search`.
    dwell_s
        How long, in seconds.
    """

    surface: Label
    dwell_s: Seconds


class Rate(ViewingEvent, frozen=True, kw_only=True):
    """A judgement: exactly one of a thumb or stars.

    Attributes
    ----------
    title_id
        What was judged.
    thumb
        Up, down, or twice up.
    stars
        0.5 (worst) to 5 (best).
    """

    title_id: Id
    thumb: Thumb | None = None
    stars: Annotated[float, Meta(ge=0.5, le=5.0)] | None = None

    def __post_init__(self) -> None:
        if (self.thumb is None) == (self.stars is None):
            msg = "Expected exactly one of `thumb` and `stars`"
            raise ValueError(msg)


class MyList(ViewingEvent, frozen=True, kw_only=True):
    """A title was put on, or taken off, the viewer's own list.

    Attributes
    ----------
    title_id
        The title.
    action
        Added or removed.
    """

    title_id: Id
    action: ListAction


class Preferences(ViewingEvent, frozen=True, kw_only=True):
    """What the viewer said about themselves, at onboarding or in the settings; replaces what was said before.

    Attributes
    ----------
    genres
        Genres that they like, in the catalogue's words.
    languages
        Languages that they understand, as BCP 47 tags such as `de` or `pt-BR`.
    liked_titles
        Titles that they picked as favourites.
    maturity
        The profile's age in years: titles with a higher maturity are not shown. Absent: no limit.
    """

    genres: Labels = ()
    languages: Labels = ()
    liked_titles: Annotated[tuple[Id, ...], Meta(max_length=64)] = ()
    maturity: Maturity | None = None


# Events of who somebody is: an anonymous viewer signs in and takes along what they did; one is forgotten.


class Forget(ViewingEvent, frozen=True, kw_only=True):
    """A viewer is to be forgotten: what is known of them is deleted, with their page, and begins anew.

    It holds for everything that stands before it in its partition, in every replay, too. Whoever wants to be
    forgotten for good sends nothing afterwards.
    """


class Identify(ViewingEvent, frozen=True, kw_only=True):
    """An anonymous viewer turned out to be somebody: the player sends it at sign-in, keyed as until then.

    The anonymous `viewer_id` is whatever the player called the viewer before, such as the session's id. What
    is known of it moves to the viewer `known_as` as a `history` event of theirs, and it is forgotten.

    Attributes
    ----------
    known_as
        Viewer id of the account that they signed in to; if it is the anonymous one, nothing happens.
    """

    known_as: Id


class History(ViewingEvent, frozen=True, kw_only=True):
    """What a viewer watched before they were this viewer: anonymously, or at another service.

    It says something about the viewer; titles have counted it already, or never will.

    Attributes
    ----------
    liked
        Titles that they watched and liked, oldest first.
    rejected
        Titles that they turned down.
    """

    liked: Annotated[tuple[Id, ...], Meta(max_length=160)] = ()
    rejected: Annotated[tuple[Id, ...], Meta(max_length=32)] = ()


Event = (
    Play
    | Progress
    | Pause
    | Stop
    | Skip
    | Search
    | Rate
    | Browse
    | Impression
    | Select
    | Preferences
    | MyList
    | Identify
    | History
    | Forget
)
"""Any viewing event; what `schemas.codec.decode_event` returns."""

EVENT_TYPES: dict[str, type[Event]] = {str(kind.__struct_config__.tag): kind for kind in get_args(Event)}
"""The event structs by their ``type`` on the wire."""
