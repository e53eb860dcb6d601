"""Figures of the console: the workers' metrics, topics and lag, the model card."""

import math
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from online_models.learners import blender as blend
from schemas import topics
from streams.config.settings import Settings
from streams.config.variables import leaves
from streams.errors import StreamError
from streams.kafka import scan as topic_scan
from streams.kafka.clients import TopicPartition, consumer
from streams.ops.overview import Observer, fetch
from streams.serve.mirror.mirror import Mirror
from streams.serve.web.charts import Line, chart_of
from streams.serve.web.history import MetricsHistory
from streams.stages.wire.partition_rows import BLEND
from streams.telemetry.exposition import Exposition

__all__ = ["lag_of", "model_card", "overview_of", "topics_of"]

EXPERTS: Final = {
    blend.FACTORIZATION: "factorization",
    blend.COWATCH: "co-watch, short",
    blend.COWATCH_LONG: "co-watch, long",
    blend.TRENDING: "trending",
    blend.POPULARITY: "popularity",
}
"""Names of the experts in the model card."""


CHARTED: Final = ("blend", "popularity")
"""Models whose hit rates are drawn: what is shown to viewers, and what it has to beat."""


def overview_of(mirror: Mirror, history: MetricsHistory) -> dict[str, Any]:
    """Return the figures of the overview: rates between the last two samples, gauges, charts."""
    found, samples = history.newest(), history.samples()
    times = [one.at_ms for one in samples]
    quality = [Line(model, [100 * rate for rate in history.hit_rates(model)]) for model in CHARTED]
    delays = [Line("p50", [one.p50_ms for one in samples]), Line("p99", [one.p99_ms for one in samples])]
    return {
        "found": found,
        "freshness": {name: _ms(value) for name, value in found.freshness_ms.items()},
        "held_back": {name: _ms(value) for name, value in found.held_back_ms.items()},
        "lag": sum(found.lag["viewers"].values()),
        "top": max(found.hit_rate.values(), default=1.0) or 1.0,
        "titles": len(mirror.titles),
        "streams": mirror.notifier.streams,
        "ready": mirror.ready,
        "charts": [
            ("Freshness", "ms", chart_of(times, delays)),
            ("Lag", "records", chart_of(times, [Line("not yet applied", [one.lag for one in samples])])),
            ("Hit rate: watched next was in the first ten", "%", chart_of(times, quality)),
        ],
    }


def topics_of(settings: Settings) -> list[dict[str, Any]]:
    """Return every topic, with its partitions and the number of offsets that it holds."""
    found = topic_scan.metadata(settings).topics
    rows = []
    for name, spec in settings.topic_table().items():
        exists = settings.topic(name) in found
        span = topic_scan.spans(settings, name) if exists else {}
        offsets = sum(high - low for low, high in span.values())
        kept = "newest of each key" if spec.cleanup == "compact" else _days(spec.retention_ms // 86_400_000)
        rows.append(
            {
                "name": spec.name,
                "key": spec.key,
                "value": spec.value,
                "by": spec.written_by,
                "kept": kept,
                "partitions": len(span) if exists else "missing",
                "records": f"{offsets:,}",
            }
        )
    return rows


def lag_of(settings: Settings) -> list[tuple[int, int, int, int]]:
    """Return partition, end, offset committed by the group (-1: none) and lag in records of the events."""
    span = topic_scan.spans(settings, topics.EVENTS)
    reader = consumer(settings, {"group.id": settings.consumer_group})
    try:
        places = [TopicPartition(settings.topic(topics.EVENTS), partition) for partition in span]
        offsets = reader.committed(places, timeout=topic_scan.TIMEOUT_S)
    finally:
        reader.close()
    committed = {one.partition: one.offset for one in offsets}
    return [
        (partition, high, committed.get(partition, -1), max(0, high - max(low, committed.get(partition, -1))))
        for partition, (low, high) in sorted(span.items())
    ]


def model_card(settings: Settings, observer: Observer) -> dict[str, Any]:
    """Return the figures of the model that serves: hit rates, weights, constants."""
    answers = [one for address in observer.addresses if (one := fetch(address)) is not None]
    whole = Exposition.together(answers)
    tested = whole.by("nearline_prequential_tested_total", "model")
    hits = whole.by("nearline_prequential_hits_total", "model")
    rates = [(name, hits.get(name, 0.0) / n, n) for name, n in tested.items() if n]
    weights = list(_weights(settings))
    return {
        "version": settings.model_version,
        "fingerprint": settings.model.fingerprint(),
        "learned": whole.value("nearline_learned_total") if answers else None,
        "rates": sorted(rates, key=lambda one: -one[1]),
        "weights": weights,
        "heaviest": max((weight for _, weight in weights), default=0.0),
        "workers": list(observer.addresses),
        "constants": [(".".join(path), value) for path, value in leaves(settings.model)],
    }


def _weights(settings: Settings) -> Iterator[tuple[str, float]]:
    """Yield the experts' weights that all contexts share, as the mean of the partitions."""
    try:
        parts = range(topic_scan.partitions_of(settings, topics.VIEWER_STATE))
        found = [topic_scan.newest(settings, topics.VIEWER_STATE, part, BLEND.key) for part in parts]
    except StreamError:
        return
    rows = [BLEND.unpack(value) for value in found if value is not None]
    shared = [row[: blend.EXPERTS] for row in rows if row.size >= blend.EXPERTS]
    if shared:
        mean = np.mean(shared, axis=0).tolist()
        yield from sorted(((EXPERTS[n], weight) for n, weight in enumerate(mean)), key=lambda one: -one[1])


def _ms(value: float) -> str:
    """Return milliseconds as text."""
    return f"{value:,.0f} ms" if math.isfinite(value) else "\N{EN DASH}"


def _days(number: int) -> str:
    """Return a duration as text."""
    return f"{number} day{'s' if number != 1 else ''}"
