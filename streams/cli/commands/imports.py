"""`nearline import`: own titles and history from files."""

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.console import ExitCode, examples, figures, human, interruptible, write_json, write_text
from streams.cli.options import Brokers, Json, Prefix, connected

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from streams.ops.imports.faults import Faults
    from streams.ops.imports.mapping import ColumnMapping
    from streams.ops.imports.runs import ImportSummary
    from streams.ops.imports.sources import Block, SourceFile

app = typer.Typer(
    help="""Import own titles and history from CSV, Parquet or JSON lines.

    The columns are guessed and shown. What you confirm is kept in a mapping file, which the next import
    reads."""
)

File = Annotated[
    Path, typer.Argument(metavar="FILE", help=".csv, .tsv, .jsonl or .parquet; text also as .gz, .bz2, .zst.")
]
MappingPath = Annotated[
    Path | None,
    typer.Option(
        "--mapping",
        metavar="PATH",
        help="Mapping file: read if it exists, else written. [dim]Default: FILE.mapping.toml.[/]",
    ),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column", metavar="FIELD=COLUMN", help="Column of a field; may be repeated. FIELD=: none."
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="Take the guessed mapping without asking.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Read and check everything, send nothing; needs no broker.")
]
ReportPath = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="PATH",
        help="CSV file for rows that are left out, with line and cause. [dim]Default: FILE.report.csv.[/]",
    ),
]
SHOWN_CAUSES = 10
"""Causes in the summary, the most frequent ones; the report has all."""


@app.command(
    epilog=examples(
        "nearline import catalog titles.csv",
        "nearline import catalog movies.csv --column title_id=movieId --yes",
        "nearline import catalog titles.parquet --dry-run --json -",
    )
)
def catalog(
    file: File,
    *,
    mapping: MappingPath = None,
    column: Columns = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    report: ReportPath = None,
    brokers: Brokers = None,
    prefix: Prefix = None,
    json: Json = None,
) -> None:
    """Send the titles of a file to the catalog. Titles that are there already are replaced, none is removed.

    Code 1 if rows were left out. JSON keys: as of `import history`.
    """
    _import(
        "catalog", file, mapping, column, report,
        yes=yes, dry_run=dry_run, late=False, brokers=brokers, prefix=prefix, json=json,
    )  # fmt: skip


@app.command(
    epilog=examples(
        "nearline import history watches.csv --dry-run",
        "nearline import history ratings.csv --column viewer_id=userId --yes",
        "nearline import history 2026-q1.parquet --mapping history.toml --report q1.csv",
    )
)
def history(
    file: File,
    *,
    mapping: MappingPath = None,
    column: Columns = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    report: ReportPath = None,
    late: Annotated[
        bool, typer.Option("--late", help="Import although the event log has newer events already.")
    ] = False,
    brokers: Brokers = None,
    prefix: Prefix = None,
    json: Json = None,
) -> None:
    """Send the rows of a file as events, in the order of their times: import before producers start.

    An import that was interrupted goes on where it was, by the checkpoint beside the report; a complete one
    is not repeated. Code 1 if rows were left out.

    JSON keys: rows, sent, sent_earlier, titles, titles_outside_catalog, first_ms, last_ms, seconds,
    rows_per_s, dry_run, rejected, causes, mapping, report.
    """
    _import(
        "history", file, mapping, column, report,
        yes=yes, dry_run=dry_run, late=late, brokers=brokers, prefix=prefix, json=json,
    )  # fmt: skip


@app.command(epilog=examples("nearline import fields", "nearline import fields --json -"))
def fields(*, json: Json = None) -> None:
    """List the fields that columns can be mapped to, and options. JSON keys: history, catalog, options."""
    from rich.table import Table

    from streams.ops.imports.fields import FIELDS, OPTIONS

    console = human(json)
    for kind, known in FIELDS.items():
        table = Table("field", "meaning", "recognised by", title=kind, title_justify="left")
        for name, one in known.items():
            table.add_row(f"[bold]{name}[/]" if one.required else name, one.meaning, ", ".join(one.names))
        console.print(table)
    table = Table("option", "meaning", "values", title="options", title_justify="left")
    for name, (meaning, values) in OPTIONS.items():
        table.add_row(name, meaning, ", ".join(map(str, values)))
    console.print(table)
    document: dict[str, object] = {
        kind: {name: one._asdict() for name, one in known.items()} for kind, known in FIELDS.items()
    }
    write_json(json, {**document, "options": OPTIONS})


