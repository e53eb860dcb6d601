"""What tags are learned with: working memory of a batch."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

PENDING = 32
"""Positives whose steps of tags are gone together, a multiple of four: 64 kB, read while they are near."""


class TagWork(NamedTuple):
    """Steps that tags have yet to go; zeros at first."""

    gradient: NDArray[np.float32]
    """[G + 1] gradients of the tags that the candidates bear, and of none; zero between softmaxes."""
    step: NDArray[np.float32]
    """[PENDING, G] how far, one row a positive."""
    way: NDArray[np.float32]
    """[PENDING, D + 1] which way: the positive's representation, and a bias's part."""
    pending: NDArray[np.int64]
    """[1] rows that wait."""
