"""A node of a local Apache Kafka: its configuration, the folder of its cluster, and its Java commands."""

import base64
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import msgspec

from streams.errors import BrokerStartError, SettingsError
from streams.ops.local_kafka import java, processes

HOST = "127.0.0.1"
"""A local cluster listens on loopback only: it has no authentication."""

CONTROLLER_PORT_STEP = 100
"""Offset of the controller's port from the client port."""

LONE_SESSION_MS = 60_000
"""Time without a heartbeat after which a cluster's only broker is fenced. Kafka's 9 s are for a cluster where
another broker takes over; with one, busy cores alone would stop all its clients ("All brokers are currently
fenced")."""

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
"""Log configuration: only warnings and errors, on standard output, which is the node's log file."""


@dataclass(frozen=True, slots=True)
class Node:
    """One node of a local cluster: broker and controller in one process.

    Parameters
    ----------
    number
        1-based; Kafka's node.id.
    port
        Client port; the controller's is :data:`CONTROLLER_PORT_STEP` above it.
    folder
        Of data, properties, log and pid file of the node.
    """

    number: int
    port: int
    folder: Path

    @property
    def controller_port(self) -> int:
        """Port for the other nodes' controllers."""
        return self.port + CONTROLLER_PORT_STEP

    @property
    def properties(self) -> Path:
        """The node's configuration file."""
        return self.folder / "server.properties"

    @property
    def log(self) -> Path:
        """The node's log file."""
        return self.folder / "kafka.log"

    @property
    def pid_file(self) -> Path:
        """File with the process id."""
        return self.folder / "pid"


def server_properties(node: Node, nodes: Sequence[Node], more: Mapping[str, str] | None = None) -> str:
    """Return the configuration of one node.

    A single node has replication factor 1, and is not fenced when its heartbeats are late; three nodes have
    3 with `min.insync.replicas` 2, so that any one of them may fail. Topics are not created automatically.
    The first rebalance of a group does not wait for more members. `more` overrides all of this.

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
    if copies == 1:
        values["broker.session.timeout.ms"] = LONE_SESSION_MS
    return "".join(f"{name}={value}\n" for name, value in (values | dict(more or {})).items())


class ClusterShape(msgspec.Struct, frozen=True):
    """Identity and shape of the cluster in a folder; written once."""

    cluster_id: str
    nodes: int
    port: int

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Return the shape of the cluster in a folder, None if there is none."""
        try:
            return msgspec.json.decode((folder / "cluster.json").read_bytes(), type=cls)
        except FileNotFoundError:
            return None

    def write(self, folder: Path) -> None:
        """Write the shape and the Java log configuration into a folder; create it if missing."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cluster.json").write_bytes(msgspec.json.encode(self))
        log_configuration(folder).write_text(LOG4J2, encoding="utf-8")


def claim(folder: Path, *, nodes: int, port: int) -> ClusterShape:
    """Prepare a folder for a cluster, or check that it is the folder of such a cluster.

    Raises
    ------
    SettingsError
        It has a cluster with another number of nodes: replicas and voters cannot be changed by a restart.
    """
    existing = ClusterShape.read(folder)
    if existing is not None and existing.nodes != nodes:
        what = f"{folder} has a cluster of {existing.nodes} node(s), not {nodes}"
        advice = f"give --nodes {existing.nodes} or another --dir, or delete the folder"
        raise SettingsError(what, next_step=advice)
    shape = ClusterShape(existing.cluster_id if existing else new_cluster_id(), nodes, port)
    shape.write(folder)
    return shape


def log_configuration(folder: Path) -> Path:
    """Return the path of a cluster's Java log configuration."""
    return folder / "log4j2.properties"


def new_cluster_id() -> str:
    """Return a random id as Kafka's own tool does: a UUID in base64 without a leading dash.

    Examples
    --------
    >>> len(new_cluster_id())
    22
    """
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text


@dataclass(frozen=True, slots=True)
class Commands:
    """Runs Kafka's classes on this machine.

    Parameters
    ----------
    binary
        Path of `java`.
    classpath
        The broker's jars.
    folder
        Of the cluster; contains the log configuration.
    heap
        Java heap of a broker, as `-Xmx` takes it.
    """

    binary: str
    classpath: str
    folder: Path
    heap: str

    @classmethod
    def prepare(cls, folder: Path, *, cache_dir: Path, heap: str) -> "Commands":
        """Find Java and the jars; fetch them if they are missing.

        Raises
        ------
        JavaMissingError, MavenMissingError, JarsError
            The machine cannot run a broker.
        """
        return cls(java.find_java(), f"{java.resolve(cache_dir)}/*", folder, heap)

    def format(self, node: Node, cluster_id: str) -> None:
        """Format the node's data folder, unless it is formatted.

        Raises
        ------
        BrokerStartError
            Kafka's tool failed; the message ends with its last line.
        """
        if (node.folder / "data" / "meta.properties").exists():
            return
        tool = ["kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(node.properties)]
        done = subprocess.run(  # noqa: S603 - a fixed command
            self._java([], tool), capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            what = f"Kafka could not format {node.folder}"
            why = (done.stdout + done.stderr).strip().splitlines()[-1:]
            raise BrokerStartError(what, why="".join(why), next_step="delete the folder, then repeat")

    def launch(self, node: Node) -> None:
        """Start the node's process."""
        memory = [f"-Xmx{self.heap}", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"]
        command = self._java(memory, ["kafka.Kafka", str(node.properties)])
        processes.spawn(command, pid_file=node.pid_file, log=node.log)

    def _java(self, options: list[str], program: list[str]) -> list[str]:
        """Return a whole command line."""
        logs = f"-Dlog4j2.configurationFile={log_configuration(self.folder)}"
        return [self.binary, *options, logs, "-cp", self.classpath, *program]


def mark(node: Node) -> str:
    """Return the part of a node's command line that identifies its process."""
    return f"kafka.Kafka {node.properties}"
