"""How many heaps the C library has: few, so that what one part of a process frees another one uses.

By default glibc gives threads up to eight heaps a core. What a database frees when it writes a buffer out, or
a batch when it ends, stays with the heap of its thread, and other threads take more from the machine. After
six minutes of a worker with 300 events a second 176 MB of its 610 were free in heaps; with two heaps 80 of
505 (`nearline serve`: 105 of 389 and 34 of 327). Threads that wait for each other's heap were not seen:
`python -m tests.benchmarks end_to_end pages`, by turns, differed by less than its noise.
"""

import ctypes
from typing import Final

__all__ = ["use_few_heaps"]

_MOST_HEAPS: Final = -8
"""``M_ARENA_MAX`` of ``mallopt``."""
HEAPS: Final = 2
"""The first one, and one more."""


def use_few_heaps() -> None:
    """Have threads share heaps, from the next one on that allocates; without glibc nothing changes."""
    if hasattr(library := ctypes.CDLL(None), "mallopt"):
        library.mallopt(_MOST_HEAPS, HEAPS)
