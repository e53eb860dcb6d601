"""The declared reward: from an event to feedback signals, and what they amount to.

An event becomes a *feedback signal*: a title, an action, a weight. The outcome of a playback depends on what
the viewer did with the title before, so it is computed from their row (``feedback.interaction_state``):

=================  =====================================================================================
event              outcome
=================  =====================================================================================
start              counts `start` at once; the stop corrects it. Nothing if it started by itself
heartbeat          each tenth of the title that is passed counts as far as watched, as if the playback
                   ended there by an error: a stop that never comes costs nothing, one that comes adds
                   what is missing. Nothing if it started by itself
pause              the title is begun
stop past a        liked: in the history, learned as taste and co-watch. Weight: .3 + .7 x the quantile
quarter            of its watch time among titles of similar length; + .5 completed, + .3 started next
                   in the session, + .3 watched again, + .3 searched for. Seconds of all sessions add
                   up. A tenth if it started by itself
quick stop, skip   rejected (.5): never shown again, counted against the title, on the viewer's list of
                   rejections. Only if the viewer ended it, chose it, and does not like it already
stop before a      nothing yet; if not resumed within 48 hours: mildly rejected (.2), may be shown again
quarter
error              never against the title; the time watched counts
thumb up, double   liked: the weight of what was watched, at least 1, and 1 or 2 more
thumb down         rejected (2): earlier counts are undone, the title leaves the liked ones
stars              >= 4 liked (1), <= 2 rejected (1); between them neutral: never shown again, counts
                   half in the viewer's history, learned as a weak choice; popularity stays
onboarding         liked (.5)
history            liked (1) or rejected (.5) by the viewer; titles counted it at the time
my list            interest (.5) that changes the counters only; the list itself is kept for pages
search, clicked    a bonus if it is watched
impression         three without a play: faintly rejected (.05), on the viewer's list only. What is liked
                   after it was chosen out of a list teaches the blend (``learners.blender``)
=================  =====================================================================================

There is one interaction state for each viewer and title. When its weight changes, the title's counters change
by the difference; vectors and pairs learn once, when the title is first liked. Rejections are never learned
as watches: without them HR@10 goes from .2185 to .2179, and disliked titles in the top ten are halved. A
duplicate changes nothing.

A viewer's row is bounded: the newest 6 interactions, 16 rejections, 12 titles with impressions. Older
interactions keep their outcome. A title is abandoned only if the viewer comes back: there is no timer, the
viewer's next event handles what is overdue by its time. The constants are those of `RewardConfig`.
"""

from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.config import RewardConfig
from schemas import events as ev

__all__ = ["Action", "FeedbackSignal", "RewardFunction"]


if TYPE_CHECKING:
    from collections.abc import Callable


class Action(IntEnum):
    """What an event is, and what it amounts to given the viewer's state (`feedback.interaction_state`).

    The values are stored in records of signals: append, never reorder.
    """

    IGNORED = 0
    """Nothing: a duplicate, or an event on a title without a row."""
    POSITIVE = 1
    """The viewer likes the title: learned as taste and co-watch."""
    REJECT = 2
    """The viewer does not want the title: never shown again, counted against it."""
    TOUCH = 3
    """The viewer showed interest: the title's counters move, vectors do not."""
    KNOWN = 4
    """A neutral rating: never shown again, learned as a weak choice, without popularity."""
    NO_OP = 5
    """Changes the viewer's row at most; the titles side learns nothing from it."""
    START = 6
    """From here on what happened, before the viewer's state is consulted: the viewer started a playback."""
    AUTOPLAY = 7
    """A playback started by itself."""
    EXITED_EARLY = 8
    """A playback ended because the viewer left it or went on to the next title, perhaps early."""
    STOPPED = 9
    """A playback ended at its end, by a timeout, or for an unknown reason."""
    RESUMED = 10
    """A playback ended that had started far from the title's beginning."""
    WATCHED = 11
    """A playback ended by an error, or had started by itself: counts for the title, never against it."""
    SKIPPED = 12
    IMPRESSION = 13
    SEARCH_CLICK = 14
    REMOVED_FROM_LIST = 15
    """The viewer removed the title from their own list."""
    HEARTBEAT = 16
    """A playback goes on, or is paused: counts for the title like `WATCHED`, unless it had started by
    itself."""


