"""The benchmarks can be run: they import, and the steps that they meter exist."""

from tests.benchmarks.meter import STEPS


def test_every_metered_step_exists() -> None:
    """Each is a function of its owner."""
    assert [(str(owner), name) for owner, name, _ in STEPS if not callable(getattr(owner, name, None))] == []


def test_every_benchmark_imports() -> None:
    """One whose imports have moved would end them all."""
    from tests.benchmarks.__main__ import ALONE, BENCHMARKS  # noqa: PLC0415 - what is tested

    assert {"end_to_end", "core"} <= {*BENCHMARKS, *ALONE}
