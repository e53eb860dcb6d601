"""Three brokers that can be killed, paused and restarted one by one, and who of them leads what."""

import os
import signal
from typing import Final

from streams.kafka.clients import admin
from streams.ops.local_kafka.cluster import KafkaCluster
from streams.ops.local_kafka.node import Node

COORDINATOR_PARTITIONS: Final = 4
"""Partitions of the topics of groups and of transactions, as `streams.ops.local_kafka.node` sets them."""
GROUPS, TRANSACTIONS = "__consumer_offsets", "__transaction_state"


class Brokers(KafkaCluster):
    """A cluster of three with handles for faults."""

    def leader(self, topic: str, partition: int) -> Node:
        """Return the node that leads a partition."""
        found = admin(self.bootstrap_servers).list_topics(topic, timeout=20).topics[topic]
        return self.nodes[found.partitions[partition].leader - 1]

    def coordinator(self, topic: str, name: str) -> Node:
        """Return the node that coordinates a group (`GROUPS`) or a transactional id (`TRANSACTIONS`)."""
        return self.leader(topic, coordinating_partition(name))

    def signal(self, node: Node, number: signal.Signals) -> None:
        """Send a signal to a node that runs."""
        if (pid := self.pid(node)) is not None:
            os.kill(pid, number)


def coordinating_partition(name: str, partitions: int = COORDINATOR_PARTITIONS) -> int:
    """Return the partition whose leader coordinates a name: Java's hash of it, without the sign bit.

    Examples
    --------
    >>> coordinating_partition("nearline"), coordinating_partition("nearline.viewers.0", 50)
    (0, 17)
    """
    code = 0
    for unit in name.encode("utf-16-be")[1::2]:  # group and transactional ids are ASCII
        code = (31 * code + unit) & 0xFFFFFFFF
    return (code & 0x7FFFFFFF) % partitions
