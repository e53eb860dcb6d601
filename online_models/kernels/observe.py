"""The viewers' side of learning: settle an event, move the taste, tell the titles' side, remember."""

import numpy as np

from online_models.kernels.factorization import (
    SMALL,
    draw_negatives,
    represent,
    scratch,
    softmax_gradient,
    tick,
)
from online_models.kernels.hashing import mix
from online_models.kernels.history import append, is_known, mark_known, recent
from online_models.kernels.layout import RING, Feedback, Params, Scratch, Signals, Titles, Viewers, jit
from online_models.kernels.rejections import forgive, reject

POSITIVE, REJECT, TOUCH, KNOWN = 1, 2, 3, 4  # as in online_models.feedback.Action


@jit
def settle(viewers: Viewers, feedback: Feedback, i: int) -> np.int64:
    """Return an event's action, -1 for a duplicate, and remember the event's id.

    A positive of a title that the viewer has becomes a touch.
    """
    v, event = feedback.viewer[i], feedback.event[i]
    if event != np.uint64(0):
        for s in range(RING):
            if viewers.ring[v, s] == event:
                return np.int64(-1)
        viewers.ring[v, viewers.ring_n[v] % RING] = event
        viewers.ring_n[v] += 1
    if feedback.action[i] == POSITIVE and is_known(viewers, v, feedback.title[i]):
        return np.int64(TOUCH)
    return np.int64(feedback.action[i])


@jit
def open_signal(viewers: Viewers, feedback: Feedback, i: int, action: int, signals: Signals, o: int) -> None:
    """Begin row ``o`` of the signals with event ``i``; a positive takes the viewer's history along."""
    signals.action[o] = max(action, 0)
    signals.title[o] = feedback.title[i]
    signals.weight[o] = feedback.weight[i]
    signals.at[o] = feedback.at[i]
    signals.depth[o] = 0
    if action == POSITIVE:
        signals.depth[o] = recent(viewers, feedback.viewer[i], signals.history[o])


@jit
def learn_viewer(
    titles: Titles, viewers: Viewers, params: Params, v: int, signals: Signals, o: int, work: Scratch
) -> None:
    """Move a viewer's taste towards a title; leave x and the input gradient in row ``o`` of the signals."""
    x, t, w = signals.x[o], signals.title[o], signals.weight[o]
    represent(titles, viewers, params, v, signals.history[o], signals.depth[o], x)
    stamp = tick(work)
    mark_known(viewers, v, work.mark, stamp)
    state = mix(viewers.key[v] ^ mix(np.uint64(params.seed) + np.uint64(viewers.positives[v])))
    n = draw_negatives(titles, params.negatives, t, stamp, state, work)
    softmax_gradient(titles, x, n, work)
    into = work.into
    into[:] = 0.0
    for q in range(n + 1):
        if abs(work.g[q]) >= SMALL:
            j, g = work.cand[q], work.g[q] * w
            for f in range(into.size):
                into[f] += g * titles.out[j, f]
    cut = signals.gradient.shape[1]
    for f in range(cut):
        signals.gradient[o, f] = into[f]
    square = np.float32(0.0)
    for f in range(cut, into.size):
        square += into[f] * into[f]
    viewers.acc[v] += square / np.float32(params.factors)
    step = np.float32(params.viewer_rate / np.sqrt(viewers.acc[v]))
    for f in range(params.factors):
        viewers.taste[v, f] += step * into[cut + f]


@jit
def remember(viewers: Viewers, params: Params, feedback: Feedback, i: int, action: int) -> None:
    """Add the title of event ``i`` to the viewer's known ones."""
    v, t = feedback.viewer[i], feedback.title[i]
    if action == POSITIVE:
        append(viewers, v, t, params.known_limit)
        viewers.positives[v] += 1
    elif action in (REJECT, KNOWN) and not is_known(viewers, v, t):
        append(viewers, v, ~t, params.known_limit)
    if action == REJECT:
        reject(viewers, params, v, t, float(feedback.weight[i]), feedback.at[i])
    elif feedback.action[i] == POSITIVE:
        forgive(viewers, v, t)
    viewers.last_at[v] = max(viewers.last_at[v], feedback.at[i])


@jit
def observe(titles: Titles, viewers: Viewers, params: Params, feedback: Feedback, signals: Signals) -> int:
    """Learn a batch on the viewers' side; fill the signals. Returns the number of duplicates (action 0)."""
    work = scratch(titles, params)
    duplicates = 0
    for i in range(feedback.viewer.size):
        action = settle(viewers, feedback, i)
        open_signal(viewers, feedback, i, action, signals, i)
        if action < 0:
            duplicates += 1
            continue
        if action == POSITIVE and params.negatives > 0:
            learn_viewer(titles, viewers, params, feedback.viewer[i], signals, i, work)
        remember(viewers, params, feedback, i, action)
    return duplicates
