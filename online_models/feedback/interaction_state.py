"""From what a viewer does to what is thought of a title: one judgement of each viewer on each title.

A judgement has two parts, what was *played* and what was *said*, and a weight:

    weight = max(played, min(said, 1)) + max(said - 1, 0);  0 where the viewer said no

Whatever happens moves the parts, and the title's counters take the difference: a start counts a little at
once, the stop makes it right, and what comes twice changes nothing. The reward of a playback past a quarter:

    played = share that counts * (least + (1 - least) * quantile + bonuses)

A viewer's row keeps the few titles whose judgement may still move; what is older stands as it is, and a
playback of it is a rewatch.
"""

import numpy as np

from online_models.feedback.impression_counts import put_away, sight
from online_models.feedback.rejections import reject
from online_models.feedback.watch_time import bin_of, bucket_of, observe_share, quantile, withdraw_share
from online_models.jit import jit_inline
from online_models.tables.feedback_layout import JUDGEMENTS, InteractionState
from online_models.tables.history import standing
from online_models.tables.layout import Feedback, Params, Signals, Titles, Viewers

NOTHING, POSITIVE, REJECT, TOUCH, KNOWN, NOTED = range(
    6
)  # as in online_models.feedback.reward_function.Action
START, FOLLOW, LEFT, STOPPED, RESUMED, WATCHED, SKIPPED, SIGHTED, SOUGHT, UNLISTED = range(6, 16)
PENDING, DONE, LIKED, STARTED, AGAIN, BINGE, SEARCHED = (1 << n for n in range(7))
"""Flags: left early and perhaps abandoned; watched to the end; past a quarter; begun; a rewatch; chosen right
after another title; found by searching."""
LEAST_NO = 1e-6
"""A no without a weight is still a no."""


@jit_inline
def weight_of(e: InteractionState) -> float:
    """Return a judgement's weight, >= 0."""
    if e.said < 0:
        return 0.0
    return max(e.played, min(e.said, 1.0)) + max(e.said - 1.0, 0.0)


@jit_inline
def place_of(viewers: Viewers, v: int, t: int) -> int:
    """Return the place of a title's judgement, -1 where it has none."""
    for s in range(JUDGEMENTS):
        if viewers.judged[v, s] == t:
            return s
    return -1


@jit_inline
def open_place(viewers: Viewers, v: int, t: int) -> int:
    """Return the place of a title's judgement: its own, or a free one, or that of the oldest, cleared."""
    place: int = place_of(viewers, v, t)
    if place < 0:
        place = 0
        for s in range(JUDGEMENTS):
            age, oldest = viewers.judgement[v, s].at, viewers.judgement[v, place].at
            if viewers.judged[v, place] >= 0 and (viewers.judged[v, s] < 0 or age < oldest):
                place = s
        e = viewers.judgement[v, place]
        clear(e)
        e.said = 0.0
        e.at = e.session = 0
        viewers.judged[v, place] = t
    return place


@jit_inline
def clear(e: InteractionState) -> None:
    """Forget what was played."""
    e.before = e.now = e.played = 0.0
    e.flags = e.bucket = e.bin = 0


@jit_inline
def in_sitting(viewers: Viewers, params: Params, v: int, place: int, at: int) -> bool:
    """Whether another title was watched past a quarter shortly before."""
    for s in range(JUDGEMENTS):
        gap = at - viewers.judgement[v, s].at
        if s != place and viewers.judgement[v, s].flags & LIKED and 0 <= gap <= params.session_gap_ms:
            return True
    return False


@jit_inline
def begin(viewers: Viewers, params: Params, feedback: Feedback, i: int, fact: int, place: int) -> None:
    """Find out whether a new playback begins with event ``i``, and whether it is a rewatch or a binge.

    A playback is a session's; where no session is told, a start begins one.
    """
    v, session = feedback.viewer[i], feedback.session[i]
    e = viewers.judgement[v, place]
    another = session != e.session if session != 0 and e.session != 0 else fact <= FOLLOW
    again = e.flags & STARTED == 0 and e.said == 0 and standing(viewers, v, feedback.title[i]) > 0
    if another and e.flags & DONE:
        again = True
        clear(e)
        e.said = min(e.said, 0.0)
    elif another:
        e.before += e.now
        e.now = 0.0
    if session != 0:
        e.session = session
    if e.flags & STARTED == 0:
        at = feedback.at[i] - np.int64(1e3 * feedback.watched[i])
        e.flags |= STARTED | (AGAIN if again else 0)
        if fact not in (FOLLOW, WATCHED) and in_sitting(viewers, params, v, place, at):
            e.flags |= BINGE


@jit_inline
def reward(viewers: Viewers, params: Params, e: InteractionState, duration: float, share: float) -> float:
    """Return what a playback past a quarter is worth when all of it counts."""
    c = params.reward
    w: float = c.least + (1.0 - c.least) * quantile(viewers, params, duration, share)
    w += c.completion if share >= c.complete_share else 0.0
    w += c.rewatch if e.flags & AGAIN else 0.0
    w += c.binge if e.flags & BINGE else 0.0
    return w + (c.searched if e.flags & SEARCHED else 0.0)


@jit_inline
def place_share(viewers: Viewers, params: Params, e: InteractionState, duration: float, share: float) -> None:
    """Put a playback's share into the histogram, or move it there."""
    bucket, b = bucket_of(duration), bin_of(share)
    if e.bin > 0:
        withdraw_share(viewers, e.bucket, e.bin - 1)
    observe_share(viewers, params, bucket, b)
    e.bucket, e.bin = bucket, b + 1


