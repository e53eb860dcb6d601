"""State of the interaction of one viewer with one title, and the transitions that events cause.

The state has an *implicit* part, from what the viewer did, and an *explicit* part, from what they said:

    weight = max(implicit, min(explicit, 1)) + max(explicit - 1, 0);  0 if the viewer said no

Every event updates the parts, and the title's counters change by the difference of the weight: a start counts
a little at once, the stop corrects it, and a duplicate changes nothing. A playback past a quarter yields

    implicit = share that counts * (least + (1 - least) * quantile + bonuses)

A viewer's row keeps the newest few interactions. Older ones keep their weight, and a further playback of such
a title is a rewatch.
"""

import numpy as np

from online_models.feedback.impression_counts import clear_impressions, count_impression
from online_models.feedback.rejections import add_rejection
from online_models.feedback.reward_function import Action
from online_models.feedback.watch_time import bin_of, bucket_of, observe_share, quantile, withdraw_share
from online_models.jit import jit_inline
from online_models.tables.feedback_layout import INTERACTIONS, InteractionState
from online_models.tables.history import opinion_of
from online_models.tables.layout import Feedback, Params, Signals, Titles, Viewers

(
    IGNORED,
    POSITIVE,
    REJECT,
    TOUCH,
    KNOWN,
    NO_OP,
    START,
    AUTOPLAY,
    EXITED_EARLY,
    STOPPED,
    RESUMED,
    WATCHED,
    SKIPPED,
    IMPRESSION,
    SEARCH_CLICK,
    REMOVED_FROM_LIST,
    HEARTBEAT,
) = (int(action) for action in Action)
"""The actions as numbers, which kernels take as constants."""
MAYBE_ABANDONED, COMPLETED, LIKED, STARTED, REWATCH, BINGE, SEARCHED, BY_ITSELF = (1 << n for n in range(8))
"""Flags of an interaction: exited early and not resumed yet; watched to the end; watched past a quarter;
started; a rewatch; started right after another title; found by search; the newest playback started by
itself."""
PAUSED = 255
"""A heartbeat without seconds watched."""
LEAST_NO = 1e-6
"""Least weight of an explicit rejection, so that one without a weight is still negative."""


@jit_inline
def is_choice(action: int, weight: float) -> bool:
    """Return whether vectors and pairs learn a title as a choice: liked, or neutral and new to the viewer."""
    return action == POSITIVE or (action == KNOWN and weight > 0)


@jit_inline
def weight_of(e: InteractionState) -> float:
    """Return the weight of an interaction, >= 0."""
    if e.explicit < 0:
        return 0.0
    return max(e.implicit, min(e.explicit, 1.0)) + max(e.explicit - 1.0, 0.0)


@jit_inline
def place_of(viewers: Viewers, v: int, t: int) -> int:
    """Return the place of a title's interaction, -1 if it has none."""
    for s in range(INTERACTIONS):
        if viewers.interaction_title[v, s] == t:
            return s
    return -1


@jit_inline
def open_place(viewers: Viewers, v: int, t: int) -> int:
    """Return the place of a title's interaction: its own, else a free one, else the oldest, cleared."""
    place: int = place_of(viewers, v, t)
    if place < 0:
        place = 0
        for s in range(INTERACTIONS):
            age, oldest = viewers.interaction[v, s].at, viewers.interaction[v, place].at
            if viewers.interaction_title[v, place] >= 0 and (
                viewers.interaction_title[v, s] < 0 or age < oldest
            ):
                place = s
        e = viewers.interaction[v, place]
        clear_playback(e)
        e.explicit = 0.0
        e.at = e.session = 0
        viewers.interaction_title[v, place] = t
    return place


@jit_inline
def clear_playback(e: InteractionState) -> None:
    """Clear the implicit part."""
    e.watched_before = e.watched_now = e.implicit = 0.0
    e.flags = e.bucket = e.bin = 0


@jit_inline
def in_session(viewers: Viewers, params: Params, v: int, place: int, at: int) -> bool:
    """Whether another title was watched past a quarter within the same session."""
    for s in range(INTERACTIONS):
        gap = at - viewers.interaction[v, s].at
        if s != place and viewers.interaction[v, s].flags & LIKED and 0 <= gap <= params.session_gap_ms:
            return True
    return False


