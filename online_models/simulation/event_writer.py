"""The events that a player reports of a page view."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeVar

from online_models.simulation.catalog import SimulatedCatalog
from online_models.simulation.config import WorldConfig
from online_models.simulation.vocabulary import COUNTRIES, DEVICES
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

__all__ = ["DecidedView", "EventWriter", "viewer_name"]

E = TypeVar("E", bound=Event)

BROWSING_S: Final = 40.0
"""Mean seconds of browsing before a choice (GUH: interest is lost after 60 to 90)."""
COUNTDOWN_S: Final = 5.0
"""Seconds before the next episode autoplays."""
PAUSE_S: Final = 300.0
"""Longest pause, seconds."""


class DecidedView(NamedTuple):
    """A page view whose outcome is decided."""

    account: int
    visit: int
    number: int
    at_s: float
    list_id: str
    slots: int
    """Places of a shelf."""
    examined: list[tuple[int, int, float]]
    """Examined places: place, title, and its enjoyment."""
    title: int
    place: int
    searched: bool
    autoplay: bool
    watched_s: float
    enjoyment: float
    draws: list[float]
    in_vain: str = ""
    """Query of a first search without results; empty for none."""
    arms: Mapping[int, str] = MappingProxyType({})
    """Arm labels of titles by place."""


def viewer_name(account: int, prefix: str = "viewer-") -> str:
    """Return the id of an account.

    Examples
    --------
    >>> viewer_name(7)
    'viewer-0000007'
    """
    return f"{prefix}{account:07d}"


class EventWriter:
    """Writes the events of page views.

    Parameters
    ----------
    config, catalog
        The world.
    start_ms, time_scale
        Event time of the start of the world (UTC epoch, ms), and seconds of world time per second of event
        time.
    """

    def __init__(
        self, config: WorldConfig, catalog: SimulatedCatalog, *, start_ms: int, time_scale: float
    ) -> None:
        self._config, self._catalog = config, catalog
        self._start_ms, self._ms_per_s = start_ms, 1000 / time_scale
        self._ids = [title.title_id for title in catalog.titles]
        self._art = [title.artwork[0].id for title in catalog.titles]

    def preferences(self, account: int, visit: int, at_s: float, genre: str, liked: list[int]) -> Event:
        """Return the preferences that are stated at the first visit."""
        recorder = _EventRecorder(self, account, visit, -1, at_s)
        return recorder.make(
            Preferences, genres=(genre,), liked_titles=tuple(self._ids[title] for title in liked)
        )

    def write(self, view: DecidedView) -> tuple[list[Event], float]:
        """Return the events of a page view in order of time, and its end in world time."""
        recorder = _EventRecorder(self, view.account, view.visit, view.number, view.at_s)
        if view.in_vain:
            recorder.at_s += _dwell_s(view)
            recorder.make(Search, query=view.in_vain, result_count=0)
        if view.autoplay:
            recorder.at_s += COUNTDOWN_S
        elif view.searched:
            self._search(recorder, view)
        else:
            self._browse(recorder, view)
        if view.title >= 0:
            self._watch(recorder, view)
        return recorder.events, recorder.at_s

    def _search(self, recorder: "_EventRecorder", view: DecidedView) -> None:
        recorder.at_s += _dwell_s(view)
        title_id, theme = self._ids[view.title], self._catalog.titles[view.title].tags.theme
        recorder.make(Search, query=(theme or ("anything",))[0], result_count=20, clicked_title_id=title_id)
        recorder.make(Select, title_id=title_id)

    def _browse(self, recorder: "_EventRecorder", view: DecidedView) -> None:
        """Browse the page: impressions, perhaps one skip, additions to the list, and a choice."""
        choice, watch = self._config.choice, self._config.watch
        rejected = view.draws[1] < choice.rejected
        for place, title, enjoyable in view.examined:
            at = self._at(view, place)
            recorder.make(
                Impression,
                title_id=self._ids[title],
                artwork=self._art[title],
                arm=view.arms.get(place),
                **at,
            )
            if place == view.place:
                continue
            if rejected and enjoyable < watch.disliked:
                rejected = False
                recorder.make(Skip, title_id=self._ids[title], **at)
            elif enjoyable > watch.liked and view.draws[2] < choice.listed:
                recorder.make(MyList, title_id=self._ids[title], action=ListAction.ADD)
        dwell_s = _dwell_s(view)
        recorder.at_s += dwell_s
        recorder.make(Browse, surface="home", dwell_s=dwell_s)
        if view.title >= 0:
            title_id, art = self._ids[view.title], self._art[view.title]
            recorder.make(Select, title_id=title_id, artwork=art, **self._at(view, view.place))

    def _watch(self, recorder: "_EventRecorder", view: DecidedView) -> None:
        """Play, report progress halfway, perhaps pause, stop, perhaps rate."""
        watch = self._config.watch
        title_id, whole_s = self._ids[view.title], 60 * float(self._catalog.minutes[view.title])
        watched_s = round(view.watched_s, 1)
        playing: dict[str, Any] = {"title_id": title_id, "duration_s": whole_s}
        recorder.at_s += 2
        listed = self._at(view, view.place) if view.place >= 0 else {}
        recorder.make(Play, autoplay=view.autoplay, **playing, **listed)
        if watched_s > watch.early_s[1]:
            half_s = round(watched_s / 2, 1)
            recorder.at_s += half_s
            recorder.make(Progress, watched_s=half_s, position_s=half_s, **playing)
            if view.draws[3] < watch.paused:
                recorder.make(Pause, title_id=title_id, position_s=half_s)
                recorder.at_s += PAUSE_S * view.draws[4]
            recorder.at_s += watched_s - half_s
        else:
            recorder.at_s += watched_s
        cause = StopCause.ENDED if view.watched_s >= watch.finished * whole_s else StopCause.EXITED
        stopped = {"watched_s": watched_s, "position_s": watched_s, "cause": cause, "autoplay": view.autoplay}
        recorder.make(Stop, **playing, **stopped)
        thumb = self._thumb(view.enjoyment)
        if thumb and view.draws[5] < watch.thumbed:
            recorder.at_s += 5
            recorder.make(Rate, title_id=title_id, thumb=thumb)

    def _thumb(self, enjoyment: float) -> Thumb | None:
        watch = self._config.watch
        if enjoyment < watch.disliked:
            return Thumb.DOWN
        if enjoyment > watch.loved:
            return Thumb.DOUBLE_UP
        return Thumb.UP if enjoyment > watch.liked else None

    @staticmethod
    def _at(view: DecidedView, place: int) -> dict[str, Any]:
        row, slot = divmod(place, view.slots)
        return {"list_id": view.list_id, "row": row, "slot": slot}

    def event_ms(self, at_s: float) -> int:
        """Return the event time of a world time."""
        return self._start_ms + int(at_s * self._ms_per_s)


class _EventRecorder:
    """Collects the events of one page view; its clock is world time."""

    def __init__(self, writer: EventWriter, account: int, visit: int, number: int, at_s: float) -> None:
        self.events: list[Event] = []
        self.at_s = at_s
        self._writer = writer
        self._name = f"{account:x}.{visit:x}.{number + 1}"
        self._head: dict[str, Any] = {
            "viewer_id": viewer_name(account),
            "session_id": f"session-{account:x}-{visit:x}",
            "device": DEVICES[(account * 7 + visit) % len(DEVICES)],
            "country": COUNTRIES[account % len(COUNTRIES)],
        }

    def make(self, kind: type[E], **fields: object) -> E:
        when = self._writer.event_ms(self.at_s)
        name = f"{self._name}.{len(self.events):x}"
        head = self._head | fields
        event = kind(event_id=name, event_time_ms=when, **head)
        self.events.append(event)
        return event


def _dwell_s(view: DecidedView) -> float:
    return round(BROWSING_S * (0.25 + 1.5 * view.draws[0]), 1)
