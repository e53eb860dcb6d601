"""Rows in memory: those used last, within a bound of bytes for all partitions of a stage in one worker.

What a row takes in memory is bounded by its packed length, so that nothing is measured while it is used: an
object of Python takes a few times what its packed bytes do, and never more than :data:`TIMES` times
(`tests/streams/stages/wire/test_cached_rows.py` measures each kind of row).
"""

from collections.abc import Callable, Container, Iterable
from typing import Any, Final, Generic, TypeVar
from weakref import WeakSet

from streams.engine.stage import StateView

__all__ = ["CachedRows", "RowMemory"]

EACH: Final = 1_500
"""Bytes of a row beside its content: object, name, places in dictionaries."""
TIMES: Final = 16
"""Bytes in memory for a packed byte, at most: a small number is 1 byte there, and 40 in a set here."""

T = TypeVar("T")


class RowMemory:
    """The bound that all partitions of a stage share.

    Parameters
    ----------
    limit
        Bytes of their rows.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._caches: WeakSet[CachedRows[Any]] = WeakSet()  # that of a revoked partition goes with its step

    def add(self, cache: "CachedRows[Any]") -> None:
        """Count the rows of another partition."""
        self._caches.add(cache)

    @property
    def is_full(self) -> bool:
        """Whether the rows take more than they may."""
        return sum(cache.weight for cache in list(self._caches)) > self.limit


class CachedRows(Generic[T]):
    """Rows by name: those used last in memory, the others in the store.

    Parameters
    ----------
    store
        The partition's rows.
    unpack
        Reads a row.
    memory
        The bound.
    prefix
        Before each key.

    Attributes
    ----------
    hot
        Rows in memory, in order of their last use; new ones are put in here.
    weight
        Bytes that they take, at most.
    """

    def __init__(
        self, store: StateView, unpack: Callable[[bytes], T], memory: RowMemory, *, prefix: bytes = b""
    ) -> None:
        self._store, self._unpack, self._prefix, self._memory = store, unpack, prefix, memory
        self.hot: dict[str, T] = {}
        self.weight = 0
        self._weights: dict[str, int] = {}
        memory.add(self)

    def load(self, names: Iterable[str]) -> list[str]:
        """Bring rows into memory; when it is full, those that were not used for longest leave it.

        Returns
        -------
        list
            The names without a row.
        """
        hot, cold, wanted = self.hot, [], dict.fromkeys(names)
        for name in wanted:
            if (row := hot.pop(name, None)) is None:
                cold.append(name)
            else:
                hot[name] = row  # behind all others
        missing = []
        rows = self._store.get_many([self._prefix + name.encode() for name in cold])
        for name, packed in zip(cold, rows, strict=True):
            if packed is None:
                missing.append(name)
            else:
                hot[name] = self._unpack(packed)
                self.weigh(name, packed)
        if self._memory.is_full:
            self._make_room(wanted)
        return missing

    def _make_room(self, wanted: Container[str]) -> None:
        """Remove rows that are not wanted, while memory is full."""
        for name in list(self.hot):
            if name in wanted or not self._memory.is_full:
                break
            self.remove(name)

    def weigh(self, name: str, row: bytes) -> None:
        """Note the packed bytes of a row."""
        weight = EACH + TIMES * len(row)
        self.weight += weight - self._weights.get(name, 0)
        self._weights[name] = weight

    def remove(self, name: str) -> None:
        """Remove a row from memory."""
        self.hot.pop(name, None)
        self.weight -= self._weights.pop(name, 0)
