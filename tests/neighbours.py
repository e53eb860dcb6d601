"""Neighbours of titles by hand, for tests."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from online_models.config import WAYS
from online_models.tables.neighbours import restore_neighbours
from online_models.tables.titles import TitleTable

__all__ = ["set_neighbours"]


def set_neighbours(table: TitleTable, row: int, others: ArrayLike, weights: Sequence[float]) -> None:
    """Give a title up to sixteen neighbours in one set, in place of those that it had."""
    table.reserve_neighbours(WAYS)
    sets, starts = np.ones(1, np.int32), np.array([0, len(weights)], np.int64)
    near = np.asarray(others, np.int32)
    found = table.arrays.key[near], near, np.asarray(weights, np.float32)
    restore_neighbours(table.arrays, np.array([row], np.int32), sets, starts, *found, close=False)
