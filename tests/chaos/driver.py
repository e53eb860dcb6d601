"""Cycle after cycle: load, harm, recovery, quiet, comparison."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.faults import FAULTS
from tests.chaos.rig import FaultError, Rig, UnavailableError
from tests.chaos.schedule import Planned
from tests.chaos.verdict import Finding
from tests.chaos.workers import Exit

RECOVER_S = 150.0
"""Longest wait for recovery: what takes longer is lost."""
SETTLE_S = 300.0
"""Longest wait for quiet after the load has stopped."""
WARM_S = (0.5, 1.5)
"""Load before the harm, least and most seconds."""

Tell = Callable[[str], None]
"""Shows what is going on."""


@dataclass
class Result:
    """What came of one cycle."""

    cycle: int
    fault: str
    detail: str = ""
    recovery_s: float | None = None
    seconds: float = 0.0
    parts: dict[str, float] = field(default_factory=dict)
    """Seconds by what was done: rest, load, harm, recovery, quiet, comparison."""
    skipped: str = ""
    """Why the fault could not be brought about on this machine."""
    finding: Finding = field(default_factory=Finding)
    exits: list[Exit] = field(default_factory=list)
    """Workers that ended."""

    def document(self) -> dict[str, Any]:
        """Return it as JSON takes it; of long lists of findings the first and the length."""
        finding = self.finding
        return {
            "cycle": self.cycle,
            "fault": self.fault,
            "detail": self.detail,
            "recovery_s": self.recovery_s,
            "seconds": self.seconds,
            "parts": self.parts,
            "skipped": self.skipped,
            "lost": len(finding.lost),
            "doubled": len(finding.doubled),
            "different": len(finding.different),
            "findings": finding.first(20),
            "exits": [asdict(one) for one in self.exits],
        }


def run(rig: Rig, planned: Sequence[Planned], tell: Tell, done: Callable[[Result], None]) -> list[Result]:
    """Go through a schedule up to the first cycle that is not clean, then compare the databases.

    Parameters
    ----------
    rig
        Started.
    planned
        The faults.
    tell
        Told what is going on.
    done
        Told of every result.
    """
    results: list[Result] = []
    for number, plan in enumerate(planned, 1):
        results.append(_cycle(rig, number, plan, tell))
        done(results[-1])
        if not results[-1].finding.clean:
            return results
    if results:
        tell("stopping the workers, comparing their databases")
        results.append(_end(rig, len(planned)))
        done(results[-1])
    return results


def _cycle(rig: Rig, number: int, plan: Planned, tell: Tell) -> Result:
    """Go through one cycle."""
    result, began = Result(number, str(plan)), time.monotonic()
    tell = _timed(tell, result.parts)
    rig.rng = random.Random(f"{rig.seed}:{number}")
    exits = len(rig.crew.exits)
    tell("rest")
    rig.until(lambda: rig.crew.at_rest(rig.partitions), RECOVER_S, "every worker has partitions")
    tell("load")
    rig.load.resume()
    rig.wait(rig.rng.uniform(*WARM_S))
    try:
        _break(rig, plan, result, tell)
    except UnavailableError as error:
        result.skipped = str(error)
    except FaultError as error:
        result.finding.different.append(f"{plan.fault}: {error}")
    _settle(rig, result, tell)
    tell("end")
    result.exits = rig.crew.exits[exits:]
    result.seconds = round(time.monotonic() - began, 1)
    return result


def _timed(tell: Tell, parts: dict[str, float]) -> Tell:
    """Write down how long each part took until the next was told of."""
    last: list[tuple[str, float]] = []

    def told(what: str) -> None:
        now = time.monotonic()
        if last:
            name, began = last.pop()
            parts[name] = round(parts.get(name, 0.0) + now - began, 1)
        last.append((what, now))
        tell(what)

    return told


def _break(rig: Rig, plan: Planned, result: Result, tell: Tell) -> None:
    """Do the harm, and wait until it is overcome."""
    tell("harm")
    result.detail = FAULTS[plan.fault](rig, **plan.parameters)
    tell("recovery")
    rig.until(lambda: rig.recovery_s is not None, RECOVER_S, "recovered")
    result.recovery_s = rig.recovery_s


def _settle(rig: Rig, result: Result, tell: Tell) -> None:
    """Stop the load, wait for quiet, compare."""
    tell("quiet")
    rig.meanwhile(rig.load.pause)
    try:
        rig.until(rig.settled, SETTLE_S, "everything applied, learned and read")
    except FaultError as error:
        result.finding.lost.append(str(error))
    tell("comparison")
    result.finding += rig.audit.look()


def _end(rig: Rig, cycles: int) -> Result:
    """Stop the workers, and compare their databases with the changelogs."""
    result = Result(cycles, "(end)", "databases against changelogs")
    rig.until(lambda: rig.crew.at_rest(rig.partitions), RECOVER_S, "every worker has partitions")
    codes = rig.crew.stop()
    result.finding.different += [
        f"{name} was told to stop and ended with {code}" for name, code in codes.items() if code
    ]
    folders = [Path(worker.state) for worker in rig.crew.workers if worker.state.is_dir()]
    result.finding += rig.audit.stores(folders)
    return result
