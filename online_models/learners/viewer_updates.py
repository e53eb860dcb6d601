"""The viewers' side of learning: interaction state, taste vector, signal for the titles' side, history."""

import numpy as np

from online_models.feedback.interaction_state import (
    AUTOPLAY,
    EXITED_EARLY,
    HEARTBEAT,
    KNOWN,
    POSITIVE,
    REJECT,
    REMOVED_FROM_LIST,
    START,
    TOUCH,
    WATCHED,
    apply_feedback,
    is_choice,
    reject_abandoned,
)
from online_models.feedback.rejections import add_rejection, remove_rejection
from online_models.feedback.saved_titles import add_to_list, remember_finished, remove_from_list
from online_models.jit import jit, jit_inline, jit_no_alloc
from online_models.learners.factorization import (
    SMALL,
    begin_batch,
    draw_negatives,
    next_stamp,
    represent,
    softmax_gradient,
)
from online_models.tables.hashing import mix
from online_models.tables.history import append, like, mark_known, opinion_of, recent_items, unlike
from online_models.tables.layout import F4, RING, Feedback, Int, Params, Scratch, Signals, Titles, Viewers


@jit_inline
def is_repeated(viewers: Viewers, v: int, event: int) -> bool:
    """Return whether an event id is among the viewer's recent ones; if not, add it."""
    if event == np.uint64(0):
        return False
    # A ring of the newest ids: a producer's retries come within a few events, and 0 marks an empty place
    for s in range(RING):
        if viewers.ring[v, s] == event:
            return True
    viewers.ring[v, viewers.ring_n[v] % RING] = event
    viewers.ring_n[v] += 1
    return False


@jit_inline
def begin_signal(
    titles: Titles,
    viewers: Viewers,
    params: Params,
    feedback: Feedback,
    i: int,
    signals: Signals,
    o: int,
    spare: int,
) -> tuple[int, int]:
    """Fill row ``o`` of the signals from event ``i``; a choice also gets the viewer's history.

    Titles that the viewer has abandoned by then become rows from ``spare`` on. Returns the action, -1 for a
    duplicate, and the next spare row.
    """
    v = feedback.viewer[i]
    signals.title[o] = feedback.title[i]
    signals.depth[o] = signals.session_items[o] = 0
    if is_repeated(viewers, v, feedback.event[i]):
        signals.action[o] = 0
        signals.at[o] = feedback.at[i]
        signals.weight[o] = signals.change[o] = 0.0
        return -1, spare
    pause = feedback.at[i] - np.int64(1e3 * feedback.watched[i]) - viewers.last_at[v]
    if pause > params.session_gap_ms:
        viewers.session_items[v] = 0
    if pause > params.streak_gap_ms:
        viewers.streak_items[v] = 0
    spare = reject_abandoned(viewers, params, v, feedback.at[i], signals, spare)
    action = apply_feedback(titles, viewers, params, feedback, i, signals, o)
    signals.action[o] = action
    if is_choice(action, signals.weight[o]):
        signals.depth[o] = recent_items(viewers, params, v, signals.history[o])
        signals.session_items[o] = min(viewers.session_items[v], signals.depth[o])
    return action, spare


@jit_no_alloc
def softmax_of_target(
    titles: Titles,
    viewers: Viewers,
    params: Params,
    v: int,
    signals: Signals,
    o: int,
    draw: Int,
    work: Scratch,
) -> int:
    """Write a viewer's x into row ``o`` of the signals, and the softmax gradient of its title into ``work``.

    Returns the number of negatives. They derive from the viewer's key and ``draw``.
    """
    x, t = signals.x[o], signals.title[o]
    depth, fresh = (
        np.int64(signals.depth[o]),
        np.int64(signals.session_items[o]),
    )  # as `ranking` passes them: numba compiles one form
    represent(titles, viewers, params, v, signals.history[o], depth, fresh, x)
    stamp = next_stamp(work)
    mark_known(viewers, v, work.mark, stamp)
    state = mix(viewers.key[v] ^ mix(np.uint64(params.seed) + np.uint64(draw)))
    n: int = draw_negatives(titles, params.negatives, t, stamp, state, work)
    softmax_gradient(titles, x, n, work)
    return n


@jit_no_alloc
def gather_gradient(titles: Titles, n: int, w: float, work: Scratch) -> None:
    """Write w sum_j g_j q_j, the gradient of x, into ``work.into``."""
    into = work.into
    into[:] = 0.0
    for q in range(n + 1):
        if abs(work.g[q]) >= SMALL:
            j, g = work.cand[q], work.g[q] * w
            for f in range(into.size):
                into[f] += g * titles.out[j, f]


@jit_no_alloc
def move_taste(viewers: Viewers, params: Params, v: int, into: F4) -> None:
    """Take an AdaGrad step of the taste vector along its part of a gradient, the last ``factors`` numbers."""
    cut = into.size - params.factors
    square = np.float32(0.0)
    for f in range(cut, into.size):
        square += into[f] * into[f]
    viewers.acc[v] += square / np.float32(params.factors)
    step = np.float32(params.viewer_learning_rate / np.sqrt(viewers.acc[v]))
    for f in range(params.factors):
        viewers.taste[v, f] += step * into[cut + f]