def _import(
    kind: str,
    file: Path,
    mapping: Path | None,
    column: list[str] | None,
    report: Path | None,
    *,
    yes: bool,
    dry_run: bool,
    late: bool,
    brokers: str | None,
    prefix: str | None,
    json: str | None,
) -> None:
    """Import a file: its mapping first, then its rows."""
    from streams.cli.views.progress import import_bar
    from streams.ops.imports.faults import Faults
    from streams.ops.imports.runs import ImportPlan, import_catalog, import_history
    from streams.ops.imports.sources import open_file

    console, source = human(json), open_file(file)
    place = mapping or file.with_name(f"{file.name}.mapping.toml")
    columns = _mapping(console, kind, source, place, _chosen(column), yes=yes or dry_run, keep=not dry_run)
    settings = None if dry_run else connected(brokers, prefix)
    rejects = report or file.with_name(f"{file.name}.report.csv")
    checkpoint = rejects.with_name(f"{rejects.stem}.checkpoint.json")
    with Faults(rejects) as faults:
        with interruptible(), import_bar(console) as update:
            plan = ImportPlan(source, columns, faults, settings, checkpoint, late, update)
            summary = import_catalog(plan) if kind == "catalog" else import_history(plan)
        document = {
            **summary.document(), "dry_run": dry_run, "rejected": faults.count,
            "mapping": str(place), "report": str(rejects) if faults.count else None,
        }  # fmt: skip
        console.print(figures(f"nearline import {kind}", _dated(document)))
        _conclude(console, summary, faults)
    causes = [{"column": c, "cause": why, "rows": n} for (c, why), n in faults.causes.most_common()]
    write_json(json, {**document, "causes": causes})
    if faults.count:
        raise typer.Exit(ExitCode.FAILED)


def _chosen(column: list[str] | None) -> dict[str, str]:
    """Parse FIELD=COLUMN."""
    from streams.errors import SettingsError

    found = {}
    for one in column or ():
        field, mark, name = one.partition("=")
        if not mark:
            what = f"--column {one} names no column"
            raise SettingsError(what, next_step="give FIELD=COLUMN, for example --column viewer_id=userId")
        found[field] = name
    return found


def _mapping(
    console: "Console",
    kind: str,
    source: "SourceFile",
    place: Path,
    chosen: dict[str, str],
    *,
    yes: bool,
    keep: bool,
) -> "ColumnMapping":
    """Read the mapping, or guess it, show it, ask for it once, and keep it."""
    from streams.errors import SettingsError
    from streams.ops.imports.guess import guess, sample
    from streams.ops.imports.mapping import read_mapping

    rows = sample(source)
    if place.exists():
        found = read_mapping(place, kind)
        if chosen:
            what = f"{place} says which column is which field"
            raise SettingsError(what, next_step="correct that file, or delete it to use --column")
        found.check(source)
        console.print(_mapping_table(found, rows, str(place)))
        return found
    found = guess(kind, source, rows, chosen)
    found.check(source)
    console.print(_mapping_table(found, rows, "guessed"))
    if not yes and not sys.stdin.isatty():
        what = "the mapping of the columns is guessed, and nobody is there to confirm it"
        raise SettingsError(what, next_step="look at it with --dry-run, then give --yes, or --mapping PATH")
    if not yes:
        typer.confirm("Is this right?", abort=True, err=True)
    if keep:
        write_text(place, found.toml(), option="--mapping")
        console.print(f"the mapping is kept in {place}", soft_wrap=True)
    return found


def _mapping_table(mapping: "ColumnMapping", rows: "Block", origin: str) -> "Table":
    from rich.markup import escape
    from rich.table import Table

    from streams.ops.imports.columns import plain_text
    from streams.ops.imports.fields import FIELDS
    from streams.ops.imports.sources import LIST_MARK

    table = Table(
        "field", "column", "first values", "meaning", title=f"mapping ({origin})", title_justify="left"
    )
    for name, column in mapping.columns.items():
        values = plain_text(rows.columns[column]).drop_null().slice(0, 3).to_pylist()
        first = " · ".join(value.replace(LIST_MARK, " | ")[:20] for value in values)
        table.add_row(name, escape(column), escape(first), FIELDS[mapping.kind][name].meaning)
    for name, value in mapping.options.items():
        table.add_row(name, "", escape(str(value)), "option")
    for name, value in mapping.separators.items():
        table.add_row(name, "", escape(value), "between the items of this list")
    unused = [name for name in rows.columns if name not in mapping.columns.values()]
    table.caption = f"not imported: {', '.join(unused)}" if unused else None
    return table


def _dated(document: Mapping[str, object]) -> dict[str, object]:
    """Return a document with dates in place of times in milliseconds.

    Examples
    --------
    >>> _dated({"rows": 1, "first_ms": 1_788_339_625_000, "last_ms": None})
    {'rows': 1, 'first': '2026-09-02 09:00 UTC', 'last': None}
    """
    return {
        name.removesuffix("_ms"): f"{datetime.fromtimestamp(value / 1000, UTC):%Y-%m-%d %H:%M} UTC"
        if name.endswith("_ms") and isinstance(value, int)
        else value
        for name, value in document.items()
    }


def _conclude(console: "Console", summary: "ImportSummary", faults: "Faults") -> None:
    """Say what to look at."""
    for message in summary.shown if summary.sent == 0 else ():
        console.print(message, markup=False, soft_wrap=True)
    for (column, cause), rows in faults.causes.most_common(SHOWN_CAUSES):
        where = f" ({column})" if column else ""
        console.print(f"[yellow]{rows:,} rows left out[/]{where}: {cause}", soft_wrap=True)
    if summary.outside_catalog:
        console.print(
            f"[yellow]{summary.outside_catalog:,} of {summary.titles:,} titles are not in the catalog[/]: "
            "they are learned, and shown by their id to viewers without an age limit; if these are most, the "
            "ids of the two files differ",
            soft_wrap=True,
        )
