"""One sitting of one viewer, event by event."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from online_models.simulation.words import COUNTRIES, DEVICES, TAG_WORDS
from schemas.events import (
    Browse,
    Event,
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
from schemas.titles import Title

__all__ = ["Choice", "Sitting"]

E = TypeVar("E", bound=Event)

EARLY_S: Final = 90.0
"""A title that disappoints is left within so many seconds."""
FINISHED: Final = 0.93
"""Share of a title after which the credits run."""
SEARCHED, PAUSED, THUMBED, LISTED, SKIPPED = 0.10, 0.15, 0.20, 0.04, 0.25
"""Chances: a choice came from a search; a playback is paused; is judged by thumb; a shown title is kept for
later; a shown title that does not fit is turned down."""
DISLIKED, LIKED, LOVED = 0.3, 0.6, 0.9
"""Enjoyment (0 to 1) below which a thumb goes down; above which up; above which twice up."""
BROWSING_S: Final = 40.0
"""Seconds between choices, on average."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One title chosen, and how it went.

    Attributes
    ----------
    title
        What was chosen.
    shown
        What else was in sight, with the viewer's enjoyment to be expected of each.
    enjoyment
        0 to 1: how well the title met the taste, luck included.
    watched
        Share of the title that was watched.
    dice
        Uniform draws for what may happen on the way, at least 8.
    """

    title: Title
    shown: tuple[tuple[Title, float], ...]
    enjoyment: float
    watched: float
    dice: list[float]


class Sitting:
    """The events of one sitting, in order of time.

    Parameters
    ----------
    viewer, number
        Index of the viewer, and of the sitting in the world.
    at_s
        World time at which it begins, seconds.
    start_ms, time_scale
        Event time of the world's begin (UTC epoch, milliseconds), and seconds of world time in a second of
        event time.
    """

    def __init__(self, viewer: int, number: int, at_s: float, *, start_ms: int, time_scale: float) -> None:
        self._list = f"list-{number:x}"
        self._name = f"{number:x}"
        self._made = 0
        self._at_s = at_s
        self._start_ms, self._ms_per_s = start_ms, 1000 / time_scale
        self._head: dict[str, Any] = {
            "viewer_id": f"viewer-{viewer:07d}",
            "session_id": f"session-{number:x}",
            "device": DEVICES[(viewer * 7 + number) % len(DEVICES)],
            "country": COUNTRIES[viewer % len(COUNTRIES)],
        }

    def events(self, choices: list[Choice], favourite: int | None) -> Iterator[Event]:
        """Yield the events: looking around, choosing, watching, judging.

        Parameters
        ----------
        choices
            What is watched, in order.
        favourite
            Genre to name in the preferences (index into the vocabulary), or None to say nothing.
        """
        if favourite is not None:
            yield self._make(Preferences, genres=(TAG_WORDS["genre"][favourite],))
        for choice in choices:
            yield from self._choosing(choice)
            yield from self._watching(choice)

    def _make(self, kind: type[E], **fields: object) -> E:
        self._made += 1
        when = self._start_ms + int(self._at_s * self._ms_per_s)
        head = self._head | fields
        return kind(event_id=f"{self._name}-{self._made:x}", event_time_ms=when, **head)

    def _choosing(self, choice: Choice) -> Iterator[Event]:
        """Look at a row of titles, turn one down, keep one, choose one; or search."""
        dwell_s = round(BROWSING_S * (0.25 + 1.5 * choice.dice[0]), 1)
        title_id = choice.title.title_id
        if choice.dice[1] < SEARCHED:
            self._at_s += dwell_s
            query = (choice.title.tags.theme or ("anything",))[0]
            yield self._make(Search, query=query, result_count=20, clicked_title_id=title_id)
            yield self._make(Select, title_id=title_id)
            return
        place: dict[str, Any] = {"list_id": self._list, "row": 0}
        for slot, (shown, fits) in enumerate(choice.shown):
            yield self._make(
                Impression, title_id=shown.title_id, slot=slot, artwork=shown.artwork[0].id, **place
            )
            if fits < DISLIKED and choice.dice[2] < SKIPPED:
                yield self._make(Skip, title_id=shown.title_id, slot=slot, **place)
            elif fits > LIKED and choice.dice[3] < LISTED:
                yield self._make(MyList, title_id=shown.title_id, action=ListAction.ADD)
        slot = len(choice.shown)
        yield self._make(
            Impression, title_id=title_id, slot=slot, artwork=choice.title.artwork[0].id, **place
        )
        self._at_s += dwell_s
        yield self._make(Browse, surface="home", dwell_s=dwell_s)
        yield self._make(Select, title_id=title_id, slot=slot, **place)

    def _watching(self, choice: Choice) -> Iterator[Event]:
        """Play, with a heartbeat half-way and now and then a pause, stop, and now and then a thumb."""
        duration_s = choice.title.duration_s or 0.0
        watched_s = round(duration_s * choice.watched, 1)
        playing: dict[str, Any] = {"title_id": choice.title.title_id, "duration_s": duration_s}
        self._at_s += 2
        yield self._make(Play, **playing)
        if watched_s > EARLY_S:
            self._at_s += watched_s / 2
            half_s = round(watched_s / 2, 1)
            yield self._make(Progress, watched_s=half_s, position_s=half_s, **playing)
            if choice.dice[4] < PAUSED:
                yield self._make(Pause, title_id=playing["title_id"], position_s=half_s)
                self._at_s += 300 * choice.dice[5]
        self._at_s += watched_s / 2 if watched_s > EARLY_S else watched_s
        cause = StopCause.ENDED if choice.watched >= FINISHED else StopCause.EXITED
        yield self._make(Stop, watched_s=watched_s, position_s=watched_s, cause=cause, **playing)
        thumb = _thumb(choice.enjoyment)
        if thumb and choice.dice[6] < THUMBED:
            self._at_s += 5
            yield self._make(Rate, title_id=playing["title_id"], thumb=thumb)


def _thumb(enjoyment: float) -> Thumb | None:
    if enjoyment < DISLIKED:
        return Thumb.DOWN
    if enjoyment > LOVED:
        return Thumb.DOUBLE_UP
    return Thumb.UP if enjoyment > LIKED else None
