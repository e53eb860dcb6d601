"""A worker under limits and abuse: few files, many partitions, a loop that stands still, a flood."""

import http.client
import multiprocessing
import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.integration.arena import Arena

MANY = 16
"""Partitions."""
MANY_MB = 300
"""Bound of a worker's resident memory with 16 partitions; 130 MB were measured, most of them libraries."""


@pytest.fixture
def wide(arena: Arena) -> Arena:
    """Give an arena whose topics have many partitions."""
    arena.prefix, arena.partitions = f"{arena.prefix}wide.", MANY
    arena.create_topics()
    return arena


@pytest.mark.slow
@pytest.mark.nightly
def test_memory_does_not_grow_with_partitions(wide: Arena) -> None:
    """Sixteen partitions under load: block cache and write buffers are shared."""
    wide.start(0)
    wide.feed(30_000, viewers=5_000)
    wide.settle(revive=False)
    assert wide.peak_mb(0) < MANY_MB
    wide.verify()


@pytest.mark.slow
@pytest.mark.nightly
def test_few_open_files(wide: Arena) -> None:
    """With 256 descriptors the worker either works, or ends and says what is short; nothing is lost."""
    process = wide.start(0)
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (256, 256))
    wide.feed(2_000)
    wide.producer.flush()
    wide.await_that(lambda: process.poll() is not None or len(wide.read("out")) == wide.sent)
    if process.poll() is not None:
        assert process.returncode != 0
        assert "open files" in wide.log(0)
    wide.settle()
    wide.verify()


@pytest.mark.slow
@pytest.mark.parametrize("what", ["freeze", pytest.param("freeze_loop", marks=pytest.mark.nightly)])
def test_alive_and_not_working(arena: Arena, what: str) -> None:
    """A step that never returns, an event loop that stands still: the watchdog ends it, nothing is lost."""
    arena.start(0, watchdog_s=6.0, **{what: "stop here"})
    arena.await_partition(0)
    arena.feed(500)
    arena.produce("v1", "stop here")
    arena.feed(2_000)
    arena.producer.flush()
    assert arena.await_end(0) == 5
    arena.settle()
    arena.verify()


@pytest.mark.slow
def test_unforeseen_exception_in_an_agent(arena: Arena) -> None:
    """A slice that an agent drops by raising is missed, and read again; or the process ends and does so."""
    arena.start(0, crash_agent=3, max_events=50)
    arena.await_partition(0)
    arena.feed(3_000)
    arena.settle()
    assert "nobody foresaw this" in arena.log(0)
    arena.verify()


@pytest.mark.slow
@pytest.mark.nightly
def test_metrics_flooded(arena: Arena) -> None:
    """Clients that ask without end, and clients that connect and say nothing: the events go on."""
    arena.start(0)
    arena.await_partition(0)
    with _flood(arena.ports[0], asking=8, silent=400):
        arena.feed(5_000)
        arena.settle(revive=False)
        assert arena.workers[0].poll() is None
    arena.await_that(lambda: arena.metrics(0).value("nearline_events_total") == arena.sent)
    arena.verify()


@contextmanager
def _flood(port: int, *, asking: int, silent: int) -> Iterator[None]:
    """Let another process keep a port busy."""
    process = multiprocessing.get_context("spawn").Process(target=flood, args=(port, asking, silent))
    process.start()
    yield
    process.kill()
    process.join()


def flood(port: int, asking: int, silent: int) -> None:
    """Connect to a port and say nothing; ask it without end."""
    held = [socket.create_connection(("127.0.0.1", port)) for _ in range(silent)]

    def ask() -> None:
        while held:
            try:
                client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                client.request("GET", "/metrics")
                client.getresponse().read()
                client.close()
            except (OSError, http.client.HTTPException):
                time.sleep(0.01)

    for _ in range(asking):
        threading.Thread(target=ask).start()
