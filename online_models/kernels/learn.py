"""Learning, event by event, on both sides.

History-aware matrix factorization: a viewer is represented by

    x = [ sum_l d_1^l y1(h_l) / |d_1|, ..., sum_l d_H^l yH(h_l) / |d_H|, p ]        (h_0 = the newest liked title)

and a title scores ``x . q + b``. A positive is a softmax over the title and uniform negatives that the viewer does not have:
with ``g_j = [j = target] - softmax_j`` the gradients are ``g_j x`` for q_j, ``g_j`` for b_j and ``sum_j g_j q_j`` for x, which
flows on into p and the y of the history. Steps are AdaGrad with one accumulator a row (the mean square of its gradients).

Sources: SVD++ (Koren, KDD 2008) for the shape, FISM (Kabbur et al., KDD 2013) for the history, AdaGrad (Duchi et al., JMLR
2011); co-watch after the item-item tradition of TencentRec (Huang et al., SIGMOD 2015). Constants: ``online_models.config``.
"""

import numpy as np

from online_models.kernels.hashing import below, mix
from online_models.kernels.history import append, is_known, mark_known, recent
from online_models.kernels.layout import (
    F4,
    F8,
    I4,
    I8,
    RING,
    Feedback,
    Params,
    Signals,
    Titles,
    Viewers,
    jit,
)

POSITIVE, REJECT, TOUCH, KNOWN = 1, 2, 3, 4  # as in online_models.feedback.Action
TRIES = 8  # draws per negative before it is left out: a viewer of half the catalogue still finds 255 of 256
SMALL = (
    1e-4  # gradients below change nothing that float32 keeps, and cost a row each (measured: no HR@10 lost)
)


@jit
def represent(
    titles: Titles, viewers: Viewers, params: Params, v: int, history: I4, depth: int, x: F4
) -> None:
    """Write a viewer's representation into ``x`` [D]."""
    k = params.factors
    x[:] = 0.0
    for h in range(params.decays.size):
        a, square = 1.0, 0.0
        part = x[h * k : (h + 1) * k]
        for step in range(depth):
            part += np.float32(a) * titles.inp[history[step], h * k : (h + 1) * k]
            square += a * a
            a *= params.decays[h]
        if square > 0.0:
            part *= np.float32(1.0 / np.sqrt(square))
    x[params.decays.size * k :] = viewers.taste[v]


@jit
def draw_negatives(titles: Titles, n: int, target: int, mark: I8, stamp: int, state: int, out: I4) -> int:
    """Draw ``n`` active titles that are neither stamped nor the target; return how many were found."""
    active = titles.size[1]
    found = 0
    for _ in range(n if active > 1 else 0):
        for _ in range(TRIES):
            state = mix(state)
            j = titles.active[below(state, active)]
            if mark[j] != stamp and j != target:
                out[found] = j
                found += 1
                break
    return found


@jit
def softmax_gradient(titles: Titles, x: F4, cand: I4, n: int, g: F8) -> None:
    """Replace ``g[:n]`` by [j = last] - softmax of the candidates' scores; the target is the last candidate."""
    top = -np.inf
    for q in range(n):
        row = titles.out[cand[q]]
        score = titles.bias[cand[q]]
        for f in range(x.size):
            score += x[f] * row[f]
        g[q] = score
        top = max(top, score)
    total = 0.0
    for q in range(n):
        g[q] = np.exp(g[q] - top)
        total += g[q]
    for q in range(n):
        g[q] = -g[q] / total
    g[n - 1] += 1.0


@jit
def activate(titles: Titles, t: int) -> None:
    """Count a title among the active ones at its first positive."""
    if titles.counts[t, 0] == 0:
        titles.active[titles.size[1]] = t
        titles.size[1] += 1


@jit
def learn_viewer(
    titles: Titles,
    viewers: Viewers,
    params: Params,
    v: int,
    t: int,
    w: float,
    history: I4,
    depth: int,
    x: F4,
    gradient: F4,
    mark: I8,
    stamp: int,
    cand: I4,
    g: F8,
    into: F4,
) -> None:
    """Move a viewer's taste vector towards a title, and leave x and the input gradient for the titles' side."""
    represent(titles, viewers, params, v, history, depth, x)
    mark_known(viewers, v, mark, stamp)
    state = mix(viewers.key[v] ^ mix(np.uint64(params.seed) + np.uint64(viewers.positives[v])))
    n = draw_negatives(titles, params.negatives, t, mark, stamp, state, cand)
    cand[n] = t
    softmax_gradient(titles, x, cand, n + 1, g)
    into[:] = 0.0
    for q in range(n + 1):
        if abs(g[q]) >= SMALL:
            into += np.float32(g[q] * w) * titles.out[cand[q]]
    cut = gradient.size
    gradient[:] = into[:cut]
    square = 0.0
    for f in range(params.factors):
        square += into[cut + f] * into[cut + f]
    viewers.acc[v] += np.float32(square / params.factors)
    viewers.taste[v] += np.float32(params.viewer_rate / np.sqrt(viewers.acc[v])) * into[cut:]


