"""Rated titles as columns: the output of the readers and the input of an evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

__all__ = ["Ratings"]

FloatColumn = npt.NDArray[np.float32]
IndexColumn = npt.NDArray[np.int32]
TimeColumn = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Ratings:
    """Ratings in time order, one row an event; equal times keep the order of the file.

    Viewers and titles are numbered in the order of their first events.

    Attributes
    ----------
    viewers, titles
        Index of the viewer and of the title, shape ``(events,)``, into the id tuples.
    ratings
        Stars, shape ``(events,)``.
    times
        UTC epoch, milliseconds, shape ``(events,)``, never decreasing.
    viewer_ids, title_ids
        The ids of the file.

    Examples
    --------
    >>> ratings = Ratings.from_columns(["b", "a", "b"], ["x", "x", "y"], [5, 3, 4], [20, 10, 20])
    >>> ratings.viewer_ids, ratings.viewers.tolist(), ratings.times.tolist()
    (('a', 'b'), [0, 1, 1], [10, 20, 20])
    """

    viewers: IndexColumn
    titles: IndexColumn
    ratings: FloatColumn
    times: TimeColumn
    viewer_ids: tuple[str, ...]
    title_ids: tuple[str, ...]

    @classmethod
    def from_columns(
        cls, viewer_ids: Sequence[str], title_ids: Sequence[str], ratings: npt.ArrayLike, times: npt.ArrayLike
    ) -> Self:
        """Sort columns by time (ties keep their order) and number viewers and titles.

        Parameters
        ----------
        viewer_ids, title_ids
            One id a row.
        ratings
            Stars, one a row.
        times
            UTC epoch milliseconds, one a row.

        Raises
        ------
        ValueError
            When the columns differ in length.
        """
        stars, milliseconds = np.asarray(ratings, np.float32), np.asarray(times, np.int64)
        if not len(viewer_ids) == len(title_ids) == len(stars) == len(milliseconds):
            lengths = f"{len(viewer_ids)}, {len(title_ids)}, {len(stars)}, {len(milliseconds)}"
            msg = f"columns of one stream have one length, not {lengths}"
            raise ValueError(msg)
        order = np.argsort(milliseconds, kind="stable")
        viewers, viewer_names = _number(np.array(list(viewer_ids), np.object_)[order])
        titles, title_names = _number(np.array(list(title_ids), np.object_)[order])
        return cls(viewers, titles, stars[order], milliseconds[order], viewer_names, title_names)

    def take(self, rows: npt.NDArray[np.intp]) -> Self:
        """Keep some rows, in the order given, and the numbering of viewers and titles."""
        return type(self)(
            self.viewers[rows],
            self.titles[rows],
            self.ratings[rows],
            self.times[rows],
            self.viewer_ids,
            self.title_ids,
        )

    def __len__(self) -> int:
        return len(self.viewers)


def _number(ids: npt.NDArray[Any]) -> tuple[IndexColumn, tuple[str, ...]]:
    """Give each id a number, by first appearance."""
    numbers: dict[str, int] = {}
    column = np.fromiter((numbers.setdefault(key, len(numbers)) for key in ids), np.int32, len(ids))
    return column, tuple(numbers)
