"""Runs of an import: read a file, send its rows, and say what became of them."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa
from pyarrow import compute as pc

from schemas import DecodeError, topics
from schemas.codec import decode_event, encode
from streams.config.settings import Settings
from streams.errors import ImportOrderError
from streams.kafka import scan as topic_scan
from streams.kafka.produce import EventProducer
from streams.kafka.schema_registry import json_values
from streams.ops.imports.catalog import as_titles
from streams.ops.imports.checkpoint import Checkpoint
from streams.ops.imports.faults import Faults
from streams.ops.imports.history import LINE, TIME, as_events, read_history
from streams.ops.imports.mapping import ColumnMapping
from streams.ops.imports.sorting import in_time_order
from streams.ops.imports.sources import SourceFile

__all__ = ["ImportPlan", "ImportProgress", "ImportSummary", "import_catalog", "import_history"]

CHECKPOINT_ROWS: Final = 100_000
"""Events between two checkpoints: some seconds of an import. A checkpoint waits for the acknowledgements of
all of them and asks each partition for its end, together some tens of milliseconds."""
SHOWN: Final = 3
"""Messages that a dry run shows."""


class ImportProgress(NamedTuple):
    """How far an import is."""

    reading: float
    """Share of the file that is read."""
    sent: int
    """Records sent, those of an earlier attempt included."""
    total: int
    """Records to send; 0 while it is unknown."""


OnProgress = Callable[[ImportProgress], None]


@dataclass(slots=True)
class ImportSummary:
    """What became of a file."""

    rows: int = 0
    """Good rows."""
    sent: int = 0
    """Records that this run has sent."""
    earlier: int = 0
    """Records that an interrupted run had sent."""
    outside_catalog: int | None = None
    """Titles of a history that the catalog does not have."""
    titles: int = 0
    """Titles that are named."""
    first_ms: int | None = None
    last_ms: int | None = None
    shown: list[str] = field(default_factory=list)
    """First messages, of a dry run."""
    seconds: float = 0.0

    def document(self) -> dict[str, Any]:
        """Return it under its documented JSON keys."""
        rate = round(self.rows / self.seconds, 1) if self.seconds else None
        return {
            "rows": self.rows, "sent": self.sent, "sent_earlier": self.earlier, "titles": self.titles,
            "titles_outside_catalog": self.outside_catalog,
            "first_ms": self.first_ms, "last_ms": self.last_ms,
            "seconds": round(self.seconds, 3), "rows_per_s": rate,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What to import, and how.

    Attributes
    ----------
    source, mapping
        The file, and its columns.
    faults
        Gets bad rows.
    settings
        Where to; None: a dry run, which sends nothing.
    checkpoint
        Path of a history's checkpoint.
    late
        Import a history although the log has newer events.
    on_progress
        Called a few times a second.
    """

    source: SourceFile
    mapping: ColumnMapping
    faults: Faults
    settings: Settings | None
    checkpoint: Path
    late: bool = False
    on_progress: OnProgress = lambda _: None

    def read_share(self) -> float:
        """Return the share of the file that is read."""
        return self.source.bytes_read / max(self.source.path.stat().st_size, 1)


def import_catalog(plan: ImportPlan) -> ImportSummary:
    """Send the titles of a file to the catalog, in its order; a title that is there is replaced.

    Sending a title again changes nothing, so an interrupted import is simply repeated.
    """
    began, summary = time.monotonic(), ImportSummary()
    ids: set[str] = set()
    producer = None if plan.settings is None else EventProducer(plan.settings)
    columns = list(dict.fromkeys(plan.mapping.columns.values()))
    for block in plan.source.blocks(plan.source.names if plan.source.form == "csv" else columns, plan.faults):
        titles = list(as_titles(block, plan.mapping, plan.faults))
        summary.rows += len(titles)
        ids.update(title.title_id for title in titles)
        summary.shown += [encode(title).decode() for title in titles[: SHOWN - len(summary.shown)]]
        if producer is not None:
            producer.send_titles(titles)
            summary.sent += len(titles)
        plan.on_progress(ImportProgress(plan.read_share(), summary.rows, 0))
    if producer is not None:
        producer.flush()
    summary.titles, summary.seconds = len(ids), time.monotonic() - began
    return summary


def import_history(plan: ImportPlan) -> ImportSummary:
    """Send the rows of a file as events, in time order.

    Raises
    ------
    ImportOrderError
        The log has events that are newer than the first of the history.
    ImportFileError
        The history is imported already.
    """
    began, summary = time.monotonic(), ImportSummary()
    titles: set[str] = set()
    with tempfile.TemporaryDirectory(dir=plan.checkpoint.parent, prefix=".import-") as folder:
        blocks = _read(plan, summary, titles)
        if plan.settings is None:
            for block in blocks:
                _show(plan, block, summary)
        else:
            _History(plan, plan.settings, summary).send(in_time_order(blocks, Path(folder)))
    summary.titles, summary.seconds = len(titles), time.monotonic() - began
    if plan.settings is not None:
        summary.outside_catalog = len(titles - _catalog_ids(plan.settings))
    return summary


