"""The plan: what it says of configurations that were measured, and how it follows its inputs."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec import structs

from online_models.learners.title_side import DRIFTED_SHARE as SHARE_OF_NAMED
from online_models.learners.title_side import MOST_DRIFTED
from streams.errors import SettingsError
from streams.ops.plan.constants import SHIPPED, Constants, Range
from streams.ops.plan.model import (
    DRIFTED,
    DRIFTED_SHARE,
    USE,
    Demand,
    changed_titles,
    needs,
    plan,
    sensitivities,
)

BIG = Demand(viewers=20_000_000, titles=300_000, events_per_s=80_000.0)


def test_rows_for_replicas_are_those_of_the_titles_stage() -> None:
    """The plan knows how many rows are written for drift alone, and loads no kernel for it."""
    assert (DRIFTED, DRIFTED_SHARE) == (MOST_DRIFTED, SHARE_OF_NAMED)


def test_the_network_of_replicas_grows_with_workers() -> None:
    """Ten times the workers read ten times the bytes, and the brokers' share of it is in their load."""
    demand = Demand(viewers=10**6, titles=20_000, events_per_s=4_000.0)
    few, many = (needs(demand, SHIPPED, partitions=500, workers=n) for n in (5, 50))
    assert many.replica_mb_s == pytest.approx(10 * few.replica_mb_s)
    assert many.broker_out_mb_s - few.broker_out_mb_s == pytest.approx(many.replica_mb_s - few.replica_mb_s)
    assert many.broker_cores - few.broker_cores == pytest.approx(
        many.replica_broker_cores - few.replica_broker_cores
    )


@pytest.mark.parametrize("name", ["viewers", "titles", "events_per_s", "pages_per_event", "retention_days"])
def test_more_costs_no_less(name: str) -> None:
    """Twice of any input takes at least as much of everything that is ordered."""
    usual, twice = needs(BIG, SHIPPED), sensitivities(BIG, SHIPPED)[name]
    for what in ("partitions", "workers", "broker_in_mb_s", "broker_disk_gb"):
        assert getattr(twice, what) >= getattr(usual, what) * 0.999, what
    whole = [need.workers * need.worker_memory_gb for need in (usual, twice)]
    assert whole[1] >= whole[0]


def test_fresher_pages_take_more_workers() -> None:
    """Half the time leaves less of a core to batches; what no brokers can do is refused with the least."""
    assert needs(structs.replace(BIG, p99_ms=60.0), SHIPPED).workers > needs(BIG, SHIPPED).workers
    with pytest.raises(SettingsError, match="at least"):
        needs(structs.replace(BIG, p99_ms=20.0), SHIPPED)


def test_the_plan_keeps_what_it_promises() -> None:
    """Freshness as wanted, use below the limit, partitions for growth, and ranges in order."""
    found = plan(BIG, SHIPPED)
    for need in (found.low, found.usual, found.high):
        assert need.freshness_p99_ms <= BIG.p99_ms
        assert need.use <= USE + 1e-9
        assert need.partitions >= 2 * need.workers
    assert found.low.workers < found.usual.workers < found.high.workers
    assert (
        found.usual.titles_floor_s > needs(structs.replace(BIG, events_per_s=1_000.0), SHIPPED).titles_floor_s
    )


def test_changed_titles_are_those_of_zipf() -> None:
    """The count is that of a sample, within its noise."""
    rng = np.random.default_rng(1)
    ranks = np.arange(1, 10_001, dtype=float) ** -1.2
    drawn = [len(np.unique(rng.choice(10_000, 1_000, p=ranks / ranks.sum()))) for _ in range(20)]
    assert changed_titles(10_000, 1_000) == pytest.approx(float(np.mean(drawn)), rel=0.02)


def test_constants_survive_a_file(tmp_path: Path) -> None:
    """What is saved is read; another file is refused by name."""
    path = tmp_path / "a/plan.json"
    SHIPPED.save(path)
    assert Constants.read(path) == SHIPPED
    path.write_bytes(msgspec.json.encode({"machine": "x"}))
    with pytest.raises(SettingsError, match="no constants of a plan"):
        Constants.read(path)


def test_every_constant_has_a_source_and_an_order() -> None:
    """Low is below high, and each says where it comes from."""
    for name in SHIPPED.__struct_fields__:
        value = getattr(SHIPPED, name)
        if isinstance(value, Range):
            assert value.low <= value.usual <= value.high, name
        if name != "machine":
            assert value.source, name
