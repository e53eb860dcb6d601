"""`nearline topics`: compare the topic table with a cluster, and apply it."""

from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.console import ExitCode, examples, human, write_json
from streams.cli.options import Brokers, Json, Prefix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from streams.kafka.topics import Difference, TopicAdmin

app = typer.Typer(help="Create the topics, or compare them with the table in schemas/topics.py.")

Partitions = Annotated[
    int,
    typer.Option(
        min=1,
        max=10_000,
        help="Partitions of the topics keyed by viewer or title: the largest number of workers.",
    ),
]
Replication = Annotated[
    int | None,
    typer.Option(min=1, max=10, help="Replication factor. [dim]Default of the cluster unless given.[/]"),
]


@app.command(
    epilog=examples("nearline topics apply", "nearline topics apply --partitions 12 --replication 3")
)
def apply(
    brokers: Brokers = None,
    prefix: Prefix = None,
    partitions: Partitions = 4,
    replication: Replication = None,
    json: Json = None,
) -> None:
    """Create missing topics and correct configurations; never delete, never change numbers of partitions."""
    topics = _topics(brokers, prefix, partitions, replication)
    changed, left = topics.apply(), topics.check()
    console = human(json)
    if changed:
        console.print(_changes(changed))
    _conclude(json, {"changed": changed, "differences": left}, left)


@app.command(epilog=examples("nearline topics check", "nearline topics check --json -"))
def check(
    brokers: Brokers = None,
    prefix: Prefix = None,
    partitions: Partitions = 4,
    replication: Replication = None,
    json: Json = None,
) -> None:
    """Show all differences between the cluster and the table. Code 1 if there is one."""
    left = _topics(brokers, prefix, partitions, replication).check()
    _conclude(json, {"differences": left}, left)


def _topics(
    brokers: str | None, prefix: str | None, partitions: int, replication: int | None
) -> "TopicAdmin":
    """Return the topic table of this installation with its cluster."""
    from streams.config.settings import Settings
    from streams.kafka.topics import TopicAdmin

    settings = Settings.load(brokers=brokers, topic_prefix=prefix)
    return TopicAdmin(settings, settings.topic_table(partitions=partitions).values(), replication=replication)


def _conclude(json: str | None, document: object, left: "Sequence[Difference]") -> None:
    """Show the remaining differences, write the JSON, and exit with the right code."""
    console = human(json)
    console.print(_table("different", left) if left else "[green]all topics match the table[/]")
    write_json(json, document)
    if left:
        raise typer.Exit(ExitCode.FAILED)


def _changes(changed: "Sequence[Difference]") -> "Table":
    """Return what was done as a table."""
    from rich.table import Table

    from streams.kafka.topics import MISSING

    table = Table("topic", "done", title="changed", title_justify="left")
    for one in changed:
        done = f"created: {one.wanted}" if one.found == MISSING else f"{one.what}: {one.found} → {one.wanted}"
        table.add_row(one.topic, done)
    return table


def _table(title: str, differences: "Sequence[Difference]") -> "Table":
    """Return differences as a table."""
    from rich.table import Table

    table = Table("topic", "what", "wanted", "found", title=title, title_justify="left")
    for difference in differences:
        table.add_row(difference.topic, difference.what, difference.wanted, difference.found)
    return table
