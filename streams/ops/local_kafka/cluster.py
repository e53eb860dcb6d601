"""A real Apache Kafka on this machine: one or three KRaft nodes on loopback, run by the machine's Java.

Data, configuration, logs and pid files of the cluster are in one folder; the processes outlive the command
that started them. Starting a running cluster and stopping a stopped one change nothing.
"""

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from streams.errors import BrokerStartError, SettingsError
from streams.kafka.clients import KafkaException, admin
from streams.ops.local_kafka import processes
from streams.ops.local_kafka.node import HOST, ClusterShape, Commands, Node, claim, mark, server_properties

PORT = 19_092
"""Default port of the first node: not Kafka's usual 9092, which may be taken."""

START_TIMEOUT_S = 120.0
"""Longest wait for the first answer; a start takes 2 s on an idle machine, 8 s on a busy one (measured)."""

STOP_TIMEOUT_S = 30.0
"""Longest wait until a node ends before it is killed."""


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """Status of one node.

    `pid` is None if it does not run; `answers`: whether it answers a Kafka request.
    """

    number: int
    address: str
    pid: int | None
    answers: bool
    log: str


class KafkaCluster:
    """A local Apache Kafka cluster in a folder.

    Parameters
    ----------
    folder
        Of all files of the cluster; created if missing.
    nodes
        1, or 3 (replication factor 3, min.insync.replicas 2: any one node may fail).
    port
        Client port of the first node; the next nodes take the next ports.
    cache_dir
        Of the jars.
    heap
        Java heap of each node, as `-Xmx` takes it.
    properties
        Broker properties that override ours.
    """

    def __init__(
        self,
        folder: Path,
        *,
        nodes: int = 1,
        port: int = PORT,
        cache_dir: Path,
        heap: str = "768m",
        properties: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder.resolve()
        self.cache_dir = cache_dir
        self.heap = heap
        self.properties = properties
        self.nodes = [Node(i + 1, port + i, self.folder / f"node-{i + 1}") for i in range(nodes)]

    @classmethod
    def open(cls, folder: Path, *, cache_dir: Path) -> Self:
        """Return the cluster in a folder, with its number of nodes and its port.

        Raises
        ------
        SettingsError
            There is no cluster in the folder.
        """
        shape = ClusterShape.read(folder)
        if shape is None:
            what = f"there is no local Kafka in {folder}"
            raise SettingsError(what, next_step="start one with `nearline kafka start`, or give its --dir")
        return cls(folder, nodes=shape.nodes, port=shape.port, cache_dir=cache_dir)

    @property
    def bootstrap_servers(self) -> str:
        """Addresses of all nodes, as host:port[,host:port…]."""
        return ",".join(f"{HOST}:{node.port}" for node in self.nodes)

    def start(self) -> None:
        """Start every node that does not run; return when each answers and knows all others.

        Raises
        ------
        JavaMissingError, MavenMissingError, JarsError
            The machine cannot run a broker.
        BrokerStartError
            A node ended or did not answer within :data:`START_TIMEOUT_S`.
        SettingsError
            The folder has a cluster with another number of nodes, or a port is in use.
        """
        self._require_same_port()
        self._require_free_ports()
        commands = Commands.prepare(self.folder, cache_dir=self.cache_dir, heap=self.heap)
        shape = claim(self.folder, nodes=len(self.nodes), port=self.nodes[0].port)
        for node in self.nodes:
            if self.pid(node) is None:
                node.folder.mkdir(parents=True, exist_ok=True)
                node.properties.write_text(
                    server_properties(node, self.nodes, self.properties), encoding="utf-8"
                )
                commands.format(node, shape.cluster_id)
                commands.launch(node)
        self._await_answers(shape.cluster_id)

    def stop(self, *, timeout_s: float = STOP_TIMEOUT_S) -> bool:
        """Stop every node; kill those that have not ended in time.

        Returns
        -------
        bool
            Whether all of them ended without being killed.
        """
        for node in self.nodes:  # signal all nodes before waiting for one, so that they stop in parallel
            processes.send_signal(node.pid_file, mark(node))
        ended = [processes.end(node.pid_file, mark(node), timeout_s=timeout_s) for node in self.nodes]
        return all(ended)

    def pid(self, node: Node) -> int | None:
        """Return the process id of a node, None if it does not run."""
        return processes.running_pid(node.pid_file, mark(node))

    def status(self) -> list[NodeStatus]:
        """Return the status of every node."""
        return [self._status_of(node) for node in self.nodes]

    def _status_of(self, node: Node) -> NodeStatus:
        pid, address, shape = self.pid(node), f"{HOST}:{node.port}", ClusterShape.read(self.folder)
        answers = False
        if pid is not None and shape is not None:
            answers = _brokers_known_at(address, shape.cluster_id, timeout_s=2.0) > 0
        return NodeStatus(node.number, address, pid, answers, str(node.log))

    def _require_same_port(self) -> None:
        """Raise if the cluster already runs on other ports."""
        shape, port = ClusterShape.read(self.folder), self.nodes[0].port
        if shape and shape.port != port and any(self.pid(node) for node in self.nodes):
            what = f"the cluster in {self.folder} already runs on port {shape.port}"
            raise SettingsError(what, next_step=f"stop it first, or give --port {shape.port}")

    def _require_free_ports(self) -> None:
        """Raise if another process listens on a port of a node that does not run."""
        for node in self.nodes:
            if self.pid(node) is not None:
                continue
            for port in (node.port, node.controller_port):
                try:
                    socket.create_server((HOST, port)).close()
                except OSError as error:
                    what = f"the local Kafka cannot start: port {port} of {HOST} is in use"
                    advice = f"stop what listens there (`ss -ltnp 'sport = :{port}'`), or give another --port"
                    raise SettingsError(what, why=error.strerror or "", next_step=advice) from error

    def _await_answers(self, cluster_id: str) -> None:
        """Wait until every node answers and knows all others; its process has to run meanwhile.

        An answer at the address is not enough: it may be another cluster's.
        """
        deadline = time.monotonic() + START_TIMEOUT_S
        for node in self.nodes:
            while True:
                known = _brokers_known_at(f"{HOST}:{node.port}", cluster_id, timeout_s=1.0)
                if self.pid(node) is None or time.monotonic() > deadline:
                    raise _start_error(node)
                if known >= len(self.nodes):
                    break
                time.sleep(0.1)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _brokers_known_at(address: str, cluster_id: str, *, timeout_s: float) -> int:
    """Return how many brokers the broker at an address knows, 0 if none of this cluster answers."""
    try:
        found = admin(address).list_topics(timeout=timeout_s)
    except KafkaException:
        return 0
    return len(found.brokers) if str(found.cluster_id) == cluster_id else 0


def _start_error(node: Node) -> BrokerStartError:
    """Return an error with the last error line of the node's log."""
    lines = node.log.read_text(encoding="utf-8", errors="replace").splitlines()
    errors = [line for line in lines if "ERROR" in line or "Exception" in line] or [
        "it did not answer in time"
    ]
    what = f"node {node.number} of the local Kafka did not start on port {node.port}"
    return BrokerStartError(what, why=errors[-1], next_step=f"read {node.log}")
