"""From what happened to what it means: the declared reward.

An event becomes a *verdict*: a title, an action, a strength. What a playback is worth depends on what the
viewer did with the title before, and is settled against their row (``feedback.interaction_state``):

=================  =====================================================================================
event              what it comes to
=================  =====================================================================================
start              counts `start` at once; the stop makes it right. Nothing if it started by itself
stop past a        liked: in the history, learned as taste and co-watch. Weight: .3 + .7 x the quantile
quarter            of its watch time among titles of like length; + .5 completed, + .3 chosen next in
                   the sitting, + .3 watched again, + .3 searched for. All sittings of a playback add
                   up. A tenth if nobody chose it
quick stop, skip   rejected (.5): never shown again, counted against the title, on the viewer's list of
                   rejections. Only if the viewer ended it, chose it, and does not like it already
stop before a      nothing yet; not gone on with within 48 hours: mildly rejected (.2), and may be shown
quarter            again
error              never against the title; what was watched counts
thumb up, double   liked: the weight of what was watched, at least 1, and 1 or 2 more
thumb down         rejected (2): what was counted is taken back, the title leaves the history
stars              >= 4 liked (1), <= 2 rejected (1); between them neutral: never shown again, half a title
                   of the viewer's history, never learned as a choice
onboarding         liked (.5)
history            liked (1) or rejected (.5) by the viewer; titles have counted it already
my list            a wish (.5) that moves the counters only; the list itself is kept for pages
search, clicked    a bonus if it is watched
impression         three without a play: faintly rejected (.05), on the viewer's list only. What is liked
                   after it was chosen out of a list teaches the blend (``learners.blender``)
=================  =====================================================================================

A judgement is one for each viewer and title. Its weight moves, the title's counters take the difference, and
vectors and pairs learn once, when the title is first liked: rejections are never learned as watches (HR@10
.2185 to .2179, disliked titles in the top ten halved, when they are not). A repeated event changes nothing.

What a row remembers is bounded: the judgements of the 6 titles met last, 16 rejections, 12 titles shown. What
is older stands as it was decided, and an abandoned title is one only if the viewer comes back: there is no
clock, the viewer's own next event settles what is due by its time. The constants are `RewardConfig`'s.
"""

from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from online_models.config import RewardConfig
from schemas import events as ev

__all__ = ["Action", "FeedbackSignal", "RewardFunction"]


if TYPE_CHECKING:
    from collections.abc import Callable


class Action(IntEnum):
    """What an event says, and what it comes to once the viewer's row is asked (``feedback.interaction_state``)."""

    NOTHING = 0
    POSITIVE = 1
    REJECT = 2
    TOUCH = 3
    KNOWN = 4
    NOTED = 5
    """Kept in mind; nothing that titles could learn from yet."""
    START = 6
    """Facts from here on: a playback began, by choice,"""
    FOLLOW = 7
    """or by itself;"""
    LEFT = 8
    """it was ended by the viewer,"""
    STOPPED = 9
    """for a reason that is not known or not theirs,"""
    RESUMED = 10
    """or after it had begun far from the title's beginning;"""
    WATCHED = 11
    """it broke off or had begun by itself: what was watched can count for the title, never against it."""
    SKIPPED = 12
    SIGHTED = 13
    SOUGHT = 14
    UNLISTED = 15
    """It was taken off the viewer's own list."""


_ENDS = {
    ev.StopCause.ENDED: Action.STOPPED,
    ev.StopCause.EXITED: Action.LEFT,
    ev.StopCause.NEXT: Action.LEFT,
    ev.StopCause.TIMEOUT: Action.STOPPED,
    ev.StopCause.ERROR: Action.WATCHED,
    ev.StopCause.UNKNOWN: Action.STOPPED,
}


class FeedbackSignal(NamedTuple):
    """One title, what to do, how strongly; of playbacks seconds watched, seconds in all, and the session.

    Of an impression the strength is its propensity, and the session its list.
    """

    title_id: str
    action: Action
    weight: float
    watched_s: float = 0.0
    duration_s: float = 0.0
    session: str = ""


class RewardFunction:
    """Turn events into verdicts by the declared reward.

    Parameters
    ----------
    config
        The constants, each with its source.

    Examples
    --------
    >>> from schemas import Rate, Stop
    >>> judge = Judge()
    >>> about = {"event_id": "e", "viewer_id": "v", "event_time_ms": 10**12, "title_id": "t"}
    >>> stop = Stop(**about, watched_s=3000, position_s=3000, duration_s=3600)
    >>> judge(stop)[0].action
    <Action.STOPPED: 9>
    >>> judge(Rate(**about, stars=1.5))[0].action
    <Action.REJECT: 2>
    """

    def __init__(self, config: RewardConfig | None = None) -> None:
        self.config = config or RewardConfig()
        self._rules: dict[type, Callable[[Any], tuple[FeedbackSignal, ...]]] = {
            ev.Play: self._play,
            ev.Stop: self._stop,
            ev.Skip: self._skip,
            ev.Rate: self._rate,
            ev.MyList: self._my_list,
            ev.Preferences: self._preferences,
            ev.History: self._history,
            ev.Search: self._search,
        }
        if self.config.ignored_after:
            self._rules[ev.Impression] = self._impression

    def __call__(self, event: ev.Event) -> tuple[FeedbackSignal, ...]:
        """Return what an event means: one verdict; none if it teaches nothing; several for onboarding."""
        rule = self._rules.get(type(event))
        return rule(event) if rule is not None else ()

    def _play(self, event: ev.Play) -> tuple[FeedbackSignal, ...]:
        action, weight = (Action.FOLLOW, 0.0) if event.autoplay else (Action.START, self.config.start)
        session = event.session_id or ""
        return (FeedbackSignal(event.title_id, action, weight, 0.0, 0.0, session),)

    def _stop(self, event: ev.Stop) -> tuple[FeedbackSignal, ...]:
        c, weight = self.config, 1.0
        action = _ENDS[event.cause]
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
        return (FeedbackSignal(event.title_id, Action.SIGHTED, chance, session=event.list_id),)

    def _search(self, event: ev.Search) -> tuple[FeedbackSignal, ...]:
        clicked = event.clicked_title_id
        return (FeedbackSignal(clicked, Action.SOUGHT, 0.0),) if clicked is not None else ()

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
        action, weight = (Action.TOUCH, self.config.wish) if added else (Action.UNLISTED, 0.0)
        return (FeedbackSignal(event.title_id, action, weight),)

    def _preferences(self, event: ev.Preferences) -> tuple[FeedbackSignal, ...]:
        return tuple(FeedbackSignal(title, Action.POSITIVE, self.config.wish) for title in event.liked_titles)

    def _history(self, event: ev.History) -> tuple[FeedbackSignal, ...]:
        liked = [FeedbackSignal(title, Action.POSITIVE, 1.0) for title in event.liked]
        return (
            *liked,
            *(FeedbackSignal(title, Action.REJECT, self.config.quick_stop) for title in event.rejected),
        )


# The reward's constants, as the kernels take them.
