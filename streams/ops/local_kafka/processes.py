"""Processes that outlive the command that started them: start, find by pid file, stop."""

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
        Program and arguments.
    pid_file
        Receives the process id.
    log
        Standard output and error are appended to it.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - a fixed command
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    while process.poll() is None and not command_line(process.pid):
        time.sleep(0.001)  # just after its start a process has no command line
    pid_file.write_text(f"{process.pid}\n", encoding="ascii")
    return process


def running_pid(pid_file: Path, mark: str) -> int | None:
    """Return the pid in a file if that process runs and has the expected command line, else None.

    Parameters
    ----------
    pid_file
        Written by :func:`spawn`.
    mark
        Part of the process's command line; the system reuses pids.
    """
    try:
        pid = int(pid_file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # reap a child of ours that has ended, which keeps its pid until then
    return pid if mark in command_line(pid) else None


def command_line(pid: int) -> str:
    """Return the command line of a process, empty if there is none."""
    proc = Path("/proc")
    if proc.is_dir():
        try:
            return (proc / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    listing = ["ps", "-ww", "-p", str(pid), "-o", "args="]
    return subprocess.run(listing, capture_output=True, text=True, check=False).stdout  # noqa: S603


def end(pid_file: Path, mark: str, *, timeout_s: float) -> bool:
    """Stop a process; kill it if it has not ended in time. Removes the pid file.

    Returns
    -------
    bool
        Whether it ended without being killed (or was not running).
    """
    send_signal(pid_file, mark)
    clean = _ended(pid_file, mark, timeout_s)
    if not clean:
        send_signal(pid_file, mark, signal.SIGKILL)
        _ended(pid_file, mark, timeout_s)
    pid_file.unlink(missing_ok=True)
    return clean


def send_signal(pid_file: Path, mark: str, number: signal.Signals = signal.SIGTERM) -> None:
    """Send a signal to the process of a pid file, if it runs."""
    pid = running_pid(pid_file, mark)
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _ended(pid_file: Path, mark: str, timeout_s: float) -> bool:
    """Wait until the process has ended; False if it still runs after `timeout_s` seconds."""
    deadline = time.monotonic() + timeout_s
    while running_pid(pid_file, mark) is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
