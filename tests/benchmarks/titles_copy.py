"""What a process's own copy of the titles costs: memory, the first read, each row that comes again."""

import gc
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from time import thread_time
from typing import Any

import numpy as np

from schemas import topics
from schemas.codec import encode
from streams.config.settings import Settings
from streams.stages.titles.step import titles_spec
from streams.stages.viewers.replica import Replica
from streams.stages.viewers.step import ViewersStage
from streams.telemetry.metrics import Metrics
from tests.benchmarks.load import TITLES, catalog, stops
from tests.equality.cluster import quiet
from tests.integration.oracle import Rows
from tests.streams.steps import message, record

EVENTS = 120_000
"""Of the stream that teaches the titles; nearly all of them are then in the model."""
BATCH = 1_000
"""Events a batch."""
LAST = 20
"""Batches at the end whose rows are timed."""
QUIET_BATCH = 100
"""Events of a batch of titles at 1,000 events a second, of which there are ten a second."""


def titles_copy() -> dict[str, Any]:
    """Measure the catalog and the title model of 10,000 titles in one process."""
    quiet()
    settings = Settings(page_interval_s=60.0, page={"rows": 1})
    source, labels = _replica(settings), [_title(one) for one in catalog()]
    source.take_titles(labels)
    written, batches = learned(settings, source)
    del source
    gc.collect()
    before = _resident()
    replica = _replica(settings)
    catalog_s = _timed(lambda: replica.take_titles(labels))
    with_catalog = _resident()
    newest = list({row.key(): row for batch in batches for row in batch}.values())
    model_s = _timed(lambda: replica.take_rows(newest))
    arrays = sum(array.nbytes for array in replica.titles.arrays)
    rows = [row for batch in batches[-LAST:] for row in batch]
    again_s = _timed(lambda: [replica.take_rows(batch) for batch in batches[-LAST:]])
    size = float(np.mean([len(row.value() or b"") for row in rows]))
    return {
        "titles": TITLES,
        "catalog_mb": round((with_catalog - before) / 1e6, 1),
        "model_mb": round((_resident() - with_catalog) / 1e6, 1),
        "arrays_of_the_model_mb": round(arrays / 1e6, 1),
        "catalog_cpu_s": round(catalog_s, 2),
        "model_cpu_s": round(model_s, 2),
        "cpu_us_per_row": round(again_s / len(rows) * 1e6, 2),
        "bytes_per_row": round(size),
        "rows_per_batch": {str(n): round(np.mean(found)) for n, found in written.items()},
    }


def _replica(settings: Settings) -> Replica:
    replica = Replica(settings, partitions=1, viewer_partitions=1, metrics=Metrics())
    replica.wait = lambda: None  # type: ignore[method-assign]
    return replica


def _title(title: Any) -> Any:
    return message(title.title_id.encode(), encode(title))


def learned(
    settings: Settings, source: Replica, events: int = EVENTS
) -> tuple[dict[int, list[int]], list[list[Any]]]:
    """Let both stages learn; return rows a batch by its size, and the rows of each batch."""
    stage = ViewersStage(settings, source, partitions=1, metrics=Metrics())
    viewers = stage.step(0, Rows())  # type: ignore[arg-type]
    titles = titles_spec(settings, None, source.catalog.labels_since).make_step(0, Rows())  # type: ignore[arg-type]
    written: dict[int, list[int]] = {BATCH: [], QUIET_BATCH: []}
    batches: list[list[Any]] = []
    records = [
        record(encode(e), e.viewer_id.encode(), offset=n, timestamp=e.event_time_ms)
        for n, e in enumerate(stops(events))
    ]
    at = 0
    while at < len(records):
        size = QUIET_BATCH if len(records) - at <= LAST * QUIET_BATCH else BATCH
        out = viewers(records[at : at + size])
        at += size
        signals = _signals(settings, out.outputs)
        rows = [message(key, value) for key, value in titles(signals).rows]
        source.take_rows(rows)
        written[size].append(len(rows))
        batches.append(rows)
    return written, batches


def _signals(settings: Settings, outputs: Any) -> Sequence[Any]:
    return [record(m["value"]) for m in outputs.get((settings.topic(topics.SIGNALS), 0), [])]


def _timed(work: Callable[[], object]) -> float:
    began = thread_time()
    work()
    return thread_time() - began


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
