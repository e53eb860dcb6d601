"""The titles' side of learning: vectors, neighbours and counters of one shard's titles, from signals.

Co-watch after the item-item tradition of TencentRec (Huang et al., SIGMOD 2015); the vectors' equations stand
in ``factorization``.
"""

import numpy as np

from online_models.config import WAYS
from online_models.feedback.interaction_state import POSITIVE, REJECT, TOUCH
from online_models.jit import jit, jit_inline, jit_no_alloc
from online_models.learners.factorization import SMALL, draw_negatives, scratch, softmax_gradient, tick
from online_models.learners.tag_vectors import learn_tags, move_tags
from online_models.tables.derived_columns import count_positives, due
from online_models.tables.hashing import below, mix
from online_models.tables.history import share_of, title_of
from online_models.tables.layout import I4, Int, Params, Real, Scratch, Signals, Titles


@jit_no_alloc
def activate(titles: Titles, t: int) -> None:
    """Count a title among the active ones at its first positive."""
    if titles.counts[t, 0] == 0:
        titles.active[titles.size[1]] = t
        titles.size[1] += 1


@jit_inline
def moved(titles: Titles, params: Params, j: int, way: float) -> None:
    """Note that a row's vectors went a way, and whether the row is worth a record by now."""
    titles.drift[j] += np.float32(way)
    if titles.drift[j] > params.publish_drift:
        titles.changed[j] = 1


@jit_no_alloc
def learn_outputs(
    titles: Titles, params: Params, signals: Signals, i: int, stamp: int, work: Scratch
) -> None:
    """Move the output vector and bias of a title, and of negatives against it that do not bear the stamp."""
    t, w, x = signals.title[i], signals.weight[i], signals.x[i]
    state = mix(titles.key[t] ^ mix(np.uint64(params.seed) + np.uint64(titles.counts[t, 0])))
    n = draw_negatives(titles, params.negatives, t, stamp, state, work)
    softmax_gradient(titles, x, n, work)
    square = np.float32(0.0)
    for f in range(x.size):
        square += x[f] * x[f]
    mean, length = square / np.float32(x.size), np.sqrt(square)
    rate = np.float32(params.rate)
    for q in range(n + 1):
        j, g = work.cand[q], work.g[q] * w
        if abs(g) >= SMALL:
            titles.acc[j, 0] += g * g * mean
            titles.acc[j, 1] += g * g
            step = rate * g / np.sqrt(titles.acc[j, 0])
            for f in range(x.size):
                titles.out[j, f] += step * x[f]
            titles.bias[j] += rate * g / np.sqrt(titles.acc[j, 1])
            moved(titles, params, j, abs(step) * length)
    if params.tag_rate > 0:
        learn_tags(titles, params, x, mean, w, n, work)


@jit_no_alloc
def learn_inputs(titles: Titles, params: Params, owned: I4, signals: Signals, i: int) -> None:
    """Send the gradient of a representation into the input vectors of the history."""
    k, depth = params.factors, signals.depth[i]
    for h in range(params.decays.size if depth > 0 else 0):
        d = params.decays[h]
        total: Real = 0.0
        b = 1.0
        for step in range(depth):
            weight = b * share_of(params, signals.history[i, step], step >= signals.fresh[i])
            total += weight * weight
            b *= d
        square = np.float32(0.0)
        for f in range(h * k, (h + 1) * k):
            square += signals.gradient[i, f] * signals.gradient[i, f]
        a, length = np.float32(1.0 / np.sqrt(total)), np.sqrt(square)
        for step in range(depth):
            if a * length < SMALL:
                break
            j = title_of(signals.history[i, step])
            if owned[j]:
                part = a * share_of(params, signals.history[i, step], step >= signals.fresh[i])
                titles.acc[j, 2 + h] += part * part * square / np.float32(k)
                rate = np.float32(params.rate) * part / np.sqrt(titles.acc[j, 2 + h])
                for f in range(h * k, (h + 1) * k):
                    titles.inp[j, f] += rate * signals.gradient[i, f]
                moved(titles, params, j, rate * length)
            a *= np.float32(d)


