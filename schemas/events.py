"""The viewing events: what happened, to whom, when.

Every event is a frozen struct of one base (`schemas.base`), told apart on the wire by ``"type"``, its name in
snake case. A field that is None or at its default is not written; a field that is not known is ignored.

*Attribution.* A player that acts on a list echoes the list's ``list_id``, ``row`` and ``slot`` (both from 0),
and so says which recommendation was shown and taken.

*Watch time* counts per playback, which is a viewer, a title and a session; ``watched_s`` is always the
playback's total so far, so that a lost or repeated heartbeat changes nothing.
"""

from typing import get_args

from schemas.base import ViewingEvent
from schemas.identity import Forget, History, Identify
from schemas.interaction import (
    Browse,
    Impression,
    ListAction,
    MyList,
    Preferences,
    Rate,
    Search,
    Select,
    Skip,
    Thumb,
)
from schemas.playback import Pause, Play, Progress, Stop, StopCause

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
