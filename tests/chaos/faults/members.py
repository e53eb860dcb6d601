"""Workers that come and go, so that partitions move."""

from tests.chaos.faults.workers import DEATH_S, leave
from tests.chaos.rig import Rig
from tests.chaos.workers import ChaosWorker


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
    rig.until(lambda: '"assigned"' in guest.told(), DEATH_S, f"{guest.name} is assigned partitions")
    rig.wait(rig.rng.uniform(0, 0.3))
    other = rig.rng.choice(others)
    other.kill()
    rig.hurt()
    leave(rig, guest)
    return f"{other.name} as {guest.name} joins and leaves"


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
