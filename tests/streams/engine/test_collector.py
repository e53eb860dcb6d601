"""Python's garbage collector waits for the tables, and never visits what they hold."""

import asyncio
import gc
from collections.abc import Iterator

import pytest

from streams.engine import collector
from streams.engine.collector import COLLECT_AFTER, pause_collector, resume_when_read


@pytest.fixture
def _usual() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.enable()


@pytest.mark.usefixtures("_usual")
def test_it_waits_until_all_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Off while a table is behind; then on, and what the table holds is out of its sight."""
    monkeypatch.setattr(collector, "LOOK_S", 0.0)
    pause_collector()
    assert not gc.isenabled()
    held = [[number] for number in range(1_000)]
    left = [["catalog: 2 left"], ["catalog: 1 left"], []]
    seen: list[bool] = []

    def waiting() -> list[str]:
        seen.append(gc.isenabled())
        return left[len(seen) - 1]

    asyncio.run(resume_when_read(waiting))
    assert seen == [False, False, False]
    assert gc.isenabled()
    assert gc.get_threshold()[0] == COLLECT_AFTER
    visited = {id(one) for one in gc.get_objects()}
    assert not visited & {id(one) for one in held}