@jit_no_alloc
def learn_viewer(
    titles: Titles, viewers: Viewers, params: Params, v: int, signals: Signals, o: int, work: Scratch
) -> None:
    """Move a viewer's taste towards a title; write x and the input gradient into row ``o`` of the signals."""
    # ~known is below 0, the numbers of positives are not: so a neutral title has negatives of its own
    draw = np.int64(viewers.positives[v]) if signals.action[o] == POSITIVE else np.int64(~viewers.known[v])
    n = softmax_of_target(titles, viewers, params, v, signals, o, draw, work)
    gather_gradient(titles, n, signals.weight[o], work)
    for f in range(signals.gradient.shape[1]):
        signals.gradient[o, f] = work.into[f]
    move_taste(viewers, params, v, work.into)


@jit_no_alloc
def learn_rejection(
    titles: Titles, viewers: Viewers, params: Params, v: int, signals: Signals, o: int, work: Scratch
) -> None:
    """Move a viewer's taste away from a rejected title, towards other titles that were likely.

    With the softmax p over the title t and negatives, p_u steps along -w (q_t - sum_{j != t} p_j q_j): the
    step is longer the more likely the title was. Titles learn nothing from it. Row ``o`` of the signals is
    working memory; it keeps no history.
    """
    signals.depth[o] = recent_items(viewers, params, v, signals.history[o])
    signals.session_items[o] = min(viewers.session_items[v], signals.depth[o])
    # ~known is below 0, the draws of positives are not: so a rejection has negatives of its own
    n = softmax_of_target(titles, viewers, params, v, signals, o, ~viewers.known[v], work)
    work.g[n] = 1.0  # the target's 1 - p_t becomes 1: away from q_t in full, however likely it was
    gather_gradient(titles, n, -np.float32(params.taste_rejection) * signals.weight[o], work)
    move_taste(viewers, params, v, work.into)
    signals.depth[o] = signals.session_items[o] = 0


@jit_inline
def update_history(
    viewers: Viewers, params: Params, feedback: Feedback, i: int, action: int, signals: Signals, o: int
) -> None:
    """Update the viewer's known, liked, rejected and saved titles with event ``i``."""
    v, t, at = feedback.viewer[i], feedback.title[i], feedback.at[i]
    stands = opinion_of(viewers, v, t) if action in (POSITIVE, REJECT, KNOWN) else 0
    if (action == POSITIVE and stands <= 0) or (
        action == KNOWN and stands == 0 and params.reward.neutral > 0
    ):
        viewers.session_items[v] += 1
        viewers.streak_items[v] += 1
    if action == POSITIVE:
        if stands < 0:
            like(viewers, v, t)
        else:
            append(viewers, v, t, params.known_titles)
        viewers.positives[v] += 1
        remove_rejection(viewers, v, t)
    elif action == TOUCH and signals.change[o] > 0 and feedback.action[i] not in (START, AUTOPLAY):
        remove_rejection(viewers, v, t)
    elif action in (REJECT, KNOWN) and stands == 0:
        append(viewers, v, ~t, params.known_titles)
    elif action == REJECT and stands > 0:
        unlike(viewers, v, t)
    if action == REJECT:
        add_rejection(viewers, params, v, t, float(signals.weight[o]), at)
    if feedback.action[i] == TOUCH:
        add_to_list(viewers, v, t)
    elif feedback.action[i] == REMOVED_FROM_LIST:
        remove_from_list(viewers, v, t)
    elif EXITED_EARLY <= feedback.action[i] <= WATCHED or feedback.action[i] == HEARTBEAT:
        remember_finished(viewers, v, t, at)
    viewers.last_at[v] = max(viewers.last_at[v], at)


@jit
def observe(
    titles: Titles, viewers: Viewers, params: Params, feedback: Feedback, signals: Signals, work: Scratch
) -> tuple[int, int]:
    """Learn a batch on the viewers' side; fill the signals: one row an event, then the abandoned titles.

    Returns the number of rows filled, and the number of duplicate events (action 0).
    """
    begin_batch(work)
    duplicates, spare = 0, feedback.viewer.size
    for i in range(feedback.viewer.size):
        action, spare = begin_signal(titles, viewers, params, feedback, i, signals, i, spare)
        if action < 0:
            duplicates += 1
            continue
        if is_choice(action, signals.weight[i]) and params.negatives > 0:
            learn_viewer(titles, viewers, params, feedback.viewer[i], signals, i, work)
        elif action == REJECT and params.taste_rejection > 0:
            learn_rejection(titles, viewers, params, feedback.viewer[i], signals, i, work)
        update_history(viewers, params, feedback, i, action, signals, i)
    return spare, duplicates
