"""The brokers that we start: the embedded cluster, and all of Kafka that needs no running Kafka."""

import os
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from streams.errors import BrokerStartError, JarsError, JavaMissingError, MavenMissingError, SettingsError
from streams.kafka.clients import TopicPartition, admin, consumer, producer
from streams.ops.local_kafka import cluster as local
from streams.ops.local_kafka import java, processes
from streams.ops.local_kafka import java as jars
from streams.ops.local_kafka.cluster import KafkaCluster
from streams.ops.local_kafka.embedded import PARTITIONS, EmbeddedCluster
from streams.ops.local_kafka.node import (
    CONTROLLER_PORT_STEP,
    ClusterShape,
    Commands,
    Node,
    claim,
    mark,
    server_properties,
)
from streams.ops.runs.worker_process import cluster_port


def _executable(folder: Path, name: str, script: str) -> None:
    """Put a small shell programme into a folder."""
    target = folder / name
    target.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
    target.chmod(target.stat().st_mode | stat.S_IXUSR)


def _values(text: str) -> dict[str, str]:
    """Read a properties file."""
    return dict(line.split("=", 1) for line in text.splitlines())


def test_embedded_cluster_creates_topics_and_carries_records(embedded: EmbeddedCluster) -> None:
    """Topics come into being with 4 partitions, and what goes in at one side comes out at the other."""
    embedded.create(["a", "b"])
    topics = admin(embedded.bootstrap_servers).list_topics(timeout=10).topics
    assert {name: len(topic.partitions) for name, topic in topics.items()} == {
        "a": PARTITIONS,
        "b": PARTITIONS,
    }
    writer = producer(embedded.bootstrap_servers)
    writer.produce("a", b"value", key=b"key", partition=2)
    assert writer.flush(10) == 0
    reader = consumer(embedded.bootstrap_servers)
    reader.assign([TopicPartition("a", 2, 0)])
    message = reader.poll(10)
    reader.close()
    assert message is not None
    assert (message.key(), message.value(), message.offset()) == (b"key", b"value", 0)


def test_one_node_keeps_one_copy() -> None:
    """A single node cannot wait for a second copy of anything."""
    node = Node(1, 19_092, Path("/d/node-1"))
    values = _values(server_properties(node, [node]))
    copies = [value for name, value in values.items() if "replication.factor" in name or "min.i" in name]
    assert copies == ["1"] * 7
    assert values["auto.create.topics.enable"] == "false"


def test_three_nodes_survive_the_death_of_one() -> None:
    """Three copies of which two are acknowledged, and every port is used once."""
    nodes = [Node(i + 1, 19_092 + i, Path(f"/d/node-{i + 1}")) for i in range(3)]
    written = [_values(server_properties(node, nodes)) for node in nodes]
    assert {values["transaction.state.log.replication.factor"] for values in written} == {"3"}
    assert {values["transaction.state.log.min.isr"] for values in written} == {"2"}
    assert len({values["listeners"] for values in written}) == 3
    ports = [port for node in nodes for port in (node.port, node.controller_port)]
    assert len(set(ports)) == 6


def test_a_folder_keeps_its_identity_and_its_shape(tmp_path: Path) -> None:
    """The cluster id survives, the port may move, the number of nodes may not."""
    first = claim(tmp_path, nodes=1, port=19_092)
    assert claim(tmp_path, nodes=1, port=29_092) == ClusterShape(first.cluster_id, 1, 29_092)
    with pytest.raises(SettingsError, match="has a cluster of 1 node"):
        claim(tmp_path, nodes=3, port=19_092)


def test_opening_a_folder_restores_nodes_and_port(tmp_path: Path) -> None:
    """`stop` and `status` need only the folder."""
    claim(tmp_path, nodes=3, port=29_092)
    cluster = KafkaCluster.open(tmp_path, cache_dir=tmp_path)
    assert cluster.bootstrap_servers == "127.0.0.1:29092,127.0.0.1:29093,127.0.0.1:29094"
    assert [node.pid for node in cluster.status()] == [None, None, None]
    assert cluster.stop()


def _port(embedded: EmbeddedCluster) -> int:
    """Return where an embedded cluster listens."""
    return int(embedded.bootstrap_servers.partition(":")[2])


def test_a_busy_port_is_named(embedded: EmbeddedCluster, tmp_path: Path) -> None:
    """Whoever listens there, be it another Kafka, nothing is started, and nothing is written."""
    cluster = KafkaCluster(tmp_path / "kafka", port=_port(embedded), cache_dir=tmp_path)
    with pytest.raises(SettingsError, match=f"port {_port(embedded)} of 127.0.0.1 is in use") as failure:
        cluster.start()
    assert "--port" in failure.value.next_step
    assert not (tmp_path / "kafka").exists()
    port = cluster_port()
    busy = port + CONTROLLER_PORT_STEP
    with (
        socket.create_server(("127.0.0.1", busy)),
        pytest.raises(SettingsError, match=f"port {busy} of 127.0.0.1 is in use"),
    ):
        KafkaCluster(tmp_path / "kafka", port=port, cache_dir=tmp_path).start()


