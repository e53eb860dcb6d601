"""The viewing events: what happened, to which viewer, and when.

Every event is a frozen struct with the base `ViewingEvent`. On the wire the field ``"type"``, the name of the
struct in snake case, names the type. A field that is None or at its default is not written; an unknown field
is ignored.

*Attribution.* A player that acts on a list sends the ``list_id``, ``row`` and ``slot`` of that list (both
from 0). They identify the recommendation that was shown and chosen.

*Watch time* counts per playback. A playback is identified by viewer, title and session. ``watched_s`` is the
playback's total so far, so a lost or repeated heartbeat changes nothing.
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


# Fields that all viewing events have.


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


class ViewingEvent(
    Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="type", tag=_snake
):
    """Fields that all events have; not an event itself.

    Attributes
    ----------
    event_id
        Chosen by the producer, unique per event. An event with a repeated id is a duplicate and is not
        counted again. May be sent in the CloudEvents header `ce_id` instead.
    viewer_id
        Opaque id of the account; the record's key.
    event_time_ms
        When the event happened on the viewer's device (UTC, ms since 1970), not when it was sent or stored.
    schema_version
        Version of the contract; absent means 1.
    profile_id
        The person who watches, where several share an account.
    tenant_id
        The service, where several share one installation.
    session_id
        Id of the session; all events of a session have the same.
    device
        Kind of device, in the vocabulary of the sender. Watches on a `tv`, `phone`, `tablet`, `web` or
        `console` are counted per kind.
    country
        Country in which the viewer is: ISO 3166-1 alpha-2, upper case.
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


# Playback.


class StopCause(StrEnum):
    """Why a playback ended."""

    ENDED = "ended"
    """The title ran to its end (or credits)."""
    EXITED = "exited"
    """The viewer exited."""
    NEXT = "next"
    """The viewer went on to another title or episode."""
    TIMEOUT = "timeout"
    """No answer to "are you still watching?", or the session expired."""
    ERROR = "error"
    """Playback failed; no evidence about taste."""
    UNKNOWN = "unknown"
    """The sender does not know."""


class Play(ViewingEvent, frozen=True, kw_only=True):
    """Playback of a title began.

    Attributes
    ----------
    title_id
        The title that plays.
    position_s
        Position at which playback began, in seconds from the start of the title; above 0 when resumed.
    duration_s
        Length of the title in seconds, if the player knows it.
    autoplay
        True when playback started without a choice by the viewer: the next episode, or a preview.
    list_id
        The list from which the title was chosen.
    row
        Row of that list, from 0.
    slot
        Position in that row, from 0.
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
        The title that plays.
    watched_s
        Seconds watched in this playback so far; a total, not an increment. Skipped parts do not count.
    position_s
        Position of the player, in seconds from the start of the title.
    duration_s
        Length of the title in seconds, if the player knows it.
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
        The title that was playing.
    position_s
        Position of the pause, in seconds from the start of the title.
    """

    title_id: Id
    position_s: Seconds


class Stop(ViewingEvent, frozen=True, kw_only=True):
    """Playback ended.

    Attributes
    ----------
    title_id
        The title that was playing.
    watched_s
        Seconds watched in this playback; a total.
    position_s
        Position at the end, in seconds from the start of the title.
    duration_s
        Length of the title in seconds, if the player knows it.
    cause
        Why it ended.
    autoplay
        True when the playback had started without a choice by the viewer.
    """

    title_id: Id
    watched_s: Seconds
    position_s: Seconds
    duration_s: Seconds | None = None
    cause: StopCause = StopCause.UNKNOWN
    autoplay: bool = False


# Browsing, choosing and rating.


class Thumb(StrEnum):
    """A rating in one tap."""

    UP = "up"
    DOWN = "down"
    DOUBLE_UP = "double_up"


class ListAction(StrEnum):
    """Change of the viewer's own list."""

    ADD = "add"
    REMOVE = "remove"


