"""The memory that every baseline shares: titles met, and titles that each viewer has."""

from typing import Any

import numpy as np
import numpy.typing as npt

from online_models.evaluation.baselines.kernels import Events, SeenTitles
from online_models.evaluation.protocol import Block

__all__ = ["TitleMemory", "events_of", "grown"]


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
    >>> memory = Memory()
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
