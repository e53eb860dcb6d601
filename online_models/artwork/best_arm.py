r"""Probability that each of a few arms is the best, under Beta posteriors.

.. math:: P_a = \int f_a(x) \prod_{b \neq a} F_b(x)\, dx

is integrated by the trapezoidal rule over t, the logit of x, where densities are smooth for every alpha
and beta above 0. Nodes lie around the modes of all arms. Nearly all the work is in exponentials: they are
polynomials in loops that LLVM vectorises, which calls of libm would prevent. The product of the other
arms' distribution functions comes from two passes, over the arms before and after each.
"""

from typing import NamedTuple

import numpy as np

from online_models.jit import jit, jit_exact, jit_inline, jit_no_alloc
from online_models.passed_by_pointer import PassedByPointer
from online_models.tables.layout import F8, I8
from online_models.tables.working_memory import kept_by_thread

NODES = 257
"""Nodes of the integral around each arm: probabilities are right to .002 (tested against a million draws)."""
WIDTH = 8.0
"""Standard deviations to each side that the nodes cover."""
_STEP = 2.0 / (NODES - 1)
_LEAST = -80.0
"""Minimum exponent. 2e-35 is nothing compared with 1, and products of eight such numbers are not denormal:
denormal numbers take fifty times as long."""
_PER_LOG_2 = 1.4426950408889634
_LOG_2, _LOG_2_REST = 0.693147180369123816490, 1.90821492927058770002e-10
"""log 2 in two parts. The first has so few bits that its product with a whole number is exact (fdlibm)."""
_BIAS, _MANTISSA = np.int64(1023), np.int64(52)


class Prior(NamedTuple):
    """Prior of arms without data (`online_models.artwork.bandit.BanditConfig`)."""

    strength: float
    base_rate: float
    squared_quantile: float
    """Square of the normal quantile of a new arm's probability to be better."""
    floor: float


class BestArmScratch(PassedByPointer):
    """Working memory of the integral over ``A`` arms."""

    t: F8
    """[A * NODES] logits of the nodes, ascending."""
    log_x: F8
    """[A * NODES] log x there."""
    log_rest: F8
    """[A * NODES] log(1 - x) there."""
    product: F8
    """[A * NODES] product of the distribution functions of the arms to one side."""
    mass: F8
    """[A, A * NODES] probability mass between nodes."""
    cdf: F8
    """[A, A * NODES] distribution functions in the middle of each step, not normalised."""
    total: F8
    """[A] sums of the masses."""


@jit_exact
def exp_all(x: F8, n: int) -> None:
    """Replace the first ``n`` numbers, none above 0, by their exponentials, right to a few last bits."""
    for k in range(n):
        v = max(x[k], _LEAST)
        # exp(v) = 2**e * exp(r) with |r| <= log(2) / 2; a Taylor polynomial of degree 13 gives exp(r).
        e = np.floor(v * _PER_LOG_2 + 0.5)
        r = (v - e * _LOG_2) - e * _LOG_2_REST
        p = 1 / 479001600 + r * (1 / 6227020800)
        p = 1 / 3628800 + r * (1 / 39916800 + r * p)
        p = 1 / 40320 + r * (1 / 362880 + r * p)
        p = 1 / 720 + r * (1 / 5040 + r * p)
        p = 1 / 24 + r * (1 / 120 + r * p)
        p = 1.0 + r * (1.0 + r * (1 / 2 + r * (1 / 6 + r * p)))
        # 2**e by its bits: the exponent field of a double.
        x[k] = p * np.int64((np.int64(np.int32(e)) + _BIAS) << _MANTISSA).view(np.float64)


