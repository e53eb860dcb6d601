"""The driver on a real Kafka: a sound worker passes, and each broken promise is caught."""

from dataclasses import replace
from pathlib import Path

import pytest

from streams.ops.local_kafka.cluster import KafkaCluster
from tests.chaos.driver import run
from tests.chaos.faults import FAULTS
from tests.chaos.rig import Rig
from tests.chaos.sabotage import SABOTAGES
from tests.chaos.schedule import Planned, draw, read
from tests.chaos.verdict import Finding

SMOKE = ("", "transaction")
"""What is run at every change, and not only at night."""
KILLED = [name for name in SABOTAGES if name != "identity"]
"""What kills bring to light."""
MOST = 8
"""Kills that a broken promise may survive; the first is meant to show it."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "sabotage",
    [pytest.param(one, marks=() if one in SMOKE else pytest.mark.nightly) for one in ("", *KILLED)],
)
def test_a_broken_promise_is_caught(kafka: KafkaCluster, tmp_path: Path, sabotage: str) -> None:
    """Two kills, or as many as it takes: with a promise broken something is lost or doubled, else nothing."""
    assert kafka  # this machine can run brokers; the rig has its own
    schedule = read("sabotage", FAULTS)
    with Rig(schedule, 7, tmp_path, sabotage) as rig:
        results = run(rig, draw(schedule, MOST if sabotage else 2, 7), lambda _: None, lambda _: None)
    found = Finding()
    for result in results:
        found += result.finding
    assert bool(found.lost or found.doubled) is bool(sabotage), found.first()
    assert found.clean is not bool(sabotage)


@pytest.mark.slow
@pytest.mark.nightly
@pytest.mark.parametrize("sabotage", ["", "identity"])
def test_a_foreign_folder_is_no_workers_own(kafka: KafkaCluster, tmp_path: Path, sabotage: str) -> None:
    """A worker that takes databases of another installation for its own loses its viewers."""
    assert kafka  # this machine can run brokers; the rig has its own
    schedule = replace(read("sabotage", FAULTS), faults=(Planned("foreign_state"),))
    with Rig(schedule, 7, tmp_path, sabotage) as rig:
        results = run(rig, draw(schedule, 1, 7), lambda _: None, lambda _: None)
    found = results[0].finding
    assert bool(found.different and found.lost) is bool(sabotage), found.first()
    assert found.clean is not bool(sabotage)
