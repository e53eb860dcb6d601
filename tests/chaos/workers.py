"""Workers, and who starts them again when they end: what an orchestrator does."""

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from streams.config.settings import Settings
from streams.ops.runs.worker_process import WorkerProcess
from tests.chaos.worker import Action, Orders, Trap

BACK_OFF_S = 1.0
"""Least seconds from one start of a worker to the next."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How a worker's life ended."""

    worker: str
    code: int
    why: str


class ChaosWorker(WorkerProcess):
    """A worker that can be hurt.

    Attributes
    ----------
    wanted
        Whether it is started again when it ends.
    orders
        What it is told at its next start.
    """

    def __init__(self, name: str, settings: Settings, folder: Path, sabotage: str) -> None:
        variables = {"NEARLINE_SESSION_TIMEOUT_S": f"{settings.session_timeout_s:g}"}
        super().__init__(settings, folder / name, variables)
        self._usual = dict(self._variables)
        self.name, self.state, self.former = name, self.folder / "state", self.folder / "former"
        self.orders = Orders(armed=str(self.folder / "armed"), sabotage=sabotage)
        self.wanted, self.frozen = False, False
        self._began, self._log_began = float("-inf"), 0

    @property
    def command(self) -> Sequence[str]:
        """Return programme and arguments."""
        return [sys.executable, "-m", "tests.chaos.worker", self.orders.text()]

    @property
    def alive(self) -> bool:
        """Return whether the process runs, be it frozen."""
        return self._process is not None and self._process.poll() is None

    @property
    def rested(self) -> bool:
        """Return whether it may be started again."""
        return time.monotonic() - self._began > BACK_OFF_S

    def start(self) -> None:
        """Start it; what it has on disk is kept as its former state."""
        if self.state.is_dir():
            shutil.rmtree(self.former, ignore_errors=True)
            shutil.copytree(self.state, self.former, ignore=shutil.ignore_patterns("ballast"))
        self._log_began = self.log.stat().st_size if self.log.exists() else 0
        self._began, self.wanted, self.frozen = time.monotonic(), True, False
        super().start()

    def ready(self) -> int:
        """Return how many partitions it has ready."""
        return int(self.exposition().value("nearline_partitions", state="ready"))

    def restoring(self) -> int:
        """Return how many partitions it restores."""
        return int(self.exposition().value("nearline_partitions", state="restoring"))

    def told(self) -> str:
        """Return what it has logged in its present life."""
        return self.log.read_bytes()[self._log_began :].decode(errors="replace") if self.log.exists() else ""

    def arm(self, place: str, action: Action = "kill", seconds: float = 0.0) -> None:
        """Have something happen when it passes a place next."""
        armed = Path(self.orders.armed)
        armed.with_suffix(".new").write_text(
            json.dumps(asdict(Trap(place, action, seconds))), encoding="utf-8"
        )
        armed.with_suffix(".new").rename(armed)

    def disarm(self) -> None:
        """Let it pass."""
        Path(self.orders.armed).unlink(missing_ok=True)

    def skew(self, seconds: float, after_s: float = 0.0) -> None:
        """Have its clock wrong from its next start on."""
        self.orders = replace(self.orders, skew_s=seconds, skew_after_s=after_s)

    def set(self, variables: Mapping[str, str]) -> None:
        """Have it start with more settings from its next start on, and with these only."""
        self._variables = self._usual | variables

    def kill(self) -> None:
        """Kill -9, and wait until it is gone."""
        self.send(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if it runs."""
        if self.alive:
            os.kill(self.pid, number)
            self.frozen = number == signal.SIGSTOP

    def exit_code(self) -> int | None:
        """Return how it ended, None while it runs."""
        return self._process.poll() if self._process is not None else None

    def last_words(self) -> str:
        """Return the line of its log that says why it ended."""
        lines = [line for line in self.told().splitlines() if "worker_dies" in line or "Error" in line]
        try:
            return str(json.loads(lines[-1])["why"])[:300]
        except (IndexError, ValueError, KeyError, TypeError):
            return lines[-1][:300] if lines else ""


class Crew:
    """The workers of a run.

    Attributes
    ----------
    exits
        Every end of a worker that nobody had asked for, in order.
    """

    def __init__(self, settings: Settings, folder: Path, sabotage: str) -> None:
        self._settings, self._folder, self._sabotage = settings, folder, sabotage
        self.workers: list[ChaosWorker] = []
        self.exits: list[Exit] = []

    def add(self) -> ChaosWorker:
        """Start one more worker."""
        worker = ChaosWorker(f"w{len(self.workers)}", self._settings, self._folder, self._sabotage)
        self.workers.append(worker)
        worker.start()
        return worker

    def up(self) -> list[ChaosWorker]:
        """Return the workers that run and are not frozen."""
        return [worker for worker in self.workers if worker.alive and not worker.frozen]

    def tend(self) -> None:
        """Start what has ended and is wanted."""
        for worker in self.workers:
            if worker.wanted and not worker.alive and worker.rested:
                self.note(worker)
                worker.start()

    def note(self, worker: ChaosWorker) -> None:
        """Write down how a worker ended."""
        code = worker.exit_code()
        if code is not None:
            self.exits.append(Exit(worker.name, code, worker.last_words()))

    def ready(self) -> int:
        """Return how many partitions are ready at the workers that answer."""
        return sum(worker.ready() for worker in self.up())

    def at_rest(self, partitions: int) -> bool:
        """Return whether every wanted worker has some of the partitions, and together they have all."""
        shares = [worker.ready() for worker in self.workers if worker.wanted and worker.alive]
        return (
            len(shares) == sum(worker.wanted for worker in self.workers)
            and all(shares)
            and sum(shares) == partitions
        )

    def stop(self) -> dict[str, int]:
        """End all workers in peace, side by side; return their exit codes."""
        running = [worker for worker in self.workers if worker.alive]
        for worker in self.workers:
            worker.wanted = False
            worker.send(signal.SIGCONT)
            worker.send(signal.SIGTERM)
        for worker in running:
            worker.wait_dead()  # a second SIGTERM would end Python where it has no handler any more
        return {worker.name: worker.exit_code() or 0 for worker in running}
