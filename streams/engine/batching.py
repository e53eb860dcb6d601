"""Slices of records between the fetcher and a batch."""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

__all__ = ["Slice", "SliceQueue"]


@dataclass(frozen=True, slots=True)
class Slice:
    """The records that one fetch returned for one partition.

    `epoch` and `number` prove that nothing is missing. The fetching thread starts a new epoch with every seek
    and numbers its slices from 0. A slice of an older epoch is stale. A gap in the numbers means that a slice
    was lost between the fetcher and the task.
    """

    topic: str
    """Source topic."""

    partition: int
    """Source partition."""

    epoch: int
    """Number of the seek that the slice follows."""

    number: int
    """Index of the slice since that seek, from 0."""

    records: Sequence[Any]
    """At least one record; ascending by offset."""

    size: int
    """Bytes of all records: :func:`size_of`."""

    fetched_s: float = field(default_factory=time.perf_counter)
    """When it was fetched, by `time.perf_counter`."""


class SliceQueue:
    """Records of one partition that wait for the batch in flight; safe from any thread.

    Examples
    --------
    >>> queue = SliceQueue()
    >>> from types import SimpleNamespace
    >>> a, b, c, d = (SimpleNamespace(key=None, value=b"ten bytes!", headers=()) for _ in range(4))
    >>> queue.put([a, b, c], 30)
    >>> queue.put([d], 10)
    >>> queue.take(max_events=2, max_bytes=100) == [a, b], queue.events, queue.size
    (True, 2, 20)
    >>> queue.take(max_events=9, max_bytes=100) == [c, d], queue.events, queue.size
    (True, 0, 0)
    """

    def __init__(self) -> None:
        self._slices: deque[tuple[Sequence[Any], int, float]] = deque()
        self.events = 0
        """Records in the queue."""
        self.size = 0
        """Bytes in the queue."""
        self.fetched: list[tuple[int, float]] = []
        """Of the batch taken last: how many of its records were fetched together, and when."""
        self._lock = Lock()  # the event loop puts, the thread of a batch takes

    def put(self, records: Sequence[Any], size: int, fetched_s: float = 0.0) -> None:
        """Append records that were fetched at a time; they have `size` bytes in total."""
        with self._lock:
            self._slices.append((records, size, fetched_s))
            self.events += len(records)
            self.size += size

    def take(self, *, max_events: int, max_bytes: int) -> list[Any]:
        """Return the next batch within both limits; at least one record if any is queued."""
        with self._lock:
            return self._take(max_events, max_bytes)

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._slices.clear()
            self.events = self.size = 0

    def _take(self, max_events: int, max_bytes: int) -> list[Any]:
        batch: list[Any] = []
        self.fetched = []
        room = max_bytes
        while self._slices and len(batch) < max_events:
            records, size, fetched_s = self._slices[0]
            count = _fitting(records, size, max_events - len(batch), room)
            if not count and batch:
                break
            count = max(count, 1)
            room -= self._cut(count)
            batch.extend(records[:count])
            self.fetched.append((count, fetched_s))
        return batch

    def _cut(self, count: int) -> int:
        """Remove the first records of the first slice; return their bytes."""
        records, size, fetched_s = self._slices.popleft()
        if count < len(records):
            rest = records[count:]
            left = size_of(rest)
            self._slices.appendleft((rest, left, fetched_s))
            size -= left
        self.events -= count
        self.size -= size
        return size


def size_of(records: Sequence[Any]) -> int:
    """Return the bytes of the records: keys, values and headers."""
    return sum([
        len(record.key or b"") + len(record.value or b"") + (_headers_size(record) if record.headers else 0)
        for record in records
    ])  # fmt: skip


def _headers_size(record: Any) -> int:  # noqa: ANN401 - any `Record`
    return sum(len(name) + len(value or b"") for name, value in record.headers)


def _fitting(records: Sequence[Any], size: int, max_events: int, max_bytes: int) -> int:
    """Count the leading records that fit; visits single records only if the slice does not fit as a whole."""
    if size <= max_bytes:
        return min(len(records), max_events)
    count = 0
    for record in records[:max_events]:
        max_bytes -= size_of([record])
        if max_bytes < 0:
            break
        count += 1
    return count
