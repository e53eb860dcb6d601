"""Runs of an export: read a topic from its checkpoint, write Parquet files."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, cast

import pyarrow as pa
import pyarrow.parquet as pq

from schemas import DecodeError, topics
from schemas.codec import Headers, decode_event, decode_home
from schemas.events import Forget, Impression
from streams.config.settings import Settings
from streams.kafka import scan as topic_scan
from streams.kafka.clients import Message
from streams.kafka.schema_registry import json_values
from streams.ops.exports import tables
from streams.ops.exports.checkpoint import ExportCheckpoint
from streams.ops.exports.tables import Row
from streams.ops.exports.viewers import ViewerIds, rule_of
from streams.ops.insights import read_demand, read_titles
from streams.ops.whole_files import whole

__all__ = ["ExportPlan", "ExportSummary", "export_exposures", "export_insights", "export_pages"]

ROWS_AT_ONCE: Final = 200_000
"""Rows in memory before all are written: some 100 MB, and files of a few MB a partition."""
COUNTED_EVERY: Final = 256
"""Records between two looks at the rows in memory; a page has some 240."""
_IMPRESSION: Final = b'"impression"'
_FORGET: Final = b'"forget"'


@dataclass(slots=True)
class ExportSummary:
    """What an export has written."""

    records: int = 0
    """Records read."""
    rows: int = 0
    """Rows written, without those of forgotten viewers."""
    forgotten: int = 0
    """Requests to forget a viewer."""
    unusable: int = 0
    """Records that cannot be decoded."""
    missed: int = 0
    """Records that the topic's retention had deleted before they were read."""
    files: int = 0
    seconds: float = 0.0

    def document(self) -> dict[str, Any]:
        """Return it under its documented JSON keys."""
        return asdict(self) | {"seconds": round(self.seconds, 3)}


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """What to export, and how.

    Attributes
    ----------
    settings
        Where from.
    folder
        Where to.
    viewers, key
        What becomes of viewers' ids.
    on_progress
        Called with the rows so far, with each part that is written.
    """

    settings: Settings
    folder: Path
    viewers: ViewerIds = ViewerIds.NONE
    key: bytes | None = None
    on_progress: Callable[[int], None] = lambda _: None


def export_pages(plan: ExportPlan) -> ExportSummary:
    """Write the pages that were published since the last export of this folder.

    The topic keeps the newest page of each viewer, and older ones until it is compacted.
    """
    rule = rule_of(plan.viewers, plan.key)

    def take(message: Message, part: "_Part") -> None:
        if message.value() is None:
            part.forget((message.key() or b"").decode(errors="replace"), message.timestamp()[1])
        else:
            home = decode_home(message.value())
            part.keep(home.viewer_id, tables.page_rows(home, rule))

    return _Export(plan, topics.HOME, tables.PAGES, rule).run(take)


def export_exposures(plan: ExportPlan) -> ExportSummary:
    """Write the impressions that have arrived since the last export of this folder."""
    rule, to_json = rule_of(plan.viewers, plan.key), json_values(plan.settings)

    def take(message: Message, part: "_Part") -> None:
        value = to_json(message.value()) or b""
        if _IMPRESSION not in value and _FORGET not in value:
            return
        event = decode_event(value, cast("Headers", message.headers() or ()))
        if isinstance(event, Impression):
            part.keep(event.viewer_id, [tables.exposure_row(event, rule)])
        elif isinstance(event, Forget):
            part.forget(event.viewer_id, message.timestamp()[1])

    return _Export(plan, topics.EVENTS, tables.EXPOSURES, rule).run(take)


def export_insights(plan: ExportPlan) -> ExportSummary:
    """Write all insights as they are now; files of an earlier export are replaced."""
    began, summary = time.monotonic(), ExportSummary()
    titles, demand = read_titles(plan.settings), read_demand(plan.settings)
    summary.records = len(titles) + len(demand)
    plan.folder.mkdir(parents=True, exist_ok=True)
    for name, schema, rows in (
        ("titles", tables.TITLES, [tables.title_row(one) for one in titles]),
        ("curves", tables.CURVES, [row for one in titles for row in tables.curve_rows(one)]),
        ("groups", tables.GROUPS, [row for one in titles for row in tables.group_rows(one)]),
        ("demand", tables.DEMAND, [row for one in demand for row in tables.demand_rows(one)]),
    ):
        _write(plan.folder / f"{name}.parquet", schema, rows, {})
        summary.files += 1
        summary.rows += len(rows)
        plan.on_progress(summary.rows)
    summary.seconds = time.monotonic() - began
    return summary


