r"""Decayed counters of watches, in event time: popularity of the last hours, days and weeks.

A counter c with half-life H that was last changed at t_0 counts at t, with a watch of weight w,

.. math:: c \leftarrow c \, 2^{-(t - t_0) / H} + w
"""

import numpy as np

from online_models.jit import jit_no_alloc
from online_models.tables.layout import DAY_MS, F8, I8, Params, Titles

__all__ = ["MOST_JUMP_MS", "bound_jumps", "count", "decayed"]

_FOREVER = int(np.iinfo(np.int64).max)

MOST_JUMP_MS = DAY_MS
"""How far the clock of the decayed counters moves with one signal: quiet installations and replays have
nights, and a longer pause is made up for by as many signals as it has days."""


@jit_no_alloc
def count(titles: Titles, params: Params, t: int, w: float, at: int) -> None:
    """Add a watch to the decayed counters of a title.

    A late watch counts what it has decayed to by the newest. A weight taken back carries the time at which it
    was given, and no counter falls below 0.
    """
    gap, late = max(at - titles.trend_at[t], 0), min(at - titles.trend_at[t], 0)
    for h in range(3):
        kept = titles.trend[t, h] * 2.0 ** (-gap / params.half_lives_ms[h])
        titles.trend[t, h] = max(kept + w * 2.0 ** (late / params.half_lives_ms[h]), 0.0)
    titles.trend_at[t] = max(titles.trend_at[t], at)


def bound_jumps(at: I8, newest_ms: int) -> int:
    """Bound event times in place: each is at most `MOST_JUMP_MS` ahead of the newest before it.

    All counters decay to the newest time. Without this bound one signal from the year 2099 would let every
    counter fade to nothing, and whatever is watched until then would count nothing.

    Parameters
    ----------
    at
        [n] times of signals in their order, ms.
    newest_ms
        The newest that a counter has seen; 0 for none: then the first signal sets the clock.

    Returns
    -------
    int
        Latest time of whatever comes with these signals.

    Examples
    --------
    >>> at = np.array([10**12 + 5, 4 * 10**12, 4 * 10**12, 10**12 + 6])
    >>> bound_jumps(at, 10**12) - 10**12, (at - 10**12).tolist()
    (259200005, [5, 86400005, 172800005, 6])
    """
    if at.size and int(at.max()) > newest_ms + MOST_JUMP_MS:
        for n, time in enumerate(at.tolist()):
            if newest_ms:
                at[n] = min(time, newest_ms + MOST_JUMP_MS)
            newest_ms = max(newest_ms, int(at[n]))
    elif at.size:
        newest_ms = max(newest_ms, int(at.max()))
    return newest_ms + MOST_JUMP_MS if newest_ms else _FOREVER


def decayed(value: F8, at: I8, half_life_ms: float) -> F8:
    """Return counters decayed to the newest of their event times: c * 2 ** (-(t_newest - t) / half-life).

    Examples
    --------
    >>> decayed(np.array([8.0, 1.0]), np.array([0, 2_000]), half_life_ms=1_000.0).tolist()
    [2.0, 1.0]
    """
    out: F8 = value * np.exp2((at - at.max(initial=0)) / half_life_ms)
    return out
