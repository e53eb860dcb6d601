"""The viewers' side of a worker under test: rank the watched title first, for a share of the events, then learn as ever."""

import numpy as np

from online_models.kernels.history import mark_known, recent
from online_models.kernels.layout import F8, I4, Feedback, Params, Signals, Titles, Viewers, jit
from online_models.kernels.learn import POSITIVE, learn_viewer, remember, represent, settle
from online_models.kernels.trial import EXPERTS, rank_of, score_experts


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
    """Learn a batch as ``learn.observe`` does, and fill ``ranks`` [n, EXPERTS] as ``trial.prequential`` does."""
    size = titles.bias.size
    mark = np.zeros(size, np.int64)
    cand = np.empty(params.negatives + 1, np.int32)
    g = np.empty(params.negatives + 1, np.float64)
    into = np.empty(titles.out.shape[1], np.float32)
    touched = np.empty(size, np.int32)
    score = np.zeros((EXPERTS, size), np.float32)
    ranks[:] = -1.0
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
            history, x = signals.history[i], signals.x[i]
            depth = recent(viewers, v, history)
            signals.depth[i] = depth
            if tested[i] and viewers.known[v] > 0:
                ranks[i] = np.inf
                if titles.counts[t, 0] > 0:
                    represent(titles, viewers, params, v, history, depth, x)
                    mark_known(viewers, v, mark, 2 * i + 1)
                    score_experts(titles, params, x, history, depth, mark, 2 * i + 1, touched, score)
                    for e in range(EXPERTS):
                        ranks[i, e] = rank_of(score[e], t, titles.active, titles.size[1], mark, 2 * i + 1)
            learn_viewer(
                titles, viewers, params, v, t, feedback.weight[i], history, depth,
                x, signals.gradient[i], mark, 2 * i + 2, cand, g, into,
            )  # fmt: skip
        remember(viewers, params, v, t, action, feedback.at[i])
    return duplicates
