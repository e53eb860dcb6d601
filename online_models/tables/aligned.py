"""Arrays that begin at a cache line of the processor.

Memory as numpy gets it begins 16 bytes after one, so a row of 64 bytes lies in two lines, and whoever needs
it waits for both. Sets of neighbours and chunks of histories are 64 bytes, input vectors 192.
"""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["LINE_BYTES", "aligned_zeros"]

Number = TypeVar("Number", bound=np.generic)

LINE_BYTES = 64
"""A cache line of x86 and of most Arm processors."""


def aligned_zeros(shape: tuple[int, ...], kind: type[Number]) -> NDArray[Number]:
    """Return zeros, the first of them at the beginning of a cache line.

    As with `numpy.zeros`, memory that nobody writes to is not taken from the machine.

    Examples
    --------
    >>> rows = aligned_zeros((3, 16), np.float32)
    >>> rows.shape, rows.flags.c_contiguous, rows.ctypes.data % LINE_BYTES
    ((3, 16), True, 0)
    """
    size = int(np.prod(shape)) * np.dtype(kind).itemsize
    raw: NDArray[Any] = np.zeros(size + LINE_BYTES, np.uint8)
    first = -raw.ctypes.data % LINE_BYTES
    return raw[first : first + size].view(kind).reshape(shape)
