"""Waiting for what other threads and processes bring about."""

import time
from collections.abc import Callable
from typing import TypeVar

from streams.ops.runs.worker_process import WorkerProcess

T = TypeVar("T")
PATIENCE_S = 300.0
"""Longest wait for what is bound to happen. It takes seconds; on a machine that is busy with something else
it may take minutes, and that is no failure."""


def until(
    found: Callable[[], T | None], *workers: WorkerProcess, seconds: float = PATIENCE_S, why: str = ""
) -> T:
    """Return what is found as soon as it is something; fail when it comes too late, or a worker ends."""
    deadline = time.monotonic() + seconds
    while not (value := found()):
        for worker in workers:
            worker.check()
        assert time.monotonic() < deadline, why or f"in vain for {seconds:g} s"
        time.sleep(0.05)
    return value