@jit_inline
def begin_playback(
    viewers: Viewers, params: Params, feedback: Feedback, i: int, fact: int, place: int
) -> None:
    """Update the state if event ``i`` begins a new playback; detect rewatches and binges.

    A playback belongs to one session. If events carry no session, each start begins a playback.
    """
    v, session = feedback.viewer[i], feedback.session[i]
    e = viewers.interaction[v, place]
    another = session != e.session if session != 0 and e.session != 0 else fact <= AUTOPLAY
    again = e.flags & STARTED == 0 and e.explicit == 0 and opinion_of(viewers, v, feedback.title[i]) > 0
    if another and e.flags & COMPLETED:
        again = True
        clear_playback(e)
        e.explicit = min(e.explicit, 0.0)
    elif another:
        e.watched_before += e.watched_now
        e.watched_now = 0.0
    if session != 0:
        e.session = session
    if e.flags & STARTED == 0:
        at = feedback.at[i] - np.int64(1e3 * feedback.watched[i])
        e.flags |= STARTED | (REWATCH if again else 0)
        if fact not in (AUTOPLAY, WATCHED, PAUSED) and in_session(viewers, params, v, place, at):
            e.flags |= BINGE


@jit_inline
def reward(viewers: Viewers, params: Params, e: InteractionState, duration: float, share: float) -> float:
    """Return the reward of a playback past a quarter when all of it counts."""
    c = params.reward
    w: float = c.least + (1.0 - c.least) * quantile(viewers, params, duration, share)
    w += c.completion if share >= c.complete_share else 0.0
    w += c.rewatch if e.flags & REWATCH else 0.0
    w += c.binge if e.flags & BINGE else 0.0
    return w + (c.searched if e.flags & SEARCHED else 0.0)


@jit_inline
def record_share(
    viewers: Viewers, params: Params, e: InteractionState, duration: float, share: float
) -> None:
    """Count a playback in the histogram of watch time, or move it if it is counted already."""
    bucket, b = bucket_of(duration), bin_of(share)
    if e.bin > 0:
        withdraw_share(viewers, e.bucket, e.bin - 1)
    observe_share(viewers, params, bucket, b)
    e.bucket, e.bin = bucket, b + 1


@jit_inline
def reject_implicitly(viewers: Viewers, v: int, t: int, e: InteractionState, weight: float) -> int:
    """Reject by behaviour; no effect if the viewer likes the title already."""
    if opinion_of(viewers, v, t) > 0:
        return NO_OP
    e.implicit, e.explicit = -weight, min(e.explicit, 0.0)
    e.flags &= ~MAYBE_ABANDONED
    return REJECT


@jit_inline
def end_playback(
    viewers: Viewers, params: Params, feedback: Feedback, i: int, fact: int, e: InteractionState
) -> int:
    """Update the state by the end of a playback; all seconds watched of the title so far count."""
    c, former = params.reward, e.watched_before + e.watched_now
    e.watched_now = max(e.watched_now, feedback.watched[i])
    total = e.watched_before + e.watched_now
    duration = float(feedback.duration[i]) if feedback.duration[i] > 0 else c.unknown_s
    share = min(total / duration, 1.0)
    if fact != WATCHED:
        record_share(viewers, params, e, duration, share)
    if share >= c.complete_share:
        e.flags |= COMPLETED
    if share >= c.liked_share:
        if total > former or e.flags & LIKED == 0:
            worth = feedback.weight[i] * reward(viewers, params, e, duration, share)
            e.implicit = max(e.implicit, worth)
        e.flags = (e.flags | LIKED) & ~MAYBE_ABANDONED
        return POSITIVE if e.explicit >= 0 else NO_OP
    if fact == EXITED_EARLY and (total < c.quick_s or share < c.quick_share):
        return int(reject_implicitly(viewers, feedback.viewer[i], feedback.title[i], e, c.quick_weight))
    undecided = e.flags & LIKED == 0 and e.implicit >= 0
    if undecided and fact != WATCHED and opinion_of(viewers, feedback.viewer[i], feedback.title[i]) == 0:
        e.flags |= MAYBE_ABANDONED
    return NO_OP


@jit_inline
def apply_explicit(fact: int, weight: float, e: InteractionState) -> int:
    """Update the explicit part: the newest yes or no counts; my list adds nothing to a yes."""
    if fact == TOUCH:
        e.explicit = max(e.explicit, weight) if e.explicit >= 0 else e.explicit
        return TOUCH
    e.explicit = weight if fact == POSITIVE else min(-weight, -LEAST_NO)
    e.implicit = max(e.implicit, 0.0)
    e.flags &= ~MAYBE_ABANDONED
    return fact


