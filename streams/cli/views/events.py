"""Describe events in words, for the screen of the demo."""

from collections.abc import Callable

from schemas import Event
from schemas.events import (
    Browse,
    Forget,
    History,
    Identify,
    Impression,
    ListAction,
    MyList,
    Pause,
    Play,
    Preferences,
    Progress,
    Rate,
    Search,
    Select,
    Skip,
    Stop,
    StopCause,
    Thumb,
)

_THUMBS = {Thumb.UP: "a thumb up", Thumb.DOWN: "a thumb down", Thumb.DOUBLE_UP: "two thumbs up"}


def describe_event(event: Event, name: Callable[[str], str]) -> str:
    """Describe what a viewer did.

    Parameters
    ----------
    event
        The event.
    name
        Returns a title's name.

    Examples
    --------
    >>> event = Pause(event_id="e", viewer_id="v", event_time_ms=1, title_id="t", position_s=90)
    >>> describe_event(event, str.upper)
    'paused T'
    """
    match event:
        case Play() | Progress() | Pause() | Stop():
            return _playback(event, name(event.title_id))
        case Rate():
            stars = f"{event.stars:g} stars" if event.stars is not None else ""
            return f"gave {name(event.title_id)} {_THUMBS[event.thumb] if event.thumb else stars}"
        case MyList():
            verb = "put {} on" if event.action is ListAction.ADD else "took {} off"
            return f"{verb.format(name(event.title_id))} the list"
        case Skip() | Select() | Impression():
            verb = {Skip: "rejected", Select: "opened", Impression: "saw"}[type(event)]
            return f"{verb} {name(event.title_id)}"
        case _:
            return _other(event, name)


def _playback(event: Play | Progress | Pause | Stop, title: str) -> str:
    match event:
        case Play():
            return f"started {title}"
        case Pause():
            return f"paused {title}"
        case Progress():
            return f"is {_minutes(event.watched_s)} into {title}"
        case Stop():
            end = "to its end" if event.cause is StopCause.ENDED else "and left"
            return f"watched {_minutes(event.watched_s)} of {title} {end}"


def _other(
    event: Search | Browse | Preferences | Identify | History | Forget, name: Callable[[str], str]
) -> str:
    match event:
        case Search():
            opened = f" and opened {name(event.clicked_title_id)}" if event.clicked_title_id else ""
            return f"searched for {event.query}{opened}"
        case Browse():
            return f"browsed {event.surface}"
        case Preferences():
            return f"likes {', '.join(event.genres)}" if event.genres else "stated preferences"
        case Identify():
            return "signed in"
        case History():
            return f"imported {len(event.liked)} titles"
        case Forget():
            return "was forgotten"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min"
