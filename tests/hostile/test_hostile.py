"""A small run of the battery of hostile records; ``python -m tests.hostile`` runs more."""

from tests.hostile.battery import run
from tests.hostile.doors import DOORS


def test_every_hostile_record_is_taken_or_a_dead_letter() -> None:
    """Nothing crashes, nothing is stuck, and every topic had its share."""
    found = run(3_000, seed=24)
    assert found.clean, "\n".join(found.lines())
    assert found.records == 3_000
    assert all(found.became[name].total() for name in DOORS)
