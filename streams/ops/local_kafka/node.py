"""The two Java programmes of a node: the one that prepares its data folder, and the broker itself."""

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
from streams.ops.local_kafka import java as jars

# What a local node of Apache Kafka is told: ports, folders, and where we differ from its defaults.


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


# The folder of a local cluster: its identity and shape, written down once and respected ever after.


class Shape(msgspec.Struct, frozen=True):
    """What a folder says about its cluster."""

    cluster_id: str
    nodes: int
    port: int

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Return the shape of the cluster in a folder, None when there is none."""
        try:
            return msgspec.json.decode((folder / "cluster.json").read_bytes(), type=cls)
        except FileNotFoundError:
            return None

    def write(self, folder: Path) -> None:
        """Write the shape and the Java log configuration into a folder, made when missing."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cluster.json").write_bytes(msgspec.json.encode(self))
        log_configuration(folder).write_text(LOG4J2, encoding="utf-8")


def claim(folder: Path, *, nodes: int, port: int) -> Shape:
    """Make a folder the home of a cluster, or confirm that it is.

    Raises
    ------
    SettingsError
        It holds a cluster with another number of nodes: copies and voters cannot be changed by restarting.
    """
    made = Shape.read(folder)
    if made is not None and made.nodes != nodes:
        what = f"{folder} holds a cluster of {made.nodes} node(s), not {nodes}"
        advice = f"give --nodes {made.nodes} or another --dir, or delete the folder"
        raise SettingsError(what, next_step=advice)
    shape = Shape(made.cluster_id if made else new_cluster_id(), nodes, port)
    shape.write(folder)
    return shape


def log_configuration(folder: Path) -> Path:
    """Return where the Java log configuration of a cluster is."""
    return folder / "log4j2.properties"


def new_cluster_id() -> str:
    """Draw an id as Kafka's own tool does: a random UUID in base64 without a leading dash.

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
    """How to run Kafka's classes on this machine.

    Parameters
    ----------
    binary
        Path of `java`.
    classpath
        The broker's jars.
    folder
        Of the cluster; holds the log configuration.
    heap
        Java heap of a broker, as `-Xmx` takes it.
    """

    binary: str
    classpath: str
    folder: Path
    heap: str

    @classmethod
    def prepare(cls, folder: Path, *, cache_dir: Path, heap: str) -> "Commands":
        """Find Java and the jars, fetching them if need be.

        Raises
        ------
        JavaMissingError, MavenMissingError, JarsError
            The machine cannot run a broker.
        """
        return cls(java.find_java(), f"{jars.resolve(cache_dir)}/*", folder, heap)

    def format(self, node: Node, cluster_id: str) -> None:
        """Prepare the node's data folder, unless that was done before.

        Raises
        ------
        BrokerStartError
            Kafka's tool refused; the text ends with its last line.
        """
        if (node.folder / "data" / "meta.properties").exists():
            return
        tool = ["kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(node.properties)]
        done = subprocess.run(  # noqa: S603 - the command is ours, word by word
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

    def _java(self, options: list[str], programme: list[str]) -> list[str]:
        """Return a whole command line."""
        logs = f"-Dlog4j2.configurationFile={log_configuration(self.folder)}"
        return [self.binary, *options, logs, "-cp", self.classpath, *programme]


def mark(node: Node) -> str:
    """Return the part of a running node's command line that no other process has."""
    return f"kafka.Kafka {node.properties}"
