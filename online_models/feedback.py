"""From what happened to what it means: the declared reward.

A verdict names a title, an action and a weight. Only positives teach taste and co-watches; rejections never
do (HR@10 .2185 to .2179, disliked titles in the top ten halved, when they are not learned as watches). The
actions:

========  ==================================================  ===========================================
action    events                                              effect
========  ==================================================  ===========================================
POSITIVE  stop past a quarter, thumbs up, stars >= 4, likes   learned, known, in the history
          told at onboarding
KNOWN     stars between                                       never shown again, nothing learned
REJECT    quick stop, skip, thumbs down, stars <= 2           never shown again, counted against the title
TOUCH     start, put on the list                              moves the trending counters only
========  ==================================================  ===========================================

A positive of a title that the viewer has already becomes a TOUCH: a rewatch trends, it is no news about
taste.
"""

from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from online_models.config import RewardConfig
from schemas import events as ev

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Action", "Judge", "Verdict"]


class Action(IntEnum):
    """What to do with a verdict; the kernels know the same numbers."""

    NOTHING = 0
    POSITIVE = 1
    REJECT = 2
    TOUCH = 3
    KNOWN = 4


class Verdict(NamedTuple):
    """One title, what to do, and how strongly."""

    title_id: str
    action: Action
    weight: float


class Judge:
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
    >>> judge(stop)
    (Verdict(title_id='t', action=<Action.POSITIVE: 1>, weight=0.8333333333333334),)
    >>> judge(Rate(**about, stars=1.5))
    (Verdict(title_id='t', action=<Action.REJECT: 2>, weight=1.0),)
    """

    def __init__(self, config: RewardConfig | None = None) -> None:
        self.config = config or RewardConfig()
        self._rules: dict[type, Callable[[Any], tuple[Verdict, ...]]] = {
            ev.Play: self._play,
            ev.Stop: self._stop,
            ev.Skip: self._skip,
            ev.Rate: self._rate,
            ev.MyList: self._my_list,
            ev.Preferences: self._preferences,
        }

    def __call__(self, event: ev.Event) -> tuple[Verdict, ...]:
        """Return what an event means: one verdict; none if it teaches nothing; several for onboarding."""
        rule = self._rules.get(type(event))
        return rule(event) if rule is not None else ()

    def _play(self, event: ev.Play) -> tuple[Verdict, ...]:
        weight = 0.0 if event.autoplay else self.config.start
        return (Verdict(event.title_id, Action.TOUCH, weight),)

    def _stop(self, event: ev.Stop) -> tuple[Verdict, ...]:
        c = self.config
        share = min(1.0, event.watched_s / (event.duration_s or c.unknown_duration_s))
        if share >= c.liked_share:
            weight = share + c.completion_bonus * (share >= c.complete_share)
            return (Verdict(event.title_id, Action.POSITIVE, weight),)
        quick = event.watched_s < c.quick_stop_s or share < c.quick_stop_share
        resumed = event.position_s > event.watched_s + c.quick_stop_s
        if quick and not resumed and event.cause in (ev.StopCause.EXITED, ev.StopCause.NEXT):
            return (Verdict(event.title_id, Action.REJECT, 1.0),)
        return ()

    def _skip(self, event: ev.Skip) -> tuple[Verdict, ...]:
        return (Verdict(event.title_id, Action.REJECT, 1.0),)

    def _rate(self, event: ev.Rate) -> tuple[Verdict, ...]:
        c = self.config
        if event.thumb is not None:
            weight = {ev.Thumb.UP: c.thumb_up, ev.Thumb.DOUBLE_UP: c.thumb_double_up}.get(event.thumb)
            action = Action.REJECT if weight is None else Action.POSITIVE
            return (Verdict(event.title_id, action, weight or 1.0),)
        stars = event.stars or 0.0
        if stars >= c.liked_stars:
            return (Verdict(event.title_id, Action.POSITIVE, 1.0),)
        action = Action.REJECT if stars <= c.disliked_stars else Action.KNOWN
        return (Verdict(event.title_id, action, 1.0),)

    def _my_list(self, event: ev.MyList) -> tuple[Verdict, ...]:
        added = event.action is ev.ListAction.ADD
        return (Verdict(event.title_id, Action.TOUCH, self.config.wish),) if added else ()

    def _preferences(self, event: ev.Preferences) -> tuple[Verdict, ...]:
        return tuple(Verdict(title, Action.POSITIVE, self.config.wish) for title in event.liked_titles)