@jit
def learn_outputs(
    titles: Titles, params: Params, t: int, w: float, x: F4, mark: I8, stamp: int, cand: I4, g: F8
) -> None:
    """Move the output vector and bias of a title, and of negatives against it."""
    state = mix(titles.key[t] ^ mix(np.uint64(params.seed) + np.uint64(titles.counts[t, 0])))
    n = draw_negatives(titles, params.negatives, t, mark, stamp, state, cand)
    cand[n] = t
    softmax_gradient(titles, x, cand, n + 1, g)
    square = 0.0
    for f in range(x.size):
        square += x[f] * x[f]
    mean = square / x.size
    length = np.sqrt(square)
    for q in range(n + 1):
        j, gj = cand[q], g[q] * w
        if abs(gj) >= SMALL:
            titles.acc[j, 0] += np.float32(gj * gj * mean)
            titles.acc[j, 1] += np.float32(gj * gj)
            step = params.rate * gj / np.sqrt(titles.acc[j, 0])
            titles.out[j] += np.float32(step) * x
            titles.bias[j] += np.float32(params.rate * gj / np.sqrt(titles.acc[j, 1]))
            titles.drift[j] += np.float32(abs(step) * length)
            if titles.drift[j] > params.publish_drift:
                titles.changed[j] = 1


@jit
def learn_inputs(titles: Titles, params: Params, owned: I4, gradient: F4, history: I4, depth: int) -> None:
    """Send the gradient of a representation into the input vectors of the history."""
    k = params.factors
    for h in range(params.decays.size):
        part = gradient[h * k : (h + 1) * k]
        d = params.decays[h]
        total = (1.0 - d ** (2 * depth)) / (1.0 - d * d) if d < 1.0 else float(depth)
        a = 1.0 / np.sqrt(total) if depth > 0 else 0.0
        square = 0.0
        for f in range(k):
            square += part[f] * part[f]
        for step in range(depth):
            j = history[step]
            if a * a * square < SMALL * SMALL:
                break
            a, now = a * d, a
            if not owned[j]:
                continue
            titles.acc[j, 2 + h] += np.float32(now * now * square / k)
            rate = params.rate * now / np.sqrt(titles.acc[j, 2 + h])
            titles.inp[j, h * k : (h + 1) * k] += np.float32(rate) * part
            titles.drift[j] += np.float32(rate * np.sqrt(square))
            if titles.drift[j] > params.publish_drift:
                titles.changed[j] = 1


@jit
def pair(titles: Titles, a: int, b: int, w: float) -> None:
    """Add weight to neighbour ``b`` of title ``a``; a newcomer takes the weakest neighbour's place.

    Which newcomers are let in makes no difference (five rules measured, HR@10 within .0003); how many places there are does.
    """
    names, weights = titles.nbr[a], titles.nbr_w[a]
    at = -1
    for s in range(names.size):
        at = s if names[s] == b else at
    if at < 0:
        low = weights[0]
        at = 0
        for s in range(1, names.size):
            if weights[s] < low:
                low = weights[s]
                at = s
        names[at] = b
        weights[at] = 0.0
    weights[at] += np.float32(w)


@jit
def count(titles: Titles, params: Params, t: int, w: float, at: int) -> None:
    """Add a watch to the decayed counters: c <- c * 2 ** (-(t - t0) / half_life) + w, O(1), in event time."""
    gap = max(at - titles.trend_at[t], 0)
    late = min(at - titles.trend_at[t], 0)
    for h in range(3):
        titles.trend[t, h] = titles.trend[t, h] * 2.0 ** (-gap / params.half_lives[h]) + w * 2.0 ** (
            late / params.half_lives[h]
        )
    titles.trend_at[t] = max(titles.trend_at[t], at)


