"""Brokers that are killed, paused and restarted."""

import signal
from collections.abc import Sequence
from typing import Literal

from schemas import topics
from streams.ops.local_kafka.node import Node
from tests.chaos.cluster import GROUPS, TRANSACTIONS
from tests.chaos.load import PARTITIONS
from tests.chaos.rig import Rig


def kill_leader(rig: Rig, down_s: float = 3.0) -> str:
    """Kill -9 the leader of an events partition; it comes back after a while."""
    partition = rig.rng.randrange(PARTITIONS)
    node = rig.brokers.leader(rig.settings.topic(topics.EVENTS), partition)
    _kill(rig, [node], down_s)
    return f"node {node.number}, leader of events/{partition}"


def kill_coordinator(rig: Rig, of: Literal["transaction", "group"], down_s: float = 3.0) -> str:
    """Kill -9 the coordinator of a partition's transactional id, or of the group."""
    name = rig.settings.consumer_group
    if of == "transaction":
        name = f"{name}.viewers.{rig.rng.randrange(PARTITIONS)}"
    node = rig.brokers.coordinator(TRANSACTIONS if of == "transaction" else GROUPS, name)
    _kill(rig, [node], down_s)
    return f"node {node.number}, coordinator of {name}"


def kill_two(rig: Rig, down_s: float = 5.0) -> str:
    """Kill -9 two of three: nothing can be acknowledged. Recovery counts from when all are back."""
    nodes = rig.rng.sample(rig.brokers.nodes, 2)
    _kill(rig, nodes, down_s)
    rig.hurt()
    return "nodes " + ", ".join(str(node.number) for node in nodes)


def restart_brokers(rig: Rig) -> str:
    """Restart all brokers in peace, one after the other. Recovery counts from when the last is back."""
    nodes = rig.rng.sample(rig.brokers.nodes, len(rig.brokers.nodes))
    for node in nodes:
        rig.brokers.signal(node, signal.SIGTERM)
        rig.until(lambda node=node: rig.brokers.pid(node) is None, 40, f"node {node.number} ends")
        rig.meanwhile(rig.brokers.start)
    rig.hurt()
    return "nodes " + ", ".join(str(node.number) for node in nodes)


def pause_broker(rig: Rig, seconds: float = 15.0) -> str:
    """SIGSTOP a broker. Recovery counts from SIGCONT."""
    node = rig.rng.choice(rig.brokers.nodes)
    rig.brokers.signal(node, signal.SIGSTOP)
    try:
        rig.wait(seconds)
    finally:
        rig.brokers.signal(node, signal.SIGCONT)
    rig.hurt()
    return f"node {node.number} for {seconds:g} s"


def _kill(rig: Rig, nodes: Sequence[Node], down_s: float) -> None:
    """Kill nodes, and start them again after a while."""
    for node in nodes:
        rig.brokers.signal(node, signal.SIGKILL)
    rig.hurt()
    rig.wait(down_s)
    rig.meanwhile(rig.brokers.start)
