"""SIGTERM in the first second: the documented code, whatever is being imported."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from streams.cli.console import ExitCode
from tests.waiting import PATIENCE_S, until


def handles_sigterm(pid: int) -> bool:
    """Return whether a process has installed a handler of SIGTERM."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = int(status.split("SigCgt:")[1].split()[0], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


@pytest.mark.parametrize("imported", [False, True])
@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("worker", ExitCode.DONE),
        ("serve --port 0", ExitCode.DONE),
        ("experiments worker", ExitCode.DONE),
        ("insights worker", ExitCode.DONE),
        ("demo", ExitCode.INTERRUPTED),
    ],
)
def test_sigterm_in_the_first_second(command: str, code: int, tmp_path: Path, *, imported: bool) -> None:
    """As soon as Python runs, and while it imports the command line."""
    line = [sys.executable, "-X", "importtime", "-m", "streams", *command.split()]
    with subprocess.Popen(line, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        until(lambda: handles_sigterm(process.pid))
        if imported:
            next(text for text in process.stderr if text.rstrip().endswith("typer"))
        process.send_signal(signal.SIGTERM)
        said = process.stderr.read()
        assert process.wait(PATIENCE_S) == code, said[-2_000:]
    assert "Traceback" not in said