STEPS = 10
"""A heartbeat counts when it passes a tenth of the title: the quarter from which a title is liked, and the
nine tenths at which it is completed, are noticed within a tenth, and most heartbeats change no row."""
BEAT_S = 60.0
"""Longest time between two heartbeats (`schemas.events.Progress`): slower ones miss some tenths."""
ENDS = {
    ev.StopCause.ENDED: Action.STOPPED,
    ev.StopCause.EXITED: Action.EXITED_EARLY,
    ev.StopCause.NEXT: Action.EXITED_EARLY,
    ev.StopCause.TIMEOUT: Action.STOPPED,
    ev.StopCause.ERROR: Action.WATCHED,
    ev.StopCause.UNKNOWN: Action.STOPPED,
}
"""What a stop is by its cause."""


def action_table(*actions: Action) -> NDArray[np.bool_]:
    """Return a table by code: ``table[codes]`` tells which codes are among these actions.

    `numpy.isin` takes 60 us for the few codes of a small batch, a look-up less than one.

    Examples
    --------
    >>> action_table(Action.POSITIVE, Action.TOUCH)[np.array([0, 1, 2, 3], np.uint8)].tolist()
    [False, True, False, True]
    """
    table = np.zeros(1 << 8, np.bool_)
    table[[int(action) for action in actions]] = True
    return table


class FeedbackSignal(NamedTuple):
    """What an event says about one title: action and weight; for playbacks seconds watched, length, session.

    For an impression the weight is its propensity, and the session is its list.
    """

    title_id: str
    action: Action
    weight: float
    watched_s: float = 0.0
    duration_s: float = 0.0
    session: str = ""


