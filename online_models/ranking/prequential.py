"""Prequential test: rank the title about to be watched among all others, then learn from it."""

import numpy as np

from online_models.feedback.interaction_state import POSITIVE, REJECT, is_choice
from online_models.jit import jit, jit_no_alloc
from online_models.learners.blender import (
    COWATCH,
    COWATCH_LONG,
    EXPERTS,
    FACTORIZATION,
    POPULARITY,
    TRENDING,
    blend_scores,
    context_of,
    learn_weights,
)
from online_models.learners.factorization import begin_batch, next_stamp, represent
from online_models.learners.stale_steps import StepCounts
from online_models.learners.tag_vectors import move_tags
from online_models.learners.title_updates import absorb_one
from online_models.learners.viewer_updates import begin_signal, learn_rejection, learn_viewer, update_history
from online_models.passed_by_pointer import PassedByPointer
from online_models.ranking.scorer import cowatch, sparse_scratch, subtract_rejected
from online_models.ranking.tag_places import VoteScratch, apply_votes, vote_scratch
from online_models.ranking.tag_table import TagTable
from online_models.ranking.tag_votes import count_votes
from online_models.tables.derived_columns import SEASON
from online_models.tables.history import mark_known
from online_models.tables.layout import (
    F4,
    F8,
    I4,
    CoWatchScratch,
    Feedback,
    Int,
    Params,
    Scratch,
    Signals,
    Titles,
    Viewers,
)
from online_models.tables.working_memory import kept_by_thread

RANKINGS = 1 + EXPERTS
"""The blend, then each expert."""


class PrequentialScratch(PassedByPointer):
    """Working memory of a batch in which titles are scored, and the weights that the test learns."""

    weights: F8
    """[1 + CONTEXTS, EXPERTS] the blend's weights, learned in place."""
    score: F4
    """[RANKINGS, T] scores of the blend and of each expert."""
    sparse: CoWatchScratch
    tags: TagTable
    votes: VoteScratch
    base: F4
    """[T] 0 for candidates, else -inf."""
    rivals: I4
    """[T] 1 for candidates other than the target, else 0."""
    counted: I4
    """[1] 1 while the scores that all viewers share, trending and popularity, are those of the titles."""


def prequential_scratch(titles: Titles, params: Params, weights: F8, tags: TagTable) -> PrequentialScratch:
    """Return a batch's working memory."""
    size = titles.bias.size
    score, base, rivals, counted = _score_rows(size)
    sparse, votes = sparse_scratch(params.history, size), vote_scratch(tags)
    return PrequentialScratch(weights, score, sparse, tags, votes, base, rivals, counted)


@kept_by_thread
def _score_rows(size: int) -> tuple[F4, F4, I4, I4]:
    score, base = np.empty((RANKINGS, size), np.float32), np.empty(size, np.float32)
    return score, base, np.empty(size, np.int32), np.empty(1, np.int32)


@jit_no_alloc
def begin_tests(tested: I4, at: PrequentialScratch) -> None:
    """Clear the working memory if anything is tested."""
    at.counted[0] = 0
    for wanted in tested:
        if wanted:
            at.score[:] = 0.0
            break


@jit_no_alloc
def mark_rivals(titles: Titles, target: int, stamp: int, work: Scratch, rivals: I4) -> None:
    """Mark the candidates other than the target: active titles without the stamp."""
    rivals[:] = 0
    for a in range(titles.size[1]):
        j = titles.active[a]
        rivals[j] = work.mark[j] != stamp
    rivals[target] = 0


@jit_no_alloc
def rank_of(score: F4, target: int, rivals: I4) -> float:
    """Count the rivals better than the target, and half of those equal.

    The loop runs over all rows, in their order and without a branch: by vector instructions, half the time.
    """
    mine = score[target]
    better, equal = np.int32(0), np.int32(0)
    for j in range(rivals.size):
        better += np.int32(score[j] > mine) & rivals[j]
        equal += np.int32(score[j] == mine) & rivals[j]
    return better + 0.5 * equal


@jit_no_alloc
def mark_candidates(titles: Titles, stamp: int, work: Scratch, base: F4) -> None:
    """Write 0 for each candidate of `rank_of`, -inf for the other titles."""
    base[:] = -np.inf
    for a in range(titles.size[1]):
        j = titles.active[a]
        if work.mark[j] != stamp:
            base[j] = 0.0


@jit
def score_counts(titles: Titles, params: Params, score: F4) -> None:
    """Write the score of the active titles under the experts that know no viewer: trending, popularity."""
    newest = titles.trend_at[0]
    for j in range(1, titles.size[0]):
        newest = max(newest, titles.trend_at[j])
    for a in range(titles.size[1]):
        j = titles.active[a]
        gap = np.float32((titles.trend_at[j] - newest) / params.half_lives_ms[SEASON])
        score[1 + TRENDING, j] = np.float32(titles.trend[j, SEASON]) * np.exp2(gap)
        score[1 + POPULARITY, j] = titles.watches[j]


