"""Type checkers see the calls of kernels: `make lint` fails when mypy finds no error in one of these.

Each `type: ignore` names the error that mypy must report on its line; one that is not needed is an error
itself (``warn_unused_ignores``, part of its strict mode). Nothing here is run.
"""

from online_models.tables.hashing import below, mix


def right() -> None:
    """Give a kernel what it takes."""
    mix(1)
    below(1, 3)


def wrong() -> None:
    """Give a kernel too much, and a kernel something else."""
    mix(1, 2)  # type: ignore[call-arg]
    below("a", 3)  # type: ignore[arg-type]