@jit_inline
def apply_event(
    viewers: Viewers, params: Params, feedback: Feedback, i: int, fact: int, e: InteractionState
) -> int:
    """Update the state by event ``i``; return the outcome."""
    if START <= fact <= AUTOPLAY:
        e.flags &= ~(MAYBE_ABANDONED | BY_ITSELF)
        e.flags |= BY_ITSELF if fact == AUTOPLAY else 0
        e.implicit = max(e.implicit, feedback.weight[i])
        return TOUCH
    if fact == SKIPPED:
        weight = float(feedback.weight[i])
        return int(reject_implicitly(viewers, feedback.viewer[i], feedback.title[i], e, weight))
    if fact == PAUSED:
        e.implicit = max(e.implicit, feedback.weight[i])
        return TOUCH
    if fact == SEARCH_CLICK:
        e.flags |= SEARCHED
        return NO_OP
    if fact < START:
        return int(apply_explicit(fact, feedback.weight[i], e))
    return int(end_playback(viewers, params, feedback, i, fact, e))


@jit_inline
def apply_feedback(
    titles: Titles, viewers: Viewers, params: Params, feedback: Feedback, i: int, signals: Signals, o: int
) -> int:
    """Apply event ``i``; write weight, change and their time into row ``o`` of the signals.

    Returns the outcome.
    """
    v, t, fact, at = feedback.viewer[i], feedback.title[i], int(feedback.action[i]), feedback.at[i]
    signals.weight[o] = signals.change[o] = 0.0
    signals.at[o] = at
    name = np.uint32(titles.key[t] >> np.uint64(32))  # as in ``Viewers.shown``
    if fact == IMPRESSION:
        if place_of(viewers, v, t) < 0:
            count_impression(viewers, params, feedback, i, name)
        return NO_OP
    if fact == KNOWN and opinion_of(viewers, v, t) != 0:
        fact = NO_OP
    if fact == KNOWN:
        signals.weight[o] = params.reward.neutral_choice
    if fact in (IGNORED, KNOWN, NO_OP):
        return fact
    if fact == REMOVED_FROM_LIST:
        return NO_OP
    beat = fact == HEARTBEAT
    if beat:
        fact = WATCHED if feedback.watched[i] > 0 else PAUSED
    clear_impressions(viewers, v, name, fact in (START, POSITIVE) or EXITED_EARLY <= fact <= RESUMED)
    place = open_place(viewers, v, t)
    e = viewers.interaction[v, place]
    if beat and e.flags & BY_ITSELF:
        return NO_OP
    if fact == RESUMED and e.flags & STARTED == 0:
        fact = WATCHED
    if START <= fact <= WATCHED or fact == PAUSED:
        begin_playback(viewers, params, feedback, i, fact, place)
    was, given_at = weight_of(e), e.at
    action: int = apply_event(viewers, params, feedback, i, fact, e)
    e.at = max(e.at, at)
    change = weight_of(e) - was
    if action == POSITIVE and opinion_of(viewers, v, t) > 0:
        action = TOUCH if fact == POSITIVE or change != 0 else NO_OP
    if action == REJECT:
        signals.weight[o] = params.reward.quick_weight if fact == EXITED_EARLY else feedback.weight[i]
    elif action == POSITIVE:
        signals.weight[o] = weight_of(e)
    signals.change[o] = change
    if change < 0:
        signals.at[o] = given_at  # decayed counters lose what they were given at that time
    return action


@jit_inline
def reject_abandoned(viewers: Viewers, params: Params, v: int, at: int, signals: Signals, o: int) -> int:
    """Turn playbacks that were exited early and not resumed in time into mild rejections.

    They fill rows from ``o`` on; returns the next free row. There is no timer: the viewer's next event
    rejects what is overdue by its time.
    """
    c = params.reward
    for s in range(INTERACTIONS):
        e, t = viewers.interaction[v, s], viewers.interaction_title[v, s]
        if t >= 0 and e.flags & MAYBE_ABANDONED and at - e.at >= c.abandon_ms:
            was = weight_of(e)
            e.flags &= ~MAYBE_ABANDONED
            e.implicit = -c.abandoned
            signals.action[o], signals.title[o] = REJECT, t
            signals.depth[o] = signals.session_items[o] = 0
            signals.weight[o] = c.abandoned
            signals.at[o] = e.at - np.int64(1e3 * e.watched_now)  # about when the start was counted
            signals.change[o] = weight_of(e) - was
            add_rejection(viewers, params, v, t, c.abandoned, e.at + np.int64(c.abandon_ms))
            o += 1
    return o
