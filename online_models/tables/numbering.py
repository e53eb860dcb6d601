"""Numbers of names that are in use: a name that falls out of use leaves its number to a later one.

A catalog is published every night, and with it come names that were never there before: actors, series,
words of artwork. Whoever numbers all of them for ever grows for ever. But a number may not mean something
else at once, since pages and caches hold it. So a number is given again only after a *pause*, and `reused`
tells caches that some have been.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise, repeat
from typing import Final

import numpy as np

from online_models.tables.layout import I4

__all__ = ["PAUSE", "Numbering", "spans_of"]

PAUSE: Final = 50_000
"""Replacements until a number is given again: over a second of a catalog that is read as fast as possible,
while a page has its numbers for some tens of milliseconds."""


def spans_of(length: I4) -> I4:
    """Return where parts of some lengths begin, and where the last one ends: [n + 1].

    Examples
    --------
    >>> spans_of(np.array([2, 0, 1])).tolist()
    [0, 2, 2, 3]
    """
    out = np.zeros(length.size + 1, np.int32)
    np.cumsum(length, out=out[1:])
    return out


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

    def replace_all(self, former: tuple[I4, I4], start: I4, names: Sequence[str]) -> I4:
        """Return what `replace` returns for many users, one after the other, end to end.

        Parameters
        ----------
        former
            Numbers that they used: those of the n-th are ``former[1][former[0][n] : former[0][n + 1]]``.
        start, names
            Names that they use from now on: those of the n-th are ``names[start[n] : start[n + 1]]``.

        Examples
        --------
        >>> numbers, none = Numbering(), (np.zeros(3, np.int32), np.zeros(0, np.int32))
        >>> numbers.replace_all(none, np.array([0, 2, 3]), ["Drama", "Crime", "Drama"]).tolist()
        [0, 1, 0]
        """
        if former[1].size:
            out: list[int] = []
            held, spans = (
                former[1].tolist(),
                zip(pairwise(former[0].tolist()), pairwise(start.tolist()), strict=True),
            )
            for (a, b), (c, d) in spans:
                out += self.replace(held[a:b], names[c:d])
            return np.array(out, np.int32)
        known, before = self._numbers, self._replacements
        numbers: I4 = np.fromiter(map(known.get, names, repeat(-1)), np.int32, len(names))
        # Whoever uses nothing yet gives nothing back. So a number in use stays what it is, and only names
        # without one, or with one that is out of use, are looked at in turn.
        todo = numbers < 0
        if self._unused:
            todo |= np.isin(numbers, np.fromiter(self._unused, np.int32, len(self._unused)))
        at = np.flatnonzero(todo)
        users = np.searchsorted(start, at, side="right")
        for n, user in zip(at.tolist(), users.tolist(), strict=True):
            self._replacements = before + user
            number = known.get(names[n], -1)
            if number < 0:
                number = known[names[n]] = self._new(names[n])
            self._unused.pop(number, None)
            numbers[n] = number
        self._replacements = before + start.size - 1
        uses = self._uses
        for number in numbers.tolist():
            uses[number] += 1
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
