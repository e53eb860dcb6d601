"""What every baseline remembers: the titles of the stream and the titles of each viewer; and the rank of a title."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from online_models.evaluation.protocol import Block
from online_models.jit import jit
from online_models.tables.layout import F4, F8, I4, I8, U1

__all__ = ["Events", "SeenTitles", "TitleMemory", "events_of", "grown", "has", "rank", "remember"]


BOOL = NDArray[np.bool_]


class SeenTitles(NamedTuple):
    """What a baseline remembers of the stream: which titles it has met, and which each viewer has.

    A viewer's titles are a linked list through one shared pool: constant work and 12 bytes an event.
    """

    last: I8
    """[viewers] newest entry of the viewer's list, -1 for none."""
    previous: I8
    """[entries] the next older entry of the same viewer."""
    title: I4
    """[entries]"""
    order: I4
    """[titles] titles in order of their first event; the first ``size[1]`` are valid."""
    seen: U1
    """[titles] 1 where the stream has met the title."""
    size: I8
    """[2] entries in use, titles met."""


class Events(NamedTuple):
    """Consecutive events; all ``[events]``."""

    viewers: I4
    titles: I4
    rewards: F4
    tested: BOOL


@jit
def has(met: SeenTitles, viewer: int, title: int) -> bool:
    """Whether the viewer already has the title."""
    entry = met.last[viewer]
    while entry >= 0:
        if met.title[entry] == title:
            return True
        entry = met.previous[entry]
    return False


@jit
def remember(met: SeenTitles, viewer: int, title: int) -> None:
    """Note that the viewer has the title. The pool must hold a free entry."""
    if not has(met, viewer, title):
        entry = met.size[0]
        met.size[0] += 1
        met.title[entry] = title
        met.previous[entry] = met.last[viewer]
        met.last[viewer] = entry
    if met.seen[title] == 0:
        met.seen[title] = 1
        met.order[met.size[1]] = title
        met.size[1] += 1


@jit
def rank(met: SeenTitles, viewer: int, target: int, scores: F8) -> float:
    """Count the viewer's candidates above the target, and half of those level with it; inf if never met.

    A target scored NaN is a miss, lest a model that diverged stand above all others.
    """
    mark = scores[target]
    if met.seen[target] == 0 or np.isnan(mark):
        return np.inf
    better, level = 0, 0
    for at in range(met.size[1]):
        score = scores[met.order[at]]
        better += score > mark
        level += score == mark
    level -= 1  # the target itself
    entry = met.last[viewer]
    while entry >= 0:
        title = met.title[entry]
        if title != target:
            better -= scores[title] > mark
            level -= scores[title] == mark
        entry = met.previous[entry]
    return better + 0.5 * level


def grown(array: npt.NDArray[Any], rows: int, fill: float = 0) -> npt.NDArray[Any]:
    """Return the array, or a copy with at least `rows` rows (doubling), the new ones filled."""
    if rows <= len(array):
        return array
    larger = np.full((max(rows, 2 * len(array)), *array.shape[1:]), fill, array.dtype)
    larger[: len(array)] = array
    return larger


def events_of(block: Block) -> Events:
    """Return what the kernels read of a block."""
    return Events(block.viewers, block.titles, block.rewards, block.tested)


class TitleMemory:
    """Growing arrays behind `SeenTitles`.

    Examples
    --------
    >>> memory = TitleMemory()
    >>> memory.met.size.tolist()
    [0, 0]
    """

    def __init__(self) -> None:
        none = np.zeros(0, np.int64)
        self.met = SeenTitles(
            last=none,
            previous=none,
            title=none.astype(np.int32),
            order=none.astype(np.int32),
            seen=none.astype(np.uint8),
            size=np.zeros(2, np.int64),
        )

    def reserve(self, block: Block) -> tuple[int, int]:
        """Make room for a block; return how many viewers and titles there is room for."""
        if len(block):
            met = self.met
            entries = int(met.size[0]) + len(block)
            viewers, titles = int(block.viewers.max()) + 1, int(block.titles.max()) + 1
            self.met = SeenTitles(
                last=grown(met.last, viewers, -1),
                previous=grown(met.previous, entries),
                title=grown(met.title, entries),
                order=grown(met.order, titles),
                seen=grown(met.seen, titles),
                size=met.size,
            )
        return len(self.met.last), len(self.met.seen)
