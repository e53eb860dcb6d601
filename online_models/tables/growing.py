"""Columns that grow with the tables whose rows they describe."""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["grown"]

Column = TypeVar("Column", bound=NDArray[Any])


def grown(column: Column, rows: int, fill: float = 0) -> Column:
    """Return a column with at least so many rows: itself, or a copy twice as long or longer.

    Examples
    --------
    >>> grown(np.array([1, 2]), 3, fill=-1).tolist()
    [1, 2, -1, -1]
    >>> column = np.array([1, 2])
    >>> grown(column, 2) is column
    True
    """
    if rows <= len(column):
        return column
    shape = (max(rows, 2 * len(column)), *column.shape[1:])
    # Zeros take no memory until somebody writes there
    longer: Any = np.full(shape, fill, column.dtype) if fill else np.zeros(shape, column.dtype)
    longer[: len(column)] = column
    return longer  # type: ignore[no-any-return]
