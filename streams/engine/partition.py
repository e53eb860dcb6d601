"""One source partition of a stage, in the worker thread: opening it, and a batch's effects in order."""

import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from operator import attrgetter

import numpy as np
import structlog

from streams.engine.changelog import Changelog, ends
from streams.engine.context import WorkerContext
from streams.engine.dead_letters import poison_letter
from streams.engine.poison_marker import PAYMENT, PoisonMarker
from streams.engine.read_progress import ReadProgress
from streams.engine.restore import first_offset, restored
from streams.engine.stage import HasDeferredOutput, Outcome, Record, StageSpec, Step
from streams.engine.state import Store
from streams.engine.transactions import Transactions
from streams.errors import AbandonedError, StateError, StepFailedError, StreamError
from streams.telemetry.tracing import Batch

__all__ = ["Partition", "unapplied"]

_LOG = structlog.get_logger(__name__)

_offset = attrgetter("offset")
_timestamp = attrgetter("timestamp")


class Partition:
    """The state and the effects of one source partition; used by one thread at a time.

    Parameters
    ----------
    spec
        The stage.
    number
        Which source partition.
    around
        What all partitions of the worker share.

    Attributes
    ----------
    applied
        Source offset of the last record whose effects are committed; -1 before the first.
    read_progress
        How far the restore is.
    fencing
        Whether the previous owner is being fenced just now; may be asked from any thread.
    """

    def __init__(self, spec: StageSpec, number: int, around: WorkerContext) -> None:
        self.spec, self.number = spec, number
        self.applied, self._first, self.fencing = -1, 0, False
        self._around, self._log = around, _LOG.bind(stage=spec.name, partition=number)
        self._folder = around.state_dir / spec.name / str(number)
        self._marker = self._folder.with_suffix(".suspect")
        self._abandoned = False
        self._suspect: PoisonMarker | None = None
        self._store: Store | None = None
        self._step: Step | None = None
        self._owing: HasDeferredOutput | None = None
        self._transactions: Transactions | None = None
        self.read_progress = ReadProgress(f"{spec.name} partition {number}")
        labels = around.metrics.batch_seconds.labels
        self._seconds = {part: labels(spec.name, part) for part in ("step", "transaction", "store")}

    @property
    def position(self) -> int:
        """Return the source offset from which to read."""
        return max(self.applied + 1, self._first)

    @property
    def progress(self) -> str:
        """Say how far the opening is."""
        return (
            f"{self.read_progress.name}: restored, its step is being made"
            if self._store
            else str(self.read_progress)
        )

    def open(self) -> None:
        """Fence the previous owner, restore the state, check the source, make the step.

        Raises
        ------
        AbandonedError
            :meth:`abandon` was called meanwhile.
        SourceRecreatedError
            The state reaches beyond the end of the source.
        StreamError
            The state or the changelog cannot be used, or the topics are not what they were.
        """
        began = time.monotonic()
        spec, around = self.spec, self._around
        self._transactions = Transactions(
            around.producer(f"{around.group}.{spec.name}.{self.number}"),
            changelog=spec.changelog,
            partition=self.number,
            dead_letters=spec.dead_letters,
            origin=around.origin(spec),
            failpoint=around.failpoint,
        )
        self.fencing = not self._abandoned
        if not self.fencing:
            what = f"partition {self.number} of {spec.source} was taken away before it was opened"
            raise AbandonedError(what, next_step="nothing: another worker opens it")
        try:
            self._transactions.fence()
        finally:
            self.fencing = False
        self._restore()
        assert self._store is not None  # noqa: S101 - for the type checker
        self._suspect = PoisonMarker.load(self._marker)
        self._step = step = spec.make_step(self.number, self._store)
        self._owing = step if isinstance(step, HasDeferredOutput) else None
        took = time.monotonic() - began
        around.metrics.restore_rows.labels(spec.name).inc(self.read_progress.rows)
        around.metrics.restore_seconds.labels(spec.name).observe(took)
        self._log.info(
            "partition_ready", applied=self.applied, rows=self.read_progress.rows, seconds=round(took, 3)
        )

    def abandon(self) -> None:
        """Ask a restore that is under way to end; safe from any thread."""
        self._abandoned = True

    def max_events(self) -> int:
        """Return the most records of the next batch: one, while a suspected range is gone through."""
        if self._suspect and self.applied < self._suspect.last:
            return 1
        spec = self.spec
        return spec.max_events if spec.max_events_now is None else min(spec.max_events, spec.max_events_now())

    def due_s(self) -> float | None:
        """Return the seconds until a batch is due even if no record comes; None: none is.

        A suspected range is gone through first: what the step raises on then is the record's fault.
        """
        if self._owing is None or (self._suspect and not self._suspect.accuses_payment):
            return None
        return self._owing.due_s()

    def process(self, records: Sequence[Record]) -> None:
        """Carry a batch, and what is due, through the order of effects of :mod:`streams.engine.stage`.

        Raises
        ------
        StepFailedError
            The step raised; the marker for the successor is written.
        StreamError
            Committing or writing failed. Whatever it is, the process has to end.
        """
        fresh = unapplied(records, self.applied)
        if not fresh and not self._is_due():
            return
        assert self._transactions is not None and self._store is not None  # noqa: S101, PT018
        clock = time.perf_counter
        times, blamed = [clock()], fresh
        try:
            outcome = self._outcome(fresh)
            if outcome.last_offset is not None:
                fresh = fresh[: bisect_right(fresh, outcome.last_offset, key=_offset)]
            if self._is_due():
                blamed = ()
                outcome.add(self._payment())
            applied = fresh[-1].offset if fresh else self.applied
            times.append(clock())
            position = self._transactions.commit(outcome, applied)
        except StepFailedError as error:
            self._accuse(blamed, error)
            raise
        times.append(clock())
        self._around.failpoint("after_commit")
        self._store.write(outcome.rows, applied=applied, changelog_position=position)
        self._around.failpoint("after_store")
        times.append(clock())
        self.applied = applied
        self._account(fresh, outcome, times)

    def close(self) -> None:
        """Close the step, give the database back, let the producer go.

        A database that cannot write its last rows, or is found damaged, is told of and no error: the
        changelog has everything, and whoever opens the database next sees to it.
        """
        if callable(close_step := getattr(self._step, "close", None)):
            close_step()
        try:
            if self._store is not None:
                self._store.close()
        except StateError as error:
            self._log.error("state_close_failed", why=str(error), next="the next start reads the changelog")
        self._step = self._owing = self._store = self._transactions = None

    def _restore(self) -> None:
        """Bring the store up to date and find the position in the source."""
        spec, around = self.spec, self._around
        consumer = around.consumer()
        try:
            log = Changelog(
                consumer, spec.changelog, self.number, lambda: self._abandoned, self.read_progress
            )
            self._store = restored(self._folder, spec, log, around)
            self.applied = self._store.applied
            low, high = ends(consumer, spec.source, self.number)
        finally:
            consumer.close()
        self._first, missing = first_offset(spec, self.number, self.applied, low, high)
        if missing:
            around.metrics.gap_records.labels(spec.name).inc(missing)
            self._log.error(
                "source_gap", missing=missing, applied=self.applied, first=low, next="raise retention.ms"
            )

    def _outcome(self, records: Sequence[Record]) -> Outcome:
        """Run the step, or write the poison record's letter in its place."""
        assert self._step is not None  # noqa: S101 - for the type checker
        if not records:
            return Outcome()
        suspect, stage, step = self._suspect, self.spec.name, self._step
        if suspect and suspect.condemns(records[0].offset):
            letter = poison_letter(records[0], stage=stage, error=suspect.error)
            return Outcome(dead_letters=[] if getattr(step, "silent", False) else [letter])
        return self._guarded(lambda: step(records), f"at offsets {records[0].offset}..{records[-1].offset}")

    def _is_due(self) -> bool:
        """Say whether the step owes something that is due."""
        due_s = self.due_s()
        return due_s is not None and due_s <= 0

    def _payment(self) -> Outcome:
        """Let the step pay what is due, or strike it out where that raised before."""
        owing = self._owing
        assert owing is not None  # noqa: S101 - for the type checker
        if self._suspect is None:
            return self._guarded(owing.flush_due, "in a payment")
        out = owing.discard_pending()
        self._log.error("debts_struck_out", rows=len(out.rows), error=self._suspect.error, next="report it")
        return out

    def _guarded(self, call: Callable[[], Outcome], where: str) -> Outcome:
        """Call the step in its turn; what it raises is our bug."""
        try:
            with self._around.turn:
                return call()
        except (StreamError, MemoryError):
            raise
        except Exception as error:
            what = f"the step of stage {self.spec.name} raised {type(error).__name__}"
            why = f"{where} of partition {self.number}"
            raise StepFailedError(what, why=why, next_step="report it; the restart isolates it") from error

    def _accuse(self, records: Sequence[Record], error: StepFailedError) -> None:
        """Leave the marker of a batch that could not be processed, or of a payment."""
        name = type(error.__cause__ or error).__name__
        span = (records[0].offset, records[-1].offset) if records else PAYMENT
        PoisonMarker(*span, name).save(self._marker)

    def _account(self, records: Sequence[Record], outcome: Outcome, times: Sequence[float]) -> None:
        """Count a committed batch, and acquit the suspected range that it ends."""
        stage, metrics = self.spec.name, self._around.metrics
        took = {p: end - start for p, (start, end) in zip(self._seconds, pairwise(times), strict=True)}
        for part, seconds in took.items():
            self._seconds[part].observe(seconds)
        if records:
            self._around.trace(Batch(stage, self.spec.source, self.number, records, took))
            metrics.batch_events.labels(stage).observe(len(records))
        metrics.events.labels(stage, "applied").inc(len(records))
        metrics.applied_offset.labels(stage, str(self.number)).set(self.applied)
        sent = np.fromiter(map(_timestamp, records), np.float64, len(records))
        metrics.freshness.observe(stage, (self._around.now_ms() - sent) / 1000)
        for reason, count in Counter(letter.reason for letter in outcome.dead_letters).items():
            metrics.dead_letters.labels(stage, reason.value).inc(count)
        if self._suspect and self.applied >= self._suspect.last:
            self._marker.unlink(missing_ok=True)
            self._suspect = None


def unapplied(records: Sequence[Record], applied: int) -> Sequence[Record]:
    """Drop the records at or below the applied offset; looks at the ends first, so it costs nothing.

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
