"""Workers that come and go, so that partitions move."""

from collections.abc import Mapping

from tests.chaos.faults.disk import empty
from tests.chaos.faults.workers import DEATH_S, leave
from tests.chaos.rig import FaultError, Rig
from tests.chaos.workers import ChaosWorker

ASSIGNED = '"event": "assigned"'
"""In the log of a worker whenever the group gives it partitions."""


def join_leave(rig: Rig, every_s: float = 10.0, rounds: int = 1) -> str:
    """Have one more worker join, and leave again. Recovery counts from the last leaving."""
    names = [_visit(rig, every_s) for _ in range(rounds)]
    return f"{names[0]}, {rounds}x"


def alone(rig: Rig, seconds: float = 5.0) -> str:
    """Have all workers but one leave for a while. Recovery counts from their leaving."""
    stays = rig.victim()
    gone = [worker for worker in rig.crew.up() if worker is not stays]
    rig.hurt()
    for worker in gone:
        leave(rig, worker)
    rig.wait(seconds)
    for worker in gone:
        worker.start()
    return f"{stays.name} stays"


def kill_in_rebalance(rig: Rig) -> str:
    """Have a worker leave or join, and kill -9 another while partitions move."""
    worker = rig.victim()
    others = [one for one in rig.crew.up() if one is not worker] or [worker]
    guest = _guest(rig)
    rig.until(lambda: ASSIGNED in guest.told(), DEATH_S, f"{guest.name} is assigned partitions")
    rig.wait(rig.rng.uniform(0, 0.3))
    other = rig.rng.choice(others)
    other.kill()
    rig.hurt()
    leave(rig, guest)
    return f"{other.name} as {guest.name} joins and leaves"


def rebalance_in_restore(rig: Rig, slow_s: float = 0.3) -> str:
    """Have a worker restore from nothing, slowly, while another joins and leaves: partitions move meanwhile.

    Recovery counts from when it restores at full speed again.
    """
    worker = rig.victim()
    worker.wanted = False
    worker.kill()
    rig.crew.note(worker)
    empty(worker.state)
    worker.arm("in_restore", "slow", slow_s)
    worker.start()
    try:
        rig.until(lambda: worker.restoring() > 0, DEATH_S, f"{worker.name} restores")
        guest = _guest(rig)
        rig.until(lambda: ASSIGNED in guest.told(), DEATH_S, f"{guest.name} is assigned partitions")
        leave(rig, guest)
    finally:
        worker.disarm()
    rig.hurt()
    return f"{worker.name} as {guest.name} joins and leaves"


def static_restart(rig: Rig, session_s: float = 20.0) -> str:
    """Kill -9 a static member: it is back in its place before its session is over, and nobody else moves."""
    worker = rig.victim()
    place = {"NEARLINE_GROUP_INSTANCE_ID": worker.name, "NEARLINE_SESSION_TIMEOUT_S": f"{session_s:g}"}
    _begin_anew(rig, worker, place)
    others = [one for one in rig.crew.up() if one is not worker]
    told = [one.told().count(ASSIGNED) for one in others]
    worker.kill()
    rig.hurt()
    rig.until(lambda: rig.recovery_s is not None, 2 * DEATH_S, f"{worker.name} is back")
    took = rig.recovery_s or 0.0
    if took < session_s and told != [one.told().count(ASSIGNED) for one in others]:
        msg = f"others were assigned partitions anew while {worker.name} was away for {took} s"
        raise FaultError(msg)
    _begin_anew(rig, worker, {})
    rig.recovery_s = took
    return f"{worker.name} in its place"


def _begin_anew(rig: Rig, worker: ChaosWorker, variables: Mapping[str, str]) -> None:
    """Have a worker leave and come back with other settings."""
    leave(rig, worker)
    worker.set(variables)
    worker.start()
    rig.until(lambda: rig.crew.at_rest(rig.partitions), 2 * DEATH_S, f"{worker.name} has partitions")


def _visit(rig: Rig, seconds: float) -> str:
    """Have a guest join, stay for a while, and leave."""
    guest = _guest(rig)
    rig.wait(seconds)
    rig.until(lambda: rig.crew.at_rest(rig.partitions), 2 * DEATH_S, f"{guest.name} has partitions")
    rig.hurt()
    leave(rig, guest)
    return guest.name


def _guest(rig: Rig) -> ChaosWorker:
    """Start a worker beyond those of quiet times, with whatever state it had the last time."""
    for worker in rig.crew.workers:
        if not worker.wanted and not worker.alive:
            worker.start()
            return worker
    return rig.crew.add()
