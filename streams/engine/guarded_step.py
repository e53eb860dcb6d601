"""Calls a step, and isolates the record on which it raises.

A step that raises ends the process, and leaves a :mod:`streams.engine.poison_marker` for the next one. That
one gives the step one record after the other, and makes the poison record a dead letter.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import structlog

from schemas.dead_letters import DeadLetter
from streams.engine.dead_letters import poison_letter, unopened_letter
from streams.engine.poison_marker import IN_FLUSH, PoisonMarker
from streams.engine.record_batches import UnopenedBatch
from streams.engine.stage import HasDeferredOutput, Outcome, Record, StageSpec, Step
from streams.errors import StepFailedError, StreamError

__all__ = ["Computed", "GuardedStep"]

_LOG = structlog.get_logger(__name__)

_offset, _value = attrgetter("offset"), attrgetter("value")


class Computed(NamedTuple):
    """What a batch changes, before any of it is visible."""

    outcome: Outcome
    batch: Sequence[Record]
    """The records that are part of it."""
    blamed: Sequence[Record]
    """Those on which the marker falls if it cannot be committed; none if a flush is part of it."""


class GuardedStep:
    """The step of one source partition, in the thread of a batch.

    Parameters
    ----------
    spec
        The stage.
    number
        Number of the source partition.
    step
        The step.
    marker_path
        Where the marker of a batch that raised is, or will be.
    """

    def __init__(self, spec: StageSpec, number: int, step: Step, marker_path: Path) -> None:
        self.step = step
        self._spec, self._number, self._log = spec, number, _LOG.bind(stage=spec.name, partition=number)
        self._deferred = step if isinstance(step, HasDeferredOutput) else None
        self._marker_path = marker_path
        self._marker = PoisonMarker.load(marker_path)

    def max_events(self, applied: int) -> int:
        """Return the maximum size of the next batch: one record while a poison record is being isolated."""
        if self._marker and applied < self._marker.last:
            return 1
        spec = self._spec
        return spec.max_events if spec.max_events_now is None else min(spec.max_events, spec.max_events_now())

    def due_s(self) -> float | None:
        """Return the seconds until deferred output is due; None if none is pending.

        None too while a poison record is being isolated, so that an exception is the record's fault for
        certain.
        """
        if self._deferred is None or (self._marker and not self._marker.in_flush):
            return None
        return self._deferred.due_s()

    def compute(self, batch: Sequence[Record]) -> Computed:
        """Compute what a batch changes, and the output that is due; if the step raises, leave a marker."""
        outcome = Outcome()
        blamed = batch  # on whom the marker falls if something raises; no record during a flush
        silent = self._is_silent()
        try:
            if batch and self._marker and self._marker.is_poison(batch[0].offset):
                outcome.dead_letters.extend(self._poison_letters(batch[0]))
            elif batch:
                outcome, batch = self._processed(batch)
            if silent:
                outcome.dead_letters.clear()
            if self.flush_is_due():
                blamed = ()
                outcome.add(self._flush())
        except StepFailedError as error:
            self.blame(blamed, error)
            raise
        return Computed(outcome, batch, blamed)

    @contextmanager
    def _step_errors(self, where: str) -> Iterator[None]:
        """Turn what the step raises into a `StepFailedError`."""
        try:
            yield
        except (StreamError, MemoryError):
            raise
        except Exception as error:
            what = f"the step of stage {self._spec.name} raised {type(error).__name__}"
            why = f"{where} of partition {self._number}"
            raise StepFailedError(what, why=why, next_step="report it; the restart isolates it") from error

    def _processed(self, batch: Sequence[Record]) -> tuple[Outcome, Sequence[Record]]:
        """Give a batch to the step; return what changes, and the records that are part of it."""
        outcome, whole = Outcome(), UnopenedBatch not in map(type, map(_value, batch))
        opened = batch if whole else [one for one in batch if not isinstance(one.value, UnopenedBatch)]
        if opened:
            with self._step_errors(f"at offsets {batch[0].offset}..{batch[-1].offset}"):
                outcome = self.step(opened)
        if outcome.last_offset is not None:
            batch = batch[: bisect_right(batch, outcome.last_offset, key=_offset)]
        if not whole:
            outcome.dead_letters.extend(self._unopened_letters(batch))
        return outcome, batch

    def flush_is_due(self) -> bool:
        """Return whether deferred output is due now."""
        due_s = self.due_s()
        return due_s is not None and due_s <= 0

    def _flush(self) -> Outcome:
        """Return the output that is due, or discard it if flushing it raised in the previous process."""
        assert self._deferred is not None  # noqa: S101 - for the type checker
        if self._marker is None:
            with self._step_errors("in a flush"):
                out = self._deferred.flush_due()
            if self._is_silent():
                out.dead_letters.clear()
            return out
        out = self._deferred.discard_pending()
        error = self._marker.error
        self._log.error("pending_output_discarded", rows=len(out.rows), error=error, next="report it")
        return out

    def _poison_letters(self, record: Record) -> list[DeadLetter]:
        """Return the dead letter of the poison record."""
        assert self._marker is not None  # noqa: S101 - for the type checker
        return [poison_letter(record, stage=self._spec.name, error=self._marker.error)]

    def _unopened_letters(self, records: Sequence[Record]) -> list[DeadLetter]:
        """Return a dead letter for each batch that was not opened."""
        letters = []
        for record in records:
            if isinstance(batch := record.value, UnopenedBatch):
                letters.append(unopened_letter(record, batch, stage=self._spec.name))
                self._log.error(
                    "batch_not_opened", first=batch.first, last=record.offset, bytes=batch.compressed
                )
        return letters

    def _is_silent(self) -> bool:
        """Return whether the step publishes nothing, no dead letter either: another version does."""
        return getattr(self.step, "silent", False)

    def blame(self, records: Sequence[Record], error: StepFailedError) -> None:
        """Leave the marker of a batch, or of a flush, that raised."""
        name = type(error.__cause__ or error).__name__
        span = (records[0].offset, records[-1].offset) if records else IN_FLUSH
        PoisonMarker(*span, name).save(self._marker_path)

    def forget_blame(self, applied: int) -> None:
        """Remove the marker once its range is applied."""
        if self._marker and applied >= self._marker.last:
            self._marker_path.unlink(missing_ok=True)
            self._marker = None

    def close(self) -> None:
        """Close the step, if it can be closed."""
        if callable(close := getattr(self.step, "close", None)):
            close()
