"""Numbers of names that are in use: a name that falls out of use leaves its number to a later one.

A catalog is published every night, and with it come names that were never there before: actors, series,
words of artwork. Whoever numbers all of them for ever grows for ever. But a number may not mean something
else at once, since pages and caches hold it. So a number is given again only after a *pause*, and `reused`
tells caches that some have been.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from online_models.tables.layout import I4

__all__ = ["PAUSE", "Numbering"]

PAUSE: Final = 50_000
"""Replacements until a number is given again: over a second of a catalog that is read as fast as possible,
while a page has its numbers for some tens of milliseconds."""


class Numbering:
    """Numbers of names in use, from 0, in the order of their first use.

    One thread writes at a time, any may read.

    Parameters
    ----------
    pause
        Replacements until a number is given again. Default: `PAUSE`.

    Attributes
    ----------
    names
        Names by number; the name of a number that is out of use stays until it is given again.
    reused
        How many numbers were given again.

    Examples
    --------
    >>> numbers = Numbering(pause=1)
    >>> numbers.replace((), ["Drama", "Crime"])
    [0, 1]
    >>> numbers.replace([0, 1], ["Crime"]), numbers.replace((), ["War"]), numbers.names
    ([1], [0], ['War', 'Crime'])
    """

    def __init__(self, pause: int | None = None) -> None:
        self.names: list[str] = []
        self.reused = 0
        self._pause = PAUSE if pause is None else pause
        self._numbers: dict[str, int] = {}
        self._uses: list[int] = []
        self._unused: dict[int, int] = {}
        """Numbers out of use, those that fell out first in front: at which replacement."""
        self._replacements = 0

    def __len__(self) -> int:
        """Return how many numbers there are: all are below."""
        return len(self.names)

    @classmethod
    def of(cls, names: Sequence[str], used: I4) -> "Numbering":
        """Return the numbering of names by number, with all numbers that are in use, each as often as it is.

        Examples
        --------
        >>> Numbering.of(["Drama", "Crime"], np.array([1, 1], np.int32)).replace([1], [])
        []
        """
        out = cls()
        out.names = list(names)
        out._numbers = {name: number for number, name in enumerate(out.names)}
        out._uses = np.bincount(used, minlength=len(out.names)).tolist()
        out._unused = dict.fromkeys((n for n, uses in enumerate(out._uses) if not uses), 0)
        return out

    def number(self, name: str) -> int:
        """Return the number of a name; -1 if it has none."""
        return self._numbers.get(name, -1)

    def replace(self, former: Iterable[int], names: Iterable[str]) -> list[int]:
        """Return the numbers of names that something uses in place of its former numbers.

        Parameters
        ----------
        former
            Numbers that it used, as they were returned.
        names
            Names that it uses from now on.
        """
        self._replacements += 1
        numbers, known, uses = [], self._numbers, self._uses
        for name in names:  # a loop without calls: a catalog uses fifteen names a title
            number = known.get(name, -1)
            if number < 0:
                number = known[name] = self._new(name)
            if not uses[number]:
                self._unused.pop(number, None)
            uses[number] += 1
            numbers.append(number)
        for number in former:
            uses[number] -= 1
            if not uses[number]:
                self._unused[number] = self._replacements
        return numbers

    def _new(self, name: str) -> int:
        """Return a number for a new name: the one that is out of use longest, if that is long enough."""
        number = next(iter(self._unused), -1)
        if number < 0 or self._replacements - self._unused[number] < self._pause:
            self.names.append(name)
            self._uses.append(0)
            return len(self.names) - 1
        del self._numbers[self.names[number]]
        self.names[number] = name
        self.reused += 1
        return number