@jit_exact
def log_parts(t: F8, n: int, log_x: F8, log_rest: F8) -> None:
    """Write log x and log(1 - x) of numbers given by their logits: log(1 + u) = 2 artanh(u / (2 + u)).

    The argument of artanh is at most 1/3: the rest of the series is below 1e-17.
    """
    for k in range(n):
        log_x[k] = -abs(t[k])
    exp_all(log_x, n)
    for k in range(n):
        s = log_x[k] / (2.0 + log_x[k])
        z = s * s
        p = 2 / 29 + z * (2 / 31 + z * (2 / 33))
        p = 2 / 23 + z * (2 / 25 + z * (2 / 27 + z * p))
        p = 2 / 17 + z * (2 / 19 + z * (2 / 21 + z * p))
        p = 2 / 11 + z * (2 / 13 + z * (2 / 15 + z * p))
        p = 2 / 5 + z * (2 / 7 + z * (2 / 9 + z * p))
        log_1 = s * (2.0 + z * (2 / 3 + z * p))
        log_x[k] = min(t[k], 0.0) - log_1
        log_rest[k] = min(-t[k], 0.0) - log_1


@jit_exact
def place_nodes(alpha: F8, beta: F8, t: F8) -> int:
    """Write the nodes around all arms in ascending order; return how many there are."""
    n = 0
    for a in range(alpha.size):
        if first_like(alpha, beta, a) < a:
            continue
        i, j = 1.0 / alpha[a], 1.0 / beta[a]
        middle, spread = np.log(alpha[a] / beta[a]), WIDTH * np.sqrt(i + i * i + j + j * j)
        last, k = n - 1, n + NODES - 1
        for step in range(NODES - 1, -1, -1):  # merge from the end: larger nodes of earlier arms move up
            node = middle + spread * (step * _STEP - 1.0)
            while last >= 0 and t[last] > node:
                t[k] = t[last]
                last, k = last - 1, k - 1
            t[k] = node
            k -= 1
        n += NODES
    return n


@jit_inline
def first_like(alpha: F8, beta: F8, a: int) -> int:
    """Return the first arm with the same posterior."""
    b = 0
    while alpha[b] != alpha[a] or beta[b] != beta[a]:
        b += 1
    return b


@jit_exact
def integrate(alpha: float, beta: float, n: int, work: BestArmScratch, mass: F8, cdf: F8) -> float:
    """Write an arm's mass between nodes and its distribution function; return the sum of the mass."""
    top = alpha * np.log(alpha / (alpha + beta)) + beta * np.log(
        beta / (alpha + beta)
    )  # log density at the mode
    for k in range(n):
        mass[k] = min(alpha * work.log_x[k] + beta * work.log_rest[k] - top, 0.0)
    exp_all(mass, n)
    for k in range(n - 1):
        mass[k] = 0.5 * (mass[k] + mass[k + 1]) * (work.t[k + 1] - work.t[k])
    total = 0.0
    for k in range(n - 1):
        total += mass[k]
        cdf[k] = total - 0.5 * mass[k]
    return total


@jit_no_alloc
def multiply_product(mass: F8, cdf: F8, product: F8, total: float, n: int) -> float:
    """Multiply the mass by the product, then the product by the distribution function.

    Returns the sum of the mass.
    """
    won, scale = 0.0, 1.0 / total
    for k in range(n):
        mass[k] *= product[k]
        won += mass[k]
        product[k] *= cdf[k] * scale
    return won


@jit_no_alloc
def best_arm_probabilities(alpha: F8, beta: F8, work: BestArmScratch, out: F8) -> None:
    """Write the probability that each of some Beta variables is the largest, the same for equal ones."""
    arms, n = alpha.size, place_nodes(alpha, beta, work.t)
    log_parts(work.t, n, work.log_x, work.log_rest)
    work.product[:n] = 1.0
    for a in range(arms):  # multiply each mass by the arms before it
        work.total[a] = integrate(alpha[a], beta[a], n, work, work.mass[a], work.cdf[a])
        multiply_product(work.mass[a], work.cdf[a], work.product, work.total[a], n - 1)
    work.product[:n] = 1.0
    for a in range(arms - 1, -1, -1):  # and by the arms after it
        out[a] = (
            multiply_product(work.mass[a], work.cdf[a], work.product, work.total[a], n - 1) / work.total[a]
        )
    for a in range(arms):
        out[a] = out[first_like(alpha, beta, a)]
    out /= out.sum()


