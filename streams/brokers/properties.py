"""What a local node of Apache Kafka is told: ports, folders, and where we differ from its defaults."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
"""A local cluster listens on loopback only: it has no passwords."""

CONTROLLER_PORT_STEP = 100
"""A node's controller listens this far above its client port."""

LOG4J2 = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %-5p %c{1} - %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
logger.start.name = kafka.server.KafkaRaftServer
logger.start.level = info
"""
"""Warnings and errors only, on standard output, which goes to the node's log file."""


@dataclass(frozen=True, slots=True)
class Node:
    """One node of a local cluster: broker and controller in one process.

    Parameters
    ----------
    number
        1-based; Kafka's node.id.
    port
        Of the clients; the controller's is :data:`CONTROLLER_PORT_STEP` above.
    folder
        Holds data, properties, log and pid file of the node.
    """

    number: int
    port: int
    folder: Path

    @property
    def controller_port(self) -> int:
        """Port on which the nodes' controllers talk to each other."""
        return self.port + CONTROLLER_PORT_STEP

    @property
    def properties(self) -> Path:
        """The node's configuration file."""
        return self.folder / "server.properties"

    @property
    def log(self) -> Path:
        """Where the node's output goes."""
        return self.folder / "kafka.log"

    @property
    def pid_file(self) -> Path:
        """Holds the process id while the node runs."""
        return self.folder / "pid"


def server_properties(node: Node, nodes: Sequence[Node], more: Mapping[str, str] | None = None) -> str:
    """Write the configuration of one node.

    One node keeps one copy of everything; three keep three, of which two must be written
    (`min.insync.replicas`), so that any one of them may die. Topics are never created by accident. The first
    rebalance of a group does not wait for more members. `more` is laid over all of this.

    Examples
    --------
    >>> node = Node(1, 19092, Path("/data/node-1"))
    >>> "controller.quorum.voters=1@127.0.0.1:19192" in server_properties(node, [node])
    True
    """
    copies = len(nodes)
    written = 2 if copies > 1 else 1
    values = {
        "process.roles": "broker,controller",
        "node.id": node.number,
        "controller.quorum.voters": ",".join(f"{n.number}@{HOST}:{n.controller_port}" for n in nodes),
        "listeners": f"CLIENT://{HOST}:{node.port},CONTROLLER://{HOST}:{node.controller_port}",
        "advertised.listeners": f"CLIENT://{HOST}:{node.port}",
        "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "CLIENT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": node.folder / "data",
        "auto.create.topics.enable": "false",
        "default.replication.factor": copies,
        "min.insync.replicas": written,
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": written,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": written,
        "share.coordinator.state.topic.num.partitions": 1,
        "group.initial.rebalance.delay.ms": 0,
        "log.cleaner.dedupe.buffer.size": 4 * 1024 * 1024,
    }
    return "".join(f"{name}={value}\n" for name, value in (values | dict(more or {})).items())
