"""Who has watched what, as far as it is remembered."""

from typing import Final

import numpy as np

from online_models.simulation.catalog import SimulatedCatalog
from online_models.simulation.choice import Past
from online_models.simulation.keyed_chance import Ints

__all__ = ["WatchMemory"]

REMEMBERED: Final = 200
"""Titles that a viewer remembers, of a catalog of 400 or more; half of a smaller one. What was watched
before is as good as new, so that a world never runs dry."""


class WatchMemory:
    """The titles that each account has started, newest last.

    Parameters
    ----------
    catalog
        The titles.

    Examples
    --------
    >>> from online_models.simulation import World
    >>> memory = World(viewers=2, titles=50).memory
    >>> memory.add(1, 30)
    >>> memory.past(np.array([0, 1]), np.array([[30], [30]])).had.tolist()
    [[False], [True]]
    """

    def __init__(self, catalog: SimulatedCatalog) -> None:
        self._previous = catalog.previous
        self._most = min(REMEMBERED, len(catalog.titles) // 2)
        self._had: dict[int, dict[int, None]] = {}

    def add(self, account: int, title: int) -> None:
        """Remember a title; -1 is none."""
        if title < 0:
            return
        had = self._had.setdefault(account, {})
        had.pop(title, None)
        had[title] = None
        if len(had) > self._most:
            del had[next(iter(had))]

    def of(self, account: int) -> list[int]:
        """Return the titles that an account has had, oldest first."""
        return list(self._had.get(account, ()))

    def past(self, accounts: Ints, titles: Ints) -> Past:
        """Return what accounts had, shapes ``(n,)`` and ``(n, k)``."""
        had, before = np.zeros(titles.shape, np.bool_), np.zeros(titles.shape, np.bool_)
        for row, account in enumerate(accounts.tolist()):
            mine = self._had.get(account)
            if mine:
                had[row] = [title in mine for title in titles[row].tolist()]
                before[row] = [title in mine for title in self._previous[titles[row]].tolist()]
        return Past(had, before)

    def everything(self, accounts: Ints) -> Past:
        """Return what accounts had of the whole catalog, shape ``(n, titles)``."""
        had = np.zeros((len(accounts), len(self._previous)), np.bool_)
        for row, account in enumerate(accounts.tolist()):
            had[row, self.of(account)] = True
        before = had[:, self._previous] & (self._previous >= 0)
        return Past(had, before)
