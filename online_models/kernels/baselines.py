"""Loops of the baselines: rank by a score kept per title, then learn. See :mod:`online_models.baselines`."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.kernels.layout import F4, F8, I4, I8, U1, jit

BOOL = NDArray[np.bool_]


class Met(NamedTuple):
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
def has(met: Met, viewer: int, title: int) -> bool:
    """Whether the viewer already has the title."""
    entry = met.last[viewer]
    while entry >= 0:
        if met.title[entry] == title:
            return True
        entry = met.previous[entry]
    return False


@jit
def remember(met: Met, viewer: int, title: int) -> None:
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
def rank(met: Met, viewer: int, target: int, scores: F8) -> float:
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
def popularity(met: Met, events: Events, scores: F8, clock: F8) -> F8:
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
def chance(met: Met, events: Events, level: F8, draws: F8) -> F8:
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
def incremental_sgd(met: Met, events: Events, sides: tuple[F8, F8], rates: tuple[float, float]) -> F8:
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
