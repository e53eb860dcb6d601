"""Loops of the baselines that know who asks: item-item models and BPR. See :mod:`online_models.baselines`."""

import numpy as np

from online_models.kernels.baselines import Events, Met, has, rank, remember
from online_models.kernels.layout import F4, F8, I4, jit


@jit
def sum_of_rows(liked: Met, viewer: int, matrix: F4, scale: F4, order: I4, scores: F8) -> None:
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
def count_pairs(liked: Met, viewer: int, title: int, pairs: F4) -> None:
    """Count the title itself, and with every title that the viewer liked before, both ways."""
    pairs[title, title] += 1
    entry = liked.last[viewer]
    while entry >= 0:
        other = liked.title[entry]
        pairs[title, other] += 1
        pairs[other, title] += 1
        entry = liked.previous[entry]


@jit
def item_item(met: Met, liked: Met, events: Events, pairs: F4, matrix: F4, scale: F4, cosine: bool) -> F8:
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
def mark_known(met: Met, viewer: int, marks: I4, stamp: int) -> None:
    """Put the stamp on every title that the viewer has."""
    entry = met.last[viewer]
    while entry >= 0:
        marks[met.title[entry]] = stamp
        entry = met.previous[entry]


@jit
def bpr(
    met: Met, events: Events, sides: tuple[F8, F8, F8], rates: tuple[float, float], draws: F8, marks: I4
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
