"""`nearline state`: verify, export and rebuild the local databases."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.console import ExitCode, examples, human, interruptible, write_json
from streams.cli.options import Brokers, Json, Prefix

if TYPE_CHECKING:
    from rich.table import Table

    from streams.config.settings import Settings
    from streams.ops.state.rebuild import Rebuilt
    from streams.ops.state.verify import VerifyResult

app = typer.Typer(help="Verify, export or rebuild the local databases.")

Stage = Annotated[str | None, typer.Option(metavar="NAME", help="viewers or titles; both by default.")]
Partition = Annotated[int | None, typer.Option(min=0, metavar="N", help="Only this partition.")]
StateDir = Annotated[
    Path | None,
    typer.Option(
        "--state-dir", metavar="FOLDER", help="The worker's folder. [dim]Setting NEARLINE_STATE_DIR.[/]"
    ),
]


@app.command(
    epilog=examples(
        "nearline state verify", "nearline state verify --local", "nearline state verify --against-changelog"
    )
)
def verify(
    *,
    stage: Stage = None,
    partition: Partition = None,
    local: Annotated[bool, typer.Option("--local", help="Use no broker.")] = False,
    against_changelog: Annotated[
        bool, typer.Option("--against-changelog", help="Compare every row with the changelog.")
    ] = False,
    state_dir: StateDir = None,
    brokers: Brokers = None,
    prefix: Prefix = None,
    json: Json = None,
) -> None:
    """Check every row: version, size, finite numbers, partition, and the ends of source and changelog.

    A worker may run meanwhile; nothing is changed. Code 1 if there is a problem.
    """
    from streams.errors import SettingsError
    from streams.ops.state.verify import verify as check

    if local and against_changelog:
        what = "--local uses no broker, --against-changelog needs one"
        raise SettingsError(what, next_step="give one of the two")
    settings, console = _settings(state_dir, brokers, prefix), human(json)
    errors = human("-")
    with interruptible():
        results = check(
            settings,
            stage=stage,
            partition=partition,
            local=local,
            against_changelog=against_changelog,
            on_progress=lambda line: errors.print(line, style="dim", markup=False),
        )
    console.print(_results(results))
    problems = [(one, problem) for one in results for problem in one.problems]
    for one, problem in problems:
        console.print(f"{one.stage} partition {one.partition}: {problem}", style="red", markup=False)
    if problems:
        console.print("next: stop the worker and run `nearline state rebuild`", markup=False)
    write_json(json, {"databases": results, "sound": not problems})
    if problems:
        raise typer.Exit(ExitCode.FAILED)


@app.command(
    epilog=examples(
        "nearline state export viewers --output viewers.jsonl",
        "nearline state export titles --from-changelog --vectors | gzip > titles.jsonl.gz",
    )
)
def export(
    stage: Annotated[str, typer.Argument(metavar="STAGE", help="viewers or titles.")],
    *,
    output: Annotated[
        Path | None, typer.Option(metavar="PATH", help="A file; standard output by default.")
    ] = None,
    partition: Partition = None,
    from_changelog: Annotated[
        bool, typer.Option("--from-changelog", help="Read the changelog instead of the local databases.")
    ] = False,
    vectors: Annotated[bool, typer.Option("--vectors", help="Include taste and title vectors.")] = False,
    state_dir: StateDir = None,
    brokers: Brokers = None,
    prefix: Prefix = None,
) -> None:
    """Write every row of a stage as a line of JSON.

    Without --from-changelog no broker is used, and titles have the ids that the local databases know.
    """
    import os
    import sys

    import orjson

    from streams.errors import SettingsError
    from streams.ops.state.export import export as rows

    settings, console = _settings(state_dir, brokers, prefix), human("-")
    found = rows(
        settings,
        stage,
        partition=partition,
        changelog=from_changelog,
        vectors=vectors,
        on_progress=lambda line: console.print(line, style="dim", markup=False),
    )
    try:
        out = sys.stdout.buffer if output is None else output.open("wb")
    except OSError as error:
        what = f"cannot write {output}"
        raise SettingsError(what, why=error.strerror or "", next_step="give another --output") from error
    count = 0
    try:
        with interruptible():
            for row in found:
                out.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
                count += 1
        out.flush()
    except BrokenPipeError:  # the reader closed the pipe, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    finally:
        if output is not None:
            out.close()
    console.print(f"{count:,} rows written", style="green", markup=False)


@app.command(
    epilog=examples("nearline state rebuild", "nearline state rebuild --stage viewers --partition 2 --yes")
)
def rebuild(
    *,
    stage: Stage = None,
    partition: Partition = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    state_dir: StateDir = None,
    brokers: Brokers = None,
    prefix: Prefix = None,
    json: Json = None,
) -> None:
    """Delete local databases and restore them from changelogs. Refused while a worker uses the folder."""
    from streams.ops.state.rebuild import chosen
    from streams.ops.state.rebuild import rebuild as read_again
    from streams.telemetry.logging import configure

    configure(form="console")  # progress is logged
    settings, console = _settings(state_dir, brokers, prefix), human(json)
    wanted = chosen(settings, stage, partition)
    names = ", ".join(map(str, wanted))
    if not yes:
        typer.confirm(
            f"Delete {names} in {settings.state_folder} and restore from the changelogs?",
            abort=True,
            err=True,
        )
    with interruptible():
        done = read_again(settings, wanted, lambda one: console.print(f"restoring {one.name}", style="dim"))
    console.print(_rebuilt(done))
    write_json(json, {"databases": [one.document() for one in done]})


def _settings(state_dir: Path | None, brokers: str | None, prefix: str | None) -> "Settings":
    from streams.config.settings import Settings

    return Settings.load(state_dir=state_dir, brokers=brokers, topic_prefix=prefix)


def _results(results: "list[VerifyResult]") -> "Table":
    """Return the results as a table that fits 80 columns, a line a database."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    heads = ("rows", "versions", "applied", "position", "behind", "compared", "problems")
    table = Table("database", *heads, box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for one in results:
        versions = " ".join(f"v{version}:{rows:,}" for version, rows in one.versions.items())
        found = (one.applied, one.position, one.behind, one.compared, len(one.problems))
        numbers = ["-" if number is None else f"{number:,}" for number in found]
        table.add_row(f"{one.stage}/{one.partition}", f"{one.rows:,}", versions, *numbers)
    return table


def _rebuilt(done: "list[Rebuilt]") -> "Table":
    """Return the restored databases as a table."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    heads = ("database", "rows", "bytes", "seconds", "rows/s", "applied")
    table = Table(*heads, box=SIMPLE_HEAD, pad_edge=False, title="rebuilt", title_justify="left")
    for one in done:
        document = one.document()
        numbers = (f"{one.rows:,}", f"{one.bytes:,}", f"{one.seconds:.1f}", f"{document['rows_per_s']:,.0f}")
        table.add_row(f"{one.stage}/{one.partition}", *numbers, f"{one.applied:,}")
    return table
