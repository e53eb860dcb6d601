"""Counts the steps of input vectors that the senders of gradients do not know of yet.

The viewers stage computes the gradients of input vectors from its replica, which is a batch of titles old or
more. So thirty viewers who finish the same films at once send the same correction thirty times; one after the
other, each would have seen that the former ones were enough. Each step that a gradient does not know of makes
its own step shorter (`learners.title_updates.learn_inputs`).

What counts is what the log says: a record names how many signals the sender's replica had learned
(``seen``). Where batches of the titles stage are cut depends on the clock, and changes nothing.
"""

import numpy as np

from online_models.jit import jit_inline
from online_models.passed_by_pointer import PassedByPointer
from online_models.tables.layout import I4, I8
from online_models.tables.prefetch import prefetch

__all__ = ["StaleSteps", "StepCounts", "prefetch_counts", "renew"]


class StepCounts(PassedByPointer):
    """Counts by title, as kernels use them; call `renew` before those of a title are read or written.

    What begins a new period changes one number, and not a row of each title: a million titles are 32 MB.
    """

    steps: I4
    """[2, T, H] steps of the former period and of the present one. Without titles no gradient is stale."""
    period: I8
    """[T] number of the period in which a title was last renewed."""
    present: I8
    """[1] number of the present period."""


@jit_inline
def renew(counts: StepCounts, j: int) -> None:
    """Bring the counts of a title up to the present period."""
    gap = counts.present[0] - counts.period[j]
    if gap > 0:
        for h in range(counts.steps.shape[2]):
            counts.steps[0, j, h] = counts.steps[1, j, h] if gap == 1 else 0
            counts.steps[1, j, h] = 0
        counts.period[j] = counts.present[0]


@jit_inline
def prefetch_counts(counts: StepCounts, j: int) -> None:
    """Ask for the counts of a title."""
    titles, horizons = counts.steps.shape[1:]
    if titles > 0:
        prefetch(counts.period, j)
        prefetch(counts.steps, j * horizons)
        prefetch(counts.steps, (titles + j) * horizons)


def _counts(titles: int, horizons: int) -> StepCounts:
    """Return zeros."""
    steps = np.zeros((2, titles, horizons), np.int32)
    return StepCounts(steps, np.zeros(titles, np.int64), np.zeros(1, np.int64))


NOT_STALE = _counts(0, 0)
"""For titles that learn event by event."""


class StaleSteps:
    """Steps by title and horizon since about the moment that the next sender's replica shows.

    Steps are counted in two periods. When a sender knows all of the former one, it is forgotten, and a new
    one begins: so up to twice the sender's lag is counted, and a log without lag counts nothing.

    Parameters
    ----------
    horizons
        Horizons of the factorization.

    Examples
    --------
    >>> stale = StaleSteps(1)
    >>> def steps(seen: int, learned: int) -> int:
    ...     counts = stale.before(seen, learned, size=2)
    ...     renew(counts, 1)
    ...     counts.steps[1, 1, 0] += 3
    ...     return int(counts.steps[:, 1].sum()) - 3
    >>> [steps(10, 10), steps(9, 13), steps(10, 16), steps(15, 19), steps(16, 22), steps(25, 25)]
    [0, 3, 6, 9, 6, 0]
    """

    def __init__(self, horizons: int) -> None:
        self._counts = _counts(0, horizons)
        self._begun = 0

    def before(self, seen: int, learned: int, size: int) -> StepCounts:
        """Return the counts before a record; whoever learns it adds to those of the present period.

        Parameters
        ----------
        seen
            Signals that the sender's replica had learned.
        learned
            Signals that have been learned here.
        size
            Rows of titles.
        """
        former = self._counts
        if (known := former.period.size) < size:
            self._counts = grown = _counts(size, former.steps.shape[2])
            grown.steps[:, :known], grown.period[:known] = former.steps, former.period
            grown.present[:] = former.present
        if seen >= self._begun:  # nothing of the former period is unknown, or nothing at all
            self._counts.present[0] += 2 if seen >= learned else 1
            self._begun = learned
        return self._counts
