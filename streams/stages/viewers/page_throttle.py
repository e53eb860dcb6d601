"""Page throttle: a viewer's first change is published at once, later changes at most once an interval.

Each page opens a window of ``page_interval_s``. A viewer whose taste changes while the window is open gets no
page yet: it becomes *pending* (a trailing-edge throttle). A pending page is a small row of the partition
(:data:`streams.stages.wire.partition_rows.PENDING_PAGE`), written in the transaction of the batch that
deferred it and deleted in the transaction of the page, so after a crash or a rebalance exactly the pages that
were not made are pending. Several events of a window make one pending page, which names the last of them.

When the window ends, the page is made along with the next batch, or in a transaction of its own if no batch
comes (:class:`streams.engine.stage.HasDeferredOutput`). Windows end in steps of a sixteenth of the interval,
so that one transaction flushes several pages. Windows are processing time, by the worker's monotonic clock,
and known to the process alone: after a restart every pending page is due, and a first change is published at
once. So a viewer gets one page an interval, and one more where the partition moved.
"""

import heapq
import math
import time
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from online_models.tables.layout import I8
from streams.engine.stage import Record, Row, StateView
from streams.stages.wire.partition_rows import PENDING_PAGE
from streams.telemetry.metrics import Metrics

__all__ = [
    "Clock", "PageRequests", "PageThrottle", "PendingPage", "SentAt", "latest", "requests_of", "timestamp_of",
]  # fmt: skip

STEPS = 16
"""Ends of windows in an interval: a page comes at most 6 % of it later, and a quiet partition flushes at most
16 times an interval. A power of two: steps are exact floating-point numbers."""

Clock = Callable[[], float]
"""Seconds from any origin, never backwards."""

PageRequests = I8
"""[n, 3] the viewer's slot, and offset and time (ms) of the event that asks for a page."""

SentAt = Callable[[int], int]
"""Returns the timestamp (ms) of the record at an offset; 0: unknown."""

_SLOT, _EVENT = 0, 1  # columns of requests
_OFFSET = attrgetter("offset")


class PendingPage(NamedTuple):
    """A deferred page."""

    viewer_id: str
    offset: int
    """Of the last event that asks for it."""
    at: int
    """Time of that event, ms."""
    due: float
    """End of the window, by the clock."""
    sent_ms: int = 0
    """Timestamp of the event's record, from which the page's freshness is measured; 0: unknown."""


