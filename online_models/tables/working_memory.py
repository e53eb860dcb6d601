"""Working memory of kernels, kept by each thread from call to call."""

from collections.abc import Callable
from threading import local
from typing import Any, Generic, ParamSpec, TypeVar

__all__ = ["kept_by_thread"]

P = ParamSpec("P")
M = TypeVar("M")


class _Memory(local, Generic[M]):
    """What a thread made last, and of which sizes."""

    made: M | None = None
    sizes: Any = None


def kept_by_thread(make: Callable[P, M]) -> Callable[P, M]:
    """Return what a function made for this thread before, as long as it is asked for the same sizes.

    Memory for a million titles takes longer to allocate than many a batch to learn. Whoever takes it finds
    what the last user left there: kernels clear what they need cleared.

    Examples
    --------
    >>> @kept_by_thread
    ... def row(size: int) -> bytearray:
    ...     return bytearray(size)
    >>> row(3) is row(3), row(3) is row(4)
    (True, False)
    """
    kept: _Memory[M] = _Memory()

    def of(*sizes: P.args, **named: P.kwargs) -> M:
        asked = (sizes, named)
        if kept.made is None or kept.sizes != asked:
            kept.made, kept.sizes = make(*sizes, **named), asked
        return kept.made

    return of
