"""Workers that are killed, told to go, stopped in their tracks, or have a wrong clock."""

import signal
from pathlib import Path

from streams.engine.exits import IN_DOUBT
from tests.chaos.rig import FaultError, Rig
from tests.chaos.workers import ChaosWorker

DEATH_S = 120.0
"""Longest wait for a worker to run into its trap: it may have to start first."""
LEAVE_S = 60.0
"""Longest that a worker may take to drain and leave."""


def kill(rig: Rig) -> str:
    """Kill -9 a worker at any moment."""
    rig.wait(rig.rng.uniform(0, 0.5))
    worker = rig.victim()
    worker.kill()
    rig.hurt()
    return worker.name


def kill_at(rig: Rig, place: str, after_s: float = 0.0) -> str:
    """Kill -9 a worker between two effects of a batch, or while it restores.

    Parameters
    ----------
    rig
        The system.
    place
        See `streams.engine.context.WorkerContext.failpoint`.
    after_s
        Seconds from reaching the place to the kill, for what was produced to reach the brokers.
    """
    worker = rig.victim()
    worker.arm(place, "kill", after_s)
    if place == "in_restore":
        worker.kill()
    rig.until(lambda: not Path(worker.orders.armed).exists(), DEATH_S, f"{worker.name} reaches {place}")
    rig.until(lambda: not worker.alive or f"at {place}" not in worker.told(), DEATH_S, "it is dead")
    rig.hurt()
    return worker.name


def kill_all(rig: Rig, down_s: float = 5.0) -> str:
    """Kill -9 all workers; they stay away while events come in. Recovery counts from their return."""
    victims = rig.crew.up()
    for worker in victims:
        worker.wanted = False
        worker.kill()
        rig.crew.note(worker)
    rig.wait(down_s)
    for worker in victims:
        worker.start()
    rig.hurt()
    return f"{len(victims)} workers for {down_s:g} s"


def terminate(rig: Rig) -> str:
    """SIGTERM a worker: it drains, leaves the group and ends with code 0; then it comes back."""
    worker = rig.victim()
    rig.hurt()
    leave(rig, worker)
    worker.start()
    return worker.name


def pause(rig: Rig, seconds: float = 3.0) -> str:
    """SIGSTOP a worker for less than its session, then SIGCONT. Recovery counts from there."""
    worker = rig.victim()
    worker.send(signal.SIGSTOP)
    rig.wait(seconds)
    worker.send(signal.SIGCONT)
    rig.hurt()
    return f"{worker.name} for {seconds:g} s"


def zombie(rig: Rig) -> str:
    """Stop a worker inside a transaction until others have its partitions; let it go on, and see it fenced.

    It must end with code 4, name the fencing in its log, and commit nothing from then on. Recovery counts
    from SIGCONT.
    """
    worker = rig.victim()
    worker.arm("before_commit", "freeze")
    rig.until(lambda: "chaos_freeze" in worker.told(), DEATH_S, f"{worker.name} freezes")
    worker.frozen, worker.wanted = True, False
    rig.until(lambda: rig.crew.ready() == rig.partitions, 2 * DEATH_S, "others have all partitions")
    worker.send(signal.SIGCONT)
    rig.hurt()
    rig.until(lambda: not worker.alive, DEATH_S, f"{worker.name}, thawed, ends")
    told = worker.told()
    if worker.exit_code() != IN_DOUBT or "fenced" not in told:
        msg = f"{worker.name} ended with {worker.exit_code()} and was not fenced: {worker.last_words()}"
        raise FaultError(msg)
    if "chaos_committed_after_thaw" in told:
        msg = f"{worker.name} committed after others had its partitions"
        raise FaultError(msg)
    rig.crew.note(worker)
    worker.start()
    return f"{worker.name} fenced"


def clock(rig: Rig, skew_s: float, after_s: float = 3.0) -> str:
    """Start a worker anew; some seconds later its clock jumps. It is right again at its next start."""
    worker = rig.victim()
    rig.hurt()
    leave(rig, worker)
    worker.skew(skew_s, after_s)
    worker.start()
    worker.skew(0.0)
    rig.until(lambda: rig.crew.ready() == rig.partitions, 2 * DEATH_S, "all partitions are ready")
    rig.wait(after_s)
    rig.hurt()
    return f"{worker.name} {skew_s:+g} s"


def leave(rig: Rig, worker: ChaosWorker) -> None:
    """Have a worker drain and leave; anything but exit code 0 is a fault of the product."""
    worker.wanted = False
    worker.send(signal.SIGTERM)
    rig.until(lambda: not worker.alive, LEAVE_S, f"{worker.name} drains and leaves")
    if worker.exit_code() != 0:
        msg = f"{worker.name} was told to stop and ended with {worker.exit_code()}: {worker.last_words()}"
        raise FaultError(msg)
