"""The guarding allocator finds what it is for; models of every configuration touch no memory of others."""

import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.guarded import COMPILER, guarding

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C compiler here")
BESIDE = """
import ctypes, sys
import numpy as np
column, beyond = np.zeros(1_000), int(sys.argv[1])
ctypes.memset(column.ctypes.data + column.nbytes, 1, beyond)
"""
FREED = """
import ctypes
import numpy as np
column = np.zeros(1_000)
at = column.ctypes.data
del column
ctypes.memset(at, 1, 4)
"""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Return the environment of guarded processes."""
    return guarding(tmp_path_factory.mktemp("guarded"))


def run(environment: Mapping[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run Python."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("code", "beyond", "ends"), [(BESIDE, "0", 0), (BESIDE, "4", -1), (FREED, "0", -1)])
def test_whoever_writes_beside_a_block_ends_at_once(
    guarded: Mapping[str, str], code: str, beyond: str, ends: int
) -> None:
    """The traceback names the call; without such a write nothing happens."""
    done = run(guarded, "-c", code, beyond)
    assert done.returncode == ends * signal.SIGSEGV, done.stderr
    assert ("memset" in done.stderr or "<string>" in done.stderr) == bool(ends)


def test_no_configuration_of_a_model_touches_memory_of_others(guarded: Mapping[str, str]) -> None:
    """Events are learned, stored and listed with memory guarded: few configurations here, more by hand."""
    test = Path("tests/equality/test_configurations.py")
    done = run(
        guarded, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--hypothesis-profile", "quick", str(test)
    )
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
