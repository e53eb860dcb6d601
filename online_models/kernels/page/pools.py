"""What everybody shares at a moment: the titles that are watched most right now."""

import numpy as np

from online_models.kernels.layout import F4, F8, I4, I8, jit
from online_models.kernels.top import sift, sort_heap


@jit
def hottest(trend: F8, trend_at: I8, half_life_ms: float, now: int, title: I4, heat: F4) -> None:
    """Write the titles of the highest decayed counts, highest first, equal ones in order of rows.

    A count only fades, so that one below the least kept needs no decay worked out.

    Parameters
    ----------
    trend, trend_at
        [T] decayed counters, and the event time that they are as of, ms.
    half_life_ms
        Their half-life.
    now
        Event time to bring them to; what was counted later counts in full.
    title, heat
        [n] receive rows, -1 where there are no more, and counts.
    """
    title[:] = -1
    heat[:] = 0.0
    for t in range(trend.size):
        if trend[t] > heat[0]:
            value = np.float32(trend[t] * 2.0 ** (min(trend_at[t] - now, 0) / half_life_ms))
            if value > heat[0]:
                sift(heat, title, title.size, value, t)
    sort_heap(heat, title)