@jit_inline
def pair(titles: Titles, a: int, b: int, w: Real) -> None:
    """Add weight to neighbour ``b`` of title ``a``; a newcomer takes the weakest place of its set.

    The places of a row are sets of ``WAYS``, and a neighbour's key says which set is its own, so that a pair
    costs two cache lines and not thirteen. Which newcomers are let in makes no difference (five rules
    measured, HR@10 within .0003); how many places there are does.
    """
    sets = titles.nbr.shape[1] // WAYS
    first = WAYS * below(mix(titles.key[b]), sets)
    at: Int = -1
    for s in range(first, first + WAYS):
        at = s if titles.nbr[a, s] == b else at
    if at < 0:
        at = first
        for s in range(first + 1, first + WAYS):
            at = s if titles.nbr_w[a, s] < titles.nbr_w[a, at] else at
        titles.nbr[a, at] = b
        titles.nbr_w[a, at] = 0.0
    titles.nbr_w[a, at] += np.float32(w)


@jit_no_alloc
def learn_pairs(titles: Titles, params: Params, owned: I4, signals: Signals, i: int) -> None:
    """Pair a title with the newest of the history, both ways; the weight falls with the steps between.

    One that is only known is paired as far as it counts (``reward.neutral``); a rejected one never is.
    """
    t, weight = signals.title[i], float(signals.weight[i])
    for step in range(min(signals.depth[i], params.window)):
        j = title_of(signals.history[i, step])
        part = weight * share_of(params, signals.history[i, step], False)  # noqa: FBT003 - a kernel
        if owned[t]:
            pair(titles, t, j, part)
        if owned[j]:
            pair(titles, j, t, part)
            titles.changed[j] = 1
        weight *= params.pair_decay


@jit_no_alloc
def count(titles: Titles, params: Params, t: int, w: float, at: int) -> None:
    """Add a watch to the decayed counters: c <- c * 2 ** (-(t - t0) / half_life) + w, O(1), in event time.

    A late watch is worth what it has decayed to by the newest. What is taken back is dated by when it was
    given, and no counter falls below nothing.
    """
    gap, late = max(at - titles.trend_at[t], 0), min(at - titles.trend_at[t], 0)
    for h in range(3):
        kept = titles.trend[t, h] * 2.0 ** (-gap / params.half_lives[h])
        titles.trend[t, h] = max(kept + w * 2.0 ** (late / params.half_lives[h]), 0.0)
    titles.trend_at[t] = max(titles.trend_at[t], at)


@jit_no_alloc
def change_weight(titles: Titles, params: Params, signals: Signals, i: int, kind: int) -> None:
    """Count a signal of a kind (column of ``counts``), and move the title's counters by its difference."""
    t, w = signals.title[i], float(signals.change[i])
    titles.counts[t, kind] += 1
    titles.changed[t] = 1
    if w != 0:
        titles.watches[t] = max(titles.watches[t] + w, 0.0)
        titles.norm[t] = np.float32(max(titles.watches[t], 1.0) ** -params.alpha)
        count(titles, params, t, w, signals.at[i])


@jit
def learn_title(titles: Titles, params: Params, owned: I4, signals: Signals, i: int, work: Scratch) -> None:
    """Everything that a positive says about titles, as far as they are this shard's (``owned``)."""
    t = signals.title[i]
    if owned[t]:
        activate(titles, t)
        if params.negatives > 0:
            stamp = tick(work)
            for step in range(signals.depth[i]):
                work.mark[title_of(signals.history[i, step])] = stamp
            learn_outputs(titles, params, signals, i, stamp, work)
        change_weight(titles, params, signals, i, 0)
        if due(titles, 1):
            move_tags(titles, work.tags)
        count_positives(titles, params, 1)
    if params.negatives > 0:
        learn_inputs(titles, params, owned, signals, i)
    learn_pairs(titles, params, owned, signals, i)


@jit
def absorb_one(titles: Titles, params: Params, owned: I4, signals: Signals, i: int, work: Scratch) -> None:
    """Learn one signal on the titles' side."""
    t = signals.title[i]
    if signals.action[i] == POSITIVE:
        learn_title(titles, params, owned, signals, i, work)
    elif owned[t] and signals.action[i] == REJECT:
        change_weight(titles, params, signals, i, 1)
    elif owned[t] and signals.action[i] == TOUCH:
        change_weight(titles, params, signals, i, 2)


@jit
def absorb(titles: Titles, params: Params, owned: I4, signals: Signals) -> None:
    """Learn a batch of signals on the titles' side."""
    work = scratch(titles, params)
    for i in range(signals.title.size):
        absorb_one(titles, params, owned, signals, i, work)
    move_tags(titles, work.tags)
