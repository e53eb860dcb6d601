"""Loops of the baselines: rank by a score kept per title, then learn. See :mod:`online_models.evaluation.baselines`."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.jit import jit
from online_models.tables.layout import F4, F8, I4, I8, U1

BOOL = NDArray[np.bool_]


class SeenTitles(NamedTuple):
    """What a baseline remembers of the stream: which titles it has met, and which each viewer has.

    A viewer's titles are a linked list through one shared pool: constant work and 12 bytes an event.
    """

    last: I8
    """[viewers] newest entry of the viewer's list, -1 for none."""
    previous: I8
    """[entries] the next older entry of the same viewer."""
    title: I4
    """[entries]"""
    order: I4
    """[titles] titles in order of their first event; the first ``size[1]`` are valid."""
    seen: U1
    """[titles] 1 where the stream has met the title."""
    size: I8
    """[2] entries in use, titles met."""


class Events(NamedTuple):
    """Consecutive events; all ``[events]``."""

    viewers: I4
    titles: I4
    rewards: F4
    tested: BOOL


@jit
def has(met: SeenTitles, viewer: int, title: int) -> bool:
    """Whether the viewer already has the title."""
    entry = met.last[viewer]
    while entry >= 0:
        if met.title[entry] == title:
            return True
        entry = met.previous[entry]
    return False


@jit
def remember(met: SeenTitles, viewer: int, title: int) -> None:
    """Note that the viewer has the title. The pool must hold a free entry."""
    if not has(met, viewer, title):
        entry = met.size[0]
        met.size[0] += 1
        met.title[entry] = title
        met.previous[entry] = met.last[viewer]
        met.last[viewer] = entry
    if met.seen[title] == 0:
        met.seen[title] = 1
        met.order[met.size[1]] = title
        met.size[1] += 1


@jit
def rank(met: SeenTitles, viewer: int, target: int, scores: F8) -> float:
    """Count the viewer's candidates above the target, and half of those level with it; inf if never met.

    A target scored NaN is a miss, lest a model that diverged stand above all others.
    """
    mark = scores[target]
    if met.seen[target] == 0 or np.isnan(mark):
        return np.inf
    better, level = 0, 0
    for at in range(met.size[1]):
        score = scores[met.order[at]]
        better += score > mark
        level += score == mark
    level -= 1  # the target itself
    entry = met.last[viewer]
    while entry >= 0:
        title = met.title[entry]
        if title != target:
            better -= scores[title] > mark
            level -= scores[title] == mark
        entry = met.previous[entry]
    return better + 0.5 * level


@jit
def popularity(met: SeenTitles, events: Events, scores: F8, clock: F8) -> F8:
    """Rank by (decayed) watch count, then count.

    Nothing is decayed: a watch counts ``clock[0]``, which grows by ``clock[1]`` an event.
    """
    ranks = np.full(events.titles.size, np.inf)
    for at in range(events.titles.size):
        viewer, title = events.viewers[at], events.titles[at]
        if events.tested[at]:
            ranks[at] = rank(met, viewer, title, scores)
        if events.rewards[at] > 0:
            scores[title] += clock[0]
        clock[0] *= clock[1]
        if clock[0] > 1e200:
            scores /= clock[0]
            clock[0] = 1.0
        remember(met, viewer, title)
    return ranks


@jit
def chance(met: SeenTitles, events: Events, level: F8, draws: F8) -> F8:
    """Place the target anywhere among its candidates, by a uniform draw; ``level``: equal scores."""
    ranks = np.full(events.titles.size, np.inf)
    for at in range(events.titles.size):
        viewer, title = events.viewers[at], events.titles[at]
        if events.tested[at]:
            candidates = 2.0 * rank(met, viewer, title, level) + 1.0
            ranks[at] = np.floor(draws[at] * candidates)
        remember(met, viewer, title)
    return ranks


@jit
def incremental_sgd(met: SeenTitles, events: Events, sides: tuple[F8, F8], rates: tuple[float, float]) -> F8:
    """Rank by nearness of p.q to 1, then step towards 1 on positives. ``rates``: step and penalty."""
    tastes, vectors = sides
    step, penalty = rates
    ranks = np.full(events.titles.size, np.inf)
    scores = np.zeros(len(vectors))
    for at in range(events.titles.size):
        viewer, title = events.viewers[at], events.titles[at]
        taste, vector = tastes[viewer], vectors[title]
        if events.tested[at] and met.seen[title]:
            for place in range(met.size[1]):
                candidate = met.order[place]
                scores[candidate] = -abs(1.0 - np.dot(taste, vectors[candidate]))
            ranks[at] = rank(met, viewer, title, scores)
        if events.rewards[at] > 0:
            error = 1.0 - np.dot(taste, vector)
            for factor in range(taste.size):
                before = taste[factor]
                taste[factor] += step * (error * vector[factor] - penalty * before)
                vector[factor] += step * (error * before - penalty * vector[factor])
        remember(met, viewer, title)
    return ranks


