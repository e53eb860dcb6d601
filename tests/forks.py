"""Code that a test runs in a process of its own that imports nothing: a fork of this one.

Not for what needs threads that libraries have started here, as RocksDB's: `tests.warm_processes` is for that.
"""

import gc
import os
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn


def start_fork(work: Callable[[], object], output: Path) -> int:
    """Fork; do the work there, and end as an interpreter does: when its threads have ended.

    Parameters
    ----------
    work
        What is done.
    output
        File for what it prints, and for the traceback of what it raises (exit code 1).

    Returns
    -------
    int
        Process id, to be waited for by `exit_code_of`.
    """

    def whole() -> int:
        gc.freeze()  # what earlier tests have left must not end here: its threads are elsewhere
        write_to(output, output)
        work()
        threading._shutdown()  # type: ignore[attr-defined]
        return 0

    output.touch()
    pid = os.fork()
    if pid == 0:
        exit_with(whole)
    return pid


def write_to(out: Path | str, errors: Path | str) -> None:
    """Append what this process prints to files, whatever its standard streams were before."""
    for number, name in ((1, out), (2, errors)):
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(file, number)
        os.close(file)
    sys.stdout = open(1, "w", buffering=1, closefd=False, encoding="utf-8")  # noqa: SIM115 - for good
    sys.stderr = open(2, "w", buffering=1, closefd=False, encoding="utf-8")  # noqa: SIM115


def exit_with(work: Callable[[], int]) -> NoReturn:
    """Do the last work of a fork and end it with the exit code; no exit handler of the first process runs."""
    code = 1
    try:
        code = work()
        sys.stdout.flush()
        sys.stderr.flush()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    except BaseException:  # noqa: BLE001 - nobody else would say it
        traceback.print_exc()
    finally:
        os._exit(code)


def exit_code_of(pid: int) -> int:
    """Wait until a fork has ended; return its exit code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def run_in_fork(work: Callable[[], object], output: Path) -> tuple[int, str]:
    """Do work in a fork; return its exit code and what it printed."""
    code = exit_code_of(start_fork(work, output))
    return code, output.read_text(encoding="utf-8")
