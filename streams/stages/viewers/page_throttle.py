"""Pages have a budget: a viewer's first change is published at once, what follows at most once an interval.

Each page opens a window of ``page_interval_s``. A viewer whose taste moves while the window is open gets no
page: it is *owed*. The debt is a small row of the partition (:data:`streams.stages.wire.partition_rows.OWED`),
written in the transaction of the batch that made it and deleted in that of the page that pays it, so that
whoever has the partition after a crash or a rebalance owes exactly what is not paid. Several events of a
window are one debt, and its page names the last of them.

When the window is over, the debt is paid along with the next batch, or by itself if none comes
(:class:`streams.engine.stage.HasDeferredOutput`). Windows end in steps of a sixteenth of the interval, so that one
transaction pays several. They are of processing time, by the worker's monotonic clock, and known to the
process alone: after a restart everything that is owed is due, and a first change is published at once. So a
viewer gets one page an interval, and one more where the partition moved.
"""

import heapq
import math
import time
from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import NamedTuple

from streams.engine.stage import Outcome, Row, StateView
from streams.stages.versions.cutover import VersionedStep
from streams.stages.versions.handover import Predecessor
from streams.stages.versions.own import Standing
from streams.stages.wire.partition_rows import OWED
from streams.telemetry.metrics import Metrics

__all__ = ["Clock", "Moved", "PageThrottle", "PendingPage", "ThrottledStep", "latest"]

STEPS = 16
"""Ends of windows in an interval: a page comes 6 % of it later at most, and a quiet partition pays at most 16
times. A power of two: steps are exact numbers."""

Clock = Callable[[], float]
"""Seconds from any beginning, never backwards."""

Moved = tuple[int, int, int]
"""What asks for a page: the viewer's slot, offset and time (ms) of the event."""


_BY_OFFSET = itemgetter(1)


class PendingPage(NamedTuple):
    """A page that a viewer is owed."""

    viewer_id: str
    offset: int
    """Of the last event that asks for it."""
    at: int
    """Its time, ms."""
    due: float
    """When the window is over, by the clock."""


class PageThrottle:
    """Windows and debts of one partition.

    Parameters
    ----------
    store
        Where debts were left.
    interval_s
        Least seconds between two pages of a viewer; 0 for any number of pages.
    metrics
        Where debts are counted.
    clock
        Of the windows.

    Examples
    --------
    >>> from streams.telemetry.metrics import Metrics
    >>> class Empty(dict):
    ...     def scan(self, prefix): return iter(())
    >>> now = [10.0]
    >>> budget = Budget(Empty(), 1.0, Metrics(), clock=lambda: now[0])
    >>> ids = ["ada", "bob"]
    >>> budget.share_out([(0, 7, 10**12), (1, 8, 10**12)], ids)
    [(0, 7, 1000000000000), (1, 8, 1000000000000)]
    >>> now[0] = 10.25
    >>> budget.share_out([(0, 9, 10**12)], ids), budget.due_s()
    ([], 0.75)
    >>> now[0] = 11.5
    >>> budget.due_s(), [(debt.viewer_id, debt.offset) for debt in budget.take_due(100)], budget.due_s()
    (0.0, [('ada', 9)], None)
    """

    def __init__(
        self, store: StateView, interval_s: float, metrics: Metrics, *, clock: Clock = time.monotonic
    ) -> None:
        self._interval_s, self._clock, self.metrics = interval_s, clock, metrics
        self._windows = OrderedDict[str, float]()  # open ones and when they end, which is their order
        self._owed: dict[str, PendingPage] = {}
        self._order: list[tuple[float, str]] = []  # a heap; entries of debts that are paid stay until met
        self._rows: list[Row] = []
        for viewer_id, (offset, at) in OWED.members(store):
            self._owe(PendingPage(viewer_id, offset, at, 0.0))

    def share_out(self, moved: Sequence[Moved], ids: Sequence[str]) -> list[Moved]:
        """Return what gets its page now; the rest is owed from here on.

        Parameters
        ----------
        moved
            Ascending by offset.
        ids
            Viewers' ids by slot.
        """
        if not self._interval_s and not self._owed:
            return list(moved)
        ends = self._next_end()
        self._close_windows()
        now = []
        for one in moved:
            slot, offset, at = one
            viewer_id = ids[slot]
            if viewer_id in self._windows:
                due = self._windows[viewer_id]
                self._owe(PendingPage(viewer_id, offset, at, due))
                self._rows.append(OWED.row((offset, at), viewer_id))
            else:
                self._strike(viewer_id)
                self._open_window(viewer_id, ends)
                now.append(one)
        return now

    def due_s(self) -> float | None:
        """Return the seconds until a page is due, 0 when one is; None where nothing is owed."""
        while self._order and not self._is_owed(*self._order[0]):
            heapq.heappop(self._order)
        return max(0.0, self._order[0][0] - self._clock()) if self._order else None

    def take_due(self, most: int) -> list[PendingPage]:
        """Strike out and return what is due, what has been due for longest first."""
        self._close_windows()
        taken: list[PendingPage] = []
        ends = self._next_end()
        while len(taken) < most and self.due_s() == 0.0:
            taken.append(self._owed[self._order[0][1]])
            self._strike(taken[-1].viewer_id)
            self._open_window(taken[-1].viewer_id, ends)
        return taken

    def take_all(self) -> list[PendingPage]:
        """Strike out and return everything that is owed, due or not, in the order of the events."""
        ends = self._next_end()
        taken = sorted(self._owed.values(), key=lambda debt: debt.offset)
        for debt in taken:
            self._strike(debt.viewer_id)
            self._open_window(debt.viewer_id, ends)
        return taken

    def take_rows(self) -> list[Row]:
        """Return the rows that changed since they were last taken."""
        rows, self._rows = self._rows, []
        return rows

    def forget(self, viewer_id: str) -> list[Row]:
        """Let a viewer be one whom nobody knows; return the rows."""
        self._strike(viewer_id)
        self._windows.pop(viewer_id, None)
        return self.take_rows()

    def close(self) -> None:
        """Count the debts no longer: another worker has them."""
        self.metrics.pages_pending.dec(len(self._owed))
        self._owed.clear()

    def _owe(self, debt: PendingPage) -> None:
        if debt.viewer_id not in self._owed:
            heapq.heappush(self._order, (debt.due, debt.viewer_id))
            self.metrics.pages_pending.inc()
        self._owed[debt.viewer_id] = debt

    def _strike(self, viewer_id: str) -> None:
        if self._owed.pop(viewer_id, None) is not None:
            self._rows.append(OWED.no_row(viewer_id))
            self.metrics.pages_pending.dec()

    def _is_owed(self, due: float, viewer_id: str) -> bool:
        debt = self._owed.get(viewer_id)
        return debt is not None and debt.due == due

    def _next_end(self) -> float:
        """Return when windows end that open now."""
        ends, step = self._clock() + self._interval_s, self._interval_s / STEPS
        return math.ceil(ends / step) * step if step else ends

    def _open_window(self, viewer_id: str, ends: float) -> None:
        self._windows.pop(viewer_id, None)  # to the end of the order
        if self._interval_s:
            self._windows[viewer_id] = ends

    def _close_windows(self) -> None:
        now = self._clock()
        while self._windows and next(iter(self._windows.values())) <= now:
            self._windows.popitem(last=False)


