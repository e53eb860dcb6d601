"""What counts the entries of a process does no harm to it."""

import gc
import sys
import threading
import weakref
from collections.abc import Iterator

import pytest

from tests.benchmarks import entries

TUPLES = 30_000
"""Tuples that are made meanwhile: with references to all objects one of the first thousand fails."""


@pytest.fixture
def _quick_changes() -> Iterator[None]:
    """Let Python change between threads more often than usual."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_quick_changes")
def test_threads_may_fill_tuples_while_objects_are_found() -> None:
    """A worker under the soak once ended by a `SystemError`: tuples that grow must have one owner."""
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            entries.found_objects()

    thread = threading.Thread(target=look)
    gc.freeze()  # as the suite has done before: few objects are looked at, often
    one = entries.Entries()
    thread.start()
    try:
        for _ in range(TUPLES):
            assert len(tuple(n for n in range(30))) == 30
    finally:
        stop.set()
        thread.join()
    assert any(found is one for found in entries.found_objects())


def test_a_count_holds_nothing() -> None:
    """The soak once measured its own lists of all objects, and the batches in them: a gigabyte an hour."""
    gone = weakref.ref(held := _Held())
    gc.disable()
    try:
        entries.counted()
        del held
        assert gone() is None
    finally:
        gc.enable()


class _Held:
    """Something that the collector knows."""

    def __init__(self) -> None:
        self.many = [self.__class__]
