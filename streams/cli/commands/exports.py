"""`nearline export`: pages, exposures and insights as Parquet files."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.console import examples, figures, human, interruptible, write_json
from streams.cli.options import Brokers, Json, Prefix, connected
from streams.ops.exports.viewers import ViewerIds

if TYPE_CHECKING:
    from streams.ops.exports.runs import ExportPlan, ExportSummary

app = typer.Typer(
    help="""Export pages, exposures and insights as Parquet files, for a warehouse.

    Repeat a command to add what is new: the folder has a checkpoint. Viewers' ids leave only if you say
    so."""
)

Folder = Annotated[
    Path, typer.Option("--to", metavar="DIR", help="Folder of this table; created if missing.")
]
Viewers = Annotated[
    ViewerIds,
    typer.Option(
        "--viewers", help="What becomes of viewers' ids: pseudonyms need a key, plain is as they are."
    ),
]
Key = Annotated[
    Path | None,
    typer.Option(
        "--key", metavar="FILE", help="16 to 64 random bytes that make the pseudonyms; keep it secret."
    ),
]


@app.command(
    epilog=examples(
        "nearline export pages --to warehouse/pages",
        "nearline export pages --to warehouse/pages --viewers pseudonyms --key export.key",
    )
)
def pages(
    to: Folder,
    *,
    viewers: Viewers = ViewerIds.NONE,
    key: Key = None,
    brokers: Brokers = None,
    prefix: Prefix = None,
    json: Json = None,
) -> None:
    """Write a row for each title on the pages that were published since the last export.

    JSON keys: records, rows, forgotten, unusable, missed, files, seconds.
    """
    from streams.ops.exports.runs import export_pages

    _export(
        "pages", export_pages, to,
        viewers=viewers, key=key, brokers=brokers, prefix=prefix, json=json,
    )  # fmt: skip


@app.command(
    epilog=examples(
        "nearline export exposures --to warehouse/exposures",
        "nearline export exposures --to warehouse/exposures --viewers plain",
    )
)
def exposures(
    to: Folder,
    *,
    viewers: Viewers = ViewerIds.NONE,
    key: Key = None,
    brokers: Brokers = None,
    prefix: Prefix = None,
    json: Json = None,
) -> None:
    """Write a row for each impression that has arrived since the last export.

    The topic keeps events for seven days: export at least once in that time. JSON keys: as of `export pages`.
    """
    from streams.ops.exports.runs import export_exposures

    _export(
        "exposures", export_exposures, to,
        viewers=viewers, key=key, brokers=brokers, prefix=prefix, json=json,
    )  # fmt: skip


@app.command(epilog=examples("nearline export insights --to warehouse/insights"))
def insights(to: Folder, *, brokers: Brokers = None, prefix: Prefix = None, json: Json = None) -> None:
    """Write titles, curves, groups and demand as they are now, in place of an earlier export.

    Every figure is about at least twenty viewers. JSON keys: as of `export pages`.
    """
    from streams.ops.exports.runs import export_insights

    _export("insights", export_insights, to, brokers=brokers, prefix=prefix, json=json)


def _export(
    name: str,
    run: "Callable[[ExportPlan], ExportSummary]",
    folder: Path,
    *,
    viewers: ViewerIds = ViewerIds.NONE,
    key: Path | None = None,
    brokers: str | None,
    prefix: str | None,
    json: str | None,
) -> None:
    """Run an export and show what it has written."""
    from streams.ops.exports.runs import ExportPlan
    from streams.ops.exports.viewers import read_key, rule_of

    console, secret = human(json), read_key(key) if key else None
    rule_of(viewers, secret)  # refuses before a broker is asked
    with interruptible(), console.status(f"exporting {name} …") as status:
        plan = ExportPlan(
            connected(brokers, prefix), folder, viewers, secret,
            lambda rows: status.update(f"exporting {name} … {rows:,} rows"),
        )  # fmt: skip
        document = run(plan).document()
    console.print(figures(f"nearline export {name}", document))
    write_json(json, document)