def _read(plan: ImportPlan, summary: ImportSummary, titles: set[str]) -> Iterator[pa.Table]:
    """Yield the good rows of the file, and count what is in them."""
    columns = list(dict.fromkeys(plan.mapping.columns.values()))
    for block in plan.source.blocks(columns, plan.faults):
        rows = read_history(block, plan.mapping, plan.faults)
        plan.on_progress(ImportProgress(plan.read_share(), 0, 0))
        if not rows.num_rows:
            continue
        summary.rows += rows.num_rows
        titles.update(pc.unique(rows.column("title_id")).to_pylist())
        found = pc.min_max(rows.column(TIME)).as_py()
        summary.first_ms = min(summary.first_ms or found["min"], found["min"])
        summary.last_ms = max(summary.last_ms or found["max"], found["max"])
        yield rows


def _show(plan: ImportPlan, block: pa.Table, summary: ImportSummary) -> None:
    left = SHOWN - len(summary.shown)
    if left > 0:
        file = plan.source.digest()
        summary.shown += [encode(event).decode() for event in as_events(block.slice(0, left), file)]


def _catalog_ids(settings: Settings) -> set[str]:
    partitions = range(topic_scan.partitions_of(settings, topics.CATALOG))
    return {key.decode("utf-8", "replace") for key in topic_scan.keys(settings, topics.CATALOG, partitions)}


class _History:
    """Sends a sorted history, from its checkpoint on."""

    def __init__(self, plan: ImportPlan, settings: Settings, summary: ImportSummary) -> None:
        self._plan, self._settings, self._summary = plan, settings, summary
        topic = f"{settings.topic(topics.EVENTS)} at {settings.brokers}"
        begin = Checkpoint(plan.source.digest(), plan.mapping.toml(), topic)
        self._checkpoint = Checkpoint.open(plan.checkpoint, begin)
        self._arrived = self._checkpoint.arrived(settings)
        self._rows = 0

    def send(self, tables: Iterator[pa.Table]) -> None:
        """Send what has not arrived."""
        begun, saved = False, self._checkpoint.sent
        with EventProducer(self._settings) as producer:
            for table in tables:
                if not begun:
                    begun = True
                    self._begin()
                rows = self._left(table)
                producer.send(as_events(rows, self._checkpoint.file))
                self._summary.sent += rows.num_rows
                self._summary.earlier += table.num_rows - rows.num_rows
                self._rows += table.num_rows
                self._plan.on_progress(ImportProgress(1.0, self._rows, self._summary.rows))
                if self._rows - saved >= CHECKPOINT_ROWS:
                    producer.flush()
                    saved = self._rows
                    self._save()
        self._checkpoint.done = True
        self._save()

    def _begin(self) -> None:
        """Refuse a history that would be learned after newer events; write the first checkpoint."""
        first_ms = self._summary.first_ms or 0
        if not self._checkpoint.ends:
            newest_ms = newest_event_ms(self._settings, besides=self._checkpoint.file)
            if newest_ms > first_ms and not self._plan.late:
                what = "the event log has events that are newer than the beginning of this history"
                why = "events are learned in the order of the log: old watches would count as the latest"
                step = "import before producers start, the oldest history first; or import with --late"
                raise ImportOrderError(what, why=why, next_step=step)
            self._save()

    def _left(self, table: pa.Table) -> pa.Table:
        """Return the rows that have not been sent."""
        before = max(self._checkpoint.sent - self._rows, 0)
        rows = table.slice(min(before, table.num_rows))
        if self._arrived and rows.num_rows:
            there = pc.is_in(rows.column(LINE), pa.array(sorted(self._arrived), pa.int64()))
            rows = rows.filter(pc.invert(there))
        return rows

    def _save(self) -> None:
        self._checkpoint.sent = max(self._rows, self._checkpoint.sent)
        self._checkpoint.save(self._plan.checkpoint, self._settings)


def newest_event_ms(settings: Settings, besides: str) -> int:
    """Return the newest event time of the last record of each partition; 0 if there is none.

    Parameters
    ----------
    settings
        Cluster.
    besides
        Events of this file do not count.
    """
    newest_ms, to_json = 0, json_values(settings)
    for message in topic_scan.tail(
        settings, topics.EVENTS, topic_scan.partitions_of(settings, topics.EVENTS)
    ):
        with suppress(DecodeError):
            event = decode_event(to_json(message.value()))
            if not event.event_id.startswith(f"{besides}-"):
                newest_ms = max(newest_ms, event.event_time_ms)
    return newest_ms