class ThrottledStep(VersionedStep):
    """A step whose pages have a budget (`streams.engine.stage.HasDeferredOutput`).

    A version that does not publish owes nothing.

    Parameters
    ----------
    store, versions, wait_for
        As for `VersionedStep`.
    budget
        The partition's.
    most
        Pages that are paid at once.
    """

    def __init__(
        self,
        store: StateView,
        versions: Standing,
        wait_for: Callable[[Predecessor | None], None],
        budget: PageThrottle,
        *,
        most: int,
    ) -> None:
        super().__init__(store, versions, wait_for)
        self._budget, self._most = budget, most

    @abstractmethod
    def paid(self, debts: Sequence[PendingPage]) -> Outcome:
        """Make the pages of debts, at least one."""

    def due_s(self) -> float | None:
        """Return the seconds until a page is due."""
        return None if self.silent else self._budget.due_s()

    def flush_due(self) -> Outcome:
        """Make the pages that are due."""
        return self._paid(self._budget.take_due(self._most))

    def settle(self) -> Outcome:
        """Make all pages that are owed, due or not."""
        return self.discard_pending() if self.silent else self._paid(self._budget.take_all())

    def discard_pending(self) -> Outcome:
        """Strike out all pages that are owed: their viewers get one with their next event."""
        self._budget.take_all()
        return Outcome(rows=self._budget.take_rows())

    def _paid(self, debts: Sequence[PendingPage]) -> Outcome:
        out = Outcome(rows=self._budget.take_rows())
        if debts:
            out.add(self.paid(debts))
            self._budget.metrics.pages_flushed.inc(len(debts))
        return out


def latest(moved: list[Moved], *, by_event: bool) -> list[Moved]:
    """Return what asks for a page in order: each viewer's last event, or every event.

    Examples
    --------
    >>> moved = [(0, 9, 5), (1, 7, 5), (0, 8, 5)]
    >>> latest(moved, by_event=False), len(latest(moved, by_event=True))
    ([(1, 7, 5), (0, 9, 5)], 3)
    """
    moved = sorted(moved, key=_BY_OFFSET)
    return list({one[1] if by_event else one[0]: one for one in moved}.values())