class Impression(ViewingEvent, frozen=True, kw_only=True):
    """A recommended title was visible to the viewer.

    Attributes
    ----------
    list_id
        The list that was shown.
    row
        Row of that list, from 0.
    slot
        Position in that row, from 0.
    title_id
        The title that was shown.
    artwork
        Id of the artwork variant that was shown.
    row_kind
        Kind of the row, copied from the page; used to learn from which kinds of rows viewers watch.
    arm
        Experiment arm under which it was shown, as ``experiment_id/arm``; absent: the viewer's assigned arm.
    propensity
        Probability with which the title was chosen for this position, copied from an item that names no
        `artwork`; absent: 1.
    artwork_propensity
        Probability with which the artwork was chosen, copied from an item that names an `artwork`.
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
        The list on which it was shown.
    row
        Row of that list, from 0.
    slot
        Position in that row, from 0.
    artwork
        Id of the artwork variant that was clicked.
    """

    title_id: Id
    list_id: Id | None = None
    row: Index | None = None
    slot: Index | None = None
    artwork: Id | None = None


class Skip(ViewingEvent, frozen=True, kw_only=True):
    """A title was rejected: a preview swiped away, an autoplay cancelled, "not interested".

    Attributes
    ----------
    title_id
        The title that was rejected.
    position_s
        Position of the player, in seconds; 0 when playback had not begun.
    list_id
        The list on which it was shown.
    row
        Row of that list, from 0.
    slot
        Position in that row, from 0.
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
        The text that was typed; 1 to 256 characters.
    result_count
        Number of titles found.
    clicked_title_id
        The title that was opened from the results, if any.
    """

    query: Text
    result_count: Count
    clicked_title_id: Id | None = None


class Browse(ViewingEvent, frozen=True, kw_only=True):
    """The viewer browsed.

    Attributes
    ----------
    surface
        The part of the interface, in the vocabulary of the sender: `home`, `genre:Drama`, `search`.
    dwell_s
        Duration in seconds.
    """

    surface: Label
    dwell_s: Seconds


class Rate(ViewingEvent, frozen=True, kw_only=True):
    """A rating: exactly one of a thumb or stars.

    Attributes
    ----------
    title_id
        The title that was rated.
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
    """A title was added to, or removed from, the viewer's own list.

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
    """Stated preferences, from onboarding or the settings; they replace all earlier ones.

    Earlier is by event time: preferences that are older than the viewer's change nothing, except that
    `liked_titles` count.

    Attributes
    ----------
    genres
        Genres that the viewer likes, in the vocabulary of the catalog. Case, hyphens, plurals and customary
        other words do not matter ("Sci-Fi" is "Science Fiction"); a genre that no title has does nothing.
    languages
        Languages that the viewer understands, as BCP 47 tags such as `de` or `pt-BR`.
    liked_titles
        Titles that the viewer marked as favourites.
    maturity
        Age limit of the profile in years: titles with a higher maturity are not shown. Absent: no limit.
    """

    genres: Labels = ()
    languages: Labels = ()
    liked_titles: Annotated[tuple[Id, ...], Meta(max_length=64)] = ()
    maturity: Maturity | None = None


# Identity: an anonymous viewer signs in and keeps the history; a viewer is forgotten.


class Forget(ViewingEvent, frozen=True, kw_only=True):
    """A request to forget the viewer: state and page are deleted; later events start from nothing.

    It covers all records before it in its partition, also in every replay. A viewer stays forgotten until the
    next event, which may be an older one that is sent again: nothing is left by which it could be recognized.
    A request that is sent again, with the same event id and time, forgets nothing that came in between.
    """


class Identify(ViewingEvent, frozen=True, kw_only=True):
    """An anonymous viewer signed in. The player sends it with the anonymous viewer id as the key.

    The anonymous `viewer_id` is the id that the player used before, such as the session id. Its history moves
    to the viewer `known_as` as a `history` event, and the anonymous viewer is forgotten.

    Attributes
    ----------
    known_as
        Viewer id of the account; nothing happens if it equals `viewer_id`.
    """

    known_as: Id


class History(ViewingEvent, frozen=True, kw_only=True):
    """An imported history: what the viewer watched before, anonymously or at another service.

    It changes the state of the viewer only. The state of the titles has counted these watches already, or
    does not count them.

    Attributes
    ----------
    liked
        Titles that the viewer watched and liked, oldest first.
    rejected
        Titles that the viewer rejected.
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
"""Any viewing event; the type that `schemas.codec.decode_event` returns."""

EVENT_TYPES: dict[str, type[Event]] = {str(kind.__struct_config__.tag): kind for kind in get_args(Event)}
"""The event structs by their ``type`` on the wire."""
