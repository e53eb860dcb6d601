"""The parts of a page's way add up to its freshness, and its trace becomes an exemplar."""

import math
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from streams.engine.freshness import TRACES, WAYS, Committed, Freshness
from streams.engine.stage import Outcome
from streams.telemetry.exposition import Exposition
from streams.telemetry.metrics import OPEN_METRICS, Metrics

T0 = 1_700_000_000_000
PARTS = ("topic", "queue", "throttle", "step", "transaction")


def _batch(
    offsets: Sequence[int],
    outcome: Outcome,
    *,
    began_s: float,
    fetched: Sequence[tuple[int, float]] = (),
    headers: Sequence[tuple[str, bytes]] = (),
) -> Committed:
    """Return a batch whose step takes 20 ms and whose transaction takes 30; record n was sent at T0 + n."""
    records: Any = [SimpleNamespace(offset=n, timestamp=T0 + n, headers=headers) for n in offsets]
    times = began_s, began_s + 0.020, began_s + 0.050, began_s + 0.060
    sent_ms = np.array([record.timestamp for record in records], np.int64)
    return Committed(records, sent_ms, outcome, times, T0 + round(1000 * times[2]), fetched)


def _no_trace(_: Sequence[Any], __: str) -> Mapping[int, Mapping[str, str]]:
    return {}


def _parts(metrics: Metrics) -> tuple[float, dict[str, float]]:
    """Return the sum of the freshness, and that of each part; milliseconds."""
    shown = Exposition(metrics.exposition().decode())
    found = shown.by("nearline_freshness_part_seconds_sum", "part")
    return (
        round(1000 * shown.value("nearline_freshness_seconds_sum"), 3),
        {part: round(1000 * found[part], 3) for part in PARTS if part in found},
    )


def test_a_page_made_at_once_has_four_parts() -> None:
    """Sent at 3 and 5 ms, fetched at 10 and at 12 ms, its batch began at 15."""
    metrics = Metrics()
    batch = _batch([3, 4, 5], Outcome(causes=[3, 5]), began_s=0.015, fetched=[(3, 0.010), (5, 0.012)])
    Freshness(metrics).observe(batch, _no_trace)
    whole, parts = _parts(metrics)
    assert parts == {"topic": 7 + 7, "queue": 5 + 3, "step": 40, "transaction": 60}
    assert whole == sum(parts.values()) == (65 - 3) + (65 - 5)


def test_a_page_that_was_held_back_has_the_wait_as_a_part() -> None:
    """Its topic and queue are those of its own batch; the wait lasts until the batch that publishes."""
    metrics = Metrics()
    observed = Freshness(metrics)
    observed.observe(_batch([3, 4], Outcome(), began_s=0.015, fetched=[(4, 0.010)]), _no_trace)
    observed.observe(_batch([5], Outcome(), began_s=0.115), _no_trace)
    observed.observe(_batch([], Outcome(deferred_causes=[(4, T0 + 4)]), began_s=1.015), _no_trace)
    whole, parts = _parts(metrics)
    assert parts == {"topic": 6, "queue": 5, "throttle": 1000, "step": 20, "transaction": 30}
    assert whole == sum(parts.values()) == 1065 - 4


def test_of_a_batch_before_the_restart_the_whole_wait_is_the_throttle_s() -> None:
    """And so it is of one that is too long ago; without a timestamp nothing is observed."""
    metrics = Metrics()
    observed = Freshness(metrics)
    observed.observe(_batch([], Outcome(deferred_causes=[(4, T0 + 4), (5, 0)]), began_s=1.0), _no_trace)
    whole, parts = _parts(metrics)
    assert (whole, parts["throttle"]) == (1046, 996)
    for n in range(WAYS + 1):
        observed.observe(_batch([10 + n], Outcome(), began_s=2.0), _no_trace)
    observed.observe(_batch([], Outcome(deferred_causes=[(10, T0 + 10)]), began_s=3.0), _no_trace)
    assert _parts(metrics)[1]["throttle"] == 996 + 2990


def test_the_trace_of_a_page_is_an_exemplar() -> None:
    """Of the bucket that its time is in: of a page made at once, and of one that is published later."""
    metrics, traced = Metrics(), []

    def trace(records: Sequence[Any], operation: str) -> Mapping[int, Mapping[str, str]]:
        traced.append((operation, [one.offset for one in records]))
        ids = {one.offset: {"trace_id": f"{one.offset:032x}", "span_id": "ab" * 8} for one in records}
        return {offset: found for offset, found in ids.items() if offset != 4}

    observed = Freshness(metrics)
    observed.observe(_batch([3, 4, 5], Outcome(causes=[3, 4]), began_s=0.015), trace)
    observed.observe(_batch([], Outcome(deferred_causes=[(5, T0 + 5)]), began_s=1.0), trace)
    assert traced == [("process", [3, 4, 5]), ("flush", [5])]
    lines = metrics.exposition(OPEN_METRICS).decode().splitlines()
    exemplars = [line for line in lines if " # {" in line]
    assert len(exemplars) == 2
    assert exemplars[0].startswith('nearline_freshness_seconds_bucket{le="0.08",throttled="false"} 2.0 # {')
    assert f'trace_id="{3:032x}"' in exemplars[0]
    assert exemplars[1].startswith('nearline_freshness_seconds_bucket{le="2.0",throttled="true"} 1.0 # {')
    assert f'trace_id="{5:032x}"' in exemplars[1]
    assert " # {" not in metrics.exposition().decode()


def test_traced_records_that_are_kept_are_bounded() -> None:
    """A producer that traces all its events fills no memory."""
    observed = Freshness(Metrics())
    for n in range(TRACES + 50):
        observed.observe(_batch([n], Outcome(), began_s=0.1), lambda records, _: {records[0].offset: {}})
    assert len(observed._traced) == TRACES
    assert min(observed._traced) == 50


@pytest.mark.parametrize("ahead_ms", [0, 5_000])
def test_a_clock_that_is_ahead_gives_no_negative_part(ahead_ms: int) -> None:
    """A producer whose clock is ahead makes freshness 0."""
    metrics = Metrics()
    batch = _batch([ahead_ms], Outcome(causes=[ahead_ms]), began_s=0.0, fetched=[(ahead_ms, -0.001)])
    Freshness(metrics).observe(batch, _no_trace)
    whole, parts = _parts(metrics)
    assert whole == max(0, 50 - ahead_ms)
    assert all(math.isfinite(value) and value >= 0 for value in parts.values())
