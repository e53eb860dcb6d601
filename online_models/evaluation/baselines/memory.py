"""State that all baselines share: titles of the stream, titles of each viewer; and the rank of a title."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.evaluation.protocol import Block
from online_models.jit import jit
from online_models.tables.growing import grown
from online_models.tables.layout import F4, F8, I4, I8, U1

__all__ = ["Events", "SeenTitles", "TitleMemory", "events_of", "has", "rank", "remember"]


BOOL = NDArray[np.bool_]


class SeenTitles(NamedTuple):
    """The titles of the stream, and the titles of each viewer.

    A viewer's titles are a linked list in one shared pool: constant work and 12 bytes an event.
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
    """[titles] 1 for titles with an event."""
    size: I8
    """[2] entries in use, titles with an event."""


class Events(NamedTuple):
    """Consecutive events; all ``[events]``."""

    viewers: I4
    titles: I4
    rewards: F4
    tested: BOOL


@jit
def has(known: SeenTitles, viewer: int, title: int) -> bool:
    """Return whether the viewer already has the title."""
    entry = known.last[viewer]
    while entry >= 0:
        if known.title[entry] == title:
            return True
        entry = known.previous[entry]
    return False


@jit
def remember(known: SeenTitles, viewer: int, title: int) -> None:
    """Add the title to the viewer's titles. The pool must have a free entry."""
    if not has(known, viewer, title):
        entry = known.size[0]
        known.size[0] += 1
        known.title[entry] = title
        known.previous[entry] = known.last[viewer]
        known.last[viewer] = entry
    if known.seen[title] == 0:
        known.seen[title] = 1
        known.order[known.size[1]] = title
        known.size[1] += 1


@jit
def rank(known: SeenTitles, viewer: int, target: int, scores: F8) -> float:
    """Return the number of the viewer's candidates above the target plus half of those equal to it.

    A target without events is a miss (inf). So is a NaN score: a diverged model must not win.
    """
    mark = scores[target]
    if known.seen[target] == 0 or np.isnan(mark):
        return np.inf
    # count over all titles first, then subtract the viewer's own: no candidate list is built
    better, level = 0, 0
    for at in range(known.size[1]):
        score = scores[known.order[at]]
        better += score > mark
        level += score == mark
    level -= 1  # the target itself
    entry = known.last[viewer]
    while entry >= 0:
        title = known.title[entry]
        if title != target:
            better -= scores[title] > mark
            level -= scores[title] == mark
        entry = known.previous[entry]
    return better + 0.5 * level


def events_of(block: Block) -> Events:
    """Return the columns of a block that the kernels read."""
    return Events(block.viewers, block.titles, block.rewards, block.tested)


class TitleMemory:
    """The growing arrays of a `SeenTitles`.

    Examples
    --------
    >>> memory = TitleMemory()
    >>> memory.known.size.tolist()
    [0, 0]
    """

    def __init__(self) -> None:
        none = np.zeros(0, np.int64)
        self.known = SeenTitles(
            last=none,
            previous=none,
            title=none.astype(np.int32),
            order=none.astype(np.int32),
            seen=none.astype(np.uint8),
            size=np.zeros(2, np.int64),
        )

    def reserve(self, block: Block) -> tuple[int, int]:
        """Make room for a block; return the capacity of viewers and of titles."""
        if len(block):
            known = self.known
            entries = int(known.size[0]) + len(block)
            viewers, titles = int(block.viewers.max()) + 1, int(block.titles.max()) + 1
            self.known = SeenTitles(
                last=grown(known.last, viewers, -1),
                previous=grown(known.previous, entries),
                title=grown(known.title, entries),
                order=grown(known.order, titles),
                seen=grown(known.seen, titles),
                size=known.size,
            )
        return len(self.known.last), len(self.known.seen)