@pytest.mark.parametrize("lives", [True, False])
def test_the_answer_of_another_cluster_is_no_start(
    embedded: EmbeddedCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, lives: bool
) -> None:
    """A node that dies while somebody else answers at its address has not started, nor one that hangs."""

    class Double(Commands):
        """Starts a process that is no broker."""

        def format(self, node: Node, cluster_id: str) -> None:
            """Do nothing."""

        def launch(self, node: Node) -> None:
            """Be a node that dies, or one that never listens."""
            node.log.write_text("ERROR java.net.BindException: Address already in use\n", encoding="utf-8")
            if lives:
                program = [sys.executable, "-c", "import time; time.sleep(60)", mark(node)]
                processes.spawn(program, pid_file=node.pid_file, log=node.log)

    monkeypatch.setattr(Commands, "prepare", lambda folder, **_: Double("java", "", folder, ""))
    monkeypatch.setattr(KafkaCluster, "_require_free_ports", lambda _: None, raising=False)
    monkeypatch.setattr(local, "START_TIMEOUT_S", 1.0)
    cluster = KafkaCluster(tmp_path, port=_port(embedded), cache_dir=tmp_path)
    with pytest.raises(BrokerStartError, match="BindException"):
        cluster.start()
    assert not cluster.status()[0].answers
    cluster.stop()


@pytest.mark.parametrize(
    ("script", "text"),
    [("echo 'openjdk version \"11.0.2\"' >&2", "it is Java 11"), ("exit 1", "it is Java ?")],
)
def test_old_java_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, text: str) -> None:
    """A Java that cannot run Kafka 4 is named, with its version."""
    _executable(tmp_path, "java", script)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(JavaMissingError) as caught:
        java.find_java()
    assert text in str(caught.value)


def test_missing_java_and_maven_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each missing tool has an error of its own that says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(JavaMissingError, match="install Java 17"):
        java.find_java()
    with pytest.raises(MavenMissingError, match="install Maven"):
        jars.resolve(tmp_path / "cache")


def test_failing_maven_is_quoted_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Maven's own words reach the reader, and no half-filled folder is taken for the jars later."""
    _executable(tmp_path, "mvn", "echo '[ERROR] no route to host'; exit 1")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(JarsError, match="no route to host"):
        jars.resolve(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_jars_are_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second call finds the folder of the first and runs no Maven."""
    make = 'for a in "$@"; do case $a in -DoutputDirectory=*) mkdir "${a#*=}";; esac; done'
    script = f"{make}; echo >> {tmp_path}/runs"
    _executable(tmp_path, "mvn", script)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert jars.resolve(tmp_path / "cache") == jars.resolve(tmp_path / "cache")
    assert (tmp_path / "runs").read_text(encoding="ascii") == "\n"


def test_pom_names_the_version_that_we_promise() -> None:
    """The broker is Apache Kafka 4.3.1."""
    assert "<kafka.version>4.3.1</kafka.version>" in jars.find_pom().read_text(encoding="utf-8")


def test_a_process_ends_when_asked(tmp_path: Path) -> None:
    """A process that heeds SIGTERM ends by itself, and its pid file goes."""
    pid_file = tmp_path / "pid"
    processes.spawn(["sleep", "987"], pid_file=pid_file, log=tmp_path / "log")
    assert processes.running_pid(pid_file, "sleep 987") is not None
    assert processes.end(pid_file, "sleep 987", timeout_s=10)
    assert not pid_file.exists()


def test_a_deaf_process_is_killed(tmp_path: Path) -> None:
    """A process that ignores SIGTERM is killed after the wait, and that is reported."""
    pid_file, log = tmp_path / "pid", tmp_path / "log"
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    code = f"{deaf}; print('deaf', flush=True); time.sleep(987)"
    processes.spawn([sys.executable, "-c", code], pid_file=pid_file, log=log)
    while not log.read_text(encoding="ascii"):
        time.sleep(0.01)
    assert not processes.end(pid_file, "time.sleep(987)", timeout_s=0.2)
    assert processes.running_pid(pid_file, "time.sleep(987)") is None


def test_a_strangers_process_is_left_alone(tmp_path: Path) -> None:
    """A pid that was given to another programme is not taken for ours, nor ended."""
    stranger = subprocess.Popen(["sleep", "986"])
    pid_file = tmp_path / "pid"
    pid_file.write_text(str(stranger.pid), encoding="ascii")
    try:
        assert processes.end(pid_file, "kafka.Kafka", timeout_s=1)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()
