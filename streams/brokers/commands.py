"""The two Java programmes of a node: the one that prepares its data folder, and the broker itself."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from streams.brokers import jars, java, processes
from streams.brokers.folder import log_configuration
from streams.brokers.properties import Node
from streams.errors import BrokerStartError


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
