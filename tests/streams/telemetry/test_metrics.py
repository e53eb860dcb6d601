"""Names, labels and the histogram for whole batches."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, ProcessCollector

from streams.engine.state import Store, StoreMemory
from streams.telemetry import metrics as module
from streams.telemetry.metrics import BulkHistogram, Exposition, Metrics, SupervisorMetrics


def test_table_names_every_metric() -> None:
    """The table in the module's docstring and the registry hold the same names, labels included."""
    registered = {}
    collectors = [Metrics().registry._collector_to_names, SupervisorMetrics().registry._collector_to_names]
    for collector in itertools.chain(*collectors):
        if isinstance(collector, ProcessCollector):
            continue
        name = getattr(collector, "_name", "").removeprefix("nearline_")
        labels = getattr(collector, "_labelnames", None) or (getattr(collector, "_label", ""),)
        suffix = "_total" if type(collector).__name__ == "Counter" else ""
        registered[name + suffix] = ", ".join(label for label in labels if label)
    rows = re.findall(
        r"^(\w+) +(?:counter|gauge|histogram) +([a-z, ]*?) {2,}", module.__doc__ or "", re.MULTILINE
    )
    assert dict(rows) == registered


def test_disk_and_process_are_shown(tmp_path: Path) -> None:
    """How full the disk of a folder is that does not exist yet, and what the process takes."""
    metrics = Metrics()
    metrics.watch_disk(tmp_path / "state" / "not yet")
    shown = Exposition(metrics.exposition().decode())
    assert 0 < shown.value("nearline_disk_free_bytes") <= shown.value("nearline_disk_bytes")
    assert shown.value("process_resident_memory_bytes") > 0


def test_memory_of_the_databases_is_shown(tmp_path: Path) -> None:
    """Rows fill write buffers until they are a table; the bound holds for all databases of a process."""
    memory, metrics = StoreMemory(), Metrics()
    metrics.watch_state_memory(memory.parts)

    def write_buffers() -> float:
        shown = Exposition(metrics.exposition().decode())
        return shown.value("nearline_state_memory_bytes", part="write_buffers")

    assert write_buffers() == 0
    stores = [Store(tmp_path / str(number), memory) for number in range(2)]
    for applied, store in enumerate(stores):
        store.write([(b"v", bytes(1_000_000))], applied=applied, changelog_position=applied)
    assert 2_000_000 < write_buffers() < 5_000_000
    for store in stores:
        store.close()
    assert write_buffers() == 0


def test_two_workers_do_not_mix() -> None:
    """Each has a registry of its own."""
    first, second = Metrics(), Metrics()
    first.lists.inc()
    assert b"nearline_lists_total 1.0" in first.exposition()
    assert b"nearline_lists_total 0.0" in second.exposition()


@given(st.lists(st.floats(0, 3), max_size=50))
def test_bulk_histogram_counts_as_prometheus_does(values: list[float]) -> None:
    """Buckets, count and sum are those of prometheus_client's own histogram."""
    bounds = (0.5, 1.0, 2.0)
    registry, reference = CollectorRegistry(), Histogram("x", "x", ["s"], buckets=bounds, registry=None)
    bulk = BulkHistogram("x", "x", bounds, "s")
    registry.register(bulk)
    reference.labels("a")
    bulk.observe("a", np.array(values))
    for value in values:
        reference.labels("a").observe(value)
    expected = [
        s for family in reference.collect() for s in family.samples if not s.name.endswith("_created")
    ]
    found = [sample for family in registry.collect() for sample in family.samples]
    assert [(s.name, s.labels) for s in found] == [(s.name, s.labels) for s in expected]
    assert [s.value for s in found] == pytest.approx([s.value for s in expected])


def test_clocks_apart_count_as_no_time() -> None:
    """A producer whose clock is ahead makes freshness 0, not negative."""
    bulk = BulkHistogram("x", "x", (0.5,), "s")
    bulk.observe("a", np.array([-3.0]))
    assert bulk.quantile("a", 0.5) == 0.5
    assert np.isnan(bulk.quantile("nobody", 0.5))