# Loops of the baselines that know who asks: item-item models and BPR. See :mod:`online_models.evaluation.baselines`.


@jit
def sum_of_rows(liked: SeenTitles, viewer: int, matrix: F4, scale: F4, order: I4, scores: F8) -> None:
    """Write the sum of the scaled rows of a viewer's liked titles over the titles of ``order``."""
    for place in range(order.size):
        scores[order[place]] = 0.0
    entry = liked.last[viewer]
    while entry >= 0:
        title = liked.title[entry]
        row, weight = matrix[title], scale[title]
        for place in range(order.size):
            scores[order[place]] += weight * row[order[place]]
        entry = liked.previous[entry]
    for place in range(order.size):
        scores[order[place]] *= scale[order[place]]


@jit
def count_pairs(liked: SeenTitles, viewer: int, title: int, pairs: F4) -> None:
    """Count the title itself, and with every title that the viewer liked before, both ways."""
    pairs[title, title] += 1
    entry = liked.last[viewer]
    while entry >= 0:
        other = liked.title[entry]
        pairs[title, other] += 1
        pairs[other, title] += 1
        entry = liked.previous[entry]


@jit
def item_item(
    met: SeenTitles, liked: SeenTitles, events: Events, pairs: F4, matrix: F4, scale: F4, cosine: bool
) -> F8:
    """Rank by the rows of ``matrix`` of all that the viewer liked, then count the pairs of a first positive.

    ``scale`` weighs rows and columns; with ``cosine`` it follows the counts: one over the root of a title's.
    """
    ranks = np.full(events.titles.size, np.inf)
    scores = np.zeros(scale.size)
    for at in range(events.titles.size):
        viewer, title = events.viewers[at], events.titles[at]
        if events.tested[at] and met.seen[title]:
            sum_of_rows(liked, viewer, matrix, scale, met.order[: met.size[1]], scores)
            ranks[at] = rank(met, viewer, title, scores)
        if events.rewards[at] > 0 and not has(liked, viewer, title):
            count_pairs(liked, viewer, title, pairs)
            if cosine:
                scale[title] = np.float32(1.0 / np.sqrt(pairs[title, title]))
            remember(liked, viewer, title)
        remember(met, viewer, title)
    return ranks


@jit
def bpr_step(taste: F8, vectors: F8, biases: F8, title: int, other: int, step: float, penalty: float) -> None:
    """Take one step up the logarithm of sigmoid(score of ``title`` - score of ``other``)."""
    margin = biases[title] - biases[other]
    for factor in range(taste.size):
        margin += taste[factor] * (vectors[title, factor] - vectors[other, factor])
    pull = 1.0 / (1.0 + np.exp(margin))
    biases[title] += step * (pull - penalty * biases[title])
    biases[other] -= step * (pull + penalty * biases[other])
    for factor in range(taste.size):
        mine, good, bad = taste[factor], vectors[title, factor], vectors[other, factor]
        taste[factor] += step * (pull * (good - bad) - penalty * mine)
        vectors[title, factor] += step * (pull * mine - penalty * good)
        vectors[other, factor] -= step * (pull * mine + penalty * bad)


@jit
def mark_known(met: SeenTitles, viewer: int, marks: I4, stamp: int) -> None:
    """Put the stamp on every title that the viewer has."""
    entry = met.last[viewer]
    while entry >= 0:
        marks[met.title[entry]] = stamp
        entry = met.previous[entry]


@jit
def bpr(
    met: SeenTitles,
    events: Events,
    sides: tuple[F8, F8, F8],
    rates: tuple[float, float],
    draws: F8,
    marks: I4,
) -> F8:
    """Rank by taste . vector + bias, then prefer a positive to titles met that the viewer does not have.

    ``draws`` [events, negatives] uniform in [0, 1); ``marks`` [titles] room to work in. A draw that falls on
    a title of the viewer's is left out.
    """
    tastes, vectors, biases = sides
    ranks = np.full(events.titles.size, np.inf)
    scores = np.zeros(biases.size)
    marks[:] = -1
    for at in range(events.titles.size):
        viewer, title = events.viewers[at], events.titles[at]
        taste = tastes[viewer]
        if events.tested[at] and met.seen[title]:
            for place in range(met.size[1]):
                candidate = met.order[place]
                scores[candidate] = np.dot(taste, vectors[candidate]) + biases[candidate]
            ranks[at] = rank(met, viewer, title, scores)
        if events.rewards[at] > 0:
            mark_known(met, viewer, marks, at)
            for draw in draws[at]:
                other = met.order[int(draw * met.size[1])] if met.size[1] else title
                if other != title and marks[other] != at:
                    bpr_step(taste, vectors, biases, title, other, rates[0], rates[1])
        remember(met, viewer, title)
    return ranks
