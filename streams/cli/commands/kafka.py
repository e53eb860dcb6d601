"""`nearline kafka`: a real Apache Kafka on this machine, for development and tests."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.console import ExitCode, examples, human, write_json
from streams.cli.options import Json

if TYPE_CHECKING:
    from rich.table import Table

    from streams.ops.local_kafka.cluster import NodeStatus

app = typer.Typer(help="Run a real Apache Kafka on this machine (needs Java 17 and, the first time, Maven).")

Folder = Annotated[
    Path, typer.Option("--dir", metavar="FOLDER", help="Data, logs and pid files of the local cluster.")
]
DEFAULT_FOLDER = Path(".nearline/kafka")


@app.command(epilog=examples("nearline kafka start", "nearline kafka start --nodes 3 --port 29092"))
def start(
    nodes: Annotated[int, typer.Option(min=1, max=3, help="1, or 3 with replication factor 3.")] = 1,
    port: Annotated[int, typer.Option(min=1_024, max=65_433, help="Client port of the first node.")] = 19_092,
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Start Kafka, wait until it answers, and leave it running."""
    from streams.config.settings import Settings
    from streams.ops.local_kafka.cluster import KafkaCluster

    if nodes not in {1, 3}:
        what = "a local cluster has 1 or 3 nodes"
        raise typer.BadParameter(what, param_hint="--nodes")
    cluster = KafkaCluster(folder, nodes=nodes, port=port, cache_dir=Settings.load().cache_dir)
    console = human()
    with console.status("starting Apache Kafka (the first time its jars are fetched) …"):
        cluster.start()
    console.print(f"[green]Apache Kafka answers at {cluster.bootstrap_servers}[/]")
    advice = f"next: export NEARLINE_BROKERS={cluster.bootstrap_servers} && nearline topics apply"
    console.print(advice, soft_wrap=True)  # one line, to be copied


@app.command(epilog=examples("nearline kafka stop", "nearline kafka stop --dir /tmp/kafka"))
def stop(folder: Folder = DEFAULT_FOLDER) -> None:
    """Stop Kafka and keep its data."""
    from streams.config.settings import Settings
    from streams.ops.local_kafka.cluster import KafkaCluster

    cluster = KafkaCluster.open(folder, cache_dir=Settings.load().cache_dir)
    with human().status("stopping Apache Kafka …"):
        clean = cluster.stop()
    text = (
        "[green]stopped[/]"
        if clean
        else "[yellow]killed: it did not end in time; it recovers its log at the next start[/]"
    )
    human().print(text)


@app.command(epilog=examples("nearline kafka status", "nearline kafka status --json -"))
def status(folder: Folder = DEFAULT_FOLDER, json: Json = None) -> None:
    """Show address, process and answer of every node. Code 1 unless all answer."""
    from dataclasses import asdict

    from streams.config.settings import Settings
    from streams.ops.local_kafka.cluster import KafkaCluster

    nodes = KafkaCluster.open(folder, cache_dir=Settings.load().cache_dir).status()
    human(json).print(_table(nodes))
    write_json(json, {"nodes": [asdict(node) for node in nodes]})
    if not all(node.answers for node in nodes):
        raise typer.Exit(ExitCode.FAILED)


def _table(nodes: "list[NodeStatus]") -> "Table":
    """Return the nodes as a table."""
    from rich.table import Table

    table = Table("node", "address", "process", "answers", "log")
    for node in nodes:
        answers = "[green]yes[/]" if node.answers else "[red]no[/]"
        table.add_row(str(node.number), node.address, str(node.pid or "-"), answers, node.log)
    return table
