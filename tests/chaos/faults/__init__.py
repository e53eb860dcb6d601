"""Everything that a schedule can ask for, by name.

A fault does its harm while the load flows, calls :meth:`~tests.chaos.rig.Rig.hurt` at the moment from which
recovery counts, and returns what it did in a few words. What must hold of the fault itself (an exit code, a
fenced zombie) it asserts by raising `FaultError`; that nothing was lost is the audit's business.
"""

from collections.abc import Callable, Mapping

from tests.chaos.faults import brokers, disk, members, workers

__all__ = ["FAULTS"]

FAULTS: Mapping[str, Callable[..., str]] = {
    "kill": workers.kill,
    "kill_at": workers.kill_at,
    "kill_all": workers.kill_all,
    "terminate": workers.terminate,
    "pause": workers.pause,
    "zombie": workers.zombie,
    "clock": workers.clock,
    "join_leave": members.join_leave,
    "alone": members.alone,
    "rebalance_in_restore": members.rebalance_in_restore,
    "kill_in_rebalance": members.kill_in_rebalance,
    "static_restart": members.static_restart,
    "kill_leader": brokers.kill_leader,
    "kill_coordinator": brokers.kill_coordinator,
    "kill_two": brokers.kill_two,
    "restart_brokers": brokers.restart_brokers,
    "pause_broker": brokers.pause_broker,
    "delete_state": disk.delete_state,
    "old_state": disk.old_state,
    "foreign_state": disk.foreign_state,
    "truncate": disk.truncate,
    "flip_byte": disk.flip_byte,
    "read_only_disk": disk.read_only_disk,
    "full_disk": disk.full_disk,
    "slow_disk": disk.slow_disk,
}
