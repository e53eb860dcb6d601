"""Events of a title that plays."""

from enum import StrEnum

from schemas.base import ViewingEvent
from schemas.fields import Id, Index, Seconds

__all__ = ["Pause", "Play", "Progress", "Stop", "StopCause"]


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
