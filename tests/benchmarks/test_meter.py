"""The steps that the benchmarks meter are there: a renamed one would end every metered worker."""

from tests.benchmarks.meter import STEPS


def test_every_metered_step_exists() -> None:
    """Each is a function of its owner."""
    assert [(str(owner), name) for owner, name, _ in STEPS if not callable(getattr(owner, name, None))] == []