@dataclass(slots=True)
class _Part:
    """Records of one partition that are not written yet."""

    first: int
    next: int
    rows: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    """By viewer, since a viewer who is forgotten takes what is here along."""
    forgotten: list[tuple[str, int]] = field(default_factory=list)
    count: int = 0

    def keep(self, viewer: str, rows: list[Row]) -> None:
        """Add rows of a viewer."""
        self.rows[viewer] += rows
        self.count += len(rows)

    def forget(self, viewer: str, at_ms: int) -> None:
        """Drop the rows of a viewer, and note the request."""
        self.count -= len(self.rows.pop(viewer, ()))
        self.forgotten.append((viewer, at_ms))


class _Export:
    """Reads a topic from the checkpoint to its end, and writes a part of each partition now and then."""

    def __init__(
        self, plan: ExportPlan, topic: str, schema: pa.Schema, rule: Callable[[str], str | None]
    ) -> None:
        self._plan, self._topic, self._schema, self._rule = plan, topic, schema, rule
        self._summary = ExportSummary()
        name = f"{plan.settings.topic(topic)} at {plan.settings.brokers}"
        digest = f" {blake2b(plan.key, digest_size=8).hexdigest()}" if plan.key else ""
        begin = ExportCheckpoint(name, f"{plan.viewers}{digest}")
        self._checkpoint = ExportCheckpoint.open(plan.folder, begin)

    def run(self, take: Callable[[Message, _Part], None]) -> ExportSummary:
        """Export what is new; `take` puts what a record has into the part of its partition."""
        began, known = time.monotonic(), self._checkpoint.next
        spans = topic_scan.spans(self._plan.settings, self._topic)
        starts = self._checkpoint.starts(self._plan.folder, spans)
        if topics.TOPICS[self._topic].cleanup == "delete":
            self._summary.missed = sum(starts[p] - done for p, done in known.items() if p in starts)
        known.update(starts)
        self._plan.folder.mkdir(parents=True, exist_ok=True)
        # names of parts begin here, whatever retention deletes later
        self._checkpoint.save(self._plan.folder)
        parts: dict[int, _Part] = {}
        for message in topic_scan.read(self._plan.settings, self._topic, starts):
            partition, offset = message.partition() or 0, message.offset() or 0
            part = parts.get(partition)
            if part is None:
                part = parts[partition] = _Part(known[partition], offset)
            try:
                take(message, part)
            except DecodeError:
                self._summary.unusable += 1
            part.next = offset + 1
            self._summary.records += 1
            due = self._summary.records % COUNTED_EVERY == 0
            if due and sum(one.count for one in parts.values()) >= ROWS_AT_ONCE:
                self._flush(parts)
        self._flush(parts)
        self._summary.seconds = time.monotonic() - began
        return self._summary

    def _flush(self, parts: dict[int, _Part]) -> None:
        """Write all parts, then the checkpoint."""
        about = {"topic": self._checkpoint.topic, "viewers": self._checkpoint.viewers}
        for partition, part in parts.items():
            name = f"part-{partition:05d}-{part.first:020d}.parquet"
            rows = [row for found in part.rows.values() for row in found]
            if rows:
                _write(self._plan.folder / name, self._schema, rows, about)
                self._summary.files += 1
            gone = [
                (hidden, at) for viewer, at in part.forgotten if (hidden := self._rule(viewer)) is not None
            ]
            if gone:
                folder = self._plan.folder / "_forgotten"
                folder.mkdir(exist_ok=True)
                _write(folder / name, tables.FORGOTTEN, gone, about)
            self._summary.rows += len(rows)
            self._summary.forgotten += len(part.forgotten)
            self._checkpoint.next[partition] = part.next
        parts.clear()
        self._checkpoint.save(self._plan.folder)
        self._plan.on_progress(self._summary.rows)


def _write(path: Path, schema: pa.Schema, rows: Iterable[Row], metadata: dict[str, str]) -> None:
    with whole(path) as part:
        pq.write_table(tables.table(schema, rows, metadata), part, compression="zstd")
