"""One process of a worker: when it is started, started again, and ended.

*Started again* is a process that ends by itself, whatever its code: after 1 s, and each further time after
twice as long, up to a minute; after a minute of being ready it begins with 1 s again. Each end is an error in
the log, a line of ``/readyz`` and a count of ``nearline_process_restarts_total``.

*Not started again* is a process that ends with code 1, 2 or 3 and has never been ready: a setting is wrong,
topics are missing, no broker answers. That holds for all processes, so the supervisor ends with this code, as
a worker of one process does.

*Killed* is a process that does not answer, or whose event loop is blocked, for a minute; at the start, where
kernels may be compiled, for five. These are the limits of the probes in ``deploy/kubernetes``.
"""

import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus

import structlog

from streams.ops.runs.worker_process import free_port

__all__ = ["Child", "ProcessState"]

_LOG = structlog.get_logger(__name__)

FIRST_PAUSE_S = 1.0
"""Seconds from a first end to the next start."""
LONGEST_PAUSE_S = 60.0
"""Longest pause: an alert that counts restarts over half an hour sees thirty."""
STEADY_S = 60.0
"""Seconds of being ready after which earlier ends are forgotten."""
SILENT_S = 60.0
"""Seconds without a sign of life after which a process is killed."""
START_S = 300.0
"""The same before its first sign of life: a start may compile kernels."""
PROBE_TIMEOUT_S = 5.0
"""Seconds to wait for an answer of a process."""
FINAL = frozenset({1, 2, 3})
"""Codes of a first start that the next one would end with, too: failure, setting, broker."""


class ProcessState(StrEnum):
    """States of a process, as metrics name them."""

    READY = "ready"
    NOT_READY = "not_ready"
    """It starts, or restores."""
    ENDED = "ended"
    """It waits for its next start."""


@dataclass(slots=True)
class _Seen:
    """What the probes of one life of a process have seen."""

    last_alive: float
    """Time of the last sign of life, at first that of the start."""
    answered: bool = False
    lines: list[str] = field(default_factory=lambda: ["starting"])
    """What it waits for; none if it is ready."""
    ready_since: float | None = None


class Child:
    """One process of a worker.

    Parameters
    ----------
    number
        Its number, from 0.
    command
        Program and arguments.
    environment
        Its variables but for the port, which is another one at each start.
    clock
        Monotonic clock, seconds.

    Attributes
    ----------
    restarts
        How many times it was started again.
    final_code
        Code with which it ended for good; None while it is to run.
    """

    def __init__(
        self,
        number: int,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.number, self.restarts = number, 0
        self.final_code: int | None = None
        self._command, self._environment, self._clock = command, environment, clock
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        self._seen = _Seen(clock())
        self._was_ready = False
        self._ends_in_a_row, self._start_at = 0, clock()
        self._last_code = 0

    @property
    def pid(self) -> int:
        """Process id; 0 while it does not run."""
        return self._process.pid if self._process else 0

    @property
    def state(self) -> ProcessState:
        """What it does now."""
        if self._process is None:
            return ProcessState.ENDED
        return ProcessState.NOT_READY if self._seen.lines else ProcessState.READY

    def look(self) -> None:
        """Start it if it is time to; notice that it has ended, or that it has to be."""
        now = self._clock()
        if self._process is None:
            if now >= self._start_at and self.final_code is None:
                self._start(now)
            return
        code = self._process.poll()
        if code is not None:
            self._ended(code, now)
        elif now - self._seen.last_alive > (SILENT_S if self._seen.answered else START_S):
            _LOG.error(
                "process_silent", number=self.number, pid=self.pid, seconds=now - self._seen.last_alive
            )
            self._process.kill()

    def probe(self) -> None:
        """Ask the process whether it is alive and ready; blocks, for another thread than `look`."""
        seen = self._seen
        if self._process is None:
            return
        alive, _ = self._get("livez")
        if alive != HTTPStatus.OK:
            return
        seen.last_alive, seen.answered = self._clock(), True
        status, body = self._get("readyz")
        seen.lines = [] if status == HTTPStatus.OK else body.splitlines() or ["no answer"]
        if seen.lines:
            seen.ready_since = None
        elif seen.ready_since is None:
            seen.ready_since, self._was_ready = self._clock(), True

    def waiting(self) -> list[str]:
        """Return what it waits for, a line each; none if it is ready."""
        name = f"process {self.number}"
        if self._process is None:
            if not self._ends_in_a_row:
                return [f"{name}: not started"]
            pause = max(0.0, self._start_at - self._clock())
            return [f"{name}: ended with code {self._last_code}, starts again in {pause:.0f} s"]
        return [f"{name}: {line}" for line in self._seen.lines]

    def metrics(self) -> str:
        """Return the text of its metrics; empty if it does not answer."""
        status, body = self._get("metrics") if self._process is not None else (0, "")
        return body if status == HTTPStatus.OK else ""

    def terminate(self) -> None:
        """Ask it to drain and end."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.terminate()

    def wait(self, timeout_s: float) -> int:
        """Wait until it has ended, kill it if it takes too long; return its code."""
        if self._process is None:
            return 0
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            _LOG.error("process_killed", number=self.number, pid=self.pid, why="it did not stop in time")
            self._process.kill()
            code = self._process.wait()
        self._close()
        return code

    def _start(self, now: float) -> None:
        self._port, self._seen = free_port(), _Seen(now)
        self.restarts += self._ends_in_a_row > 0
        self._process = subprocess.Popen(  # noqa: S603 - a fixed command
            self._command,
            env={
                **self._environment,
                "NEARLINE_HTTP_HOST": "127.0.0.1",
                "NEARLINE_HTTP_PORT": str(self._port),
            },
            stdin=subprocess.PIPE,  # never written to: its end says that we are gone
            start_new_session=True,  # ctrl-C reaches us alone
        )
        _LOG.info("process_starts", number=self.number, pid=self.pid, http_port=self._port)

    def _ended(self, code: int, now: float) -> None:
        ready_since = self._seen.ready_since
        self._close()
        steady = ready_since is not None and now - ready_since >= STEADY_S
        self._ends_in_a_row = 1 if steady else self._ends_in_a_row + 1
        self._last_code = code
        if code in FINAL and not self._was_ready:
            self.final_code = code
            _LOG.error("process_ended", number=self.number, code=code, why="it was never ready")
            return
        pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** (self._ends_in_a_row - 1))
        self._start_at = now + pause
        _LOG.error("process_ended", number=self.number, code=_named(code), starts_again_in_s=pause)

    def _close(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
        self._process = None

    def _get(self, path: str) -> tuple[int, str]:
        """Return status and body of an answer; status 0 if there is none."""
        try:
            address = f"http://127.0.0.1:{self._port}/{path}"
            with urllib.request.urlopen(address, timeout=PROBE_TIMEOUT_S) as answer:
                return answer.status, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")
        except OSError:
            return 0, ""


def _named(code: int) -> int | str:
    """Return an exit code, or the name of the signal that ended a process.

    Examples
    --------
    >>> _named(4), _named(-9)
    (4, 'SIGKILL')
    """
    try:
        return code if code >= 0 else signal.Signals(-code).name
    except ValueError:
        return code
