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
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from operator import attrgetter, itemgetter
from typing import Final, NamedTuple

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
_timestamp = attrgetter("timestamp")
_Trace = Callable[[Sequence[TracedRecord], str], Mapping[int, SpanIds]]
"""``(records, operation) -> spans by offset``."""
_NO_SPANS: Final[Mapping[int, SpanIds]] = {}


class Committed(NamedTuple):
    """A batch that was committed."""

    records: Sequence[Record]
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

    def fetch_ms(self, offset: int) -> float:
        """Return when a record was fetched; when its batch began, if that is unknown."""
        place = bisect_left(self.fetched, offset, key=_end) if len(self.fetched) > 1 else 0
        if place == len(self.fetched) or offset > self.fetched[place][0]:
            return self.began_ms
        return self.zero_ms + 1000 * self.fetched[place][1]


class Freshness:
    """Observes the pages of one partition.

    Parameters
    ----------
    metrics
        Metrics of the worker.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._whole, self._part = metrics.freshness, metrics.freshness_part
        self._ways: deque[_Way] = deque(maxlen=WAYS)
        self._lasts: deque[int] = deque(maxlen=WAYS)  # last offset of each
        self._traced: dict[int, TracedRecord] = {}

    def observe(self, batch: Committed, trace: _Trace) -> None:
        """Observe the pages of a committed batch; `trace` makes spans of records, and returns their ids."""
        records, outcome = batch.records, batch.outcome
        start, stepped, committed, _ = batch.times
        zero_ms = batch.committed_ms - 1000 * committed
        began_ms = zero_ms + 1000 * start
        spans = trace(records, "process") if records else _NO_SPANS
        if records:
            self._ways.append(_Way(records[0].offset, batch.fetched, zero_ms, began_ms))
            self._lasts.append(records[-1].offset)
        if outcome.causes:
            self._observe_immediate(batch, spans)
        if spans:
            self._keep_traced(records, spans)
        if outcome.deferred_causes:
            self._observe_deferred(batch, began_ms, trace)
        if pages := len(outcome.causes) + len(outcome.deferred_causes):
            self._part.observe_same("step", stepped - start, pages)
            self._part.observe_same("transaction", committed - stepped, pages)

    def _observe_immediate(self, batch: Committed, spans: Mapping[int, SpanIds]) -> None:
        """Observe pages that records of this batch caused."""
        records, causes, way, committed_ms = (
            batch.records, batch.outcome.causes, self._ways[-1], batch.committed_ms
        )  # fmt: skip
        if records[-1].offset - way.first == len(records) - 1:  # as good as always: no offset is left out
            first = way.first
            sent = [records[offset - first].timestamp for offset in causes]
        else:
            timestamps = dict(zip(map(_offset, records), map(_timestamp, records), strict=True))
            sent = [timestamps[offset] for offset in causes]
        ids = {n: spans[offset] for n, offset in enumerate(causes) if offset in spans} if spans else {}
        self._whole.observe("false", [(committed_ms - at) / 1000 for at in sent], ids)
        if len(way.fetched) <= 1:  # the usual case: all were fetched together
            fetch_ms = way.fetch_ms(causes[0])
            self._part.observe("topic", [(fetch_ms - at) / 1000 for at in sent])
            self._part.observe_same("queue", (way.began_ms - fetch_ms) / 1000, len(causes))
            return
        fetched = [way.fetch_ms(offset) for offset in causes]
        self._part.observe("topic", [(to - at) / 1000 for at, to in zip(sent, fetched, strict=True)])
        self._part.observe("queue", [(way.began_ms - at) / 1000 for at in fetched])

    def _observe_deferred(self, batch: Committed, began_ms: float, trace: _Trace) -> None:
        """Observe pages that were held back; without a timestamp of their cause they are left out."""
        causes = [cause for cause in batch.outcome.deferred_causes if cause[1]]
        records = [record for offset, _ in causes if (record := self._traced.pop(offset, None)) is not None]
        spans = trace(records, "flush") if records else _NO_SPANS
        times = [(sent, *self._times_of(offset, sent)) for offset, sent in causes]
        ids = {n: spans[offset] for n, (offset, _) in enumerate(causes) if offset in spans} if spans else {}
        self._whole.observe("true", [(batch.committed_ms - sent) / 1000 for sent, _, _ in times], ids)
        self._part.observe("topic", [(fetched - sent) / 1000 for sent, fetched, _ in times])
        self._part.observe("queue", [(own - fetched) / 1000 for _, fetched, own in times])
        self._part.observe("throttle", [(began_ms - own) / 1000 for _, _, own in times])

    def _times_of(self, offset: int, sent_ms: int) -> tuple[float, float]:
        """Return when a record was fetched, and when its batch began; its own time where that is unknown."""
        place = bisect_left(self._lasts, offset)
        if place == len(self._ways) or offset < self._ways[place].first:
            return sent_ms, sent_ms
        return self._ways[place].fetch_ms(offset), self._ways[place].began_ms

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