class RewardFunction:
    """Turns events into feedback signals by the declared reward.

    Parameters
    ----------
    config
        The constants, each with its source.

    Examples
    --------
    >>> from schemas import Rate, Stop
    >>> reward = RewardFunction()
    >>> about = {"event_id": "e", "viewer_id": "v", "event_time_ms": 10**12, "title_id": "t"}
    >>> stop = Stop(**about, watched_s=3000, position_s=3000, duration_s=3600)
    >>> reward(stop)[0].action
    <Action.STOPPED: 9>
    >>> reward(Rate(**about, stars=1.5))[0].action
    <Action.REJECT: 2>
    """

    def __init__(self, config: RewardConfig | None = None) -> None:
        self.config = config or RewardConfig()
        self._rules: dict[type, Callable[[Any], tuple[FeedbackSignal, ...]]] = {
            ev.Play: self._play,
            ev.Pause: self._pause,
            ev.Stop: self._stop,
            ev.Skip: self._skip,
            ev.Rate: self._rate,
            ev.MyList: self._my_list,
            ev.Preferences: self._preferences,
            ev.History: self._history,
            ev.Search: self._search,
        }
        if self.config.heartbeat:
            self._rules[ev.Progress] = self._progress
        if self.config.ignored_after:
            self._rules[ev.Impression] = self._impression

    def __call__(self, event: ev.Event) -> tuple[FeedbackSignal, ...]:
        """Return the feedback signals of an event: one, none if it says nothing, several for onboarding."""
        rule = self._rules.get(type(event))
        return rule(event) if rule is not None else ()

    def _play(self, event: ev.Play) -> tuple[FeedbackSignal, ...]:
        action, weight = (Action.AUTOPLAY, 0.0) if event.autoplay else (Action.START, self.config.start)
        session = event.session_id or ""
        return (FeedbackSignal(event.title_id, action, weight, 0.0, 0.0, session),)

    def _progress(self, event: ev.Progress) -> tuple[FeedbackSignal, ...]:
        duration_s = event.duration_s or self.config.unknown_duration_s
        tenth = max(duration_s / STEPS, 1.0)  # a duration may be any number above 0
        if int(event.watched_s / tenth) == int(max(event.watched_s - BEAT_S, 0.0) / tenth):
            return ()
        weight, length, session = self.config.heartbeat, event.duration_s or 0.0, event.session_id or ""
        return (FeedbackSignal(event.title_id, Action.HEARTBEAT, weight, event.watched_s, length, session),)

    def _pause(self, event: ev.Pause) -> tuple[FeedbackSignal, ...]:
        session = event.session_id or ""
        return (FeedbackSignal(event.title_id, Action.HEARTBEAT, self.config.start, 0.0, 0.0, session),)

    def _stop(self, event: ev.Stop) -> tuple[FeedbackSignal, ...]:
        c, weight = self.config, 1.0
        action = ENDS[event.cause]
        if event.autoplay:
            action, weight = Action.WATCHED, c.autoplay
        elif action is not Action.WATCHED and event.position_s > event.watched_s + c.quick_stop_s:
            action = Action.RESUMED
        session, duration_s = event.session_id or "", event.duration_s or 0.0
        return (FeedbackSignal(event.title_id, action, weight, event.watched_s, duration_s, session),)

    def _skip(self, event: ev.Skip) -> tuple[FeedbackSignal, ...]:
        return (FeedbackSignal(event.title_id, Action.SKIPPED, self.config.quick_stop),)

    def _impression(self, event: ev.Impression) -> tuple[FeedbackSignal, ...]:
        chance = 1.0 if event.propensity is None else event.propensity
        return (FeedbackSignal(event.title_id, Action.IMPRESSION, chance, session=event.list_id),)

    def _search(self, event: ev.Search) -> tuple[FeedbackSignal, ...]:
        clicked = event.clicked_title_id
        return (FeedbackSignal(clicked, Action.SEARCH_CLICK, 0.0),) if clicked is not None else ()

    def _rate(self, event: ev.Rate) -> tuple[FeedbackSignal, ...]:
        c = self.config
        if event.thumb is not None:
            weight = {ev.Thumb.UP: c.thumb_up, ev.Thumb.DOUBLE_UP: c.thumb_double_up}.get(event.thumb)
            if weight is None:
                return (FeedbackSignal(event.title_id, Action.REJECT, c.thumb_down),)
            return (FeedbackSignal(event.title_id, Action.POSITIVE, weight),)
        stars = event.stars or 0.0
        if stars >= c.liked_stars:
            return (FeedbackSignal(event.title_id, Action.POSITIVE, 1.0),)
        action = Action.REJECT if stars <= c.disliked_stars else Action.KNOWN
        return (FeedbackSignal(event.title_id, action, 1.0),)

    def _my_list(self, event: ev.MyList) -> tuple[FeedbackSignal, ...]:
        added = event.action is ev.ListAction.ADD
        action, weight = (Action.TOUCH, self.config.wish) if added else (Action.REMOVED_FROM_LIST, 0.0)
        return (FeedbackSignal(event.title_id, action, weight),)

    def _preferences(self, event: ev.Preferences) -> tuple[FeedbackSignal, ...]:
        return tuple(FeedbackSignal(title, Action.POSITIVE, self.config.wish) for title in event.liked_titles)

    def _history(self, event: ev.History) -> tuple[FeedbackSignal, ...]:
        liked = [FeedbackSignal(title, Action.POSITIVE, 1.0) for title in event.liked]
        return (
            *liked,
            *(FeedbackSignal(title, Action.REJECT, self.config.quick_stop) for title in event.rejected),
        )
