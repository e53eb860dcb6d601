"""Tags of titles that have vectors: their numbers, and the share of their vectors in those of titles."""

from collections.abc import Sequence
from itertools import repeat
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.jit import jit_no_alloc
from online_models.tables.layout import F4, I4, I8, TAGS, Titles

__all__ = ["TagNumbers", "TagRows", "fill_tags", "replace_tags"]


class TagRows(NamedTuple):
    """What the tags of a shard have learned."""

    names: list[str]
    vectors: F4
    """[tags, D + 2] output vector, bias, AdaGrad accumulator."""


class TagNumbers:
    """Numbers of tags, from 0 on.

    When all are taken, a new tag gets that of a tag which no title has any more. Not before, unlike
    `tables.numbering.Numbering`: what was learned of a tag stays with its number.

    Parameters
    ----------
    capacity
        Most tags that have numbers.
    names
        Tags that have the first numbers.

    Attributes
    ----------
    names
        The tags by their numbers.
    titles
        [capacity] how many titles have each.

    Examples
    --------
    >>> tags = TagNumbers(2)
    >>> tags.of(["genre:drama", "mood:dark", "genre:drama", "pace:slow"])[0].tolist()
    [0, 1, 0, -1]
    >>> tags.count(np.array([[1, -1]], np.int16), 1)  # a title has the second one
    >>> numbers, reused = tags.of(["pace:slow"], reuse=True)
    >>> numbers.tolist(), reused, tags.names
    ([0], [0], ['pace:slow', 'mood:dark'])
    """

    def __init__(self, capacity: int, names: Sequence[str] = ()) -> None:
        self.names = list(names)
        self._numbers = {name: number for number, name in enumerate(self.names)}
        self.titles: I8 = np.zeros(capacity, np.int64)

    def of(self, names: Sequence[str], *, reuse: bool = False) -> tuple[I4, list[int]]:
        """Return the numbers of tags, and which of them belonged to others before.

        New tags get numbers, -1 where there is none left.

        Parameters
        ----------
        names
            The tags.
        reuse
            Whether numbers of tags that no title has, nor is getting with these, may be given to new ones.
        """
        known = self._numbers
        out: I4 = np.fromiter(map(known.get, names, repeat(-1)), np.int32, len(names))
        unused = self._unused(names) if reuse else []
        reused = []
        for n in np.flatnonzero(out < 0).tolist():
            name = names[n]
            if name not in known:
                if len(self.names) < self.titles.size:
                    number = len(self.names)
                    self.names.append(name)
                elif unused:
                    number = unused.pop()
                    del known[self.names[number]]
                    self.names[number] = name
                    reused.append(number)
                else:
                    continue
                known[name] = number
            out[n] = known[name]
        return out, reused

    def count(self, tags: NDArray[np.int16], change: int) -> None:
        """Count titles with these tags [n, TAGS], -1 for none, one more or less each."""
        np.add.at(self.titles, tags[tags >= 0], change)

    def _unused(self, names: Sequence[str]) -> list[int]:
        """Return the numbers of tags that no title has and that are not named, the last first."""
        if len(self.names) < self.titles.size:
            return []
        unused = np.flatnonzero(self.titles == 0)[::-1].tolist()
        named = set(names) if unused else set()
        return [number for number in unused if self.names[number] not in named]


def replace_tags(titles: Titles, rows: I4, tags: NDArray[np.int16], included: NDArray[np.bool_]) -> None:
    """Replace the tags of titles, and in their output vectors the share of the former tags by the new ones'.

    Parameters
    ----------
    titles
        The rows.
    rows
        [n] titles, each once.
    tags
        [n, TAGS] their tags, -1 after the last.
    included
        [n] whether the output vector includes the share of the new tags already.
    """
    share = (np.maximum((tags >= 0).sum(axis=1), 1) ** -0.5).astype(np.float32)
    known = np.vstack((titles.tag_published, np.zeros_like(titles.tag_published[:1])))  # row -1: no tag
    part, former = np.zeros((2, rows.size, known.shape[1]), np.float32)
    for s in range(TAGS):
        part += known[tags[:, s]]
        former += known[titles.tags[rows, s]]
    part = share[:, None] * part - titles.share[rows][:, None] * former
    part[included] = 0.0
    titles.out[rows] += part[:, :-1]
    titles.bias[rows] += part[:, -1]
    titles.changed[rows] |= part.any(axis=1)
    titles.tags[rows], titles.share[rows] = tags, share


@jit_no_alloc
def fill_tags(start: I4, numbers: I4, out: NDArray[np.int16]) -> None:
    """Write the first tags of titles, each once, into rows of -1; a number of -1 is no tag."""
    for n in range(out.shape[0]):
        filled = 0
        for at in range(start[n], start[n + 1]):
            number, again = numbers[at], False
            for k in range(filled):
                again |= out[n, k] == number
            if number >= 0 and not again and filled < out.shape[1]:
                out[n, filled] = number
                filled += 1
