"""Prequential trial: rank the title that a viewer is about to watch among all others, before anything is learned from it."""

import numpy as np

from online_models.kernels.history import mark_known, recent
from online_models.kernels.layout import F4, F8, I4, I8, Feedback, Params, Signals, Titles, Viewers, jit
from online_models.kernels.learn import POSITIVE, absorb_one, learn_viewer, remember, represent, settle
from online_models.kernels.rank import cowatch

EXPERTS = 5  # blend, factorization, co-watch, trending, popularity


@jit
def rank_of(score: F4, target: int, active: I4, n: int, mark: I8, stamp: int) -> float:
    """Count the candidates strictly better than the target, plus half of those equal (candidates: active, not stamped)."""
    mine = score[target]
    better, equal = 0, 0
    for a in range(n):
        j = active[a]
        if mark[j] != stamp and j != target:
            better += score[j] > mine
            equal += score[j] == mine
    return better + 0.5 * equal


@jit
def score_experts(
    titles: Titles, params: Params, x: F4, history: I4, depth: int, mark: I8, stamp: int, touched: I4, out: F4
) -> None:
    """Write the scores of every expert over the active, unstamped titles into ``out`` [EXPERTS, T]; see ``rank`` for the blend."""
    active = titles.size[1]
    out[2, :] = 0.0
    cowatch(titles, params, history, depth, out[2], touched)
    shared, watched, n = 0.0, 0.0, 0
    newest = titles.trend_at[: titles.size[0]].max() if titles.size[0] > 0 else 0
    for a in range(active):
        j = titles.active[a]
        gap = newest - titles.trend_at[j]
        out[3, j] = titles.trend[j, 2] * 2.0 ** (-gap / params.half_lives[2])
        out[4, j] = titles.watches[j]
        if mark[j] != stamp:
            n += 1
            shared += out[2, j]
            watched += out[3, j]
    scale = n / (params.floor * shared) if shared > 0 else 0.0
    for a in range(active):
        j = titles.active[a]
        row = titles.out[j]
        score = titles.bias[j]
        for f in range(x.size):
            score += x[f] * row[f]
        out[1, j] = score
        trend = np.log(out[3, j] / watched + params.floor / n) if watched > 0 else 0.0
        out[0, j] = (
            params.blend[0] * score + params.blend[1] * np.log1p(scale * out[2, j]) + params.blend[2] * trend
        )


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

    ``signals`` holds one event; ``tested`` [n] says which positives to test; ``ranks`` [n, EXPERTS] receives -1 where untested and inf for a
    title never watched before.
    """
    size = titles.bias.size
    mark = np.zeros(size, np.int64)
    cand = np.empty(params.negatives + 1, np.int32)
    g = np.empty(params.negatives + 1, np.float64)
    into = np.empty(titles.out.shape[1], np.float32)
    touched = np.empty(size, np.int32)
    score = np.zeros((EXPERTS, size), np.float32)
    ranks[:] = -1.0
    for i in range(feedback.viewer.size):
        v, t, w = feedback.viewer[i], feedback.title[i], feedback.weight[i]
        action = settle(viewers, feedback, i)
        if action < 0:
            continue
        signals.action[0] = action
        signals.title[0] = t
        signals.weight[0] = w
        signals.at[0] = feedback.at[i]
        signals.depth[0] = 0
        if action == POSITIVE:
            history, x = signals.history[0], signals.x[0]
            depth = recent(viewers, v, history)
            signals.depth[0] = depth
            if tested[i] and viewers.known[v] > 0:
                if titles.counts[t, 0] == 0:
                    ranks[i] = np.inf
                else:
                    represent(titles, viewers, params, v, history, depth, x)
                    mark_known(viewers, v, mark, 2 * i + 1)
                    score_experts(titles, params, x, history, depth, mark, 2 * i + 1, touched, score)
                    for e in range(EXPERTS):
                        ranks[i, e] = rank_of(score[e], t, titles.active, titles.size[1], mark, 2 * i + 1)
            learn_viewer(
                titles,
                viewers,
                params,
                v,
                t,
                w,
                history,
                depth,
                x,
                signals.gradient[0],
                mark,
                2 * i + 1,
                cand,
                g,
                into,
            )
        absorb_one(titles, params, owned, signals, 0, mark, 2 * i + 2, cand, g)
        remember(viewers, params, v, t, action, feedback.at[i])