@jit_inline
def turn_down(viewers: Viewers, v: int, t: int, e: InteractionState, weight: float) -> int:
    """Reject by deed; who likes a title already does not reject it by leaving it soon."""
    if standing(viewers, v, t) > 0:
        return NOTED
    e.played, e.said = -weight, min(e.said, 0.0)
    e.flags &= ~PENDING
    return REJECT


@jit_inline
def stop(viewers: Viewers, params: Params, feedback: Feedback, i: int, fact: int, e: InteractionState) -> int:
    """Judge a playback that ended, by all that was watched of the title by now."""
    c, former = params.reward, e.before + e.now
    e.now = max(e.now, feedback.watched[i])
    total = e.before + e.now
    duration = float(feedback.duration[i]) if feedback.duration[i] > 0 else c.unknown_s
    share = min(total / duration, 1.0)
    if fact != WATCHED:
        place_share(viewers, params, e, duration, share)
    if share >= c.complete_share:
        e.flags |= DONE
    if share >= c.liked_share:
        if total > former or e.flags & LIKED == 0:
            worth = feedback.weight[i] * reward(viewers, params, e, duration, share)
            e.played = max(e.played, worth)
        e.flags = (e.flags | LIKED) & ~PENDING
        return POSITIVE if e.said >= 0 else NOTED
    if fact == LEFT and (total < c.quick_s or share < c.quick_share):
        return int(turn_down(viewers, feedback.viewer[i], feedback.title[i], e, c.quick_weight))
    undecided = e.flags & LIKED == 0 and e.played >= 0
    if undecided and fact != WATCHED and standing(viewers, feedback.viewer[i], feedback.title[i]) == 0:
        e.flags |= PENDING
    return NOTED


@jit_inline
def say(fact: int, weight: float, e: InteractionState) -> int:
    """Take the viewer's word: the newest yes or no counts; a wish adds nothing to a yes."""
    if fact == TOUCH:
        e.said = max(e.said, weight) if e.said >= 0 else e.said
        return TOUCH
    e.said = weight if fact == POSITIVE else min(-weight, -LEAST_NO)
    e.played = max(e.played, 0.0)
    e.flags &= ~PENDING
    return fact


@jit_inline
def weigh(
    viewers: Viewers, params: Params, feedback: Feedback, i: int, fact: int, e: InteractionState
) -> int:
    """Move a judgement by event ``i``; return what it comes to."""
    if START <= fact <= FOLLOW:
        e.flags &= ~PENDING
        e.played = max(e.played, feedback.weight[i])
        return TOUCH
    if fact == SKIPPED:
        return int(turn_down(viewers, feedback.viewer[i], feedback.title[i], e, float(feedback.weight[i])))
    if fact == SOUGHT:
        e.flags |= SEARCHED
        return NOTED
    if fact < START:
        return int(say(fact, feedback.weight[i], e))
    return int(stop(viewers, params, feedback, i, fact, e))


@jit_inline
def judge(
    titles: Titles, viewers: Viewers, params: Params, feedback: Feedback, i: int, signals: Signals, o: int
) -> int:
    """Say what event ``i`` comes to; write strength, difference and their time into row ``o``."""
    v, t, fact, at = feedback.viewer[i], feedback.title[i], int(feedback.action[i]), feedback.at[i]
    signals.weight[o] = signals.change[o] = 0.0
    signals.at[o] = at
    name = np.uint32(titles.key[t] >> np.uint64(32))
    if fact == SIGHTED:
        if place_of(viewers, v, t) < 0:
            sight(viewers, params, feedback, i, name)
        return NOTED
    if fact in (NOTHING, KNOWN):
        return fact
    if fact == UNLISTED:
        return NOTED
    put_away(viewers, v, name, fact in (START, POSITIVE) or LEFT <= fact <= RESUMED)
    place = open_place(viewers, v, t)
    e = viewers.judgement[v, place]
    if fact == RESUMED and e.flags & STARTED == 0:
        fact = WATCHED
    if START <= fact <= WATCHED:
        begin(viewers, params, feedback, i, fact, place)
    was, given_at = weight_of(e), e.at
    action: int = weigh(viewers, params, feedback, i, fact, e)
    e.at = max(e.at, at)
    change = weight_of(e) - was
    if action == POSITIVE and standing(viewers, v, t) > 0:
        action = TOUCH if fact == POSITIVE or change != 0 else NOTED
    if action == REJECT:
        signals.weight[o] = params.reward.quick_weight if fact == LEFT else feedback.weight[i]
    elif action == POSITIVE:
        signals.weight[o] = weight_of(e)
    signals.change[o] = change
    if change < 0:
        signals.at[o] = given_at
    return action


@jit_inline
def settle_abandoned(viewers: Viewers, params: Params, v: int, at: int, signals: Signals, o: int) -> int:
    """Turn what was left early and not gone on with in time into mild rejections, from row ``o`` on.

    Returns the next free row. There is no clock: the viewer's own next event settles what is due by then.
    """
    c = params.reward
    for s in range(JUDGEMENTS):
        e, t = viewers.judgement[v, s], viewers.judged[v, s]
        if t >= 0 and e.flags & PENDING and at - e.at >= c.abandon_ms:
            was = weight_of(e)
            e.flags &= ~PENDING
            e.played = -c.abandoned
            signals.action[o], signals.title[o] = REJECT, t
            signals.depth[o] = signals.fresh[o] = 0
            signals.weight[o] = c.abandoned
            signals.at[o] = e.at - np.int64(1e3 * e.now)  # about when the start was counted
            signals.change[o] = weight_of(e) - was
            reject(viewers, params, v, t, c.abandoned, e.at + np.int64(c.abandon_ms))
            o += 1
    return o
