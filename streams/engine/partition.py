"""One source partition of a stage, in a worker thread: how it opens, and the effects of a batch in order."""

import time
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from operator import attrgetter
from threading import Event

import numpy as np
import structlog

from streams.engine.batch_metrics import PARTS, BatchMetrics
from streams.engine.changelog import Changelog, ends
from streams.engine.context import WorkerContext
from streams.engine.freshness import Committed, Freshness, fetch_times
from streams.engine.guarded_step import Computed, GuardedStep
from streams.engine.read_progress import ReadProgress
from streams.engine.restore import first_offset, restored
from streams.engine.stage import Record, StageSpec
from streams.engine.state import Store
from streams.engine.transactions import Transactions
from streams.errors import AbandonedError, StateError, StepFailedError
from streams.telemetry.tracing import Batch, SpanIds, TracedRecord

__all__ = ["FetchTimes", "Partition", "unapplied"]

_LOG = structlog.get_logger(__name__)

_offset, _timestamp = attrgetter("offset"), attrgetter("timestamp")

FetchTimes = Sequence[tuple[int, float]]
"""How many records of a batch were fetched together, and when (`time.perf_counter`)."""


class Partition:
    """The state and the effects of one source partition; used by one thread at a time.

    Parameters
    ----------
    spec
        The stage.
    number
        Number of the source partition.
    context
        What all partitions of the worker share.

    Attributes
    ----------
    applied
        Source offset of the last record whose effects are committed; -1 before the first.
    read_progress
        Progress of the restore.
    fencing
        Whether the previous owner is being fenced at the moment; any thread may read it.
    """

    def __init__(self, spec: StageSpec, number: int, context: WorkerContext) -> None:
        self.spec, self.number = spec, number
        self.applied, self._first, self.fencing = -1, 0, False
        self._context, self._log = context, _LOG.bind(stage=spec.name, partition=number)
        self._folder = context.state_dir / spec.name / str(number)
        self._abandoned, self._owned = False, Event()
        self._owned.set()
        self._store: Store | None = None
        self._step: GuardedStep | None = None
        self._transactions: Transactions | None = None
        self.read_progress = ReadProgress(f"{spec.name} partition {number}")
        self._metrics = BatchMetrics(context.metrics, spec.name, number)
        self._freshness = Freshness(context.metrics)

    @property
    def position(self) -> int:
        """Return the next source offset to read."""
        return max(self.applied + 1, self._first)

    @property
    def progress(self) -> str:
        """Return how far the opening is, as a line of text."""
        if self._store is None:
            return str(self.read_progress)
        return f"{self.read_progress.name}: restored, its step is being made"

    def open(self) -> None:
        """Fence the previous owner, restore the state, check the source, make the step.

        Raises
        ------
        AbandonedError
            :meth:`abandon` was called meanwhile.
        SourceRecreatedError
            The state reaches beyond the end of the source.
        StreamError
            The state or the changelog cannot be used, or the topics have changed.
        """
        began = time.monotonic()
        spec, context = self.spec, self._context
        name = f"{context.group}.{spec.name}.{self.number}"
        self._transactions = Transactions(
            context.producer(name),
            changelog=spec.changelog,
            partition=self.number,
            dead_letters=spec.dead_letters,
            origin=context.origin(spec),
            name=name,
            failpoint=context.failpoint,
        )
        self._await_ownership()
        try:
            self._transactions.fence()
        finally:
            self.fencing = False
        self._restore()
        assert self._store is not None  # noqa: S101 - for the type checker
        step = spec.make_step(self.number, self._store)
        self._step = GuardedStep(spec, self.number, step, self._folder.with_suffix(".poison"))
        took = time.monotonic() - began
        context.metrics.restore_rows.labels(spec.name).inc(self.read_progress.rows)
        context.metrics.restore_seconds.labels(spec.name).observe(took)
        self._log.info(
            "partition_ready", applied=self.applied, rows=self.read_progress.rows, seconds=round(took, 3)
        )

    def hold(self) -> None:
        """Do not begin to fence until :meth:`release`: another worker may get the partition; from any thread.

        What has begun to fence goes on: wait while :attr:`fencing` is true.
        """
        if not self._abandoned:
            self._owned.clear()

    def release(self) -> None:
        """Allow to fence: the group has assigned the partition to this worker again; from any thread."""
        self._owned.set()

    def abandon(self) -> None:
        """Ask a running opening to end; safe from any thread."""
        self._abandoned = True
        self._owned.set()

    def max_events(self) -> int:
        """Return the maximum size of the next batch."""
        return self.spec.max_events if self._step is None else self._step.max_events(self.applied)

    def due_s(self) -> float | None:
        """Return the seconds until deferred output is due; None if none is pending."""
        return None if self._step is None else self._step.due_s()

    def process(self, records: Sequence[Record], fetched: FetchTimes = ()) -> None:
        """Carry a batch, and output that is due, through the order of effects of :mod:`streams.engine.stage`.

        Parameters
        ----------
        records
            The batch.
        fetched
            How many of them were fetched together, and when (`time.perf_counter`). Default: just now.

        Raises
        ------
        StepFailedError
            The step raised; the marker for the next process is written.
        StreamError
            Committing or writing failed. In any case the process has to end.
        """
        self.process_next(lambda: (records, fetched))

    def process_next(self, take: Callable[[], tuple[Sequence[Record], FetchTimes]]) -> Sequence[Record]:
        """Take a batch as soon as its step may run, and process it as :meth:`process` does; return it.

        What arrives while the step waits for a permit is part of the batch.
        """
        with self._context.step_permits.one(self.spec.yields_s):
            began = time.perf_counter()  # to wait for the permit is to wait in the queue
            records, fetched = take()
            batch = unapplied(records, self.applied)
            assert self._step is not None  # noqa: S101 - for the type checker
            if not batch and not self._step.flush_is_due():
                return records
            computed = self._step.compute(batch)
        self._apply(computed, began, fetch_times(records, fetched))
        return records

    def close(self) -> None:
        """Close the step, close the database, release the producer.

        If the database cannot write its last rows, or is found damaged, this is logged and not raised: the
        changelog has all rows, and the next owner of the database checks it.
        """
        if self._step is not None:
            self._step.close()
        try:
            if self._store is not None:
                self._store.close()
        except StateError as error:
            self._log.error("state_close_failed", why=str(error), next="the next start reads the changelog")
        self._step = self._store = self._transactions = None

    def _await_ownership(self) -> None:
        """Wait while the partition is held, then begin to fence.

        Between a check and `init_transactions` the group could move the partition, and this worker would
        fence the new owner. So `fencing` is set before the check: either this thread sees that the partition
        is held, or whoever holds it sees that fencing has begun, and waits.
        """
        while True:
            self.fencing = True
            if self._owned.is_set() and not self._abandoned:
                return
            self.fencing = False
            if self._abandoned:
                what = f"partition {self.number} of {self.spec.source} was revoked before it was opened"
                raise AbandonedError(what, next_step="nothing: another worker opens it")
            self._owned.wait()

    def _restore(self) -> None:
        """Bring the store up to date and find the position in the source."""
        spec, context = self.spec, self._context
        consumer = context.consumer()
        try:
            log = Changelog(
                consumer, spec.changelog, self.number, lambda: self._abandoned, self.read_progress
            )
            self._store = restored(self._folder, spec, log, context)
            self.applied = self._store.applied
            low, high = ends(consumer, spec.source, self.number)
        finally:
            consumer.close()
        self._first, missing = first_offset(spec, self.number, self.applied, low, high)
        if missing:
            context.metrics.gap_records.labels(spec.name).inc(missing)
            self._log.error(
                "source_gap", missing=missing, applied=self.applied, first=low, next="raise retention.ms"
            )

    def _apply(self, computed: Computed, began: float, fetched: FetchTimes) -> None:
        """Commit what was computed, then write it to the store."""
        assert self._transactions is not None and self._store is not None and self._step is not None  # noqa: S101, PT018
        outcome, batch, blamed = computed
        times = [began, time.perf_counter()]
        applied = batch[-1].offset if batch else self.applied
        try:
            position = self._transactions.commit(outcome, applied)
        except StepFailedError as error:
            self._step.blame(blamed, error)
            raise
        times.append(time.perf_counter())
        committed_ms = self._context.now_ms()
        self._context.failpoint("after_commit")
        self._store.write(outcome.rows, applied=applied, changelog_position=position)
        self._store.erase(outcome.erased)
        self._context.failpoint("after_store")
        times.append(time.perf_counter())
        self.applied = applied
        sent_ms = np.fromiter(map(_timestamp, batch), np.int64, len(batch))
        self._observe(Committed(batch, sent_ms, outcome, times, committed_ms, fetched))
        self._step.forget_blame(applied)

    def _observe(self, batch: Committed) -> None:
        """Update metrics and traces with a committed batch."""
        took = {part: end - start for part, (start, end) in zip(PARTS, pairwise(batch.times), strict=True)}
        letters = batch.outcome.dead_letters
        self._metrics.observe(batch.sent_ms, letters, took, applied=self.applied, now_ms=batch.committed_ms)

        def trace(records: Sequence[TracedRecord], operation: str) -> Mapping[int, SpanIds]:
            spec = self.spec
            return self._context.trace(Batch(spec.name, spec.source, self.number, records, took, operation))

        self._freshness.observe(batch, trace)


def unapplied(records: Sequence[Record], applied: int) -> Sequence[Record]:
    """Drop the records at or below the applied offset; free of cost where all of them are above it.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> records = [SimpleNamespace(offset=offset) for offset in (3, 4, 7, 8)]
    >>> [len(unapplied(records, applied)) for applied in (-1, 2, 4, 5, 8)]
    [4, 4, 2, 2, 0]
    """
    if not records or records[0].offset > applied:
        return records
    return records[bisect_right(records, applied, key=_offset) :]
