"""Freshness: how long after its event a page is committed, and where the time went.

The time of a page runs from the timestamp of the record that caused it to the commit of its transaction. A
record that causes no page is not counted, and a page that was held back is counted when it is published. The
way of a page has parts, which add up to the whole:

===========  =========================================================================================
topic        from the timestamp of the record until it was fetched
queue        from there to the start of its batch
throttle     of a page that was held back: from there to the start of the batch that published it
step         computing the batch that published it
transaction  from the end of the step to the commit
===========  =========================================================================================
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from operator import attrgetter, itemgetter
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.engine.stage import Outcome, Record
from streams.telemetry.metrics import Metrics
from streams.telemetry.tracing import SpanIds, TracedRecord

__all__ = ["WAYS", "Committed", "Freshness", "fetch_times"]

WAYS: Final = 1_024
"""Batches whose times are kept for pages that are held back: at 5 ms a batch, the shortest that a busy
partition makes, five seconds. Of an older one the whole wait counts as `throttle`."""
TRACES: Final = 1_024
"""Traced records that are kept until their page is published: 32 a batch (`streams.telemetry.tracing`)."""

_end = itemgetter(0)
_offset = attrgetter("offset")
_Trace = Callable[[Sequence[TracedRecord], str], Mapping[int, SpanIds]]
"""``(records, operation) -> spans by offset``."""
_Seconds = NDArray[np.float64]
_Waits = tuple[_Seconds, _Seconds, _Seconds, _Seconds]
"""Seconds of pages from the event to the commit, and of these in the topic, in the queue, and held back."""
_NO_SPANS: Final[Mapping[int, SpanIds]] = {}


class Committed(NamedTuple):
    """A batch that was committed."""

    records: Sequence[Record]
    sent_ms: NDArray[np.int64]
    """Their timestamps."""
    outcome: Outcome
    times: Sequence[float]
    """Start of the step, its end, the commit, the end of the write to the store (`time.perf_counter`)."""
    committed_ms: int
    """Time of the commit (UTC, ms)."""
    fetched: Sequence[tuple[int, float]]
    """Last offset of each slice of the records, and when it was fetched (`time.perf_counter`)."""


class _Way(NamedTuple):
    """When the records of a batch were fetched, and when their batch began."""

    first: int
    fetched: Sequence[tuple[int, float]]
    """Of :class:`Committed`."""
    zero_ms: float
    """Time at which `time.perf_counter` was 0 (UTC, ms)."""
    began_ms: float
    """UTC, ms."""
    together_ms: float | None
    """When all were fetched (UTC, ms), if in one slice: the usual case."""

    def fetch_ms(self, offset: int) -> float:
        """Return when a record was fetched; when its batch began, if that is unknown."""
        if self.together_ms is not None:
            return self.together_ms
        fetched = self.fetched
        place = bisect_left(fetched, offset, key=_end)
        if place == len(fetched) or offset > fetched[place][0]:
            return self.began_ms
        return self.zero_ms + 1000 * fetched[place][1]


class Freshness:
    """Observes the pages of one partition.

    Parameters
    ----------
    metrics
        Metrics of the worker.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._whole, self._part = metrics.freshness, metrics.freshness_part
        self._ways: list[_Way] = []  # of the last WAYS batches, and some older ones
        self._lasts: list[int] = []  # last offset of each
        self._traced: dict[int, TracedRecord] = {}

    def observe(self, batch: Committed, trace: _Trace) -> None:
        """Observe the pages of a committed batch; `trace` makes spans of records, and returns their ids."""
        records, outcome = batch.records, batch.outcome
        causes, deferred = outcome.causes, outcome.deferred_causes
        start, stepped, committed, _ = batch.times
        zero_ms = batch.committed_ms - 1000 * committed
        began_ms = zero_ms + 1000 * start
        spans = trace(records, "process") if records else _NO_SPANS
        if records:
            self._add_way(batch, zero_ms, began_ms)
        waits: list[_Waits] = []
        if causes:
            waits.append(self._immediate(batch))
            ids = {n: spans[offset] for n, offset in enumerate(causes) if offset in spans} if spans else {}
            self._whole.observe("false", waits[0][0], ids)
        if spans:
            self._keep_traced(records, spans)
        if deferred:
            waits.append(self._deferred(batch, began_ms))
            ids = self._exemplars(deferred, trace) if self._traced else {}
            self._whole.observe("true", waits[-1][0], ids)
        if pages := len(causes) + len(deferred):
            _, topic, queue, throttle = map(np.concatenate, zip(*waits, strict=True))
            self._part.observe_each({
                "topic": topic, "queue": queue, "throttle": throttle,
                "step": np.full(pages, stepped - start),
                "transaction": np.full(pages, committed - stepped),
            })  # fmt: skip

    def _add_way(self, batch: Committed, zero_ms: float, began_ms: float) -> None:
        """Keep when the records of a batch were fetched: in lists, which are searched faster than queues."""
        fetched, last = batch.fetched, batch.records[-1].offset
        together_ms = None
        if len(fetched) == 1 and fetched[0][0] >= last:
            together_ms = zero_ms + 1000 * fetched[0][1]
        self._ways.append(_Way(batch.records[0].offset, fetched, zero_ms, began_ms, together_ms))
        self._lasts.append(last)
        if len(self._ways) == 2 * WAYS:
            del self._ways[:WAYS], self._lasts[:WAYS]

    def _immediate(self, batch: Committed) -> _Waits:
        """Return the seconds of the pages that records of this batch caused."""
        records, way, committed_ms = batch.records, self._ways[-1], batch.committed_ms
        causes = np.array(batch.outcome.causes, np.int64)
        place = causes - way.first
        if records[-1].offset - way.first != len(records) - 1:  # seldom: an offset is left out
            place = np.searchsorted(np.fromiter(map(_offset, records), np.int64, len(records)), causes)
        sent = batch.sent_ms[place]
        fetched: _Seconds | float
        if way.together_ms is not None:
            fetched = way.together_ms
        else:
            ends = np.array([end for end, _ in way.fetched], np.int64)
            times = np.array([*(way.zero_ms + 1000 * at for _, at in way.fetched), way.began_ms])
            fetched = times[np.searchsorted(ends, causes)]
        queue = np.broadcast_to((way.began_ms - fetched) / 1000, sent.shape)
        return (committed_ms - sent) / 1000, (fetched - sent) / 1000, queue, np.empty(0)

    def _deferred(self, batch: Committed, began_ms: float) -> _Waits:
        """Return the seconds of pages that were held back.

        Without a timestamp of their cause they are left out.
        """
        ways, lasts = self._ways, self._lasts
        oldest = max(0, len(ways) - WAYS)
        times = []
        for offset, sent in batch.outcome.deferred_causes:
            if not sent:
                continue
            place = bisect_left(lasts, offset, oldest)
            fetched = own = float(sent)  # where its batch is unknown
            if place < len(ways) and offset >= (way := ways[place]).first:
                together_ms, own = way.together_ms, way.began_ms
                fetched = way.fetch_ms(offset) if together_ms is None else together_ms
            times.append((sent, fetched, own))
        sent_ms, fetched_ms, own_ms = np.array(times, np.float64).reshape(-1, 3).T
        return (
            (batch.committed_ms - sent_ms) / 1000, (fetched_ms - sent_ms) / 1000,
            (own_ms - fetched_ms) / 1000, (began_ms - own_ms) / 1000,
        )  # fmt: skip

    def _exemplars(self, deferred: Sequence[tuple[int, int]], trace: _Trace) -> dict[int, SpanIds]:
        """Make spans of the traced pages that were held back; return their ids by place among the pages."""
        offsets = [offset for offset, sent in deferred if sent]
        traced = {n: self._traced.pop(offset) for n, offset in enumerate(offsets) if offset in self._traced}
        spans = trace(list(traced.values()), "flush") if traced else _NO_SPANS
        return {n: spans[record.offset] for n, record in traced.items() if record.offset in spans}

    def _keep_traced(self, records: Sequence[Record], spans: Mapping[int, SpanIds]) -> None:
        """Keep the traced records of a batch: their pages may be held back."""
        self._traced.update((record.offset, record) for record in records if record.offset in spans)
        for offset in list(self._traced)[:-TRACES]:
            del self._traced[offset]


def fetch_times(records: Sequence[Record], fetched: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Return the last offset of each slice, and when it was fetched.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> records = [SimpleNamespace(offset=offset) for offset in (3, 4, 7, 8)]
    >>> fetch_times(records, [(1, 0.5), (3, 0.75)])
    [(3, 0.5), (8, 0.75)]
    """
    ends = accumulate(count for count, _ in fetched)
    return [(records[end - 1].offset, at) for end, (_, at) in zip(ends, fetched, strict=True)]
