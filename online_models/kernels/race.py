"""Races of arms: exponential times out of keys, compared without a logarithm where that decides."""

import numpy as np

from online_models.kernels.hashing import mix
from online_models.kernels.layout import F8, U8, inlined

ROUNDED = 1.0 + 1e-9
"""More than what rounding can take a time above or below its bound."""


@inlined
def sooner(u: float, rate: float, least: float, its: float) -> bool:
    """Return whether an exponential time out of a number and a rate is before another.

    The logarithm is between ``u`` and ``u / (1 - u)``, which decides as a rule.
    """
    if u * its * (1.0 - least) > ROUNDED * least * rate:
        return False
    if ROUNDED * u * its < least * rate * (1.0 - u):
        return True
    return bool(np.log1p(-u) / rate > np.log1p(-least) / its)


@inlined
def race_won(arm: U8, chance: F8, key: int) -> int:
    """Return the arm that wins a race: the same as ``online_models.draws.race``.

    While nothing is known of arms their rates are equal, and the least number wins: no branch is missed.
    """
    won, least, its = 0, 1.0, 0.0
    for a in range(arm.size):
        if chance[a] > 0.0:
            u = float(mix(arm[a] ^ np.uint64(key)) >> np.uint64(11)) * 2.0**-53
            if chance[a] == its:
                won, least = (a if u < least else won), min(u, least)
            elif sooner(u, chance[a], least, its):
                won, least, its = a, u, chance[a]
    return won
