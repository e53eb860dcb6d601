"""Runs the step of one viewers partition: between switch markers, and when deferred output is due.

A batch is split at switch markers (:mod:`streams.stages.versions.cutover`), and pending pages
(:mod:`streams.stages.viewers.page_throttle`) are flushed at a marker or when they are due.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from streams.engine.stage import Outcome, Record
from streams.stages.versions.cutover import Cutover
from streams.stages.viewers.page_throttle import PageThrottle, PendingPage
from streams.stages.viewers.table_letters import TableLetters

__all__ = ["PageStep", "StageRunner"]


class PageStep(Protocol):
    """A step that publishes pages, as `StageRunner` runs it."""

    def __call__(self, records: Sequence[Record]) -> Outcome:
        """Learn records without a marker among them."""

    def make_pages(self, pending: Sequence[PendingPage]) -> Outcome:
        """Make pending pages, at least one."""

    def close(self) -> None:
        """Release what belongs to the partition."""


class StageRunner:
    """Runs a step of one partition between switch markers, and flushes its pending pages.

    It is the `streams.engine.stage.Step` of the partition, and its `HasDeferredOutput`.

    Parameters
    ----------
    cutover
        Whether the version publishes, and where that changes.
    throttle
        Pending pages.
    step
        Learns events and makes pages.
    max_pages
        Pages in one flush.
    table_letters
        Writes dead letters of tables, in one partition. Default: another one does.
    """

    def __init__(
        self,
        *,
        cutover: Cutover,
        throttle: PageThrottle,
        step: PageStep,
        max_pages: int,
        table_letters: TableLetters | None = None,
    ) -> None:
        self._cutover, self._throttle, self._max_pages = cutover, throttle, max_pages
        self.step, self._table_letters = step, table_letters

    def __call__(self, records: Sequence[Record]) -> Outcome:
        """Run the step on a batch, split where a switch takes effect.

        Pending pages are flushed before the marker: behind it another version may publish. Where this version
        takes over or is taken over from, the batch ends, so that it is silent in whole batches. The rest
        comes again, after a takeover when the other version has reached the marker.
        """
        out = Outcome()
        self._cutover.begin_batch(out)
        for segment, placed in self._cutover.split(records):
            if segment:
                out.add(self.step(segment))
            if placed is not None:
                out.add(self.flush_all())
                if self._cutover.pass_marker(placed, out):
                    return replace(out, last_offset=placed.record.offset)
        self._put_table_letters(out)
        return out

    @property
    def silent(self) -> bool:
        """Whether nothing may be published: the version is a shadow. A shadow has no page to flush."""
        return self._cutover.silent

    def due_s(self) -> float | None:
        """Return the seconds until a page, or a dead letter of a table, is due."""
        due = [] if self._table_letters is None else [self._table_letters.due_s()]
        if not self.silent and (page := self._throttle.due_s()) is not None:
            due.append(page)
        return min(due, default=None)

    def flush_due(self) -> Outcome:
        """Make the pages that are due, and write the dead letters of tables."""
        out = Outcome() if self.silent else self._flush(self._throttle.take_due(self._max_pages))
        self._put_table_letters(out)
        return out

    def flush_all(self) -> Outcome:
        """Make all pending pages, due or not."""
        return self.discard_pending() if self.silent else self._flush(self._throttle.take_all())

    def discard_pending(self) -> Outcome:
        """Drop all pending pages: their viewers get one with their next event."""
        self._throttle.take_all()
        return Outcome(rows=self._throttle.take_rows())

    def close(self) -> None:
        """Release the partition: another worker goes on."""
        self.step.close()
        self._throttle.close()

    def _put_table_letters(self, out: Outcome) -> None:
        if self._table_letters is not None:
            self._table_letters.put(out)

    def _flush(self, pending: Sequence[PendingPage]) -> Outcome:
        out = Outcome(rows=self._throttle.take_rows())
        if pending:
            out.add(self.step.make_pages(pending))
            self._throttle.metrics.pages_flushed.inc(len(pending))
        return out
