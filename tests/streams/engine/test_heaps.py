"""Threads of a worker share heaps."""

import subprocess
import sys

import pytest

COUNT = """
import ctypes, sys, threading
from streams.engine.heaps import use_few_heaps
if "few" in sys.argv:
    use_few_heaps()
library, started = ctypes.CDLL(None), threading.Barrier(9)
library.malloc.restype = ctypes.c_void_p
def allocate():
    library.malloc(1_000)
    started.wait()
threads = [threading.Thread(target=allocate) for _ in range(8)]
for one in threads:
    one.start()
started.wait()
library.malloc_info(0, ctypes.c_void_p.in_dll(library, "stdout"))
library.fflush(None)
"""


def heaps(*given: str) -> int:
    """Return how many heaps a process with eight threads has."""
    printed = subprocess.run(
        [sys.executable, "-c", COUNT, *given], capture_output=True, check=True, text=True
    )
    return printed.stdout.count("<heap nr")


@pytest.mark.skipif(sys.platform != "linux", reason="counts the heaps of glibc")
def test_eight_threads_have_two_heaps() -> None:
    """In place of one each."""
    assert heaps() > 2
    assert heaps("few") == 2
