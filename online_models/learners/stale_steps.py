"""Counts the steps of input vectors that the senders of gradients do not know of yet.

The viewers stage computes the gradients of input vectors from its replica, which is a batch of titles old or
more. So thirty viewers who finish the same films at once send the same correction thirty times; one after the
other, each would have seen that the former ones were enough. Each step that a gradient does not know of makes
its own step shorter (`learners.title_side.learn_inputs`).

What counts is what the log says: a record names how many signals the sender's replica had learned
(``seen``). Where batches of the titles stage are cut depends on the clock, and changes nothing.
"""

import numpy as np

from online_models.tables.layout import I4

__all__ = ["StaleSteps"]


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
    >>> stale.before(seen=10, learned=10, size=2)[1, 0] += 3
    >>> int(stale.before(seen=10, learned=13, size=2).sum()), int(stale.before(13, 13, 2).sum())
    (3, 0)
    """

    def __init__(self, horizons: int) -> None:
        self._steps: I4 = np.zeros((2, 0, horizons), np.int32)
        self._begun = 0

    def before(self, seen: int, learned: int, size: int) -> I4:
        """Return the counts before a record; whoever learns it adds to the second of them.

        Parameters
        ----------
        seen
            Signals that the sender's replica had learned.
        learned
            Signals that have been learned here.
        size
            Rows of titles.

        Returns
        -------
        steps
            [2, size, horizons].
        """
        if self._steps.shape[1] < size:
            grown = np.zeros((2, size, self._steps.shape[2]), np.int32)
            grown[:, : self._steps.shape[1]] = self._steps
            self._steps = grown
        if seen >= learned:
            self._steps[:] = 0
            self._begun = learned
        elif seen >= self._begun:
            self._steps[0] = self._steps[1]
            self._steps[1] = 0
            self._begun = learned
        return self._steps