class PageThrottle:
    """Windows and pending pages of one partition.

    Parameters
    ----------
    store
        Rows of the pending pages.
    interval_s
        Least seconds between two pages of a viewer; 0 for no throttle.
    metrics
        Counts pending pages.
    clock
        Of the windows.

    Examples
    --------
    >>> from streams.telemetry.metrics import Metrics
    >>> class Empty(dict):
    ...     def scan(self, prefix): return iter(())
    >>> now = [10.0]
    >>> throttle = PageThrottle(Empty(), 1.0, Metrics(), clock=lambda: now[0])
    >>> ids = ["ada", "bob"]
    >>> throttle.admit(requests_of([0, 1], [7, 8], [10**12, 10**12]), ids).tolist()
    [[0, 7, 1000000000000], [1, 8, 1000000000000]]
    >>> now[0] = 10.25
    >>> throttle.admit(requests_of([0], [9], [10**12]), ids).tolist(), throttle.due_s()
    ([], 0.75)
    >>> now[0] = 11.5
    >>> throttle.due_s(), [(page.viewer_id, page.offset) for page in throttle.take_due(100)], throttle.due_s()
    (0.0, [('ada', 9)], None)
    """

    def __init__(
        self, store: StateView, interval_s: float, metrics: Metrics, *, clock: Clock = time.monotonic
    ) -> None:
        self._interval_s, self._clock, self.metrics = interval_s, clock, metrics
        self._windows = OrderedDict[str, float]()  # open windows and their ends, ordered by end
        self._pending: dict[str, PendingPage] = {}
        self._order: list[
            tuple[float, str]
        ] = []  # a heap by due time; entries without a pending page are skipped
        self._rows: list[Row] = []
        for viewer_id, (offset, at, sent_ms) in PENDING_PAGE.members(store):
            self._defer(PendingPage(viewer_id, offset, at, 0.0, sent_ms))

    def admit(
        self, requests: PageRequests, ids: Sequence[str], sent_at: SentAt = lambda _: 0
    ) -> PageRequests:
        """Return the requests whose page is made now; the pages of the others become pending.

        Parameters
        ----------
        requests
            Ascending by offset.
        ids
            Viewers' ids by slot.
        sent_at
            Timestamps of the records that ask. Default: unknown.
        """
        if not self._interval_s and not self._pending:
            return requests
        ends = self._next_end()
        self._close_windows()
        now = []
        for n, (slot, offset, at) in enumerate(requests.tolist()):
            viewer_id = ids[slot]
            if viewer_id in self._windows:
                due = self._windows[viewer_id]
                sent_ms = sent_at(offset)
                self._defer(PendingPage(viewer_id, offset, at, due, sent_ms))
                self._rows.append(PENDING_PAGE.row((offset, at, sent_ms), viewer_id))
            else:
                self._remove(viewer_id)
                self._open_window(viewer_id, ends)
                now.append(n)
        return requests[now]

    def due_s(self) -> float | None:
        """Return the seconds until a page is due, 0 when one is; None where none is pending."""
        while self._order and not self._is_pending(*self._order[0]):
            heapq.heappop(self._order)
        return max(0.0, self._order[0][0] - self._clock()) if self._order else None

    def take_due(self, limit: int) -> list[PendingPage]:
        """Remove and return at most `limit` due pages, longest due first."""
        self._close_windows()
        taken: list[PendingPage] = []
        ends = self._next_end()
        while len(taken) < limit and self.due_s() == 0.0:
            taken.append(self._pending[self._order[0][1]])
            self._remove(taken[-1].viewer_id)
            self._open_window(taken[-1].viewer_id, ends)
        return taken

    def take_all(self) -> list[PendingPage]:
        """Remove and return all pending pages, due or not, in the order of the events."""
        ends = self._next_end()
        taken = sorted(self._pending.values(), key=lambda page: page.offset)
        for page in taken:
            self._remove(page.viewer_id)
            self._open_window(page.viewer_id, ends)
        return taken

    def take_rows(self) -> list[Row]:
        """Return the rows that changed since the last call."""
        rows, self._rows = self._rows, []
        return rows

    def forget(self, viewer_id: str) -> list[Row]:
        """Forget a viewer's window and pending page; return the rows that changed."""
        self._remove(viewer_id)
        self._windows.pop(viewer_id, None)
        return self.take_rows()

    def close(self) -> None:
        """Drop all pending pages from the metric: another worker has the partition."""
        self.metrics.pages_pending.dec(len(self._pending))
        self._pending.clear()

    def _defer(self, page: PendingPage) -> None:
        if page.viewer_id not in self._pending:
            heapq.heappush(self._order, (page.due, page.viewer_id))
            self.metrics.pages_pending.inc()
        self._pending[page.viewer_id] = page

    def _remove(self, viewer_id: str) -> None:
        if self._pending.pop(viewer_id, None) is not None:
            self._rows.append(PENDING_PAGE.no_row(viewer_id))
            self.metrics.pages_pending.dec()

    def _is_pending(self, due: float, viewer_id: str) -> bool:
        page = self._pending.get(viewer_id)
        return page is not None and page.due == due

    def _next_end(self) -> float:
        """Return the end of windows that open now."""
        ends, step = self._clock() + self._interval_s, self._interval_s / STEPS
        return math.ceil(ends / step) * step if step else ends

    def _open_window(self, viewer_id: str, ends: float) -> None:
        self._windows.pop(viewer_id, None)  # so that it goes to the end of the order
        if self._interval_s:
            self._windows[viewer_id] = ends

    def _close_windows(self) -> None:
        now = self._clock()
        while self._windows and next(iter(self._windows.values())) <= now:
            self._windows.popitem(last=False)


def timestamp_of(records: Sequence[Record], offset: int) -> int:
    """Return the timestamp of the record at an offset (ms); 0 where it is before 1970, as for unknown ones.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> records = [SimpleNamespace(offset=offset, timestamp=10**12 + offset) for offset in (3, 7)]
    >>> timestamp_of(records, 7)
    1000000000007
    """
    return max(0, records[bisect_left(records, offset, key=_OFFSET)].timestamp)


def requests_of(slots: ArrayLike, offsets: ArrayLike, at: ArrayLike) -> PageRequests:
    """Return requests by their columns [n]."""
    return np.stack(np.broadcast_arrays(slots, offsets, at), axis=1, dtype=np.int64)


def latest(requests: PageRequests, *, by_event: bool) -> PageRequests:
    """Return requests by offset: the last one of each viewer, or the last one of each event.

    Examples
    --------
    >>> requests = requests_of([0, 1, 0], [9, 7, 8], 5)
    >>> latest(requests, by_event=False).tolist(), len(latest(requests, by_event=True))
    ([[1, 7, 5], [0, 9, 5]], 3)
    """
    ordered = requests[np.argsort(requests[:, _EVENT], kind="stable")]
    names = ordered[:, _EVENT if by_event else _SLOT].tolist()
    return ordered[[*dict(zip(names, range(len(names)), strict=True)).values()]]