@jit
def score_titles(
    titles: Titles,
    params: Params,
    history: I4,
    depth: Int,
    fresh: Int,
    streak: Int,
    x: F4,
    at: PrequentialScratch,
) -> None:
    """Write the score of the active titles under each expert."""
    score, near = at.score, at.sparse
    if at.counted[0] == 0:
        score_counts(titles, params, score)
        at.counted[0] = 1
    for a in range(titles.size[1]):
        j = titles.active[a]
        score[1 + COWATCH, j] = 0.0
        score[1 + COWATCH_LONG, j] = 0.0
        s = titles.bias[j]
        for f in range(x.size):
            s += x[f] * titles.out[j, f]
        score[1 + FACTORIZATION, j] = s
    for k in range(cowatch(titles, params, history, depth, fresh, streak, near.score, near.touched)):
        j = near.touched[k]
        score[1 + COWATCH, j] = near.score[j, 0]
        score[1 + COWATCH_LONG, j] = near.score[j, 1]
        near.score[j, 0] = 0.0
        near.score[j, 1] = 0.0


@jit
def rank_target(
    titles: Titles,
    viewers: Viewers,
    params: Params,
    v: int,
    signals: Signals,
    o: int,
    work: Scratch,
    at: PrequentialScratch,
    ranks: F8,
) -> None:
    """Rank the title of signal ``o`` under the blend and every expert, and let the blend learn from it.

    The rank is inf for a title never watched before.
    """
    t, x = signals.title[o], signals.x[o]
    # 64 bits, as lists pass them: numba compiles one form
    depth, fresh = np.int64(signals.depth[o]), np.int64(signals.session_items[o])
    now = signals.at[o]
    if titles.counts[t, 0] == 0:
        ranks[:] = np.inf
        return
    represent(titles, viewers, params, v, signals.history[o], depth, fresh, x)
    stamp = next_stamp(work)
    mark_known(viewers, v, work.mark, stamp)
    streak = np.int64(viewers.streak_items[v])  # of this event: `begin_signal` has ended a former one
    score_titles(titles, params, signals.history[o], depth, fresh, streak, x, at)
    mark_rivals(titles, t, stamp, work, at.rivals)
    for e in range(1, RANKINGS):
        ranks[e] = rank_of(at.score[e], t, at.rivals)
    context = context_of(viewers, params, v, now)
    n = blend_scores(titles, params, at.weights, context, stamp, work, at.score)
    if params.blend_rate > 0:
        learn_weights(titles, viewers, params, at.weights, context, v, t, stamp, work, at.score)
    if params.rejection > 0:
        subtract_rejected(titles, viewers, params, v, now, n, at.sparse, at.score[0])
    if count_votes(viewers, params, v, now, at.tags, at.votes.votes):
        mark_candidates(titles, stamp, work, at.base)
        apply_votes(params, at.tags, at.base, at.score[0], at.votes)
    ranks[0] = rank_of(at.score[0], t, at.rivals)


@jit
def prequential(
    titles: Titles,
    viewers: Viewers,
    params: Params,
    owned: I4,
    feedback: Feedback,
    signals: Signals,
    tested: I4,
    work: Scratch,
    stale: StepCounts,
    at: PrequentialScratch,
    ranks: F8,
) -> None:
    """Test, then learn on both sides, event by event.

    ``signals`` holds one event, and the titles that its viewer has abandoned by then; ``tested`` [n] marks
    the positives to test, from which ``weights`` are learned; ``ranks`` [n, RANKINGS] becomes -1 if not
    tested, and inf for a title never watched before.
    """
    begin_batch(work)
    begin_tests(tested, at)
    ranks[:] = -1.0
    for i in range(feedback.viewer.size):
        v = feedback.viewer[i]
        action, spare = begin_signal(titles, viewers, params, feedback, i, signals, 0, 1)
        if action < 0:
            continue
        if is_choice(action, signals.weight[0]):
            if tested[i] and action == POSITIVE and viewers.known[v] > 0:
                rank_target(titles, viewers, params, v, signals, 0, work, at, ranks[i])
            if params.negatives > 0:
                learn_viewer(titles, viewers, params, v, signals, 0, work)
        elif action == REJECT and params.taste_rejection > 0:
            learn_rejection(titles, viewers, params, v, signals, 0, work)
        for o in range(spare):
            absorb_one(titles, params, owned, signals, o, work, stale)
        at.counted[0] = 0  # the titles may have learned
        update_history(viewers, params, feedback, i, action, signals, 0)
    move_tags(titles, work.tags)


@jit
def observe_tested(
    titles: Titles,
    viewers: Viewers,
    params: Params,
    feedback: Feedback,
    signals: Signals,
    tested: I4,
    work: Scratch,
    at: PrequentialScratch,
    ranks: F8,
) -> int:
    """Learn a batch as ``learners.viewer_updates.observe`` does; test as `prequential` does.

    Returns the number of signals filled.
    """
    begin_batch(work)
    begin_tests(tested, at)
    ranks[:] = -1.0
    spare = feedback.viewer.size
    for i in range(feedback.viewer.size):
        v = feedback.viewer[i]
        action, spare = begin_signal(titles, viewers, params, feedback, i, signals, i, spare)
        if action < 0:
            continue
        if is_choice(action, signals.weight[i]):
            if tested[i] and action == POSITIVE and viewers.known[v] > 0:
                rank_target(titles, viewers, params, v, signals, i, work, at, ranks[i])
            if params.negatives > 0:
                learn_viewer(titles, viewers, params, v, signals, i, work)
        elif action == REJECT and params.taste_rejection > 0:
            learn_rejection(titles, viewers, params, v, signals, i, work)
        update_history(viewers, params, feedback, i, action, signals, i)
    return spare
