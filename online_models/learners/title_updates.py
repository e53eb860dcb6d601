"""The titles' side of learning: vectors, bias, neighbours and counters of the titles that signals name.

Co-watch after the item-item tradition of TencentRec (Huang et al., SIGMOD 2015); the equations of the vectors
stand in `learners.factorization`.
"""

import numpy as np

from online_models.feedback.interaction_state import POSITIVE, REJECT, TOUCH, is_choice
from online_models.jit import jit, jit_inline, jit_no_alloc
from online_models.learners.decayed_counts import count
from online_models.learners.factorization import (
    SMALL,
    begin_batch,
    draw_negatives,
    mark_moved,
    next_stamp,
    places_of,
    softmax_gradient,
)
from online_models.learners.stale_steps import StepCounts, prefetch_counts, renew
from online_models.learners.tag_vectors import learn_tags, move_tags
from online_models.tables.derived_columns import count_positives, is_stale, update_prior
from online_models.tables.hashing import mix
from online_models.tables.history import share_of, title_of
from online_models.tables.layout import I4, TAGS, Params, Real, Scratch, Signals, Titles
from online_models.tables.neighbours import add_neighbour, set_in
from online_models.tables.prefetch import prefetch, prefetch_row

STALE_STEPS = np.float32(8)
"""Steps that a gradient does not know of and that make its own step 1 / sqrt(2) as long; n make it
1 / sqrt(1 + n / 8) (McMahan and Streeter, NeurIPS 2014). Thirty viewers who finish the same six films move
the inputs of these 2.0 far in the mean if they come one after the other, 4.5 in one batch with steps of full
length, and 2.2 so (ADR 46)."""


@jit_no_alloc
def activate(titles: Titles, t: int) -> None:
    """Append a title to the active ones at its first positive."""
    if titles.counts[t, 0] == 0:
        titles.active[titles.size[1]] = t
        titles.size[1] += 1


@jit_inline
def add_drift(titles: Titles, params: Params, j: int, way: float) -> None:
    """Add the movement of a row's vectors to its drift, and mark the row as changed if that is large."""
    titles.drift[j] += np.float32(way)
    if titles.drift[j] > params.publish_drift:
        titles.changed[j] = 1


@jit_no_alloc
def learn_outputs(
    titles: Titles, params: Params, signals: Signals, i: int, stamp: int, work: Scratch
) -> None:
    """Move the output vector and bias of a title, and of negatives without the stamp."""
    t, w, x = signals.title[i], signals.weight[i], signals.x[i]
    # Keyed by the title and the number of its positives: there is no state of a generator to store
    # (of neutral ratings, bits inverted, if it is one)
    drawn = titles.counts[t, 0] if signals.action[i] == POSITIVE else ~titles.counts[t, 2]
    state = mix(titles.key[t] ^ mix(np.uint64(params.seed) + np.uint64(drawn)))
    n = draw_negatives(titles, params.negatives, t, stamp, state, work)
    for q in range(n):
        prefetch_row(titles.acc, work.cand[q])
        prefetch(titles.drift, work.cand[q])
        if params.tag_learning_rate > 0:
            prefetch(titles.tags, TAGS * work.cand[q])
    softmax_gradient(titles, x, n, work)
    square = np.float32(0.0)
    for f in range(x.size):
        square += x[f] * x[f]
    mean, length = square / np.float32(x.size), np.sqrt(square)
    rate = np.float32(params.learning_rate)
    for q in range(n + 1):
        j, g = work.cand[q], work.g[q] * w
        if abs(g) >= SMALL:
            titles.acc[j, 0] += g * g * mean
            titles.acc[j, 1] += g * g
            step = rate * g / np.sqrt(titles.acc[j, 0])
            for f in range(x.size):
                titles.out[j, f] += step * x[f]
            titles.bias[j] += rate * g / np.sqrt(titles.acc[j, 1])
            mark_moved(work, j)
            add_drift(titles, params, j, abs(step) * length)
    if params.tag_learning_rate > 0:
        learn_tags(titles, params, x, mean, w, n, work)


@jit_no_alloc
def learn_inputs(
    titles: Titles, params: Params, owned: I4, signals: Signals, i: int, stale: StepCounts
) -> None:
    """Propagate the gradient of a representation to the input vectors of the history.

    ``stale`` counts steps that gradients do not know of (`learners.stale_steps`): further ones are shorter.
    """
    k, depth = params.factors, signals.depth[i]
    for h in range(params.horizons.size if depth > 0 else 0):
        d = params.horizons[h]
        total: Real = 0.0
        b = 1.0
        for step in range(depth):
            weight = b * share_of(params, signals.history[i, step], step >= signals.session_items[i])
            total += weight * weight
            b *= d
        square = np.float32(0.0)
        for f in places_of(h, k):
            square += signals.gradient[i, f] * signals.gradient[i, f]
        a = np.float32(1.0 / np.sqrt(total) if np.float32(total) > 0 else 0.0)  # 0: `represent` has 0, too
        length = np.sqrt(square)
        for step in range(depth):
            if a * length < SMALL:  # weights fall with each step: all further ones are small, too
                break
            j = title_of(signals.history[i, step])
            if owned[j]:
                part = a * share_of(params, signals.history[i, step], step >= signals.session_items[i])
                titles.acc[j, 2 + h] += part * part * square / np.float32(k)
                rate = np.float32(params.learning_rate) * part / np.sqrt(titles.acc[j, 2 + h])
                if stale.period.size > 0:
                    renew(stale, j)
                    steps = stale.steps
                    late = np.float32(steps[0, j, h] + steps[1, j, h])
                    rate /= np.sqrt(np.float32(1.0) + late / STALE_STEPS)
                    steps[1, j, h] += 1
                for f in places_of(h, k):
                    titles.inp[j, f] += rate * signals.gradient[i, f]
                add_drift(titles, params, j, rate * length)
            a *= np.float32(d)


