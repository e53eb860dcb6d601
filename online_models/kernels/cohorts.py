"""Cohorts of viewers: online k-means on their taste vectors, and what each cohort watches.

A centre is the mean of the vectors that were nearest to it, the past fading with every observation:

    c = argmin_c |p - m_c|      M_k <- (1 - 1/memory) M_k for all k      M_c <- M_c + 1
    m_c <- m_c + (p - m_c) / M_c

Sources: MacQueen, 1967 (the first vectors are the first centres, each centre has its own decaying step);
Sculley, 2010. A centre that hardly anybody is nearest to is moved to where somebody is.

A cohort's watches are counted in event time, for a bounded number of titles: one that is new to a full cohort
takes the place, and the count, of the least (space-saving; Metwally, Agrawal and El Abbadi, 2005), so that no
count is too low, and none too high by more than the least.
"""

from typing import NamedTuple

import numpy as np

from online_models.kernels.layout import F4, F8, I4, I8, Signals, jit

STARVED = 0.05
"""Part of an even share of the observations below which a centre is moved."""
CHECKS = 10
"""Times in a memory's length that starved centres are looked for: so long a moved one has to find company."""
MOST_DOUBLINGS = 60
"""Counts are kept in units that grow with time (2 ** (t / half-life)); from here on they are taken back."""
LEAST = 1e-100
"""Counts below are none, so that no share is made of numbers whose reciprocal is infinite."""


class Cohorts(NamedTuple):
    """``C`` cohorts of ``K`` factors with ``N`` titles each."""

    centre: F4
    """[C, K] mean taste vectors."""
    mass: F8
    """[C] observations, decayed; 0: not yet a cohort."""
    title: I4
    """[C, N] rows of the titles counted, -1 where free."""
    watched: F8
    """[C, N] watches, decayed, in units of ``times[0]``."""
    times: I8
    """[2] event time of which a watch counts its weight, and newest event time, ms."""
    seen: I8
    """[1] observations ever."""


@jit
def nearest(cohorts: Cohorts, taste: F4) -> int:
    """Return the cohort whose centre is nearest, the first of equals; -1 while there is none."""
    best, least = -1, np.inf
    for c in range(cohorts.mass.size):
        if cohorts.mass[c] > 0:
            far = 0.0
            for f in range(taste.size):
                d = taste[f] - cohorts.centre[c, f]
                far += d * d
            if far < least:
                best, least = c, far
    return best


@jit
def assign(cohorts: Cohorts, taste: F4, memory: float) -> int:
    """Return the cohort of a taste vector, and move its centre; -1 for a vector that is not finite."""
    c: int = nearest(cohorts, taste)
    if not np.isfinite(taste).all():
        return c
    mass, free = cohorts.mass, int(np.argmin(cohorts.mass))
    if mass[free] == 0 and (c < 0 or (cohorts.centre[c] != taste).any()):
        c = free
    cohorts.seen[0] += 1
    due = mass[free] > 0 and cohorts.seen[0] % max(1, int(memory) // CHECKS) == 0
    if due and mass[free] * mass.size < STARVED * mass.sum():
        c = free
        mass[c] = 0.0
        cohorts.title[c] = -1
        cohorts.watched[c] = 0.0
    mass *= 1.0 - 1.0 / memory
    mass[c] += 1.0
    step = np.float32(1.0 / mass[c])
    for f in range(taste.size):
        cohorts.centre[c, f] += step * (taste[f] - cohorts.centre[c, f])
    return c


@jit
def count(cohorts: Cohorts, c: int, title: int, weight: float, at: int, half_life_ms: float) -> None:
    """Count a watch of weight > 0 by a cohort; one that arrives late counts what it would have decayed to."""
    if not cohorts.watched.any():
        cohorts.times[:] = at
    doublings = (at - cohorts.times[0]) / half_life_ms
    if doublings > MOST_DOUBLINGS:
        cohorts.watched[:] *= 2.0**-doublings
        for k in range(cohorts.mass.size):
            for s in range(cohorts.title.shape[1]):
                if cohorts.watched[k, s] < LEAST:
                    cohorts.title[k, s] = -1
                    cohorts.watched[k, s] = 0.0
        cohorts.times[0] = at
        doublings = 0.0
    more = weight * 2.0**doublings
    if more < LEAST:
        return
    cohorts.times[1] = max(cohorts.times[1], at)
    titles, watched, place = cohorts.title[c], cohorts.watched[c], -1
    for k in range(titles.size):
        if titles[k] == title:
            place = k
    if place < 0:
        place = int(np.argmin(watched))
        titles[place] = title
    watched[place] += more


@jit
def absorb(cohorts: Cohorts, signals: Signals, positive: int, memory: float, half_life_ms: float) -> None:
    """Learn the positives among signals: the taste vector is the last part of each one's x."""
    cut = signals.x.shape[1] - cohorts.centre.shape[1]
    for n in range(signals.title.size):
        weight = float(signals.weight[n])
        if signals.action[n] == positive:
            c = assign(cohorts, signals.x[n][cut:], memory)
            if c >= 0 and signals.title[n] >= 0 and 0.0 < weight < np.inf:
                count(cohorts, c, signals.title[n], weight, signals.at[n], half_life_ms)


@jit
def shares(cohorts: Cohorts, c: int, prior: float, half_life_ms: float, out: F8) -> None:
    """Write each title's share of a cohort's watches, drawn towards its share of all cohorts'.

    out_j = (n_cj + prior g_j) / (sum_k n_ck + prior), with n in watches of now and g the share of everybody;
    for ``c`` = -1 that is g. ``out`` [T]; titles from row T on are left out.
    """
    out[:] = 0.0
    total = cohorts.watched.sum()
    if total == 0.0:
        return
    unit = 2.0 ** ((cohorts.times[1] - cohorts.times[0]) / half_life_ms)
    mine = cohorts.watched[c].sum() if c >= 0 else 0.0
    for k in range(cohorts.mass.size):
        for s in range(cohorts.title.shape[1]):
            j, n = cohorts.title[k, s], cohorts.watched[k, s]
            if 0 <= j < out.size:
                out[j] += n * unit * prior / total
                if k == c:
                    out[j] += n
    out /= mine + prior * unit
