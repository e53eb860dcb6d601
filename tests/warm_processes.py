"""Processes of the product that start warm: forked from one that has imported all of it and run each kernel.

A worker takes three seconds of CPU to start (imports 1.6, loading compiled kernels 1.1, by `time`), and the
tests start hundreds. The first process of a parallel run has done both when it has
collected the tests, and forks one that waits for requests (`fork_server`); a run in one process starts
`python -m tests.warm_processes`. It has no threads, no clients and no open files of the product, so a fork
of it is where ``python -m streams`` is after its imports. Tests of starting itself (`cold`), of the first
hour and of supervised processes start real ones, and so does `python -m tests.chaos`.
"""

import fcntl
import gc
import importlib
import json
import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.forks import exit_with, write_to

READY_S = 300.0
"""Longest wait for the first process: on a new machine it compiles the kernels."""
CHECK_S = 1.0
"""Between two looks whether the run of the tests still lives."""
REQUEST_BYTES = 1 << 20
"""More than an environment may have on Linux is not needed: ours has some kilobytes."""


class WarmProcess:
    """A forked process, with the part of `subprocess.Popen` that tests use.

    Parameters
    ----------
    server
        Socket of the process that forks it.
    words
        The command line after ``nearline``.
    environment
        All its environment variables.
    log
        File for what it says on standard error.
    out
        File for its standard output; by default the same.
    program
        ``module:function``, which is called without arguments and returns an exit code.
    """

    def __init__(
        self,
        server: Path,
        words: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        *,
        out: Path | None = None,
        program: str = "streams.__main__:run",
    ) -> None:
        log.touch()
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._connection.connect(str(server))
        request = {
            "words": list(words),
            "environment": dict(environment),
            "log": str(log),
            "out": str(out or log),
            "program": program,
            "folder": str(Path.cwd()),
        }
        self._connection.send(json.dumps(request).encode())
        self.pid = int(self._connection.recv(32))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code if the process has ended."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until the process has ended; return its exit code.

        Raises
        ------
        subprocess.TimeoutExpired
            It has not.
        """
        if self.returncode is None:
            self._connection.settimeout(timeout)
            try:
                answer = self._connection.recv(32)
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired([str(self.pid)], timeout or 0) from None
            self.returncode = int(answer)  # empty: the run has ended before
            self._connection.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End the process at once."""
        self.send_signal(signal.SIGKILL)


def server(folder: Path, run: int) -> Path:
    """Return the socket of the run's first process; start it if no test has yet.

    Parameters
    ----------
    folder
        What all processes of the run share.
    run
        Process id of the run: the first process ends with it.
    """
    path = folder / "warm"
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            subprocess.Popen(
                [sys.executable, "-m", "tests.warm_processes", str(path), str(run)],
                env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"},
                cwd=Path(__file__).parents[1],  # not in the folder of the test that happens to be first
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
            deadline = time.monotonic() + READY_S
            while not path.exists():
                assert time.monotonic() < deadline, "no warm process"
                time.sleep(0.05)
    return path


def fork_server(folder: Path) -> None:
    """Fork the process that tests ask for workers, from one that has imported everything.

    What pytest has put in place of Python's own is undone in it: standard streams, warnings, handlers of
    logs. It keeps no pipe of the run open, since it ends a second later.
    """
    run = os.getpid()
    if os.fork():
        return

    def served() -> int:
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.close(null)
        write_to(os.devnull, os.devnull)
        gc.enable()
        warnings.resetwarnings()
        logging.getLogger().handlers.clear()
        return become(serve(folder / "warm", run))

    exit_with(served)


def serve(path: Path, run: int) -> dict[str, Any]:
    """Fork for each request, and send its exit code when it has ended; in the fork, return the request."""
    ended, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    children: dict[int, socket.socket] = {}
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener,
        selectors.DefaultSelector() as ready,
    ):
        new = path.with_suffix(".new")
        listener.bind(str(new))
        listener.listen()
        new.rename(path)
        ready.register(listener, selectors.EVENT_READ)
        ready.register(ended, selectors.EVENT_READ)
        while Path(f"/proc/{run}").exists():
            for key, _ in ready.select(CHECK_S):
                if key.fileobj is listener:
                    connection, _ = listener.accept()
                    request: dict[str, Any] = json.loads(connection.recv(REQUEST_BYTES))
                    if (pid := os.fork()) == 0:
                        signal.set_wakeup_fd(-1)
                        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                        os.close(ended)
                        os.close(wake)
                        connection.close()
                        for other in children.values():
                            other.close()
                        return request
                    children[pid] = connection
                    connection.send(str(pid).encode())
                else:
                    os.read(ended, 512)
            _send_exit_codes(children)
    sys.exit()


def _send_exit_codes(children: dict[int, socket.socket]) -> None:
    """Send the exit codes of the children that have ended since."""
    with suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG)) != (0, 0):
            with children.pop(found[0]) as connection, suppress(OSError):  # the test may have ended
                connection.send(str(os.waitstatus_to_exitcode(found[1])).encode())


def become(request: Mapping[str, Any]) -> int:
    """Be the process that is asked for, and return its exit code."""
    os.setsid()
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    write_to(request["out"], request["log"])
    sys.argv = ["nearline", *request["words"]]
    module, function = request["program"].split(":")
    code: int = getattr(importlib.import_module(module), function)()
    return code


def main(path: str, run: str) -> int:
    """Import everything, run every kernel, and serve."""
    import streams.cli  # noqa: PLC0415 - only in the process that others are forked from
    import streams.stages.experiments.worker  # noqa: PLC0415
    import streams.stages.insights.worker  # noqa: PLC0415
    import streams.worker  # noqa: F401, PLC0415
    from online_models.warm_up import warm_up  # noqa: PLC0415

    warm_up()
    return become(serve(Path(path), int(run)))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
