"""The plan beside what was measured with a real Kafka: `deploy/capacity.md` has the same table.

The figures are those of ``python -m tests.benchmarks NAME`` on the machine of the shipped constants,
taken when it was
quiet. One constant, `event_us`, is fitted to the first of them; the others are predictions.
"""

from typing import NamedTuple

import pytest
from msgspec import structs

from streams.ops.plan.constants import SHIPPED, Range
from streams.ops.plan.model import Demand, needs
from streams.ops.plan.scenarios import LoadScenario, Topology
from streams.ops.plan.simulation import simulate

WITHIN = 0.25
LISTS = structs.replace(SHIPPED, page_us=Range(1.0, 1.0, 1.0, "a list of one row is no page"))
BENCH = Topology(
    partitions=4, workers=1, viewers=100_000, titles=10_000, events_per_s=0.001, pages_per_event=1.0,
    active=1.0,
    page_interval_s=0.0,
)  # fmt: skip
"""Of the benchmarks (tests/benchmarks/load.py)."""
ALL_AT_ONCE = LoadScenario(seconds=20, about="all events are there", backlog=1e9)


class Measured(NamedTuple):
    """A figure of a benchmark."""

    benchmark: str
    figure: str
    value: float


def _saturated(workers: int = 1, *, pages: bool = False) -> float:
    """Return the events a second of workers that have everything to do."""
    installation = structs.replace(BENCH, workers=workers)
    return simulate(installation, SHIPPED if pages else LISTS, ALL_AT_ONCE).events_per_s


def _pages_per_event() -> float:
    """Return the pages an event of the largest batch: viewers who are in it twice have one."""
    viewers = BENCH.viewers / BENCH.partitions
    return viewers * (1 - (1 - 1 / viewers) ** 8_000) / 8_000


def _busy(events_per_s: float) -> float:
    """Return the cores of one worker at a steady rate."""
    demand = Demand(
        viewers=BENCH.viewers, titles=BENCH.titles, events_per_s=events_per_s, active=1.0, pages_per_event=0.9
    )
    return needs(demand, LISTS, partitions=4, workers=1).busy_cores


@pytest.mark.parametrize(
    ("measured", "predicted"),
    [
        (Measured("end_to_end", "events a second, one core", 18_800), _saturated),
        (
            Measured("pages", "pages a second, one core", 2_454),
            lambda: _saturated(pages=True) * _pages_per_event(),
        ),
        (
            Measured("pages", "the same, an earlier commit", 2_637),
            lambda: _saturated(pages=True) * _pages_per_event(),
        ),
        (Measured("steady", "cores at 1,000 events/s", 0.517), lambda: _busy(1_000.0)),
        (Measured("scale", "two workers against one", 1.81), lambda: _saturated(2) / _saturated(1)),
    ],
    ids=lambda one: f"{one.benchmark}: {one.figure}" if isinstance(one, Measured) else "",
)
def test_a_measured_configuration_is_predicted(measured: Measured, predicted: object) -> None:
    """Within a quarter."""
    assert callable(predicted)
    assert predicted() == pytest.approx(measured.value, rel=WITHIN)
