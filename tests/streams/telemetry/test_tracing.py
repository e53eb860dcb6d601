"""Traces: a batch joins the trace of an event that has one, and costs nothing where none has."""

import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from streams.engine.partition import Partition
from streams.errors import SettingsError
from streams.telemetry.tracing import MOST, Batch, otlp_provider, tracing
from tests.streams.doubles import Log, fold_spec, record, worker_context

TRACE, PARENT = 0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331
HEADER = ("traceparent", b"00-%032x-%016x-01" % (TRACE, PARENT))


@pytest.fixture
def spans() -> InMemorySpanExporter:
    """Give what spans end in."""
    return InMemorySpanExporter()


@pytest.fixture
def provider(spans: InMemorySpanExporter) -> TracerProvider:
    """Give a provider that keeps its spans."""
    found = TracerProvider()
    found.add_span_processor(SimpleSpanProcessor(spans))
    return found


def _record(offset: int, *headers: tuple[str, Any]) -> Any:
    return SimpleNamespace(offset=offset, headers=headers)


def _batch(*records: Any) -> Batch:
    return Batch(
        "viewers", "viewing.events.v1", 3, records, {"step": 0.25, "transaction": 0.5, "store": 0.125}
    )


def test_an_event_s_trace_leads_to_the_commit(provider: TracerProvider, spans: InMemorySpanExporter) -> None:
    """One span below the producer's, one below it for each part, in order and without gaps."""
    tracing(provider)(_batch(_record(6), _record(7, ("other", b"x"), HEADER)))
    by_name = {span.name: span for span in spans.get_finished_spans()}
    assert list(by_name) == ["step", "transaction", "store", "process viewing.events.v1"]
    whole = by_name["process viewing.events.v1"]
    assert whole.parent is not None
    assert (whole.context.trace_id, whole.parent.span_id) == (TRACE, PARENT)
    assert (
        dict(whole.attributes or {}).items()
        >= {
            "messaging.kafka.offset": 7,
            "messaging.destination.partition.id": "3",
            "messaging.batch.message_count": 2,
        }.items()
    )
    parts = [by_name[name] for name in ("step", "transaction", "store")]
    assert all(part.parent is not None and part.parent.span_id == whole.context.span_id for part in parts)
    assert [one.end_time for one, _ in pairwise(parts)] == [two.start_time for _, two in pairwise(parts)]
    assert (parts[0].start_time, parts[-1].end_time) == (whole.start_time, whole.end_time)
    assert (whole.end_time or 0) - (whole.start_time or 0) == 875_000_000


@pytest.mark.parametrize(
    "value", [b"", b"nonsense", b"\xff", None, b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01"]
)
def test_what_is_no_trace_is_ignored(
    provider: TracerProvider, spans: InMemorySpanExporter, value: bytes | None
) -> None:
    """Headers are the producer's: whatever stands there, nothing is made of it and nothing fails."""
    tracing(provider)(_batch(_record(1, ("traceparent", value))))
    assert spans.get_finished_spans() == ()


def test_a_batch_of_traced_events_is_bounded(provider: TracerProvider, spans: InMemorySpanExporter) -> None:
    """A producer that traces everything does not make a worker spend its time on spans."""
    tracing(provider)(_batch(*(_record(n, HEADER) for n in range(MOST + 10))))
    assert len(spans.get_finished_spans()) == 4 * MOST


def test_a_partition_traces_what_it_committed(
    tmp_path: Path, provider: TracerProvider, spans: InMemorySpanExporter
) -> None:
    """The hook is called after each commit, with the records that were new."""
    log = Log()
    log.append("in", 0, b"v", b"e")
    around = replace(worker_context(log, tmp_path), trace=tracing(provider))
    partition = Partition(fold_spec(), 0, around)
    partition.open()
    event = record(0, b"v", b"e")
    event.headers = (HEADER,)
    partition.process([event])
    partition.process([event])  # it was here before: nothing is committed, nothing is traced
    partition.close()
    assert [span.name for span in spans.get_finished_spans()] == [
        "step",
        "transaction",
        "store",
        "process in",
    ]


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install; with it there is a provider under the group's name."""
    provider = otlp_provider("evening")
    assert provider.resource.attributes["service.name"] == "evening"
    provider.shutdown()
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(SettingsError, match=r"nearline\[otel\]"):
        otlp_provider("evening")
