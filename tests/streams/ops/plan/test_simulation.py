"""The simulation: it agrees with the formula where that holds, and shows what the formula leaves out."""

import pytest
from msgspec import structs

from streams.ops.plan.constants import SHIPPED
from streams.ops.plan.model import Demand, needs
from streams.ops.plan.scenarios import SCENARIOS, LoadScenario, Topology
from streams.ops.plan.simulation import simulate

SMALL = Topology(partitions=12, workers=3, viewers=2_000_000, titles=10_000, events_per_s=6_000.0)


def _plan(installation: Topology) -> tuple[float, float]:
    """Return freshness and busy cores by the formula."""
    demand = Demand(
        viewers=installation.viewers, titles=installation.titles, events_per_s=installation.events_per_s,
        pages_per_event=installation.pages_per_event, active=installation.active,
    )  # fmt: skip
    need = needs(demand, SHIPPED, partitions=installation.partitions, workers=installation.workers)
    return need.freshness_p99_ms, need.busy_cores


def test_all_events_are_processed_once() -> None:
    """What came is what was processed, but for what is under way at the end."""
    outcome = simulate(SMALL, SHIPPED, structs.replace(SCENARIOS["steady"], seconds=20.0))
    came, done = sum(outcome.arrived), sum(outcome.processed)
    assert came == pytest.approx(20 * SMALL.events_per_s, rel=0.02)
    assert 0 <= came - done <= outcome.freshness_p99_ms / 1e3 * SMALL.events_per_s * 2


def test_the_same_seed_gives_the_same_run() -> None:
    """Two runs are equal, another seed is another run."""
    short = structs.replace(SCENARIOS["steady"], seconds=5.0)
    first, second, other = (simulate(SMALL, SHIPPED, short, seed=seed) for seed in (1, 1, 2))
    assert first == second
    assert first != other


@pytest.mark.parametrize("events_per_s", [1_000.0, 6_000.0, 12_000.0])
def test_the_formula_agrees_where_nothing_happens(events_per_s: float) -> None:
    """Freshness of the plan is that of the simulation within a third, on the safe side or near it."""
    installation = structs.replace(SMALL, events_per_s=events_per_s)
    outcome = simulate(installation, SHIPPED, structs.replace(SCENARIOS["steady"], seconds=20.0))
    assert outcome.freshness_p99_ms == pytest.approx(_plan(installation)[0], rel=0.34)


def test_a_backlog_is_processed_at_the_speed_of_a_core() -> None:
    """A worker that has everything to do does as many events as its core can, in large batches."""
    alone = structs.replace(SMALL, workers=1, partitions=4, events_per_s=0.001)
    outcome = simulate(alone, SHIPPED, LoadScenario(seconds=60, about="backlog", backlog=1e9))
    assert outcome.use > 0.97
    assert outcome.events_a_batch > 5_000
    assert outcome.events_per_s > 1.5 * 6_000 / 3


def test_a_lost_rack_stops_its_partitions_and_no_others() -> None:
    """They stand still for the session and the restore; then the others have them, and catch up."""
    spare = structs.replace(SMALL, partitions=6, workers=6, events_per_s=1_500.0)
    scenario = structs.replace(SCENARIOS["rack-lost"], rack_lost_s=10.0, seconds=130.0)
    outcome = simulate(spare, SHIPPED, scenario)
    assert 60 <= outcome.stopped_s <= 75
    assert outcome.most_behind == pytest.approx(1_500 / 3 * outcome.stopped_s, rel=0.25)
    assert outcome.back_s is not None
    assert outcome.back_s < 100
    assert sum(outcome.processed) == pytest.approx(sum(outcome.arrived), rel=0.01)


def test_a_launch_night_ends() -> None:
    """Behind while twenty times the events come; pages are bounded by viewers, so it catches up."""
    spare = structs.replace(SMALL, partitions=6, workers=6, events_per_s=500.0)
    shorter = structs.replace(SCENARIOS["launch-night"], rate=((0, 1), (10, 20), (40, 1)), seconds=90.0)
    outcome = simulate(spare, SHIPPED, shorter)
    calm = outcome.p99_ms[8] or 0.0
    assert max(one or 0.0 for one in outcome.p99_ms[10:40]) > calm
    assert (outcome.p99_ms[-2] or 0.0) < 2 * calm
    assert outcome.behind[-2] < 500


def test_a_hot_viewer_is_felt_in_one_partition() -> None:
    """Others are as fresh as before, at the median."""
    hot = simulate(SMALL, SHIPPED, structs.replace(SCENARIOS["hot-viewer"], seconds=20.0))
    calm = simulate(SMALL, SHIPPED, structs.replace(SCENARIOS["steady"], seconds=20.0))
    assert hot.events_per_s > calm.events_per_s
    assert hot.freshness_p50_ms < 3 * calm.freshness_p50_ms
