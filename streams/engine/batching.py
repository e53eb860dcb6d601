"""Slices of records on their way from the fetcher to a batch."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Slice", "SliceQueue"]


@dataclass(frozen=True, slots=True)
class Slice:
    """What one fetch returned for one partition.

    `epoch` and `number` prove that nothing is missing: the fetching thread starts a new epoch with every seek
    and numbers the slices it hands out from 0. A slice of an older epoch is stale; a number that is skipped
    means that a slice was lost on the way, whoever lost it.
    """

    topic: str
    """Source topic."""

    partition: int
    """Source partition."""

    epoch: int
    """Which seek the slice follows."""

    number: int
    """Its place among the slices since that seek, from 0."""

    records: Sequence[Any]
    """Records, ascending by offset, at least one."""

    size: int
    """Bytes of all values."""


class SliceQueue:
    """Records of one partition that wait for the batch in flight to end.

    Examples
    --------
    >>> queue = SliceQueue()
    >>> from types import SimpleNamespace
    >>> a, b, c, d = (SimpleNamespace(value=b"ten bytes!") for _ in range(4))
    >>> queue.put([a, b, c], 30)
    >>> queue.put([d], 10)
    >>> queue.take(max_events=2, max_bytes=100) == [a, b], queue.events, queue.size
    (True, 2, 20)
    >>> queue.take(max_events=9, max_bytes=100) == [c, d], queue.events, queue.size
    (True, 0, 0)
    """

    def __init__(self) -> None:
        self._slices: deque[tuple[Sequence[Any], int]] = deque()
        self.events = 0
        """Records in the queue."""
        self.size = 0
        """Bytes in the queue."""

    def put(self, records: Sequence[Any], size: int) -> None:
        """Append records whose values have `size` bytes together."""
        self._slices.append((records, size))
        self.events += len(records)
        self.size += size

    def take(self, *, max_events: int, max_bytes: int) -> list[Any]:
        """Return the next batch: at most so many records and bytes, but one record if there is any."""
        batch: list[Any] = []
        room = max_bytes
        while self._slices and len(batch) < max_events:
            records, size = self._slices[0]
            count = _fitting(records, size, max_events - len(batch), room)
            if not count and batch:
                break
            room -= self._cut(max(count, 1))
            batch.extend(records[: max(count, 1)])
        return batch

    def clear(self) -> None:
        """Forget everything."""
        self._slices.clear()
        self.events = self.size = 0

    def _cut(self, count: int) -> int:
        """Remove the first records of the first slice; return their bytes."""
        records, size = self._slices.popleft()
        if count < len(records):
            rest = records[count:]
            left = size_of(rest)
            self._slices.appendleft((rest, left))
            size -= left
        self.events -= count
        self.size -= size
        return size


def size_of(records: Sequence[Any]) -> int:
    """Return the bytes of the records' values."""
    return sum(len(record.value or b"") for record in records)


def _fitting(records: Sequence[Any], size: int, max_events: int, max_bytes: int) -> int:
    """Count the leading records that fit; looks at single records only where the slice does not fit whole."""
    if size <= max_bytes:
        return min(len(records), max_events)
    count = 0
    for record in records[:max_events]:
        max_bytes -= len(record.value or b"")
        if max_bytes < 0:
            break
        count += 1
    return count
