"""Processes that outlive the command which started them: pid file, check that the pid is ours, end."""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path


def spawn(command: Sequence[str], *, pid_file: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, so that ctrl-C on this one does not reach it.

    Parameters
    ----------
    command
        Programme and arguments.
    pid_file
        Gets the process id.
    log
        Standard output and error are appended to it.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - the command is ours, word by word
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    while process.poll() is None and not command_line(process.pid):
        time.sleep(0.001)  # for a moment after its start a process has no command line yet
    pid_file.write_text(f"{process.pid}\n", encoding="ascii")
    return process


def running_pid(pid_file: Path, mark: str) -> int | None:
    """Return the pid in a file if that process runs and is the one meant, else None.

    Parameters
    ----------
    pid_file
        Written by :func:`spawn`.
    mark
        Part of the process's command line; numbers are given again to strangers.
    """
    try:
        pid = int(pid_file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # a dead child of ours keeps its number until it is asked for
    return pid if mark in command_line(pid) else None


def command_line(pid: int) -> str:
    """Return the command line of a process, empty when there is no such process."""
    proc = Path("/proc")
    if proc.is_dir():
        try:
            return (proc / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    listing = ["ps", "-ww", "-p", str(pid), "-o", "args="]
    return subprocess.run(listing, capture_output=True, text=True, check=False).stdout  # noqa: S603


def end(pid_file: Path, mark: str, *, timeout_s: float) -> bool:
    """Ask a process to end and wait; kill it when it has not ended in time. Removes the pid file.

    Returns
    -------
    bool
        Whether it ended by itself (or was not running).
    """
    ask(pid_file, mark)
    clean = _gone(pid_file, mark, timeout_s)
    if not clean:
        ask(pid_file, mark, signal.SIGKILL)
        _gone(pid_file, mark, timeout_s)
    pid_file.unlink(missing_ok=True)
    return clean


def ask(pid_file: Path, mark: str, number: signal.Signals = signal.SIGTERM) -> None:
    """Send a signal to the process of a pid file, if it runs."""
    pid = running_pid(pid_file, mark)
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _gone(pid_file: Path, mark: str, timeout_s: float) -> bool:
    """Wait until the process is gone; False when it is still there after `timeout_s` seconds."""
    deadline = time.monotonic() + timeout_s
    while running_pid(pid_file, mark) is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
