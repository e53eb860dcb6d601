"""`nearline topics`: compare the topic table with a cluster, and apply it."""

from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.console import ExitCode, examples, human, interruptible, write_json
from streams.cli.options import Brokers, Json, Prefix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from streams.kafka.topics import Difference, TopicAdmin
    from streams.ops.split.runs import SplitReport

app = typer.Typer(
    help="Create the topics, compare them with the table in schemas/topics.py, or split their partitions."
)

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


@app.command(
    epilog=examples(
        "nearline topics split --to-prefix p24. --partitions 24",
        "nearline topics split --to-prefix p24. --partitions 24 --replication 3 --json -",
    )
)
def split(
    to_prefix: Annotated[
        str, typer.Option("--to-prefix", metavar="TEXT", help="Prefix of the new topics.", show_default=False)
    ],
    partitions: Annotated[
        int,
        typer.Option(
            min=2,
            max=10_000,
            help="Partitions afterwards: a multiple of the present ones.",
            show_default=False,
        ),
    ],
    *,
    brokers: Brokers = None,
    prefix: Prefix = None,
    replication: Replication = None,
    json: Json = None,
) -> None:
    """Write all topics anew with more partitions: state, pages and events that are not applied yet.

    Stop all workers and producers first; the present topics are only read. Then set NEARLINE_TOPIC_PREFIX of
    workers, servers, producers and consumers to the new one. A command that was ended is repeated: it begins
    anew. Alerts and dead letters stay in the present topics. JSON keys: before, after, records (copies by
    topic), events, missing, pending_pages.
    """
    from streams.config.settings import Settings
    from streams.ops.split.runs import split as write_anew

    old = Settings.load(brokers=brokers, topic_prefix=prefix)
    new = Settings.load(brokers=brokers, topic_prefix=to_prefix)
    errors = human("-")
    with interruptible():
        report = write_anew(
            old,
            new,
            partitions,
            replication=replication,
            on_progress=lambda line: errors.print(line, style="dim", markup=False),
        )
    console = human(json)
    console.print(_copies(report))
    if report.missing:
        console.print(f"{report.missing:,} events were deleted by retention before they were applied")
    console.print(
        f"[green]{report.before} partitions are {report.after}[/]; next: start workers, servers and producers"
        f" with NEARLINE_TOPIC_PREFIX={new.topic_prefix}, and delete the former topics when all is well"
    )
    write_json(json, report.document())


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


def _copies(report: "SplitReport") -> "Table":
    """Return what was copied as a table."""
    from rich.table import Table

    table = Table("topic", "copies", title="copied", title_justify="left")
    for name, count in sorted(report.records.items()):
        table.add_row(name, f"{count:,}")
    return table