@jit_inline
def new_arm_mean(alpha: float, beta: float, strength: float, squared_quantile: float) -> float:
    """Return the prior mean of a new arm that beats the established arm with a set probability.

    With both rates normal, a new arm of mean m beats the established one, of mean mu and variance v, with
    probability Phi((m - mu) / sqrt(v + m (1 - m) / (strength + 1))); solved for m this is Wilson's lower
    bound. ``strength`` is the number of trials that the prior is worth, ``squared_quantile`` the square of
    the normal quantile of the probability.
    """
    mean = alpha / (alpha + beta)
    c = squared_quantile / (strength + 1.0)
    rest = mean * mean - squared_quantile * mean * (1.0 - mean) / (alpha + beta + 1.0)
    middle = 2.0 * mean + c
    root = np.sqrt(max(middle * middle - 4.0 * (1.0 + c) * rest, 0.0))
    return float(max((middle - root) / (2.0 + 2.0 * c), 0.1 * mean))


@jit_exact
def posteriors(cells: F8, contexts: I8, prior: Prior, alpha: F8, beta: F8) -> None:
    """Write the Beta posteriors of the arms' rates, each in its context, from trials and wins."""
    m, arms, best, most, tried, won = prior.strength, alpha.size, 0, -1.0, 0.0, 0.0
    for a in range(arms):
        trials, wins = cells[a, :, 0].sum(), cells[a, :, 1].sum()
        tried, won = tried + trials, won + wins
        if trials > most:
            best, most = a, trials
    pooled = (won + m * prior.base_rate) / (tried + m)
    start = pooled
    if most >= m:
        ahead = cells[best, :, 1].sum() + m * pooled
        start = new_arm_mean(ahead, most + m - ahead, m, prior.squared_quantile)
    for a in range(arms):
        trials, wins = cells[a, :, 0].sum(), cells[a, :, 1].sum()
        mean = (wins + m * (pooled if a == best else start)) / (trials + m)  # in all contexts
        mine = cells[a, contexts[a]]
        alpha[a], beta[a] = mine[1] + m * mean, mine[0] - mine[1] + m * (1.0 - mean)


@kept_by_thread
def new_scratch(arms: int) -> BestArmScratch:
    """Return working memory.

    Rows are taken by index: numba does not regard arrays from unpacking as contiguous.
    """
    line, block = np.empty((4, arms * NODES)), np.empty((2, arms, arms * NODES))
    return BestArmScratch(line[0], line[1], line[2], line[3], block[0], block[1], np.empty(arms))


@jit
def write_probabilities(
    cells: F8, sizes: I8, which: I8, contexts: I8, prior: Prior, work: BestArmScratch, out: F8
) -> None:
    """Write the probabilities with which arms are shown, for many decisions.

    Parameters
    ----------
    cells
        [m, A, contexts, (trials, wins)] of the arms.
    sizes
        [m] number of arms.
    which
        [w] set of arms of each decision.
    contexts
        [w, A] context of each arm.
    prior
        Prior of all arms.
    out
        [w, A] receives the probabilities; 0 beyond the last arm.
    """
    arm = np.empty((2, cells.shape[1]))
    alpha, beta = arm[0], arm[1]
    out[:] = 0.0
    for w in range(which.size):
        n = sizes[which[w]]
        if n == 0:
            continue
        posteriors(cells[which[w]], contexts[w], prior, alpha[:n], beta[:n])
        best_arm_probabilities(alpha[:n], beta[:n], work, out[w, :n])
        floor = min(prior.floor, 1.0 / n)
        for a in range(n):
            out[w, a] = (1.0 - n * floor) * out[w, a] + floor