@jit_no_alloc
def prefetch_pairs(titles: Titles, params: Params, signals: Signals, i: int) -> None:
    """Ask for the keys of the newest titles of a history, and for a title's places among their neighbours."""
    for step in range(min(signals.depth[i], params.window)):
        j = title_of(signals.history[i, step])
        if titles.span[j] > 0:
            place = set_in(titles.span[j], titles.key[signals.title[i]])
            prefetch(titles.nbr, place)
            prefetch(titles.nbr_w, place)
        prefetch(titles.key, j)
        prefetch(titles.changed, j)


@jit_no_alloc
def learn_pairs(titles: Titles, params: Params, owned: I4, signals: Signals, i: int) -> None:
    """Pair a title with the newest titles of the history, both ways; the weight falls with each step.

    A title that is only known counts ``reward.neutral``; a rejected one is never in the history.
    """
    t, weight = signals.title[i], float(signals.weight[i])
    for step in range(min(signals.depth[i], params.window)):
        j = title_of(signals.history[i, step])
        part = weight * share_of(params, signals.history[i, step], False)  # noqa: FBT003 - a kernel
        if owned[t]:
            add_neighbour(titles, t, j, part)
        if owned[j]:
            add_neighbour(titles, j, t, part)
            titles.changed[j] = 1
        weight *= params.pair_decay


@jit_no_alloc
def change_weight(titles: Titles, params: Params, signals: Signals, i: int, kind: int, work: Scratch) -> None:
    """Count a signal of a kind (column of ``counts``), and change the title's counters by its difference."""
    t, w = signals.title[i], float(signals.change[i])
    titles.counts[t, kind] += 1
    titles.changed[t] = 1
    if w != 0:
        titles.watches[t] = max(titles.watches[t] + w, 0.0)
        titles.norm[t] = np.float32(max(titles.watches[t], 1.0) ** -params.alpha)
        count(titles, params, t, w, signals.at[i])
    update_prior(titles, params, t)
    mark_moved(work, t)


@jit
def learn_title(
    titles: Titles,
    params: Params,
    owned: I4,
    signals: Signals,
    i: int,
    work: Scratch,
    stale: StepCounts,
) -> None:
    """Learn a title that was chosen, for the titles of this shard (``owned``).

    A neutral one teaches vectors and pairs, with its weight; its popularity and the share of the positives
    stay.
    """
    t, liked = signals.title[i], signals.action[i] == POSITIVE
    if owned[t]:
        if liked:
            activate(titles, t)
        if params.negatives > 0:
            stamp = next_stamp(work)
            for step in range(signals.depth[i]):
                j = title_of(signals.history[i, step])
                work.mark[j] = stamp
                prefetch_row(titles.inp, j)
                prefetch(titles.acc, j * titles.acc.shape[1])
                prefetch(titles.drift, j)
                prefetch(titles.span, j)
                prefetch(owned, j)
                prefetch_counts(stale, j)
            prefetch_pairs(titles, params, signals, i)
            learn_outputs(titles, params, signals, i, stamp, work)
        change_weight(titles, params, signals, i, 0 if liked else 2, work)
        if liked:
            if is_stale(titles, 1):
                move_tags(titles, work.tags)
            count_positives(titles, params, 1)
    if params.negatives > 0:
        learn_inputs(titles, params, owned, signals, i, stale)
    learn_pairs(titles, params, owned, signals, i)


@jit
def absorb_one(
    titles: Titles,
    params: Params,
    owned: I4,
    signals: Signals,
    i: int,
    work: Scratch,
    stale: StepCounts,
) -> None:
    """Learn one signal on the titles' side."""
    t = signals.title[i]
    if is_choice(signals.action[i], signals.weight[i]):
        learn_title(titles, params, owned, signals, i, work, stale)
    elif owned[t] and signals.action[i] == REJECT:
        change_weight(titles, params, signals, i, 1, work)
    elif owned[t] and signals.action[i] == TOUCH:
        change_weight(titles, params, signals, i, 2, work)


@jit
def absorb(
    titles: Titles, params: Params, owned: I4, signals: Signals, stale: StepCounts, work: Scratch
) -> None:
    """Learn a batch of signals on the titles' side."""
    begin_batch(work)
    for i in range(signals.title.size):
        absorb_one(titles, params, owned, signals, i, work, stale)
    move_tags(titles, work.tags)
