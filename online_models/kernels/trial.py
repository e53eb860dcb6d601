"""Prequential trial: rank the title about to be watched among all others, then learn from it."""

import numpy as np

from online_models.kernels.absorb import absorb_one
from online_models.kernels.factorization import represent, scratch, tick
from online_models.kernels.history import mark_known
from online_models.kernels.judgement import POSITIVE
from online_models.kernels.layout import (
    F4,
    F8,
    I4,
    Feedback,
    Params,
    Scratch,
    Signals,
    Titles,
    Viewers,
    jit,
)
from online_models.kernels.observe import learn_viewer, remember, settle
from online_models.kernels.rank import cowatch

EXPERTS = 5
BLEND, FACTORIZATION, COWATCH, TRENDING, POPULARITY = range(EXPERTS)


@jit
def rank_of(titles: Titles, score: F4, target: int, stamp: int, work: Scratch) -> float:
    """Count the candidates better than the target, and half of those equal.

    Candidates are the active titles that do not bear the stamp.
    """
    mine = score[target]
    better, equal = 0, 0
    for a in range(titles.size[1]):
        j = titles.active[a]
        if work.mark[j] != stamp and j != target:
            better += score[j] > mine
            equal += score[j] == mine
    return better + 0.5 * equal


@jit
def score_counters(titles: Titles, params: Params, score: F4) -> None:
    """Write the scores that know no viewer over the active titles: the week's trend and popularity."""
    newest = titles.trend_at[: titles.size[0]].max()
    for a in range(titles.size[1]):
        j = titles.active[a]
        gap = np.float32((titles.trend_at[j] - newest) / params.half_lives[2])
        score[TRENDING, j] = np.float32(titles.trend[j, 2]) * np.exp2(gap)
        score[POPULARITY, j] = titles.watches[j]


@jit
def score_blend(titles: Titles, params: Params, x: F4, stamp: int, work: Scratch, score: F4) -> None:
    """Write the factorization's scores and the blend (``rank``); the other experts' rows are filled."""
    shared, watched, n = 0.0, 0.0, 0
    for a in range(titles.size[1]):
        j = titles.active[a]
        if work.mark[j] != stamp:
            n += 1
            shared += score[COWATCH, j]
            watched += score[TRENDING, j]
    scale = np.float32(n / (params.floor * shared)) if shared > 0 else np.float32(0.0)
    for a in range(titles.size[1]):
        j = titles.active[a]
        s = titles.bias[j]
        for f in range(x.size):
            s += x[f] * titles.out[j, f]
        score[FACTORIZATION, j] = s
        total = params.blend[0] * s
        if score[COWATCH, j] > 0:
            total += params.blend[1] * np.log(np.float32(1.0) + scale * score[COWATCH, j])
        if params.blend[2] != 0 and watched > 0:
            total += params.blend[2] * np.log(score[TRENDING, j] / watched + params.floor / n)
        score[BLEND, j] = total


@jit
def place(
    titles: Titles,
    viewers: Viewers,
    params: Params,
    v: int,
    signals: Signals,
    o: int,
    work: Scratch,
    score: F4,
    ranks: F8,
) -> None:
    """Rank the title of signal ``o`` under every expert; inf for a title never watched before."""
    t, history, depth, x = signals.title[o], signals.history[o], signals.depth[o], signals.x[o]
    if titles.counts[t, 0] == 0:
        ranks[:] = np.inf
        return
    represent(titles, viewers, params, v, history, depth, x)
    stamp = tick(work)
    mark_known(viewers, v, work.mark, stamp)
    score[COWATCH] = 0.0
    cowatch(titles, params, history, depth, score[COWATCH], np.empty(score.shape[1] + 1, np.int32))
    score_counters(titles, params, score)
    score_blend(titles, params, x, stamp, work, score)
    for e in range(EXPERTS):
        ranks[e] = rank_of(titles, score[e], t, stamp, work)


@jit
def prequential(
    titles: Titles,
    viewers: Viewers,
    params: Params,
    owned: I4,
    feedback: Feedback,
    signals: Signals,
    tested: I4,
    ranks: F8,
) -> None:
    """Test, then learn on both sides, event by event.

    ``signals`` holds one event, and what its viewer has abandoned; ``tested`` [n] says which positives to
    test; ``ranks`` [n, EXPERTS] receives -1 where untested and inf for a title never watched before.
    """
    work = scratch(titles, params)
    score = np.zeros((EXPERTS, titles.bias.size if tested.any() else 0), np.float32)
    ranks[:] = -1.0
    for i in range(feedback.viewer.size):
        v = feedback.viewer[i]
        action, spare = settle(titles, viewers, params, feedback, i, signals, 0, 1)
        if action < 0:
            continue
        if action == POSITIVE:
            if tested[i] and viewers.known[v] > 0:
                place(titles, viewers, params, v, signals, 0, work, score, ranks[i])
            if params.negatives > 0:
                learn_viewer(titles, viewers, params, v, signals, 0, work)
        for o in range(spare):
            absorb_one(titles, params, owned, signals, o, work)
        remember(viewers, params, feedback, i, action, signals, 0)


@jit
def observe_tested(
    titles: Titles,
    viewers: Viewers,
    params: Params,
    feedback: Feedback,
    signals: Signals,
    tested: I4,
    ranks: F8,
) -> int:
    """Learn a batch as ``observe.observe`` does; fill ``ranks`` [n, EXPERTS] as :func:`prequential` does.

    Returns the number of signals filled.
    """
    work = scratch(titles, params)
    score = np.zeros((EXPERTS, titles.bias.size), np.float32)
    ranks[:] = -1.0
    spare = feedback.viewer.size
    for i in range(feedback.viewer.size):
        v = feedback.viewer[i]
        action, spare = settle(titles, viewers, params, feedback, i, signals, i, spare)
        if action < 0:
            continue
        if action == POSITIVE:
            if tested[i] and viewers.known[v] > 0:
                place(titles, viewers, params, v, signals, i, work, score, ranks[i])
            if params.negatives > 0:
                learn_viewer(titles, viewers, params, v, signals, i, work)
        remember(viewers, params, feedback, i, action, signals, i)
    return spare
