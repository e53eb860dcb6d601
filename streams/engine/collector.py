"""When Python's garbage collector runs in a worker: not while tables are read, and never over what they hold.

Titles of a large catalog are millions of objects that stay, and the collector looks at them to find that
none is garbage: while a million titles are read this is 9 % of the CPU (perf). So it waits until the tables
are read, and what there is by then it never visits again. What is no longer referred to ends without it; it
is there for cycles.
"""

import asyncio
import gc
from collections.abc import Callable, Sequence
from typing import Final

__all__ = ["pause_collector", "resume_collector", "resume_when_read"]

COLLECT_AFTER: Final = 100_000
"""New objects after which it runs: a batch makes tens of thousands, and no cycles. At the default of 700 it
took a tenth of the worker's CPU (measured)."""

LOOK_S: Final = 0.5
"""Seconds between two looks whether the tables are read."""


def pause_collector() -> None:
    """Have it wait for `resume_collector`; modules that are imported by now are never visited again."""
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 50, 100)
    gc.disable()


def resume_collector() -> None:
    """Let it run again, over what is made from now on."""
    gc.freeze()
    gc.enable()


async def resume_when_read(waiting: Callable[[], Sequence[str]]) -> None:
    """Resume once nothing is left to be read.

    Parameters
    ----------
    waiting
        Returns what is not read yet.
    """
    while waiting():  # noqa: ASYNC110 - threads read the tables, and know nothing of this loop
        await asyncio.sleep(LOOK_S)
    resume_collector()
