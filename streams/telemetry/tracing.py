"""Traces, where they are asked for: from an event that carries a `traceparent` to its committed page.

A producer that traces puts W3C's `traceparent` into the headers of its event. The batch that applies the
event makes a span below it, from the batch's begin to the commit, with a span for each part; whoever looks at
the producer's trace sees when the page was out. Other events, nearly all, cost a look at their headers.

Off unless NEARLINE_TRACES is on; the only importer of OpenTelemetry (``pip install 'nearline[otel]'``). Where
spans go is OpenTelemetry's own affair: OTEL_EXPORTER_OTLP_ENDPOINT and its like.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from typing import TYPE_CHECKING, Any

from streams.engine.stage import Record
from streams.errors import SettingsError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

__all__ = ["Batch", "Trace", "no_trace", "otlp_provider", "tracing"]

MOST = 32
"""Events of a batch that get spans: producers trace a sample, and a batch has thousands."""
HEADER = "traceparent"


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch that was committed a moment ago.

    Attributes
    ----------
    stage, source, partition
        Where it was read.
    records
        What was in it.
    parts
        Its parts in order, and how long each took, in seconds.
    """

    stage: str
    source: str
    partition: int
    records: Sequence[Record]
    parts: dict[str, float]


Trace = Callable[[Batch], None]
"""Called after each commit."""


def no_trace(batch: Batch) -> None:
    """Trace nothing."""


def otlp_provider(name: str) -> "TracerProvider":
    """Return a provider that sends spans by OTLP, in the background, as OpenTelemetry's variables say.

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
        what, why = "NEARLINE_TRACES is on, and what sends traces is not installed", str(error)
        raise SettingsError(
            what, why=why, next_step="pip install 'nearline[otel]', or switch it off"
        ) from None
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def tracing(provider: "TracerProvider") -> Trace:
    """Return what makes spans of batches.

    Parameters
    ----------
    provider
        Where spans go.
    """
    tracer = provider.get_tracer("nearline")

    def trace(batch: Batch) -> None:
        for record, carrier in islice(_traced(batch.records), MOST):
            _spans(tracer, batch, record, carrier)

    return trace


def _traced(records: Sequence[Record]) -> Iterator[tuple[Record, dict[str, str]]]:
    """Yield the records that belong to a trace, with what their headers say of it."""
    for record in records:
        for name, value in record.headers or ():
            if name == HEADER and value is not None:
                yield record, {HEADER: value.decode("ascii", "replace")}


def _spans(tracer: "Tracer", batch: Batch, record: Record, carrier: dict[str, str]) -> None:
    """Make a record's span and those of the batch's parts, all in the past by now."""
    from opentelemetry.trace import SpanKind, set_span_in_context  # noqa: PLC0415
    from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415
        TraceContextTextMapPropagator,
    )

    context = TraceContextTextMapPropagator().extract(carrier)
    if not context:
        return  # not W3C's form: no trace to belong to
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
    name, kind = f"process {batch.source}", SpanKind.CONSUMER
    span = tracer.start_span(name, context, kind, attributes, start_time=began)
    for part, start, end in zip(batch.parts, moments, moments[1:], strict=False):
        tracer.start_span(part, set_span_in_context(span), start_time=start).end(end)
    span.end(moments[-1])