@jit
def learn_title(
    titles: Titles,
    params: Params,
    owned: I4,
    t: int,
    w: float,
    at: int,
    x: F4,
    gradient: F4,
    history: I4,
    depth: int,
    mark: I8,
    stamp: int,
    cand: I4,
    g: F8,
) -> None:
    """Everything that a positive says about titles, as far as they are this shard's (``owned``)."""
    for step in range(depth):
        mark[history[step]] = stamp
    if owned[t]:
        activate(titles, t)
        learn_outputs(titles, params, t, w, x, mark, stamp, cand, g)
        titles.watches[t] += w
        titles.norm[t] = np.float32(max(titles.watches[t], 1.0) ** -params.alpha)
        titles.counts[t, 0] += 1
        titles.changed[t] = 1
        count(titles, params, t, w, at)
    learn_inputs(titles, params, owned, gradient, history, depth)
    weight = w
    for step in range(min(depth, params.window)):
        j = history[step]
        if owned[t]:
            pair(titles, t, j, weight)
        if owned[j]:
            pair(titles, j, t, weight)
            titles.changed[j] = 1
        weight *= params.pair_decay


@jit
def settle(viewers: Viewers, feedback: Feedback, i: int) -> int:
    """Return the action of an event after de-duplication, and remember its id."""
    v, event = feedback.viewer[i], feedback.event[i]
    if event != np.uint64(0):
        for s in range(RING):
            if viewers.ring[v, s] == event:
                return -1
        viewers.ring[v, viewers.ring_n[v] % RING] = event
        viewers.ring_n[v] += 1
    if feedback.action[i] == POSITIVE and is_known(viewers, v, feedback.title[i]):
        return TOUCH
    return np.int64(feedback.action[i])


@jit
def remember(viewers: Viewers, params: Params, v: int, t: int, action: int, at: int) -> None:
    """Add the title to the viewer's known ones."""
    if action == POSITIVE:
        append(viewers, v, t, params.known_limit)
        viewers.positives[v] += 1
    elif action in (REJECT, KNOWN) and not is_known(viewers, v, t):
        append(viewers, v, ~t, params.known_limit)
    viewers.last_at[v] = max(viewers.last_at[v], at)


@jit
def observe(titles: Titles, viewers: Viewers, params: Params, feedback: Feedback, signals: Signals) -> int:
    """Learn a batch on the viewers' side; fill the signals. Returns the number of duplicates (their action becomes 0)."""
    mark = np.zeros(titles.bias.size, np.int64)
    cand = np.empty(params.negatives + 1, np.int32)
    g = np.empty(params.negatives + 1, np.float64)
    into = np.empty(titles.out.shape[1], np.float32)
    duplicates = 0
    for i in range(feedback.viewer.size):
        v, t = feedback.viewer[i], feedback.title[i]
        action = settle(viewers, feedback, i)
        signals.depth[i] = 0
        if action < 0:
            signals.action[i] = 0
            duplicates += 1
            continue
        signals.action[i] = action
        if action == POSITIVE:
            depth = recent(viewers, v, signals.history[i])
            signals.depth[i] = depth
            learn_viewer(
                titles,
                viewers,
                params,
                v,
                t,
                feedback.weight[i],
                signals.history[i],
                depth,
                signals.x[i],
                signals.gradient[i],
                mark,
                i + 1,
                cand,
                g,
                into,
            )
        remember(viewers, params, v, t, action, feedback.at[i])
    return duplicates


@jit
def absorb(titles: Titles, params: Params, owned: I4, signals: Signals) -> None:
    """Learn a batch of signals on the titles' side."""
    mark = np.zeros(titles.bias.size, np.int64)
    cand = np.empty(params.negatives + 1, np.int32)
    g = np.empty(params.negatives + 1, np.float64)
    for i in range(signals.title.size):
        absorb_one(titles, params, owned, signals, i, mark, i + 1, cand, g)


@jit
def absorb_one(
    titles: Titles, params: Params, owned: I4, signals: Signals, i: int, mark: I8, stamp: int, cand: I4, g: F8
) -> None:
    """Learn one signal on the titles' side."""
    t = signals.title[i]
    if signals.action[i] == POSITIVE:
        learn_title(
            titles,
            params,
            owned,
            t,
            signals.weight[i],
            signals.at[i],
            signals.x[i],
            signals.gradient[i],
            signals.history[i],
            signals.depth[i],
            mark,
            stamp,
            cand,
            g,
        )
    elif owned[t] and signals.action[i] == REJECT:
        titles.counts[t, 1] += 1
        titles.changed[t] = 1
    elif owned[t] and signals.action[i] == TOUCH:
        titles.counts[t, 2] += 1
        titles.changed[t] = 1
        if signals.weight[i] > 0:
            count(titles, params, t, signals.weight[i], signals.at[i])
