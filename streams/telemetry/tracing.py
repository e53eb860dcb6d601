"""Distributed traces: from an event with a `traceparent` header to its committed page.

A producer that traces puts W3C's `traceparent` into the headers of its event. The batch that applies the
event adds a child span, from the begin of the batch to the commit, with a span for each part of the batch. If
the page of the event was held back, the batch that publishes it adds another. So the trace of the producer
shows when the page was published. For all other events only the headers are read. Spans of events that
caused a page become exemplars of nearline_freshness_seconds.

Off unless NEARLINE_TRACES is on. This is the only module that imports OpenTelemetry (``pip install
'nearline[otel]'``); its variables, such as OTEL_EXPORTER_OTLP_ENDPOINT, say where spans are sent.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from typing import TYPE_CHECKING, Any, Final, Protocol

from streams.errors import SettingsError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

__all__ = ["Batch", "SpanIds", "Trace", "TracedRecord", "no_trace", "otlp_provider", "tracing"]

MOST = 32
"""Maximum number of events of a batch that get spans: producers trace a sample, a batch has thousands."""
HEADER = "traceparent"
"""Name of the header: W3C Trace Context, https://www.w3.org/TR/trace-context/."""


class TracedRecord(Protocol):
    """What a trace needs of a record."""

    @property
    def offset(self) -> int:
        """Offset in the partition."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """Raw headers."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch that was just committed.

    Attributes
    ----------
    stage, source, partition
        Stage and source partition.
    records
        The records of the batch.
    parts
        Parts of the batch in order, and the duration of each in seconds.
    operation
        First word of the spans' names: `process`, or `flush` where pages of earlier records are published.
    """

    stage: str
    source: str
    partition: int
    records: Sequence[TracedRecord]
    parts: dict[str, float]
    operation: str = "process"


SpanIds = Mapping[str, str]
"""``trace_id`` and ``span_id`` of a span, in hexadecimal digits."""

Trace = Callable[[Batch], Mapping[int, SpanIds]]
"""Called after each commit; returns the spans of records by their offset."""

_NO_SPANS: Final[Mapping[int, SpanIds]] = {}


def no_trace(batch: Batch) -> Mapping[int, SpanIds]:  # noqa: ARG001 - as every `Trace`
    """Trace nothing."""
    return _NO_SPANS


def otlp_provider(name: str) -> "TracerProvider":
    """Return a provider that sends spans by OTLP in the background; OpenTelemetry's variables configure it.

    Raises
    ------
    SettingsError
        OpenTelemetry's SDK or its exporter is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        what, why = "NEARLINE_TRACES is on, and OpenTelemetry is not installed", str(error)
        raise SettingsError(
            what, why=why, next_step="pip install 'nearline[otel]', or switch it off"
        ) from None
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def tracing(provider: "TracerProvider") -> Trace:
    """Return a function that makes the spans of a batch.

    Parameters
    ----------
    provider
        Receives the spans.
    """
    tracer = provider.get_tracer("nearline")

    def trace(batch: Batch) -> Mapping[int, SpanIds]:
        found = {
            record.offset: _spans(tracer, batch, record, carrier)
            for record, carrier in islice(_traced(batch.records), MOST)
        }
        return {offset: ids for offset, ids in found.items() if ids is not None}

    return trace


def _traced(records: Sequence[TracedRecord]) -> Iterator[tuple[TracedRecord, dict[str, str]]]:
    """Yield the records that belong to a trace, with the header that names it."""
    for record in records:
        for name, value in record.headers or ():
            if name == HEADER and value is not None:
                yield record, {HEADER: value.decode("ascii", "replace")}


def _spans(tracer: "Tracer", batch: Batch, record: TracedRecord, carrier: dict[str, str]) -> SpanIds | None:
    """Make the span of a record and those of the parts of its batch, with past times; return its ids."""
    from opentelemetry.trace import SpanKind, set_span_in_context  # noqa: PLC0415
    from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415
        TraceContextTextMapPropagator,
    )

    context = TraceContextTextMapPropagator().extract(carrier)
    if not context:
        return None  # not in the format of W3C
    began = time.time_ns() - int(sum(batch.parts.values()) * 1e9)
    moments = [began, *(began + int(passed * 1e9) for passed in accumulate(batch.parts.values()))]
    attributes: dict[str, Any] = {
        "messaging.system": "kafka",
        "messaging.operation.type": "process",
        "messaging.destination.name": batch.source,
        "messaging.destination.partition.id": str(batch.partition),
        "messaging.kafka.offset": record.offset,
        "messaging.batch.message_count": len(batch.records),
        "nearline.stage": batch.stage,
    }
    name, kind = f"{batch.operation} {batch.source}", SpanKind.CONSUMER
    span = tracer.start_span(name, context, kind, attributes, start_time=began)
    for part, start, end in zip(batch.parts, moments, moments[1:], strict=False):
        tracer.start_span(part, set_span_in_context(span), start_time=start).end(end)
    span.end(moments[-1])
    ids = span.get_span_context()
    return {"trace_id": f"{ids.trace_id:032x}", "span_id": f"{ids.span_id:016x}"}
