"""The worker of a chaos run: ``python -m tests.chaos.worker ORDERS`` is `nearline worker`, and can be hurt.

The product is built as the product builds itself. What is added: a failpoint that the driver arms through a
file, a clock that is wrong, and the sabotages of :mod:`tests.chaos.sabotage`, with which the driver shows
that it would notice.
"""

import json
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from streams.config.settings import Settings
from streams.engine.exits import exit_code
from streams.errors import StreamError
from streams.telemetry.logging import configure
from streams.worker import build_worker
from tests.chaos import sabotage

Action = Literal["kill", "freeze", "slow"]


@dataclass(frozen=True, slots=True)
class Orders:
    """What the driver wants of a worker, as JSON on its command line."""

    armed: str
    """File in which the driver names a place and what is to happen there."""
    sabotage: str = ""
    skew_s: float = 0.0
    """How far the worker's clock is ahead ..."""
    skew_after_s: float = 0.0
    """... from so many seconds of its life on."""

    def text(self) -> str:
        """Return the JSON."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Trap:
    """What is to happen at a place."""

    place: str
    action: Action = "kill"
    seconds: float = 0.0
    """For slow: how long each passage takes. For kill: how long it waits first, so that what was produced is
    on its way."""


class Failpoint:
    """Does what the driver's file says whenever a batch passes the place that it names.

    kill and freeze happen once: the file is gone before. slow goes on until the driver takes the file away.
    After a freeze, what the frozen thread still commits, and what others begin and commit, is written to the
    log, where the driver looks for it. A commit that was on its way before the freeze may be answered after.
    """

    def __init__(self, file: Path) -> None:
        self._file, self._thawed = file, False
        self._late: set[int] = set()

    def __call__(self, place: str) -> None:
        """Pass a place, or do not."""
        if self._thawed:
            self._watch(place)
        trap = self._trap(place)
        if trap is None:
            return
        if trap.action == "slow":
            time.sleep(trap.seconds)
            return
        try:
            self._file.unlink()
        except FileNotFoundError:  # another thread was here first
            return
        _say(f"chaos_{trap.action} at {place}")
        if trap.action == "kill":
            time.sleep(trap.seconds)
            os.kill(os.getpid(), signal.SIGKILL)
        self._late.add(threading.get_ident())
        os.kill(os.getpid(), signal.SIGSTOP)
        self._thawed = True
        _say("chaos_thawed")

    def _watch(self, place: str) -> None:
        if place == "mid_produce":
            self._late.add(threading.get_ident())
        elif place == "after_commit" and threading.get_ident() in self._late:
            _say("chaos_committed_after_thaw")

    def _trap(self, place: str) -> Trap | None:
        with suppress(FileNotFoundError, json.JSONDecodeError):
            trap = Trap(**json.loads(self._file.read_text(encoding="utf-8")))
            return trap if trap.place == place else None
        return None


def _say(text: str) -> None:
    os.write(2, f"{text}\n".encode())


def _shift_clock(orders: Orders) -> None:
    """Make Python's clock wrong; the driver's and the kernel's stay right."""
    real, real_ns, born = time.time, time.time_ns, time.monotonic()

    def skew() -> float:
        return orders.skew_s if time.monotonic() - born >= orders.skew_after_s else 0.0

    time.time = lambda: real() + skew()
    time.time_ns = lambda: real_ns() + int(skew() * 1e9)


def main() -> int:
    """Run the worker that the environment and the orders describe."""
    orders = Orders(**json.loads(sys.argv[1]))
    if orders.skew_s:
        _shift_clock(orders)
    if orders.sabotage:
        sabotage.apply(orders.sabotage)
    try:
        settings = Settings.load()
        configure(settings.log_level, settings.log_format)
        return build_worker(settings, failpoint=Failpoint(Path(orders.armed))).run()
    except StreamError as error:
        _say(f"{type(error).__name__}: {error}")
        return exit_code(error)


if __name__ == "__main__":
    sys.exit(main())
